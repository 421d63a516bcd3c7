//! Events to a value, within bounds.

use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle};
use serde_json::{Map, Value};

use super::scalar::scalar;
use super::{Broken, Oddity};

/// The deepest nesting; documents of the registry need 40, and values are dropped by recursion.
const MAX_DEPTH: usize = 256;
/// Values in a document, copies made by aliases counted: the largest document that is known
/// (2.7 MB) has 67,000.
const MAX_NODES: usize = 2_000_000;
/// Bytes of text that aliases may copy.
const MAX_COPIED: usize = 64 << 20;

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
pub(super) struct Composer {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Value>,
    oddities: Vec<Oddity>,
    nodes: usize,
    copied: usize,
    documents: usize,
}

impl Composer {
    /// The value of the document, and what is odd about it.
    pub(super) fn finish(self) -> (Value, Vec<Oddity>) {
        (self.root.unwrap_or(Value::Null), self.oddities)
    }

    /// Takes the next event of the parser, which is at `line`.
    pub(super) fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Broken> {
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
                    self.key(text.into_owned(), merge, line);
                    return Ok(());
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
            self.key(text, false, line);
            return Ok(());
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

    fn key(&mut self, text: String, merges: bool, line: usize) {
        let Some(Open { kind: OpenKind::Map { map, key, merge, .. }, cost, .. }) =
            self.open.last_mut()
        else {
            return;
        };
        cost.text += text.len();
        if merges {
            *merge = true;
            return;
        }
        let repeated = map.contains_key(&text).then(|| text.clone());
        *key = Some(text);
        if let Some(text) = repeated {
            self.note(line, format!("key {text} stands here again; the last one counts"));
        }
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
