//! What can go wrong between a name and its meaning.

use std::path::PathBuf;

use thiserror::Error;

/// A name that means nothing, or a document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// No such provider, service, resource or method.
    #[error("{kind} {name} does not exist{}", within.as_ref().map(|w| format!(" in {w}")).unwrap_or_default())]
    Unknown {
        /// `provider`, `service`, `resource` or `method`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The parent that was searched.
        within: Option<String>,
        /// The most similar names there are, best first.
        nearest: Vec<String>,
    },
    /// A name that fits several declared ones.
    #[error("{kind} {name} is ambiguous: it may mean {}", candidates.join(" or "))]
    Ambiguous {
        /// See `Unknown`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Everything it may mean.
        candidates: Vec<String>,
    },
    /// A file of a registry that is not there or not readable.
    #[error("cannot read provider document {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's or the parser's words.
        reason: String,
    },
    /// A document that is there but not in the format.
    #[error("provider document {document} is not usable: {reason}")]
    Malformed {
        /// Which document.
        document: String,
        /// What is wrong.
        reason: String,
    },
    /// A resource all of whose methods are unusable, or a method that is.
    #[error("{place} is declared but its document is faulty: {reason}")]
    Faulty {
        /// Full name.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// An archive of a registry that is not what it should be; nothing of it is installed.
    #[error("archive {archive} is refused: {}{reason}", file.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
    Archive {
        /// Which archive.
        archive: String,
        /// The file in it.
        file: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// A document of a registry without a signature that fits; nothing is installed.
    #[error("archive {archive} is refused: {file}: {reason}")]
    Signature {
        /// Which archive.
        archive: String,
        /// The document in it.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A place where providers are to be installed and cannot.
    #[error("cannot install in {}: {reason}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// A `--registry` value that is not understood.
    #[error("invalid registry configuration: {0}")]
    Registry(String),
}
