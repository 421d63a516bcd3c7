//! Tokens and their places in the text.

use std::ops::Range;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::{NephosDialect, SyntaxError};

/// Tokens of a text without white space and comments.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    /// The tokens.
    pub(crate) list: Vec<TokenWithSpan>,
}

impl<'a> Tokens<'a> {
    /// Cuts `text` into tokens.
    pub(crate) fn read(text: &'a str) -> Result<Self, SyntaxError> {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
            .collect();
        let mut tokens = Self { text, line_starts, list: Vec::new() };
        tokens.list = Tokenizer::new(&NephosDialect, text)
            .tokenize_with_location()
            .map_err(|error| {
                let at = tokens.offset(error.location);
                SyntaxError::new(error.message, at..at + tokens.char_length(at))
            })?
            .into_iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_)))
            .collect();
        Ok(tokens)
    }

    /// Byte offset of a line and column, both from 1, columns counted in characters.
    pub(crate) fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(0);
        let column = usize::try_from(location.column).unwrap_or(0);
        let Some(start) = line.checked_sub(1).and_then(|index| self.line_starts.get(index)) else {
            return self.text.len();
        };
        let rest = &self.text[*start..];
        rest.char_indices()
            .nth(column.saturating_sub(1))
            .map_or(self.text.len(), |(at, _)| start + at)
    }

    /// Bytes that a token covers.
    pub(crate) fn span(&self, token: &TokenWithSpan) -> Range<usize> {
        if token.span.start.line == 0 {
            return self.text.len()..self.text.len();
        }
        self.offset(token.span.start)..self.offset(token.span.end)
    }

    /// Bytes that a run of tokens covers; the end of the text for none.
    pub(crate) fn span_of(&self, tokens: &[TokenWithSpan]) -> Range<usize> {
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => self.span(first).start..self.span(last).end,
            _ => self.text.len()..self.text.len(),
        }
    }

    /// The text as it was written, from the first of `tokens` to the last.
    pub(crate) fn slice(&self, tokens: &[TokenWithSpan]) -> &'a str {
        self.text.get(self.span_of(tokens)).unwrap_or_default()
    }

    fn char_length(&self, at: usize) -> usize {
        self.text[at..].chars().next().map_or(0, char::len_utf8)
    }
}

/// Whether a token is this word, in any case and without quotes.
pub(crate) fn is_word(token: Option<&TokenWithSpan>, word: &str) -> bool {
    matches!(token.map(|t| &t.token), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// Whether a token is this one.
pub(crate) fn is(token: Option<&TokenWithSpan>, wanted: &Token) -> bool {
    token.is_some_and(|t| t.token == *wanted)
}

/// Index of the parenthesis that closes the one at `open`.
pub(crate) fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// Tokens with a blank between each two: `sqlparser` joins a string literal and the one after it
/// only where it sees what stands between.
pub(crate) fn spaced(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len() * 2);
    for token in tokens {
        out.push(token.clone());
        out.push(TokenWithSpan { token: Token::Whitespace(Whitespace::Space), span: token.span });
    }
    out.pop();
    out
}
