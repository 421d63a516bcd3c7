//! Documents to model: one file a thing that a document describes.

mod casing;
mod method;
mod page;
mod provider;
mod request;
mod response;
mod schema;
mod service;
mod surroundings;
mod view;

pub use casing::snake_case;
pub(crate) use provider::provider;
pub(crate) use service::{LoadedService, service};
