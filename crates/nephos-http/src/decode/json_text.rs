//! Values of a JSON document, from their own text: no digit and no key is lost on the way.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A value as plain text: strings without quotes and escapes, structures as compact JSON, numbers
/// with all their digits. `None` where a string is not Unicode: an escape holds half a surrogate.
pub(crate) fn plain(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first() {
        Some(b'"') => unescaped(raw),
        Some(b'{' | b'[') => Some(compact(raw)),
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// The text of a string literal.
pub(crate) fn unescaped(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// A value without blanks between its tokens and with no escape that need not be.
pub(crate) fn compact(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    let mut out = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let literal = &raw[at..end];
                // A string that is not Unicode stays as it was sent.
                if let Some(Cow::Owned(text)) = unescaped(literal) {
                    out.push_str(&raw[from..at]);
                    out.push_str(&serde_json::Value::String(text).to_string());
                    from = end;
                }
                at = end;
            }
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.push_str(&raw[from..at]);
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    if from == 0 && out.is_empty() {
        return Cow::Borrowed(raw);
    }
    out.push_str(&raw[from..]);
    Cow::Owned(out)
}

/// The end of the string literal that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        match bytes[at + found] {
            b'"' => return at + found + 1,
            _ => at += found + 2,
        }
    }
    bytes.len()
}

/// A decimal number as an integer, where it is one: `12`, `12.0`, `1.2e1`. Not by way of a float,
/// which would round 9007199254740993.0.
pub(crate) fn integer(number: &str) -> Option<i64> {
    if let Ok(integer) = number.parse() {
        return Some(integer);
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => ("-", whole),
        None => ("", whole),
    };
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = all.trim_end_matches('0');
    if digits.trim_start_matches('0').is_empty() {
        return Some(0);
    }
    let dropped = i32::try_from(all.len() - digits.len()).ok()?;
    let fraction = i32::try_from(fraction.len()).ok()?;
    let zeros = exponent.checked_sub(fraction)?.checked_add(dropped)?;
    // More than 19 digits are no i64, however they are written.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros < 19)?;
    format!("{sign}{digits}{}", "0".repeat(zeros)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_compact_and_keep_their_digits() {
        let raw =
            "{ \"a\" : [ 1 , 123456789012345678901234567890.10 ],\n\t\"b c\" : \" \\u00e9\\/\" }";
        assert_eq!(compact(raw), "{\"a\":[1,123456789012345678901234567890.10],\"b c\":\" é/\"}");
        assert!(matches!(compact("{\"a\":\" \"}"), Cow::Borrowed(_)));
        assert_eq!(compact("[ \"\\\\\" , \"\\\"\" ]"), "[\"\\\\\",\"\\\"\"]");
        assert_eq!(compact("[\"\\ud800\" ]"), "[\"\\ud800\"]");
    }

    #[test]
    fn strings_lose_quotes_and_escapes() {
        assert_eq!(plain("\"a\\nb\"").unwrap(), "a\nb");
        assert_eq!(plain("\"\\ud83d\\ude00\"").unwrap(), "😀");
        assert_eq!(plain("\"\\ud83d\""), None);
        assert_eq!(plain("18446744073709551616").unwrap(), "18446744073709551616");
    }

    #[test]
    fn integers_are_read_where_nothing_is_lost() {
        for (text, value) in [
            ("12", 12),
            ("12.0", 12),
            ("-0.0", 0),
            ("0e99999", 0),
            ("1.20e1", 12),
            ("1200e-2", 12),
            ("-1e3", -1000),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("9223372036854775807.0", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text), Some(value), "{text}");
        }
        for text in [
            "1.5",
            "1e-1",
            "9223372036854775808",
            "1e19",
            "1e999999999999",
            "",
            "x",
            "1e",
            "-",
            ".",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
