//! One API call and its pages.
//!
//! **Purpose.** Turns a method and its arguments into requests, sends them, and turns the answers
//! into Arrow batches, page after page.
//!
//! **Owns.** Argument checks, endpoints, signing, credentials, retries, paging, decoding, and the
//! [`Transport`] trait through which every request goes.
//!
//! **Does not own.** SQL, the catalog's format, the decision which method to call, and where a
//! result is printed.
//!
//! **Invariants.** [`Call::new`] makes no request. A call that is not idempotent is repeated only
//! where it never left or the service refused it unread, for there being too many. Rows end only when the service says that there is no more; a page that
//! cannot be had is an error. Secrets are in no error and in no `Debug` output. Bodies from files
//! stream in constant memory.

mod argument;
mod auth;
mod body;
mod call;
mod client;
mod decode;
mod encode;
mod endpoint;
mod error;
mod failure;
mod fields;
mod limit;
mod page;
mod redirect;
mod request;
mod retry;
mod sign;
#[cfg(test)]
mod testing;
mod traffic;
mod transform;
mod transport;
mod xml;
mod xml_write;

pub use argument::{Argument, ArgumentForm};
pub use auth::{Environment, no_environment, parse_auth};
pub use body::{Payload, PayloadSource};
pub use call::Call;
pub use client::{Client, ClientBuilder, Paging, RowRequest};
#[doc(hidden)]
pub use decode::Probe;
pub use decode::{arrow_schema, arrow_type};
pub use endpoint::{Addressing, Endpoint};
pub use error::{CallError, CallErrorKind};
pub use limit::Concurrency;
pub use retry::RetryPolicy;
pub use sign::{Credentials, CredentialsSource};
pub use traffic::Traffic;
pub use transport::{BoxError, InProcess, Network, RequestBody, ResponseBody, Transport};
