//! XML as nested maps, the way the Go library mxj makes them.

use serde_json::{Map, Number, Value};

use super::read::{Item, Items, split};
use crate::TransformError;
use crate::golang::{parse_bool, parse_float};

/// Decodes XML as mxj's `NewMapXml` with casting does: `{root: value}`, where the value of an element
/// is a map of its attributes (`-name`) and children, its text alone if it has neither, `""` if it
/// is empty; text beside children is `#text`; children of one name become a list. Names lose their
/// namespace. Text that reads as a number or boolean becomes one, integers with all their digits.
pub fn mxj(xml: &str) -> Result<Value, TransformError> {
    decode(xml, true).map_err(TransformError::xml)
}

/// An element that is not closed yet.
struct Open {
    name: String,
    children: Map<String, Value>,
    /// The last text that came while there was neither attribute nor child.
    text: Option<Value>,
}

/// Decodes XML, with or without casting of texts.
pub(super) fn decode(xml: &str, casts: bool) -> Result<Value, String> {
    let mut items = Items::new(xml);
    let mut open: Vec<Open> = Vec::new();
    loop {
        match items.next()? {
            Item::Start(name, attributes) => {
                let mut children = Map::new();
                for (key, value) in attributes {
                    children.insert(format!("-{}", split(&key).1), cast(&value, casts));
                }
                open.push(Open { name: split(&name).1.to_owned(), children, text: None });
            }
            Item::End => {
                let Some(element) = open.pop() else { continue };
                let Open { name, mut children, text } = element;
                let value = match text {
                    None if children.is_empty() => Value::from(""),
                    Some(text) if children.is_empty() => text,
                    text => {
                        children.extend(text.map(|text| ("#text".to_owned(), text)));
                        Value::Object(children)
                    }
                };
                match open.last_mut() {
                    Some(parent) => add(&mut parent.children, name, value),
                    None => return Ok(Value::Object(Map::from_iter([(name, value)]))),
                }
            }
            Item::Text(text) | Item::CData(text) => {
                let text = text.trim_matches(['\t', '\r', '\u{8}', '\n', ' ']);
                let Some(element) = open.last_mut().filter(|_| !text.is_empty()) else { continue };
                let value = cast(text, casts);
                if element.children.is_empty() {
                    element.text = Some(value);
                } else {
                    element.children.insert("#text".to_owned(), value);
                }
            }
            Item::Comment => {}
            Item::Done => return Err("it has no element".to_owned()),
        }
    }
}

/// Adds a child; the second of a name makes a list.
fn add(children: &mut Map<String, Value>, name: String, value: Value) {
    match children.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(first) => {
            let first_value = std::mem::take(first);
            *first = Value::Array(vec![first_value, value]);
        }
        None => {
            children.insert(name, value);
        }
    }
}

fn cast(text: &str, casts: bool) -> Value {
    if !casts {
        return Value::from(text);
    }
    if let Ok(number) = text.parse::<i64>() {
        // `-0` is a float in Go, and no integer here.
        if number != 0 || !text.starts_with('-') {
            return Value::from(number);
        }
    }
    if let Ok(number) = text.parse::<u64>() {
        return Value::from(number);
    }
    if let Some(number) = parse_float(text).and_then(Number::from_f64) {
        return Value::Number(number);
    }
    match parse_bool(text) {
        Some(truth) => Value::Bool(truth),
        None => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_maps_lists_and_values() {
        let xml = r#"<?xml version="1.0"?>
            <R xmlns="http://x" xmlns:a="y"><!-- c -->
              <a:n id="7" a:kind="t">12</a:n><e/><e></e><m>1<b>x</b>2</m><s>a &amp; b</s>
              <big>123456789012345678</big><v>1.10</v><nan>NaN</nan><c><![CDATA[<]]></c>
            </R>"#;
        assert_eq!(
            mxj(xml).unwrap(),
            json!({"R": {
                "-xmlns": "http://x", "-a": "y",
                "n": {"-id": 7, "-kind": true, "#text": 12},
                "e": ["", ""], "m": {"b": "x", "#text": 1}, "s": "a & b",
                "big": 123_456_789_012_345_678_i64, "v": 1.1, "nan": "NaN", "c": "<",
            }})
        );
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        for xml in ["", "text", "<a>", "<a></b>", "<a>&nope;</a>", "<!-- -->"] {
            assert!(mxj(xml).is_err(), "{xml}");
        }
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        assert!(mxj(&deep).unwrap_err().to_string().contains("128"));
    }
}
