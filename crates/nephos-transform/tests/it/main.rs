//! Transforms against what Go makes of them, and against each other.
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

mod azure;
mod bounds;
mod golden;
mod registry;
