//! Text that may be shown: secrets in statements made unreadable.

use sqlparser::tokenizer::Token;

use crate::token::Tokens;

/// Parts of names whose values are secrets: `x-amz-server-side-encryption-customer-key`,
/// `x-amz-security-token`, passwords.
const SECRET_WORDS: [&str; 6] = ["customerkey", "secret", "password", "passwd", "token", "mfa"];

/// `text` with every string literal blanked, where a name in it is one of a secret; the text itself
/// otherwise. Lengths stay, so that places in the text stay too.
pub fn mask_secrets(text: &str) -> String {
    let Ok(tokens) = Tokens::read(text) else {
        // Text that cannot be read is shown only where no secret can be in it.
        return if is_secret(text) { blank(text) } else { text.to_owned() };
    };
    let secret = tokens.list.iter().any(|token| match &token.token {
        Token::Word(word) => is_secret(&word.value),
        _ => false,
    });
    if !secret {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for token in &tokens.list {
        if matches!(
            token.token,
            Token::SingleQuotedString(_)
                | Token::EscapedStringLiteral(_)
                | Token::HexStringLiteral(_)
                | Token::NationalStringLiteral(_)
                | Token::UnicodeStringLiteral(_)
                | Token::DollarQuotedString(_)
        ) {
            let span = tokens.span(token);
            out.push_str(&text[from..span.start]);
            out.push_str(&blank(&text[span.clone()]));
            from = span.end;
        }
    }
    out.push_str(&text[from..]);
    out
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
        assert_eq!(mask_secrets("SELECT 'plain'"), "SELECT 'plain'");
        assert!(!mask_secrets("SET VARIABLE password = 'abc").contains("abc"));
    }
}
