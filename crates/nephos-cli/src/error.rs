//! How errors look, and the exit codes.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use nephos_catalog::CatalogError;
use nephos_engine::Error as EngineError;
use nephos_http::CallError;
use nephos_sql::SyntaxError;

/// A statement failed, or could not be run.
pub(crate) const FAILED: u8 = 1;

/// Anything that ends a command, folded into what is printed.
#[derive(Debug)]
pub(crate) struct Failure {
    error: EngineError,
    text: String,
}

impl Failure {
    /// A failure of a statement of `text`.
    pub(crate) fn in_text(error: EngineError, text: &str) -> Self {
        let mut error = error.locate(text);
        error.message = nephos_sql::mask_message(&error.message, text);
        for hint in &mut error.hints {
            *hint = nephos_sql::mask_message(hint, text);
        }
        Self { error, text: nephos_sql::mask_secrets(text) }
    }

    /// A failure with a message only.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        CallError::new(nephos_http::CallErrorKind::Argument, message).into()
    }

    /// Adds a way out.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hints.push(hint.into());
        self
    }
}

impl<E: Into<Folded>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into().0, text: String::new() }
    }
}

/// Errors of the rooms below as one.
pub(crate) struct Folded(EngineError);

impl From<CatalogError> for Folded {
    fn from(error: CatalogError) -> Self {
        Self(error.into())
    }
}

impl From<CallError> for Folded {
    fn from(error: CallError) -> Self {
        Self(error.into())
    }
}

impl From<SyntaxError> for Folded {
    fn from(error: SyntaxError) -> Self {
        Self(error.into())
    }
}

impl From<std::io::Error> for Folded {
    fn from(error: std::io::Error) -> Self {
        let message = error.to_string();
        Self(CallError::new(nephos_http::CallErrorKind::Payload, message).into())
    }
}

/// Prints a failure and gives the exit code for it.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    #[allow(clippy::print_stderr)]
    {
        eprintln!(
            "{}",
            render(
                failure,
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
            )
        );
    }
    ExitCode::from(FAILED)
}

fn render(failure: &Failure, colour: bool) -> String {
    let error = &failure.error;
    let mut title = error.message.clone();
    for (name, value) in &error.context {
        let _ = write!(title, " [{name}: {value}]");
    }
    let mut group = Group::with_title(Level::ERROR.primary_title(title));
    if let Some(span) = error.span.clone().filter(|span| span.end <= failure.text.len()) {
        let at_end = span.is_empty();
        let text = if at_end { format!("{} ", failure.text) } else { failure.text.clone() };
        let span = if at_end { span.start..span.start + 1 } else { span };
        group = group.element(
            Snippet::source(text).fold(true).annotation(AnnotationKind::Primary.span(span)),
        );
    }
    for cause in causes(error) {
        group = group.element(Level::NOTE.with_name(Some("cause")).message(cause));
    }
    for hint in &error.hints {
        group = group.element(Level::HELP.message(hint.clone()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// What lies beneath, without what the line above has said already.
fn causes(error: &EngineError) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut at: Option<&dyn StdError> = StdError::source(error);
    while let Some(cause) = at {
        let text = cause.to_string().lines().next().unwrap_or_default().to_owned();
        let said = error.message.contains(&text) || causes.iter().any(|c| c.contains(&text));
        if !text.is_empty() && !said {
            causes.push(text);
        }
        at = cause.source();
    }
    causes
}
