//! What scalars mean.

use granit_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

/// The value that an untagged plain scalar means.
///
/// YAML 1.2's core schema, but that a number with a needless leading zero is text, as versions and
/// account numbers are written so and numbers are not, and so is what JSON has no number for.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut bytes = unsigned.bytes();
    match (bytes.next()?, bytes.next()) {
        (b'0', Some(b'x')) => {
            return u64::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(Number::from);
        }
        (b'0', Some(b'o')) => {
            return u64::from_str_radix(text.strip_prefix("0o")?, 8).ok().map(Number::from);
        }
        (b'0', Some(b'0'..=b'9')) => return None,
        (b'0'..=b'9' | b'.', _) => {}
        _ => return None,
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = text.parse::<i64>() {
            return Some(number.into());
        }
        if let Ok(number) = text.parse::<u64>() {
            return Some(number.into());
        }
    }
    // Rust reads `inf` and `nan` as numbers, too; the first character has ruled them out.
    let shaped =
        unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
            && unsigned.bytes().any(|byte| byte.is_ascii_digit());
    shaped.then(|| text.parse().ok().and_then(Number::from_f64)).flatten()
}

/// The value of a scalar.
pub(super) fn scalar(
    text: std::borrow::Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Value {
    match tag.map(|tag| tag.core_suffix().unwrap_or_else(|| tag.suffix())) {
        // What a JavaScript program wrote for "there is none".
        Some(tag) if tag.ends_with("js/undefined") => Value::Null,
        Some("null") => Value::Null,
        Some("int" | "float" | "bool") => plain(&text),
        Some("str" | "binary") => Value::String(text.into_owned()),
        _ if style == ScalarStyle::Plain => plain(&text),
        _ => Value::String(text.into_owned()),
    }
}
