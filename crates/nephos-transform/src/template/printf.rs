//! `fmt.Sprintf`, `fmt.Sprint` and `fmt.Sprintln` over the values of a template.

use serde_json::Number;

use super::value::Val;
use crate::golang::{FloatForm, append, float, quote};

/// Widths and precisions beyond this are refused: nothing real has them, and they cost memory.
const MAX_WIDTH: usize = 1000;

/// A verb and its flags.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the format")]
struct Spec {
    verb: char,
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

/// `fmt.Sprintf`. The result is at most `limit` bytes, or an error.
pub(super) fn sprintf(format: &str, args: &[Val<'_>], limit: usize) -> Result<String, String> {
    let mut out = String::new();
    let mut args_left = args.iter();
    let mut rest = format;
    while let Some(index) = rest.find('%') {
        out.push_str(&rest[..index]);
        let (spec, after) = read_spec(&rest[index + 1..])?;
        rest = after;
        match spec {
            None => out.push_str("%!(NOVERB)"),
            Some(Spec { verb: '%', .. }) => out.push('%'),
            Some(spec) => match args_left.next() {
                Some(arg) => write_value(&mut out, arg, spec, true)?,
                None => append(&mut out, format_args!("%!{}(MISSING)", spec.verb)),
            },
        }
        within(&out, limit)?;
    }
    out.push_str(rest);
    let extra: Vec<&Val<'_>> = args_left.collect();
    if !extra.is_empty() {
        out.push_str("%!(EXTRA ");
        for (index, arg) in extra.into_iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str(arg.type_name());
            if !arg.is_nil() {
                out.push('=');
                write_plain(&mut out, arg)?;
            }
        }
        out.push(')');
    }
    within(&out, limit)?;
    Ok(out)
}

/// `fmt.Sprint`: spaces between operands of which neither is a string.
pub(super) fn sprint(args: &[Val<'_>]) -> Result<String, String> {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        let strings =
            matches!(arg, Val::Str(_)) || index == 0 || matches!(args[index - 1], Val::Str(_));
        if !strings {
            out.push(' ');
        }
        write_plain(&mut out, arg)?;
    }
    Ok(out)
}

/// `fmt.Sprintln`
pub(super) fn sprintln(args: &[Val<'_>]) -> Result<String, String> {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_plain(&mut out, arg)?;
    }
    out.push('\n');
    Ok(out)
}

/// `%v`
pub(super) fn write_plain(out: &mut String, value: &Val<'_>) -> Result<(), String> {
    write_value(out, value, Spec { verb: 'v', ..Spec::default() }, true)
}

fn within(out: &str, limit: usize) -> Result<(), String> {
    if out.len() > limit {
        return Err(format!("printf makes a text of more than {limit} bytes"));
    }
    Ok(())
}

/// Flags, width, precision and verb; no verb where the format ends before it.
fn read_spec(format: &str) -> Result<(Option<Spec>, &str), String> {
    let mut spec = Spec::default();
    let mut rest = format;
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            '0' => spec.zero = true,
            '#' => spec.sharp = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let (width, after) = read_number(rest)?;
    spec.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = read_number(after)?;
        spec.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    if rest.starts_with(['*', '[']) {
        return Err("printf knows neither %* nor %[n]".to_owned());
    }
    let Some(verb) = rest.chars().next() else { return Ok((None, rest)) };
    spec.verb = verb;
    // Go keeps the plus of `%+v` for structs.
    spec.plus &= verb != 'v';
    Ok((Some(spec), &rest[verb.len_utf8()..]))
}

fn read_number(text: &str) -> Result<(Option<usize>, &str), String> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return Ok((None, text));
    }
    match text[..length].parse() {
        Ok(number) if number <= MAX_WIDTH => Ok((Some(number), &text[length..])),
        _ => Err(format!("printf takes widths up to {MAX_WIDTH}")),
    }
}

fn write_value(out: &mut String, value: &Val<'_>, spec: Spec, top: bool) -> Result<(), String> {
    if spec.sharp && spec.verb == 'v' {
        return Err("printf does not know %#v".to_owned());
    }
    if spec.verb == 'T' {
        pad(out, value.type_name(), spec, false);
        return Ok(());
    }
    match value {
        Val::Missing | Val::Nil if top && spec.verb != 'v' => {
            append(out, format_args!("%!{}(<nil>)", spec.verb));
        }
        Val::Missing | Val::Nil if top => pad(out, "<nil>", spec, false),
        Val::Missing | Val::Nil => out.push_str("<nil>"),
        Val::Bool(truth) => match spec.verb {
            't' | 'v' => pad(out, if *truth { "true" } else { "false" }, spec, false),
            _ => bad(out, value, spec.verb)?,
        },
        Val::Int(number) => write_integer(out, value, (*number).into(), spec)?,
        Val::Byte(number) => write_integer(out, value, (*number).into(), spec)?,
        Val::Float(number) => write_float(out, value, *number, spec)?,
        Val::Number(number) => write_number(out, value, number, spec)?,
        Val::Str(text) => write_text(out, value, text, spec)?,
        Val::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push_str("map[");
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(out, &Val::borrowed(key), spec, false)?;
                out.push(':');
                write_value(out, &Val::from_json(item), spec, false)?;
            }
            out.push(']');
        }
        Val::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(out, &Val::from_json(item), spec, false)?;
            }
            out.push(']');
        }
        Val::Strings(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(out, &Val::made(item.clone()), spec, false)?;
            }
            out.push(']');
        }
        Val::Separator(_) => return Err("a function cannot be printed; call it".to_owned()),
    }
    Ok(())
}

