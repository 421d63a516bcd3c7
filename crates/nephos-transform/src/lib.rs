//! The text transforms that provider documents name: a body in, a text or a JSON value out.
//!
//! **Purpose.** A method of a provider document may name a transform (`golang_template_json_v0.3.0`
//! and its kin) that turns the body which the service sent into one that the document describes, or
//! the values which a user gave into the body to send. This crate does what those names mean.
//!
//! **Owns.** Go's `text/template` language with the functions that documents call, Go's printing of
//! values, XML as the Go library mxj decodes it, the rows that `schema_driven_xml` finds, the subset
//! of `XPath` that templates use, and a native form of the two templates that nearly all of Azure has.
//!
//! **Does not own.** When a transform applies, where its rows lie, pages, requests, SQL.
//!
//! **Invariants.** No input makes it panic; depth, steps, memory and output of a template are
//! bounded ([`Limits`]). Integers come out as they went in. Whatever a template prints, Go prints too,
//! but for the differences that [`Template`] lists. The native Azure form says what its template says.

mod azure;
mod error;
mod golang;
mod kind;
mod template;
mod transform;
mod xml;

pub use azure::{AzureShape, recognise_azure};
pub use error::TransformError;
pub use kind::TransformKind;
pub use template::{Limits, Template};
pub use transform::Transform;
pub use xml::{FieldKind, Protocol, RowField, mxj, schema_driven_xml};
