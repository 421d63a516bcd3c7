//! Documents to model: one file a thing that a document describes.

mod method;
mod provider;
mod response;
mod schema;
mod service;
mod view;

pub(crate) use provider::provider;
pub(crate) use service::{LoadedService, service};
