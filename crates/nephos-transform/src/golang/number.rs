//! Numbers as Go writes and reads them.

use super::quote::{Unit, escape};

/// A constant in a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Constant {
    Int(i64),
    Float(f64),
}

/// Reads a number or a character constant (`'x'`, its code point).
pub(crate) fn constant(text: &str) -> Option<Constant> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        let (c, rest) = match inner.strip_prefix('\\') {
            Some(rest) => match escape(rest, '\'')? {
                (Unit::Byte(byte), rest) => (u32::from(byte), rest),
                (Unit::Char(c), rest) => (u32::from(c), rest),
            },
            None => {
                let c = inner.chars().next()?;
                (u32::from(c), &inner[c.len_utf8()..])
            }
        };
        return rest.is_empty().then_some(Constant::Int(c.into()));
    }
    if let Some(int) = parse_int(text) {
        return Some(Constant::Int(int));
    }
    let is_float = text.contains(['.', 'e', 'E', 'p', 'P']);
    let float = parse_float(text).filter(|f| f.is_finite() && is_float)?;
    Some(Constant::Float(float))
}

/// `strconv.ParseInt(text, 0, 64)`.
fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => ("", &text[1..]),
        b'-' => ("-", &text[1..]),
        _ => ("", text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = if let Some(body) = lower.strip_prefix("0x") {
        (16, body)
    } else if let Some(body) = lower.strip_prefix("0b") {
        (2, body)
    } else if let Some(body) = lower.strip_prefix("0o") {
        (8, body)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    // An underscore may stand between digits and after a prefix.
    let prefixed = radix != 10;
    let separated = body.split('_').enumerate();
    let valid = separated.clone().all(|(index, part)| !part.is_empty() || (index == 0 && prefixed));
    if !valid || !body.starts_with(|c: char| c.is_digit(radix) || c == '_') {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", body.replace('_', "")), radix).ok()
}

/// `strconv.ParseFloat(text, 64)`, infinities and numbers too large excepted.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'+' => (false, &text[1..]),
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let body = if hexadecimal { &unsigned[2..] } else { unsigned };
    let first = if hexadecimal { body.trim_start_matches('_') } else { body };
    if !first.starts_with(|c: char| c.is_ascii_hexdigit() || c == '.')
        || !underscores_fit(body, hexadecimal)
    {
        return None;
    }
    let plain: std::borrow::Cow<'_, str> =
        if body.contains('_') { body.replace('_', "").into() } else { body.into() };
    let magnitude = if hexadecimal { hexadecimal_float(&plain)? } else { plain.parse().ok()? };
    magnitude.is_finite().then_some(if negative { -magnitude } else { magnitude })
}

/// Whether each underscore has a digit, or the prefix, before it and a digit after it.
fn underscores_fit(body: &str, prefixed: bool) -> bool {
    let bytes = body.as_bytes();
    bytes.iter().enumerate().filter(|(_, b)| **b == b'_').all(|(index, _)| {
        let before = match index.checked_sub(1) {
            Some(previous) => bytes[previous].is_ascii_hexdigit(),
            None => prefixed,
        };
        before && bytes.get(index + 1).is_some_and(u8::is_ascii_hexdigit)
    })
}

/// `1.8p-2`, the exponent being binary and required. Digits beyond the precision are cut.
fn hexadecimal_float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = body.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(value * 2f64.powi(exponent.checked_sub(shift)?))
}

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `fmt.Sscanf(text, "%d", &i)`: the integer that the text begins with, else 0.
pub(crate) fn scan_int(text: &str) -> i64 {
    let text = text.trim_start_matches([' ', '\t', '\r']);
    let signed = usize::from(text.starts_with(['+', '-']));
    let digits = text[signed..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
    text[..signed + digits].replace('_', "").parse().unwrap_or(0)
}

/// How a float is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatForm {
    /// `%e`
    Exponent,
    /// `%f`
    Fixed,
    /// `%g`
    General,
}

