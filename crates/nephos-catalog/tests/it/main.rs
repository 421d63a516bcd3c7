//! Drafts of providers and reference pages, as the command line makes them.

mod draft;
mod pages;
