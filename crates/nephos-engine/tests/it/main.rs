//! Statements against a scripted API: what is asked, what comes back, what an error says.

mod calls;
mod contract;
mod documents;
mod errors;
mod lists;
mod local;
mod mutations;
mod publisher;
mod queries;
mod registry;
mod registry_2022;
mod slt;
mod views;
mod world;
