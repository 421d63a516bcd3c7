//! Strings in Go's quotes.

use super::append;

/// `strconv.Quote`.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if is_printable(c) => out.push(c),
        c if c < '\u{80}' => append(out, format_args!("\\x{:02x}", u32::from(c))),
        c if c < '\u{10000}' => append(out, format_args!("\\u{:04x}", u32::from(c))),
        c => append(out, format_args!("\\U{:08x}", u32::from(c))),
    }
}

/// `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. The
/// standard library knows this only inside `escape_debug` of a string, after its first character.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// The inside of an interpreted string of Go without its quotes; nothing if an escape is wrong or
/// the bytes that escapes make are not UTF-8.
pub(crate) fn unquote(inner: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '"' => return None,
            '\\' => {}
            c => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        }
        let (unit, after) = escape(rest, '"')?;
        rest = after;
        match unit {
            Unit::Byte(byte) => bytes.push(byte),
            Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}

/// What an escape stands for.
pub(super) enum Unit {
    Byte(u8),
    Char(char),
}

/// The escape after a backslash and what follows it.
pub(super) fn escape(rest: &str, quote: char) -> Option<(Unit, &str)> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let digits = |count: usize, radix: u32| -> Option<(u32, &str)> {
        let text = if radix == 8 { rest.get(..count)? } else { after.get(..count)? };
        let left = if radix == 8 { &rest[count..] } else { &after[count..] };
        let valid = text.chars().all(|c| c.is_digit(radix));
        valid.then(|| u32::from_str_radix(text, radix).ok().map(|n| (n, left)))?
    };
    Some(match c {
        'a' => (Unit::Char('\u{7}'), after),
        'b' => (Unit::Char('\u{8}'), after),
        'f' => (Unit::Char('\u{c}'), after),
        'n' => (Unit::Char('\n'), after),
        'r' => (Unit::Char('\r'), after),
        't' => (Unit::Char('\t'), after),
        'v' => (Unit::Char('\u{b}'), after),
        '\\' => (Unit::Char('\\'), after),
        c if c == quote => (Unit::Char(c), after),
        'x' => digits(2, 16).and_then(|(n, left)| Some((Unit::Byte(n.try_into().ok()?), left)))?,
        'u' => digits(4, 16).and_then(|(n, left)| Some((Unit::Char(n.try_into().ok()?), left)))?,
        'U' => digits(8, 16).and_then(|(n, left)| Some((Unit::Char(n.try_into().ok()?), left)))?,
        '0'..='7' => {
            digits(3, 8).and_then(|(n, left)| Some((Unit::Byte(n.try_into().ok()?), left)))?
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(
            quote("a\"\\\n\u{7}\u{b}\u{1}\u{7f}é\u{301}\u{a0}\u{200b}\u{1f600}\u{10ffff}'"),
            "\"a\\\"\\\\\\n\\a\\v\\x01\\x7fé\u{301}\\u00a0\\u200b\u{1f600}\\U0010ffff'\""
        );
    }

    #[test]
    fn what_is_quoted_can_be_unquoted() {
        assert_eq!(unquote(r#"\u00e9\x41\101\n\"\U0001F600"#).unwrap(), "éAA\n\"\u{1f600}");
        for wrong in [r"\'", r"\x4", r"\ud800", r"\400", r"\xff", "\\", r"\+12", r"\u+123"] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
    }
}
