//! The binary as a user runs it, with a home of its own.

mod auth;
mod exec;
mod formats;
mod help;
mod home;
mod lint;
mod local;
mod messages;
mod provider;
mod registry;
