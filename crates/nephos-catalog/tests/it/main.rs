//! Registries on the disk, drafts of providers and reference pages, as a program uses them.

mod cache;
mod draft;
mod pages;
mod registry;
mod shop;
