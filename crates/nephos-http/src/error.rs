//! What can go wrong with a call.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which step of a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallErrorKind {
    /// An argument is missing, unknown or not valid.
    Argument,
    /// The request body is missing, not wanted, or a file that cannot be sent.
    Payload,
    /// No credentials were found.
    Credentials,
    /// No server can be named.
    Endpoint,
    /// The service could not be reached, or the connection broke.
    Transport,
    /// The service refused.
    Service {
        /// HTTP status.
        status: u16,
        /// The service's own code (`NoSuchUpload`), where it gives one.
        code: Option<String>,
    },
    /// The answer is not what the document says.
    Answer,
    /// The service said that there is more but not how to get it.
    Incomplete,
}

/// A failed call: kind, one line of message, context, hints and cause.
#[derive(Clone)]
pub struct CallError {
    /// Which step failed.
    pub kind: CallErrorKind,
    /// One line, without a full stop.
    pub message: String,
    /// What was being done, outermost last: name and value.
    pub context: Vec<(&'static str, String)>,
    /// Ways out.
    pub hints: Vec<String>,
    /// What lies beneath.
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
    /// The same call may succeed later.
    pub retryable: bool,
    /// There were too many calls, and the service did nothing for this one.
    pub throttled: bool,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
}

impl CallError {
    /// An error with a message and nothing else.
    pub fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            context: Vec::new(),
            hints: Vec::new(),
            source: None,
            retryable: false,
            throttled: false,
            retry_after: None,
        }
    }

    /// Adds a way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was being done.
    pub fn context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.context.push((name, value.into()));
        self
    }

    /// Adds the cause.
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Says that the same call may succeed later.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("context", &self.context)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl StdError for CallError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
