//! Provider documents in, [`Catalog`] out.
//!
//! **Purpose.** Reads provider documents (`OpenAPI` plus `x-stackQL-*`) and answers what providers,
//! services, resources and methods there are, what each method takes and what it returns.
//!
//! **Owns.** The document format, `$ref` resolution, the model of a method, the compiled form of a
//! provider, the rules by which a name that a user typed finds the name a document declares, and
//! the file side of registries: archives, signatures, and which versions are installed.
//!
//! **Does not own.** SQL, requests, the network. Nothing is downloaded here.
//!
//! **Invariants.** A broken method is a [`Fault`] of its own and never breaks its service. Unknown
//! keys in documents are ignored. A compiled provider answers exactly as its documents do. One
//! resource is decoded at a time: the size of a service does not slow a look at one resource.
//! An installed version is complete: a process that is killed while it installs leaves the old one
//! or the new one.

mod archive;
mod assemble;
mod auth;
mod cache;
mod catalog;
mod compiled;
mod directory;
mod document;
mod draft;
mod error;
mod files;
mod lint;
mod load;
mod model;
mod name;
mod pages;
mod registry;
mod row_path;
mod yaml;

pub use auth::Auth;
pub use catalog::{Catalog, ResourceRef};
pub use compiled::{CompiledProvider, compile};
pub use directory::ProviderDirectory;
pub use draft::{
    Draft, DraftError, DraftFile, DraftOptions, DraftService, DraftSummary, DraftVariable, Note,
    ServiceGrouping, draft,
};
pub use error::CatalogError;
pub use lint::{CheckView, Finding, LintReport, Severity, lint};
pub use load::snake_case;
pub use model::{
    Body, BodyNaming, Column, ColumnOrigin, Fault, GraphQl, HttpVerb, Kind, Location, Method,
    NameFound, Page, PageAlgorithm, Param, ParamStyle, Provider, QueryPlace, Resource,
    ResourceHead, Response, ResponseBody, Retry, Schema, Server, ServerVariable, Service,
    ServiceHead, SqlVerb, TokenPair, TokenPlace, TokenSource, Transform, Translation, VIEW_METHOD,
    View, Xml, XmlBody,
};
pub use name::{Lookup, fold, lookup, nearest};
pub use pages::{ReferencePage, ReferencePages, ServicePages};
pub use registry::{
    ArchiveLimits, Installation, ProviderVersion, RegistryConfig, RegistryListing, RegistryUrl,
    Verifier, VerifyConfig, provider_directory, read_archive,
};
pub use row_path::{RowPath, Step};
