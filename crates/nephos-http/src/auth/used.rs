//! What a call was authorised with.

use std::error::Error as StdError;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::cache::Found;
use super::token::Token;
use crate::CallError;

/// A text this short is not hidden: it would take half of a message with it.
const SHORTEST_SECRET: usize = 4;

/// The secrets of one call over all its attempts, and the tokens that may have become stale.
#[derive(Default)]
pub(crate) struct Used {
    secrets: Vec<String>,
    stale: Vec<(String, u64)>,
    /// Tokens are renewed once: a service that refuses a fresh one means it.
    renewed: bool,
}

impl Used {
    pub(super) fn begin(&mut self) {
        self.stale.clear();
    }

    /// Notes a text that no message may show.
    pub(super) fn secret(&mut self, text: &str) {
        if text.len() >= SHORTEST_SECRET && !self.secrets.iter().any(|known| known == text) {
            self.secrets.push(text.to_owned());
        }
    }

    pub(super) fn token(&mut self, slot: &str, found: &Found<Token>) {
        if found.kept {
            self.stale.push((slot.to_owned(), found.generation));
        }
    }

    pub(super) fn take_stale(&mut self) -> Vec<(String, u64)> {
        if std::mem::replace(&mut self.renewed, true) {
            return Vec::new();
        }
        std::mem::take(&mut self.stale)
    }

    /// The error without the secrets that a service may have repeated in its answer.
    pub(crate) fn mask(&self, mut error: CallError) -> CallError {
        mask_all(&mut error.message, &self.secrets);
        let context = error.context.iter_mut().map(|(_, value)| value);
        context.chain(&mut error.hints).for_each(|text| mask_all(text, &self.secrets));
        if let Some(source) = &error.source {
            let shown = format!("{} {source:?}", chain(source.as_ref()));
            let mut masked = shown.clone();
            mask_all(&mut masked, &self.secrets);
            if masked != shown {
                let mut text = chain(source.as_ref());
                mask_all(&mut text, &self.secrets);
                error = error.source(text);
            }
        }
        error
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Used").field("renewed", &self.renewed).finish_non_exhaustive()
    }
}

/// Replaces secrets, as they are and as they stand in a URL.
pub(super) fn mask_all(text: &mut String, secrets: &[String]) {
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET) {
        let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for form in [secret, &encoded] {
            if text.contains(form.as_str()) {
                *text = text.replace(form.as_str(), "[secret]");
            }
        }
    }
}

/// An error and what lies beneath, on one line.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = Some(error);
    while let Some(error) = at {
        let text = error.to_string();
        if !text.is_empty() && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        at = error.source();
    }
    parts.join(": ")
}