/// A verb that the value does not have, as Go complains of it.
fn bad(out: &mut String, value: &Val<'_>, verb: char) -> Result<(), String> {
    append(out, format_args!("%!{verb}({}=", value.type_name()));
    write_plain(out, value)?;
    out.push(')');
    Ok(())
}

fn write_number(
    out: &mut String,
    value: &Val<'_>,
    number: &Number,
    spec: Spec,
) -> Result<(), String> {
    match (spec.verb, number.as_f64()) {
        // Go would print 1e+06 and lose digits; what the body says is better.
        ('v' | 'g', _) if !number.is_f64() && spec.precision.is_none() => {
            pad(out, &signed(number.to_string(), spec), spec, true);
            Ok(())
        }
        (_, Some(float)) => write_float(out, value, float, spec),
        (_, None) => bad(out, value, spec.verb),
    }
}

fn write_float(out: &mut String, value: &Val<'_>, number: f64, spec: Spec) -> Result<(), String> {
    let (form, default) = match spec.verb {
        'v' | 'g' | 'G' => (FloatForm::General, None),
        'e' | 'E' => (FloatForm::Exponent, Some(6)),
        'f' | 'F' => (FloatForm::Fixed, Some(6)),
        'x' | 'X' | 'b' => return Err("printf prints no binary floats".to_owned()),
        verb => return bad(out, value, verb),
    };
    let mut text = float(number, form, spec.precision.or(default));
    if matches!(spec.verb, 'E' | 'G') {
        text = text.to_uppercase();
    }
    pad(out, &signed(text, spec), spec, true);
    Ok(())
}

fn write_integer(
    out: &mut String,
    value: &Val<'_>,
    number: i128,
    spec: Spec,
) -> Result<(), String> {
    let magnitude = number.unsigned_abs();
    let digits = match spec.verb {
        'd' | 'v' => magnitude.to_string(),
        'x' => format!("{}{magnitude:x}", if spec.sharp { "0x" } else { "" }),
        'X' => format!("{}{magnitude:X}", if spec.sharp { "0X" } else { "" }),
        'o' => format!("{}{magnitude:o}", if spec.sharp { "0" } else { "" }),
        'b' => format!("{}{magnitude:b}", if spec.sharp { "0b" } else { "" }),
        'c' | 'q' | 'U' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = match spec.verb {
                'c' => c.to_string(),
                'U' => format!("U+{magnitude:04X}"),
                _ if c == '\'' => r"'\''".to_owned(),
                _ if c == '"' => "'\"'".to_owned(),
                _ => {
                    let quoted = quote(c.encode_utf8(&mut [0; 4]));
                    format!("'{}'", &quoted[1..quoted.len() - 1])
                }
            };
            pad(out, &text, spec, false);
            return Ok(());
        }
        verb => return bad(out, value, verb),
    };
    let digits = match spec.precision {
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    let text = if number < 0 { format!("-{digits}") } else { digits };
    // A precision says how many zeros there are; the width is then filled with spaces.
    let spec = Spec { zero: spec.zero && spec.precision.is_none(), ..spec };
    pad(out, &signed(text, spec), spec, true);
    Ok(())
}

fn write_text(out: &mut String, value: &Val<'_>, text: &str, spec: Spec) -> Result<(), String> {
    let cut = match spec.precision {
        Some(most) => text.char_indices().nth(most).map_or(text, |(index, _)| &text[..index]),
        None => text,
    };
    match spec.verb {
        's' | 'v' => pad(out, cut, spec, false),
        'q' if spec.plus || spec.sharp => return Err("printf knows neither %+q nor %#q".to_owned()),
        'q' => pad(out, &quote(cut), spec, false),
        'x' | 'X' => {
            let bytes = text.as_bytes();
            let most = spec.precision.unwrap_or(bytes.len()).min(bytes.len());
            let mut hex = String::with_capacity(most * 2);
            bytes[..most].iter().for_each(|byte| append(&mut hex, format_args!("{byte:02x}")));
            pad(out, &if spec.verb == 'X' { hex.to_uppercase() } else { hex }, spec, false);
        }
        verb => return bad(out, value, verb),
    }
    Ok(())
}

fn signed(text: String, spec: Spec) -> String {
    match text.starts_with(['-', '+']) {
        false if spec.plus => format!("+{text}"),
        false if spec.space => format!(" {text}"),
        _ => text,
    }
}

/// Appends the text, filled up to the width; zeros go after the sign of a number.
fn pad(out: &mut String, text: &str, spec: Spec, is_number: bool) {
    let missing = spec.width.saturating_sub(text.chars().count());
    let endless = is_number && (text.ends_with("Inf") || text == "NaN");
    if missing == 0 {
        out.push_str(text);
    } else if spec.minus {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero && !endless {
        let has_sign = is_number && text.starts_with(['-', '+', ' ']);
        let (sign, digits) = text.split_at(usize::from(has_sign));
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(text);
    }
}
