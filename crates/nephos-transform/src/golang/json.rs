//! JSON as `encoding/json` writes it, with the characters of HTML left as they are.

use serde_json::{Map, Number, Value};

use super::{append, json_float};

/// Appends a value: keys sorted, no spaces, integers with all their digits.
pub(crate) fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_list(out, items),
        Value::Object(map) => write_map(out, map),
    }
}

/// Appends a list.
pub(crate) fn write_list(out: &mut String, items: &[Value]) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json(out, item);
    }
    out.push(']');
}

/// Appends a map, keys sorted.
pub(crate) fn write_map(out: &mut String, map: &Map<String, Value>) {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, item)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_json(out, item);
    }
    out.push('}');
}

/// Appends a number.
pub(crate) fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(float) if number.is_f64() => out.push_str(&json_float(float)),
        _ => out.push_str(&number.to_string()),
    }
}

/// Appends a string in quotes. Go escapes the line separators that JavaScript cannot read.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (index, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if c < ' ' => "",
            _ => continue,
        };
        out.push_str(&text[copied..index]);
        if escape.is_empty() {
            append(out, format_args!("\\u{:04x}", u32::from(c)));
        } else {
            out.push_str(escape);
        }
        copied = index + c.len_utf8();
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_go_writes_it() {
        let value: Value = serde_json::from_str(
            r#"{"b":[1,1.0,1.5e30,9007199254740993,1e-9,true,null],"a":"<é\u0001\u2028\n\"","":{}}"#,
        )
        .unwrap();
        let mut out = String::new();
        write_json(&mut out, &value);
        assert_eq!(
            out,
            r#"{"":{},"a":"<é\u0001\u2028\n\"","b":[1,1,1.5e+30,9007199254740993,1e-9,true,null]}"#
        );
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["a"], value["a"]);
    }
}