/// `strconv.FormatFloat`; without a precision, as many digits as it takes to read the same number.
pub(crate) fn float(value: f64, form: FloatForm, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    match (form, precision) {
        (FloatForm::Fixed, Some(digits)) => format!("{value:.digits$}"),
        (FloatForm::Fixed, None) => format!("{value}"),
        (FloatForm::Exponent, Some(digits)) => two_digit_exponent(&format!("{value:.digits$e}")),
        (FloatForm::Exponent, None) => two_digit_exponent(&format!("{value:e}")),
        (FloatForm::General, precision) => general(value, precision),
    }
}

fn general(value: f64, precision: Option<usize>) -> String {
    let wanted = precision.map(|digits| digits.max(1));
    let exponent_form = match wanted {
        Some(digits) => format!("{value:.*e}", digits - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = exponent_form.split_once('e').unwrap_or((&exponent_form, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // In the shortest form Go decides as if six digits were wanted.
    let mut threshold = i64::try_from(wanted.unwrap_or(6)).unwrap_or(i64::MAX);
    let count = i64::try_from(digits).unwrap_or(i64::MAX);
    if wanted.is_some() && threshold > count && count > exponent {
        threshold = count;
    }
    if exponent < -4 || exponent >= threshold {
        return two_digit_exponent(&format!("{mantissa}e{exponent}"));
    }
    let decimals = usize::try_from((count - 1 - exponent).max(0)).unwrap_or(0);
    format!("{value:.decimals$}")
}

fn two_digit_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// A float as `encoding/json` writes it.
pub(crate) fn json_float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = two_digit_exponent(&format!("{value:e}"));
        return text.replace("e-0", "e-");
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0", Constant::Int(0)),
            ("-7", Constant::Int(-7)),
            ("1_000", Constant::Int(1000)),
            ("0x_1F", Constant::Int(31)),
            ("017", Constant::Int(15)),
            ("0b11", Constant::Int(3)),
            ("'a'", Constant::Int(97)),
            (r"'\n'", Constant::Int(10)),
            ("1.5", Constant::Float(1.5)),
            ("1e3", Constant::Float(1000.0)),
            ("0x1p-2", Constant::Float(0.25)),
        ] {
            assert_eq!(constant(text), Some(value), "{text}");
        }
        for wrong in ["", "1__0", "0x", "1e", "_1", "''", "'ab'", "9223372036854775808", "--1"] {
            assert_eq!(constant(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (value, general, three) in [
            (0.0, "0", "0"),
            (100_000.0, "100000", "1e+05"),
            (123_456.0, "123456", "1.23e+05"),
            (1_234_567.0, "1.234567e+06", "1.23e+06"),
            (12_345_678.5, "1.23456785e+07", "1.23e+07"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "1e-05"),
            (-2.5e-7, "-2.5e-07", "-2.5e-07"),
            (100.0, "100", "100"),
            (1e21, "1e+21", "1e+21"),
        ] {
            assert_eq!(float(value, FloatForm::General, None), general);
            assert_eq!(float(value, FloatForm::General, Some(3)), three);
        }
        assert_eq!(float(1.5, FloatForm::Exponent, Some(6)), "1.500000e+00");
        assert_eq!(json_float(1e-7), "1e-7");
        assert_eq!(json_float(1e21), "1e+21");
    }

    #[test]
    fn words_and_prefixes_are_no_floats() {
        for wrong in ["inf", "nan", "+inf", "0x10", "1e", "1e999", "e5", ".", "1_", "é", "1 "] {
            assert_eq!(parse_float(wrong), None, "{wrong}");
        }
        assert_eq!(parse_float("1_000"), Some(1000.0));
        assert_eq!(parse_float("+.5"), Some(0.5));
        assert_eq!(parse_float("5."), Some(5.0));
    }

    #[test]
    fn an_integer_is_read_as_far_as_it_goes() {
        for (text, value) in [("8GB", 8), (" 12", 12), ("", 0), ("-3", -3), ("x1", 0), ("+", 0)] {
            assert_eq!(scan_int(text), value, "{text}");
        }
    }
}
