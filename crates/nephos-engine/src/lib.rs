//! SQL over API calls.
//!
//! **Purpose.** Binds statements to methods of the catalog, plans them on `DataFusion`, and runs
//! them.
//!
//! **Owns.** [`Session`]: binding, method choice, tables over calls, EXEC, mutations, variables, the
//! answers of SHOW and DESCRIBE, and the order of the steps of REGISTRY PULL.
//!
//! **Does not own.** Sockets, signing, files of providers, arguments of the process, printing.
//!
//! **Invariants.** Planning makes no call: every effect happens when the result is read. A mutation
//! inside a query runs at most once a statement. `DELETE` is lowered here and never through
//! `TableProvider::delete_from`; a condition that no parameter can carry is refused, not dropped.
//! A result is complete or ends in an error.

mod bind;
mod error;
mod exec;
mod functions;
mod held;
mod mark;
mod metadata;
mod mutate;
mod names;
mod outcome;
mod predicate;
mod registry;
mod scalar;
mod session;
mod table;
mod variables;
mod view;

pub use datafusion::arrow;
pub use datafusion::execution::SendableRecordBatchStream;
pub use error::{Error, ErrorKind};
pub use outcome::Outcome;
pub use registry::Registry;
pub use session::Session;
pub use view::view_fault;
