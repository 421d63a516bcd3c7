//! Provider documents in, [`Catalog`] out.
//!
//! **Purpose.** Reads provider documents (`OpenAPI` plus `x-stackQL-*`) and answers what providers,
//! services, resources and methods there are, what each method takes and what it returns.
//!
//! **Owns.** The document format, `$ref` resolution, the model of a method, the compiled form of a
//! provider, and the rules by which a name that a user typed finds the name a document declares.
//!
//! **Does not own.** SQL, requests, the network. Directories are read; nothing is downloaded.
//!
//! **Invariants.** A broken method is a [`Fault`] of its own and never breaks its service. Unknown
//! keys in documents are ignored. A compiled provider answers exactly as its documents do. One
//! resource is decoded at a time: the size of a service does not slow a look at one resource.

mod catalog;
mod compiled;
mod directory;
mod document;
mod error;
mod load;
mod model;
mod name;
mod row_path;

pub use catalog::{Catalog, ResourceRef};
pub use compiled::{CompiledProvider, compile};
pub use directory::{ProviderDirectory, RegistryConfig};
pub use error::CatalogError;
pub use model::{
    Auth, Body, BodyNaming, Column, ColumnOrigin, Fault, HttpVerb, Kind, Location, Method, Page,
    PageAlgorithm, Param, Provider, Resource, ResourceHead, Response, ResponseBody, Schema, Server,
    ServerVariable, Service, ServiceHead, SqlVerb, TokenPair, TokenPlace, VIEW_METHOD, View, Xml,
};
pub use name::{Lookup, fold, lookup, nearest};
pub use row_path::{RowPath, Step};
