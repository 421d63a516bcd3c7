//! Why a specification cannot become a provider.

use thiserror::Error;

/// A specification that is refused as a whole, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no provider can be made of {document}: {reason}")]
pub struct DraftError {
    /// Which document.
    pub document: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: String,
}
