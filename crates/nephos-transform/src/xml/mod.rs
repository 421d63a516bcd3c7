//! XML in the forms that transforms read it.

mod maps;
mod path;
mod read;
mod rows;
mod select;
mod tree;

pub use maps::mxj;
pub(crate) use path::Path;
pub use rows::{FieldKind, Protocol, RowField, schema_driven_xml};
pub(crate) use tree::Document;
