//! What can go wrong between a body and its transformed text.

use thiserror::Error;

/// A transform that is not known, a template that is not one, or a body that it cannot turn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransformError {
    /// A `transform.type` that no engine knows.
    #[error("transform type {name} is not known; the nearest is {nearest}")]
    UnknownKind {
        /// What the document says.
        name: String,
        /// The most similar known type.
        nearest: &'static str,
    },
    /// The source of a template does not parse.
    #[error("the template is not valid: line {line}: {reason}")]
    Parse {
        /// Line in the template, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A template stopped at this body.
    #[error("the template failed: line {line}: {reason}")]
    Execute {
        /// Line in the template, from 1.
        line: usize,
        /// What it could not do.
        reason: String,
    },
    /// A body that is not in the format which the transform reads.
    #[error("the body is not {format} that the transform can read: {reason}")]
    Body {
        /// `JSON`, `XML` or `UTF-8 text`.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl TransformError {
    /// A body that is not JSON, or not JSON of the expected shape.
    pub(crate) fn json(reason: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Body { format: "JSON", reason: reason.into().to_string() }
    }

    /// A body that is not XML.
    pub(crate) fn xml(reason: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Body { format: "XML", reason: reason.into().to_string() }
    }
}
