//! One error for everything that a statement can run into.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::common::{Diagnostic, Span};
use datafusion::error::DataFusionError;
use nephos_catalog::CatalogError;
use nephos_http::{CallError, CallErrorKind};
use nephos_sql::SyntaxError;

/// Which step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not SQL.
    Syntax,
    /// A name means nothing.
    Name,
    /// The statement means nothing: types, columns, arguments.
    Plan,
    /// No credentials.
    Credentials,
    /// The service could not be reached.
    Transport,
    /// The service refused.
    Service,
    /// The rows so far are not the whole result.
    Incomplete,
    /// Anything else that happened while running.
    Execution,
}

/// A failed statement.
#[derive(Debug, Clone)]
pub struct Error {
    /// Which step failed.
    pub kind: ErrorKind,
    /// One line, without a full stop.
    pub message: String,
    /// What was being done: name and value.
    pub context: Vec<(&'static str, String)>,
    /// Ways out.
    pub hints: Vec<String>,
    /// Bytes of the statement's text that the error is about.
    pub span: Option<Range<usize>>,
    /// What lies beneath.
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Line and column range, where only that is known; [`Error::locate`] turns it into `span`.
    lines: Option<Span>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            context: Vec::new(),
            hints: Vec::new(),
            span: None,
            source: None,
            lines: None,
        }
    }

    pub(crate) fn plan(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Plan, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Sets the place unless a nearer one is known.
    pub(crate) fn at(mut self, span: Range<usize>) -> Self {
        if self.span.is_none() && self.lines.is_none() && !span.is_empty() {
            self.span = Some(span);
        }
        self
    }

    /// Sets the place by lines and columns unless a nearer one is known.
    pub(crate) fn lines(mut self, span: Span) -> Self {
        if self.span.is_none() && self.lines.is_none() && span.start.line > 0 {
            self.lines = Some(span);
        }
        self
    }

    /// Says that a document's query failed: its places mean nothing in the statement.
    pub(crate) fn of_view(mut self, table: &str) -> Self {
        self.lines = None;
        self.span = None;
        self.context.push(("view", table.to_owned()));
        self
    }

    /// Turns lines and columns into bytes of `text`.
    pub fn locate(mut self, text: &str) -> Self {
        if let Some(lines) = self.lines.take() {
            let start = offset(text, lines.start.line, lines.start.column);
            let end = offset(text, lines.end.line, lines.end.column);
            self.span = start.zip(end).map(|(start, end)| start..end.max(start));
        }
        self
    }
}

fn offset(text: &str, line: u64, column: u64) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Self {
        let mut out = Self::new(ErrorKind::Syntax, error.message);
        out.span = Some(error.span);
        out.hints.extend(error.hint);
        out
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        let kind = match &error {
            CatalogError::Archive { .. }
            | CatalogError::Signature { .. }
            | CatalogError::Unwritable { .. } => ErrorKind::Execution,
            _ => ErrorKind::Name,
        };
        let mut out = Self::new(kind, error.to_string());
        if matches!(error, CatalogError::Signature { .. }) {
            out = out.hint(
                "--registry with verifyConfig: signingCertFile names another publisher's certificate, nopVerify believes every document",
            );
        }
        if let CatalogError::Unknown { kind, nearest, within, .. } = &error {
            if !nearest.is_empty() {
                out = out.hint(format!("did you mean {}?", nearest.join(" or ")));
            }
            out = out.hint(match (*kind, within) {
                ("provider", Some(_)) => "REGISTRY LIST".to_owned(),
                ("service", Some(within)) => format!("SHOW SERVICES IN {within}"),
                ("resource", Some(within)) => format!("SHOW RESOURCES IN {within}"),
                (_, Some(within)) => format!("SHOW METHODS IN {within}"),
                (_, None) => "SHOW PROVIDERS".to_owned(),
            });
        }
        out
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let kind = match error.kind {
            CallErrorKind::Argument | CallErrorKind::Payload | CallErrorKind::Endpoint => {
                ErrorKind::Plan
            }
            CallErrorKind::Credentials => ErrorKind::Credentials,
            CallErrorKind::Transport => ErrorKind::Transport,
            CallErrorKind::Service { .. } => ErrorKind::Service,
            CallErrorKind::Incomplete => ErrorKind::Incomplete,
            _ => ErrorKind::Execution,
        };
        Self {
            context: error.context.clone(),
            hints: error.hints.clone(),
            source: error.source.clone(),
            ..Self::new(kind, error.message)
        }
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        if let Some(inner) = own(&error) {
            return inner;
        }
        let diagnostic: Option<Diagnostic> = error.diagnostic().cloned();
        let root = error.find_root();
        let kind = match root {
            DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::SQL(..)
            | DataFusionError::NotImplemented(_) => ErrorKind::Plan,
            _ => ErrorKind::Execution,
        };
        let mut out = Self::new(kind, one_line(&root.strip_backtrace()));
        if let Some(diagnostic) = diagnostic {
            out.lines = diagnostic.span;
            out.hints.extend(diagnostic.helps.into_iter().map(|help| help.message));
        }
        out
    }
}

/// An error of our own that travelled through `DataFusion`.
fn own(error: &DataFusionError) -> Option<Error> {
    let mut at: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(here) = at {
        if let Some(found) = here.downcast_ref::<Error>() {
            return Some(found.clone());
        }
        if let Some(found) = here.downcast_ref::<CallError>() {
            return Some(found.clone().into());
        }
        // `External` and `Shared` show their content as the cause of themselves.
        at = match here.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner)) => {
                Some(inner.as_ref())
            }
            Some(DataFusionError::ArrowError(inner, _)) => Some(inner.as_ref()),
            _ => here.source(),
        };
    }
    None
}

/// `DataFusion` prefixes its messages with the step and may append more lines.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let prefixes = [
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "SQL error: ",
        "Optimizer rule ",
    ];
    let mut short = line;
    for prefix in prefixes.iter().take(4) {
        short = short.strip_prefix(prefix).unwrap_or(short);
    }
    short.trim_end_matches('.').to_owned()
}
