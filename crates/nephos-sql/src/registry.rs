//! REGISTRY LIST and REGISTRY PULL.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::parser::unexpected;
use crate::token::{Tokens, is_word};
use crate::{NamePart, RegistryCommand, SyntaxError};

/// Reads `[STACKQL] REGISTRY ..`; `None` for another statement.
pub(crate) fn registry(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
) -> Result<Option<RegistryCommand>, SyntaxError> {
    let at = usize::from(is_word(tokens.first(), "stackql"));
    if !is_word(tokens.get(at), "registry") {
        return Ok(None);
    }
    let verb = at + 1;
    let (first, next) = argument(text, tokens, verb + 1);
    let (second, end) = argument(text, tokens, next);
    let command = if is_word(tokens.get(verb), "list") {
        if end > next {
            return Err(unexpected(text, tokens, next, "the end of the statement"));
        }
        RegistryCommand::List { provider: first }
    } else if is_word(tokens.get(verb), "pull") {
        let Some(provider) = first else {
            return Err(unexpected(text, tokens, verb + 1, "the name of a provider"));
        };
        RegistryCommand::Pull { provider, version: second }
    } else {
        return Err(unexpected(text, tokens, verb, "LIST or PULL"));
    };
    if end < tokens.len() {
        return Err(unexpected(text, tokens, end, "the end of the statement"));
    }
    Ok(Some(command))
}

/// The argument at `at` and the index behind it. It is in quotes, or as many tokens as stand
/// together without a blank: `v24.07.00246-beta` is six in SQL.
fn argument(text: &Tokens<'_>, tokens: &[TokenWithSpan], at: usize) -> (Option<NamePart>, usize) {
    let Some(first) = tokens.get(at) else { return (None, at) };
    let quoted = match &first.token {
        Token::SingleQuotedString(value) => Some(value.clone()),
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
        _ => None,
    };
    if let Some(value) = quoted {
        return (Some(NamePart { text: value, span: text.span(first) }), at + 1);
    }
    let joined = tokens[at..].windows(2).take_while(|two| two[0].span.end == two[1].span.start);
    let end = at + 1 + joined.count();
    let part = &tokens[at..end];
    (Some(NamePart { text: text.slice(part).to_owned(), span: text.span_of(part) }), end)
}

#[cfg(test)]
mod tests {
    use crate::{RegistryCommand, StatementKind, parse};

    fn read(text: &str) -> Vec<String> {
        match parse(text).unwrap().remove(0).kind {
            StatementKind::Registry(RegistryCommand::List { provider }) => {
                provider.into_iter().map(|p| p.text).collect()
            }
            StatementKind::Registry(RegistryCommand::Pull { provider, version }) => {
                let parts = [Some(provider), version];
                parts.into_iter().flatten().map(|p| p.text).collect()
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn names_and_versions_are_read_as_they_are_written() {
        assert!(read("REGISTRY LIST").is_empty());
        assert_eq!(read("registry list aws;"), ["aws"]);
        assert_eq!(read("stackql registry pull googleapis.com"), ["googleapis.com"]);
        for version in ["v24.07.00246", "v1.2.3-beta.1", "24.07.00246", "v0.1.2-a_b+7", "v1"] {
            assert_eq!(read(&format!("REGISTRY PULL aws {version}")), ["aws", version]);
            assert_eq!(read(&format!("REGISTRY PULL \"aws\" '{version}'")), ["aws", version]);
        }
    }

    #[test]
    fn what_is_too_much_or_too_little_is_pointed_at() {
        for (text, at) in [
            ("REGISTRY", ""),
            ("REGISTRY PUSH aws", "PUSH"),
            ("REGISTRY PULL", ""),
            ("REGISTRY LIST aws v1", "v1"),
            ("REGISTRY PULL aws v1 v2", "v2"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(text.get(error.span.clone()), Some(at), "{text}: {error:?}");
        }
    }
}
