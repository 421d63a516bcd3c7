//! Text that may be shown: secrets in statements made unreadable.

use std::ops::Range;

use sqlparser::tokenizer::Token;

use crate::token::Tokens;

/// Parts of names whose values are secrets: `x-amz-server-side-encryption-customer-key`,
/// `x-amz-security-token`, passwords.
const SECRET_WORDS: [&str; 6] = ["customerkey", "secret", "password", "passwd", "token", "mfa"];

/// `text` with every value blanked, where a name in it is one of a secret; the text itself
/// otherwise. Lengths stay, so that places in the text stay too.
pub fn mask_secrets(text: &str) -> String {
    let Ok(tokens) = Tokens::read(text) else {
        // Text that cannot be read is shown only where no secret can be in it.
        return if is_secret(text) { blank(text) } else { text.to_owned() };
    };
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for span in values(&tokens) {
        out.push_str(&text[from..span.start]);
        out.push_str(&blank(&text[span.clone()]));
        from = span.end;
    }
    out.push_str(&text[from..]);
    out
}

/// `message` about `text` without the values of `text`, where a name in `text` is one of a secret.
pub fn mask_message(message: &str, text: &str) -> String {
    let Ok(tokens) = Tokens::read(text) else {
        return if is_secret(text) {
            "the text cannot be read".to_owned()
        } else {
            message.to_owned()
        };
    };
    let mut out = message.to_owned();
    for span in values(&tokens) {
        let value = &text[span];
        let bare = value.trim_matches(['\'', '"']);
        out = out.replace(value, "***");
        if bare.len() > 3 {
            out = out.replace(bare, "***");
        }
    }
    out
}

/// Places of the values in a text that names a secret: literals, and quoted words that are not names
/// of arguments.
fn values(tokens: &Tokens<'_>) -> Vec<Range<usize>> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    };
    if !tokens.list.iter().filter_map(|t| word(&t.token)).any(|word| is_secret(&word.value)) {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for (index, token) in tokens.list.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &tokens.list[before].token);
        let is_value = match &token.token {
            Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::Number(..) => true,
            Token::Word(word) => word.quote_style.is_some() && matches!(before, Some(Token::Eq)),
            _ => false,
        };
        if is_value {
            spans.push(tokens.span(token));
        }
    }
    spans
}

fn is_secret(name: &str) -> bool {
    let folded: String =
        name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| folded.contains(word))
}

/// As many bytes of `*`, line breaks kept.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_beside_a_secret_name_are_blanked_and_places_stay() {
        let text = "EXEC a.b.c.d @\"x-amz-server-side-encryption-customer-key\" = 'TOP', @Key='ü'";
        let masked = mask_secrets(text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("TOP") && masked.ends_with("@Key=****"), "{masked}");
        assert!(!mask_secrets("EXEC a.b.c.d @password = \"TOP\"").contains("TOP"));
        let said = mask_message(
            "cannot carry mfa > 'TOP-SECRET'",
            "DELETE FROM x WHERE mfa > 'TOP-SECRET'",
        );
        assert_eq!(said, "cannot carry mfa > ***");
        assert_eq!(mask_secrets("SELECT 'plain'"), "SELECT 'plain'");
        assert!(!mask_secrets("SET VARIABLE password = 'abc").contains("abc"));
    }
}
