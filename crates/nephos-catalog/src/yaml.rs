//! YAML text to a JSON value, with bounds.
//!
//! The parser gives events; what is ours is how they become values: YAML 1.2's core schema as
//! provider documents mean it, aliases copied out within a budget, and faults that a reader can
//! live with kept as notes.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// The deepest nesting; documents of the registry need 40, and values are dropped by recursion.
const MAX_DEPTH: usize = 256;
/// Values in a document, copies made by aliases counted: the largest document that is known
/// (2.7 MB) has 67,000.
const MAX_NODES: usize = 2_000_000;
/// Bytes of text that aliases may copy.
const MAX_COPIED: usize = 64 << 20;
/// A longer document is not read; the largest that is known has 3.4 MB.
const MAX_TEXT: usize = 64 << 20;
/// Longer JSON goes through the YAML parser, which counts values while it reads.
const MAX_JSON: usize = 4 << 20;

/// Something odd that does not make a document unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Oddity {
    /// Line of the document, from 1.
    pub(crate) line: usize,
    /// What is odd.
    pub(crate) reason: String,
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Line of the document, from 1, where it is known.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) reason: String,
}

impl Broken {
    fn at(line: usize, reason: impl Into<String>) -> Self {
        Self { line: Some(line), reason: reason.into() }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// Reads a document, YAML or JSON.
pub(crate) fn read(text: &str) -> Result<(Value, Vec<Oddity>), Broken> {
    if text.len() > MAX_TEXT {
        let reason = format!("it has {} MB; at most {} are read", text.len() >> 20, MAX_TEXT >> 20);
        return Err(Broken { line: None, reason });
    }
    if text.trim_start().starts_with('{')
        && text.len() <= MAX_JSON
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok((value, Vec::new()));
    }
    let mut composer = Composer::default();
    for next in Parser::new_from_str_with_options(text, options()) {
        let (event, span) =
            next.map_err(|error| Broken::at(error.marker().line(), error.info()))?;
        composer.take(event, span.start.line())?;
    }
    Ok((composer.root.unwrap_or(Value::Null), composer.oddities))
}

/// Lines, from 1, of the values that JSON pointers lead to.
pub(crate) fn lines<'a>(
    text: &str,
    pointers: impl IntoIterator<Item = &'a str>,
) -> HashMap<&'a str, usize> {
    let wanted: HashMap<&str, &'a str> = pointers.into_iter().map(|p| (p, p)).collect();
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    let mut path = Path::default();
    for (event, span) in Parser::new_from_str_with_options(text, options()).flatten() {
        let line = span.start.line();
        if let Some(line) = path.take(&event, line)
            && let Some(pointer) = wanted.get(path.text.as_str())
        {
            found.entry(*pointer).or_insert(line);
        }
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        path.leave(&event);
    }
    found
}

fn options() -> Options {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options
}

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

