//! Transforms against what Go makes of them, and against each other.

mod azure;
mod bounds;
mod golden;
mod registry;
