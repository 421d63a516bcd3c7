//! Text to [`Statement`].
//!
//! **Purpose.** Reads the SQL that Nephos understands: everything `sqlparser` reads, and SHOW,
//! DESCRIBE, EXEC (as a statement and as a table expression), SET VARIABLE and REGISTRY.
//!
//! **Owns.** The dialect, the statement tree, and the place of every error in the text.
//!
//! **Does not own.** What names mean. A provider, a method or a column is text here.
//!
//! **Invariants.** A text is parsed whole before anything of it runs. An error names the place as
//! a byte range of the text. `(EXEC ..)` leaves a reference in the tree of the statement around it
//! and the call in [`Statement::execs`], so that no call hides inside a query.

mod dialect;
mod error;
mod exec;
mod mask;
mod parser;
mod registry;
mod statement;
mod token;

pub use dialect::NephosDialect;
pub use error::SyntaxError;
pub use exec::{EXEC_RELATION, exec_index};
pub use mask::{mask_message, mask_secrets};
pub use parser::parse;
pub use sqlparser::ast;
pub use statement::{
    Exec, ExecArg, Filter, Name, NamePart, Payload, PayloadKind, RegistryCommand, ShowTarget,
    Statement, StatementKind,
};