fn scalar(text: std::borrow::Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
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

/// A value with what it costs to copy it.
#[derive(Clone)]
struct Anchored {
    value: Value,
    cost: Cost,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Cost {
    fn of_text(length: usize) -> Self {
        Self { nodes: 1, text: length, depth: 0 }
    }

    fn add(&mut self, inner: Self) {
        self.nodes += inner.nodes;
        self.text += inner.text;
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// A collection that is not complete yet.
struct Open {
    kind: OpenKind,
    anchor: usize,
    cost: Cost,
}

enum OpenKind {
    List(Vec<Value>),
    Map {
        map: Map<String, Value>,
        key: Option<String>,
        /// The next value is merged into the map (`<<`).
        merge: bool,
        merged: Vec<Value>,
    },
}

/// Builds the value of the first document of a stream.
#[derive(Default)]
struct Composer {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Value>,
    oddities: Vec<Oddity>,
    nodes: usize,
    copied: usize,
    documents: usize,
}

impl Composer {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Broken> {
        if matches!(event, Event::DocumentStart(..)) {
            self.documents += 1;
            if self.documents == 2 {
                self.note(line, "a second document in the file is not read".to_owned());
            }
        }
        if self.documents > 1 {
            return Ok(());
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // A key is text whatever it looks like: 200 and "200" are the same answer.
                if self.wants_key() {
                    let merge = style == ScalarStyle::Plain && text == "<<";
                    self.anchor(
                        anchor,
                        &Value::String(text.to_string()),
                        Cost::of_text(text.len()),
                    )?;
                    return self.key(text.into_owned(), merge, line);
                }
                let cost = Cost::of_text(text.len());
                let value = scalar(text, style, tag.as_deref());
                self.anchor(anchor, &value, cost)?;
                self.place(value, cost, line)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(OpenKind::List(Vec::new()), anchor, line)
            }
            Event::MappingStart(_, anchor, _) => {
                let map = Map::new();
                let kind = OpenKind::Map { map, key: None, merge: false, merged: Vec::new() };
                self.begin(kind, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Alias(anchor) => self.alias(anchor, line),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, kind: OpenKind, anchor: usize, line: usize) -> Result<(), Broken> {
        if self.wants_key() {
            return Err(Broken::at(line, "a key is a list or a map"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Broken::at(line, format!("it is nested deeper than {MAX_DEPTH}")));
        }
        self.open.push(Open { kind, anchor, cost: Cost { nodes: 1, ..Cost::default() } });
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), Broken> {
        let Some(Open { kind, anchor, cost }) = self.open.pop() else { return Ok(()) };
        let value = match kind {
            OpenKind::List(items) => Value::Array(items),
            OpenKind::Map { mut map, merged, .. } => {
                for (key, value) in merged.into_iter().filter_map(object).flatten() {
                    map.entry(key).or_insert(value);
                }
                Value::Object(map)
            }
        };
        self.anchor(anchor, &value, cost)?;
        self.place(value, cost, line)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), Broken> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Broken::at(line, "an alias stands inside of what it means"));
        };
        if self.wants_key() {
            let Value::String(text) = &anchored.value else {
                return Err(Broken::at(line, "a key is an alias of something that is not text"));
            };
            let text = text.clone();
            return self.key(text, false, line);
        }
        let Anchored { value, cost } = anchored;
        let cost = *cost;
        if self.open.len() + cost.depth >= MAX_DEPTH {
            return Err(Broken::at(line, format!("aliases nest it deeper than {MAX_DEPTH}")));
        }
        if self.nodes + cost.nodes > MAX_NODES || self.copied + cost.text > MAX_COPIED {
            return Err(Broken::at(line, "its aliases make it too large"));
        }
        let value = value.clone();
        self.nodes += cost.nodes;
        self.copied += cost.text;
        self.place(value, cost, line)
    }

    /// Keeps a value for the aliases that will mean it: a copy, and counted as one.
    fn anchor(&mut self, anchor: usize, value: &Value, cost: Cost) -> Result<(), Broken> {
        if anchor == 0 {
            return Ok(());
        }
        self.nodes += cost.nodes;
        self.copied += cost.text;
        if self.nodes > MAX_NODES || self.copied > MAX_COPIED {
            return Err(Broken { line: None, reason: "its anchors make it too large".to_owned() });
        }
        self.anchors.insert(anchor, Anchored { value: value.clone(), cost });
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open { kind: OpenKind::Map { key: None, merge: false, .. }, .. })
        )
    }

    fn key(&mut self, text: String, merges: bool, line: usize) -> Result<(), Broken> {
        let Some(Open { kind: OpenKind::Map { map, key, merge, .. }, cost, .. }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        cost.text += text.len();
        if merges {
            *merge = true;
            return Ok(());
        }
        let repeated = map.contains_key(&text).then(|| text.clone());
        *key = Some(text);
        if let Some(text) = repeated {
            self.note(line, format!("key {text} stands here again; the last one counts"));
        }
        Ok(())
    }

    fn place(&mut self, value: Value, cost: Cost, line: usize) -> Result<(), Broken> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Broken::at(line, format!("it has more than {MAX_NODES} values")));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        open.cost.add(cost);
        match &mut open.kind {
            OpenKind::List(items) => items.push(value),
            OpenKind::Map { merge, merged, .. } if *merge => {
                *merge = false;
                match value {
                    Value::Array(maps) => merged.extend(maps),
                    one => merged.push(one),
                }
            }
            OpenKind::Map { map, key, .. } => {
                if let Some(key) = key.take() {
                    map.insert(key, value);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, line: usize, reason: String) {
        self.oddities.push(Oddity { line, reason });
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Where the parser is, as a JSON pointer.
#[derive(Default)]
struct Path {
    text: String,
    /// For each open collection: the pointer's length in front of its members, and which is next.
    open: Vec<(usize, Next)>,
    key_line: usize,
}

enum Next {
    Key,
    Value,
    Item(usize),
}

impl Path {
    /// Goes to the value that `event` begins, and gives its line: that of its key, if it has one.
    fn take(&mut self, event: &Event<'_>, line: usize) -> Option<usize> {
        if !matches!(
            event,
            Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
        ) {
            return None;
        }
        let key_line = match self.open.last_mut() {
            None => Some(line),
            Some((length, next @ Next::Key)) => {
                self.text.truncate(*length);
                self.text.push('/');
                if let Event::Scalar(key, ..) = event {
                    self.text.push_str(&escape(key));
                }
                *next = Next::Value;
                self.key_line = line;
                return None;
            }
            Some((_, next @ Next::Value)) => {
                *next = Next::Key;
                Some(self.key_line)
            }
            Some((length, Next::Item(index))) => {
                self.text.truncate(*length);
                self.text.push('/');
                self.text.push_str(&index.to_string());
                *index += 1;
                Some(line)
            }
        };
        key_line
    }

    /// Goes into or out of a collection.
    fn leave(&mut self, event: &Event<'_>) {
        match event {
            Event::SequenceStart(..) => self.open.push((self.text.len(), Next::Item(0))),
            Event::MappingStart(..) => self.open.push((self.text.len(), Next::Key)),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((length, _)) = self.open.pop() {
                    self.text.truncate(length);
                }
            }
            _ => {}
        }
    }
}

/// A step of a JSON pointer.
pub(crate) fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap_or_else(|error| panic!("{error}\n{text}")).0
    }

    #[test]
    fn scalars_follow_the_core_schema_and_versions_stay_text() {
        let text = "
            none: [~, null, Null, ]
            empty:
            truth: [true, False, yes, on, 'true']
            whole: [0, -7, +7, 0x1F, 0o17, 18446744073709551615, 9223372036854775808]
            real: [1.5, -0.5, .5, 1e3, 1.]
            text: ['200', 00.00, 007, v1, 1.2.3, 2020-01-01, 12:30, .inf, .nan, 1e, 1_000, e1, 0x, 1-2]
            big: 18446744073709551616
            tagged: [!!str 12, !!int '12', !local x, !<tag:yaml.org,2002:js/undefined> '', !!null '']
            ? 200
            : ok
        ";
        assert_eq!(
            value(text),
            json!({
                "none": [null, null, null],
                "empty": null,
                "truth": [true, false, "yes", "on", "true"],
                "whole": [0, -7, 7, 31, 15, u64::MAX, 9_223_372_036_854_775_808_u64],
                "real": [1.5, -0.5, 0.5, 1000.0, 1.0],
                "text": ["200", "00.00", "007", "v1", "1.2.3", "2020-01-01", "12:30", ".inf", ".nan", "1e", "1_000", "e1", "0x", "1-2"],
                "big": 18_446_744_073_709_551_616.0,
                "tagged": ["12", 12, "x", null, null],
                "200": "ok",
            })
        );
    }

    #[test]
    fn aliases_are_copied_out_and_maps_merged() {
        let text = "
            base: &b {a: 1, b: [x]}
            again: *b
            name: &n key
            derived: {<<: *b, a: 2}
            both: {<<: [{c: 3}, *b], b: 4}
            *n : v
        ";
        assert_eq!(
            value(text),
            json!({
                "base": {"a": 1, "b": ["x"]},
                "again": {"a": 1, "b": ["x"]},
                "name": "key",
                "derived": {"a": 2, "b": ["x"]},
                "both": {"b": 4, "c": 3, "a": 1},
                "key": "v",
            })
        );
    }

    #[test]
    fn a_repeated_key_counts_last_and_is_noted() {
        let (value, oddities) = read("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(value, json!({"a": 3, "b": 2}));
        assert_eq!(oddities.len(), 1);
        assert_eq!(oddities[0].line, 3);
        let (value, oddities) = read("a: 1\n---\na: 2\n").unwrap();
        assert_eq!((value, oddities.len()), (json!({"a": 1}), 1));
    }

    #[test]
    fn json_is_read_and_what_only_looks_like_it_too() {
        assert_eq!(value("{\"a\": [1, \"00\"]}"), json!({"a": [1, "00"]}));
        assert_eq!(value("{a: [1, '00']}"), json!({"a": [1, "00"]}));
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 9].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(read(&laughs).unwrap_err().reason.contains("too large"));

        let mut long = format!("a: &a {}\n", "x".repeat(1 << 20));
        for _ in 0..100 {
            long.push_str("- *a\n");
        }
        let long = long.replacen("a: &a", "- &a", 1);
        assert!(read(&long).unwrap_err().reason.contains("too large"));

        let mut deep = "a0: &a0 [x]\n".to_owned();
        for level in 1..300 {
            deep.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(read(&deep).unwrap_err().reason.contains("deeper"));

        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&"- ".repeat(100_000)).is_err());
        assert!(read("a: &a [*a]").unwrap_err().reason.contains("inside"));
        assert!(read("{[a]: b}").is_err());
        assert!(read("a: *nobody").is_err());
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = read("a: 1\nb: [\nc: 'x\n").unwrap_err();
        assert!(error.line.is_some_and(|line| line >= 2), "{error}");
    }

    #[test]
    fn values_are_found_by_pointer() {
        let text = "a:\n  b/c:\n    - 1\n    - x: 2\n  d: &e {f: 3}\n  g: *e\nh: 4\n";
        let pointers = ["/a", "/a/b~1c", "/a/b~1c/1", "/a/b~1c/1/x", "/a/d/f", "/a/g", "/h", "/no"];
        let found = lines(text, pointers);
        let lines: Vec<Option<usize>> = pointers.iter().map(|p| found.get(p).copied()).collect();
        assert_eq!(lines, [Some(1), Some(2), Some(4), Some(4), Some(5), Some(6), Some(7), None]);
    }
}
