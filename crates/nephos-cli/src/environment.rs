//! Environment variables: those of the process, and of `--env-file` before them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use nephos_http::Environment;

use crate::error::Failure;

/// What calls see, and the names of all that is set.
pub(crate) fn environment(file: Option<&Path>) -> Result<(Environment, Vec<String>), Failure> {
    let written = file.map(read).transpose()?.unwrap_or_default();
    let own = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let names = written.keys().cloned().chain(own).collect();
    let look = move |name: &str| written.get(name).cloned().or_else(|| std::env::var(name).ok());
    Ok((Arc::new(look), names))
}

/// Reads `NAME=value` lines. No message shows one: they hold secrets.
fn read(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::message(format!("cannot read {shown}: {error}")))?;
    dotenvy::Iter::new(text.as_bytes()).collect::<Result<_, _>>().map_err(|error| {
        let at = match &error {
            dotenvy::Error::LineParse(line, _) => line_of(&text, line),
            _ => None,
        };
        let place = at.map_or_else(String::new, |number| format!(", line {number}"));
        Failure::message(format!("{shown}{place}: this is not NAME=value")).hint(
            "a value with spaces, quotes or JSON stands in single quotes: NAME='{\"type\": ...}'",
        )
    })
}

/// Where a statement that could not be read begins.
fn line_of(text: &str, statement: &str) -> Option<usize> {
    let first = statement.lines().next()?;
    text.lines().position(|line| line.trim() == first.trim()).map(|index| index + 1)
}
