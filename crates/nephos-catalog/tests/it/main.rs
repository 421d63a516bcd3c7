//! Registries on the disk, as a program uses them.

mod cache;
mod registry;
mod shop;
