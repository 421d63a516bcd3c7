//! XML answers as a tree.

use std::borrow::Cow;

use nephos_catalog::{Kind, RowPath, Schema, Step};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Number, Value};

use crate::decode::Keep;

/// Elements nested deeper than this are refused: no answer has them, and each costs stack.
const MAX_DEPTH: usize = 64;

/// An element without its namespace prefix. Names and texts stay in the document where they can.
#[derive(Debug, Default)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element<'a>>,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// Reads a document and returns its root.
    pub(crate) fn parse(document: &'a str) -> Result<Self, String> {
        Self::parse_kept(document, &Keep::ALL)
    }

    /// Reads a document and returns its root with those elements below it that are kept. What is
    /// not kept must be well-formed all the same, except for its attributes.
    pub(crate) fn parse_kept(document: &'a str, keep: &Keep) -> Result<Self, String> {
        let mut reader = Reader::from_str(document);
        let mut open: Vec<(Self, &Keep)> = Vec::new();
        // Open elements that are not kept.
        let mut passed = 0;
        loop {
            let from = position(&reader);
            let event = reader.read_event().map_err(|error| error.to_string())?;
            if passed > 0 {
                match event {
                    Event::Start(_) if open.len() + passed == MAX_DEPTH => return Err(too_deep()),
                    Event::Start(_) => passed += 1,
                    Event::End(_) => passed -= 1,
                    Event::GeneralRef(reference) => {
                        resolve(&reference)?;
                    }
                    Event::Eof => return Err("it ends early".to_owned()),
                    _ => {}
                }
                continue;
            }
            // What the event was read from.
            let source = document.get(from..position(&reader)).unwrap_or_default();
            match event {
                Event::Start(start) => {
                    if open.len() == MAX_DEPTH {
                        return Err(too_deep());
                    }
                    let keep = match open.last() {
                        Some((_, keep)) => keep.child(name_of(source)),
                        None => Some(keep),
                    };
                    match keep {
                        Some(keep) => open.push((Self::started(source, &start)?, keep)),
                        None => passed = 1,
                    }
                }
                Event::Empty(start) => match open.last_mut() {
                    Some((parent, keep)) if keep.child(name_of(source)).is_some() => {
                        parent.children.push(Self::started(source, &start)?);
                    }
                    Some(_) => {}
                    None => return Self::started(source, &start),
                },
                Event::End(_) => {
                    let Some((element, _)) = open.pop() else {
                        return Err("it ends twice".to_owned());
                    };
                    match open.last_mut() {
                        Some((parent, _)) => parent.children.push(element),
                        None => return Ok(element),
                    }
                }
                Event::Text(text) => {
                    if let Some((element, _)) = open.last_mut() {
                        let whole = text.len() == source.len();
                        if whole && element.text.is_empty() && !source.contains('\r') {
                            element.text = Cow::Borrowed(source);
                        } else if !is_blank(source) || !is_blank(&element.text) {
                            element.text.to_mut().push_str(&text.xml10_content());
                        }
                    }
                }
                Event::CData(data) => {
                    if let Some((element, _)) = open.last_mut() {
                        element.text.to_mut().push_str(&data.xml10_content());
                    }
                }
                Event::GeneralRef(reference) => {
                    let Some((element, _)) = open.last_mut() else { continue };
                    match resolve(&reference)? {
                        Resolved::Character(character) => element.text.to_mut().push(character),
                        Resolved::Text(text) => element.text.to_mut().push_str(text),
                    }
                }
                Event::Eof => return Err("it has no root element or ends early".to_owned()),
                _ => {}
            }
        }
    }

    /// An element that begins with the tag `source`.
    fn started(source: &'a str, start: &BytesStart<'_>) -> Result<Self, String> {
        let name = name_of(source);
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let key = attribute.key.local_name().into_inner().to_owned();
            let value =
                quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
            attributes.push((key, value.into_owned()));
        }
        Ok(Self { name, attributes, ..Self::default() })
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Elements that `path` leads to from the document above this root, in document order where the
    /// alternatives share a parent, with the name they were found under.
    pub(crate) fn select(&self, path: &RowPath) -> Vec<&Element<'a>> {
        if path.is_whole() {
            return vec![self];
        }
        let siblings: Option<Vec<&str>> = path
            .alternatives
            .iter()
            .map(|steps| match steps.as_slice() {
                [Step::Any, Step::Name(name)] => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if let Some(names) = siblings {
            return self.children.iter().filter(|c| names.contains(&c.name)).collect();
        }
        path.alternatives.iter().flat_map(|steps| self.follow(steps)).collect()
    }

    /// Text at the first alternative of `path` that leads to one, as it stands: the last key of a
    /// page is a token, and a key may begin or end with blanks.
    pub(crate) fn text_at(&self, path: &RowPath) -> Option<&str> {
        path.alternatives
            .iter()
            .filter_map(|steps| self.follow(steps).into_iter().next())
            .map(|element| element.text.as_ref())
            .find(|text| !text.is_empty())
    }

    /// The first step names the root itself, or a member of it: `$.a` is a member in `JSONPath`.
    fn follow(&self, steps: &[Step]) -> Vec<&Self> {
        let Some((first, rest)) = steps.split_first() else { return vec![self] };
        let rest = match first {
            Step::Name(name) | Step::Last(name) if *name != self.name => steps,
            _ => rest,
        };
        let mut at = vec![self];
        for (index, step) in rest.iter().enumerate() {
            let next: Vec<&Self> = match step {
                Step::Any => at.iter().flat_map(|e| e.children.iter()).collect(),
                Step::Name(name) => {
                    at.iter().flat_map(|e| e.children.iter().filter(|c| c.name == *name)).collect()
                }
                Step::Last(name) => {
                    at.iter().filter_map(|e| e.children.iter().rfind(|c| c.name == *name)).collect()
                }
            };
            // Documents write `/member` behind every list, also behind lists that have no such
            // element on the wire.
            let generic = matches!(step, Step::Name(name) if name == "member" || name == "item");
            if next.is_empty() && generic && index + 1 == rest.len() {
                return at;
            }
            at = next;
        }
        at
    }

    /// The value of a member with this schema: JSON, `None` where the element is absent.
    pub(crate) fn member(&self, wire: &str, schema: &Schema) -> Option<Value> {
        if schema.xml.attribute {
            let found = self
                .attributes
                .iter()
                .find(|(name, _)| name == wire.rsplit(':').next().unwrap_or(wire));
            return found.map(|(_, value)| Value::String(value.clone()));
        }
        if schema.xml.text {
            return Some(Value::String(self.text.to_string()));
        }
        if schema.kind == Kind::Array {
            let item = schema.items.as_deref();
            let found: Vec<&Self> = self.children.iter().filter(|c| c.name == wire).collect();
            let elements: Vec<&Self> = if schema.xml.flattened {
                found
            } else {
                if found.is_empty() {
                    return None;
                }
                found.iter().flat_map(|list| list.children.iter()).collect()
            };
            if elements.is_empty() && schema.xml.flattened {
                return None;
            }
            return Some(Value::Array(elements.into_iter().map(|e| e.value(item)).collect()));
        }
        self.child(wire).map(|child| child.value(Some(schema)))
    }

    /// This element as JSON. Without a schema, repeated children become lists.
    pub(crate) fn value(&self, schema: Option<&Schema>) -> Value {
        if let Some(schema) = schema {
            if !schema.properties.is_empty() {
                let members = schema.properties.iter().filter_map(|(name, property)| {
                    Some((name.clone(), self.member(wire_name(name, property), property)?))
                });
                return Value::Object(members.collect());
            }
            if !matches!(schema.kind, Kind::Object | Kind::Any | Kind::Array) {
                return typed(&self.text, schema.kind);
            }
        }
        if self.children.is_empty() {
            return Value::String(self.text.to_string());
        }
        let mut members: Map<String, Value> = Map::new();
        for child in &self.children {
            let value = child.value(None);
            match members.get_mut(child.name) {
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
                None => {
                    members.insert(child.name.to_owned(), value);
                }
            }
        }
        Value::Object(members)
    }
}

/// The name in the tag `source`, without its prefix.
fn name_of(source: &str) -> &str {
    let tag = source.strip_prefix('<').unwrap_or(source);
    let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len());
    tag[..end].rsplit(':').next().unwrap_or_default()
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

fn too_deep() -> String {
    format!("it nests deeper than {MAX_DEPTH} elements")
}

/// What an entity stands for.
enum Resolved {
    Character(char),
    Text(&'static str),
}

fn resolve(reference: &BytesRef<'_>) -> Result<Resolved, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(Resolved::Character(character));
    }
    let name: &str = reference;
    quick_xml::escape::resolve_predefined_entity(name)
        .map(Resolved::Text)
        .ok_or_else(|| format!("entity &{name}; is not defined"))
}

/// Bytes of the document that have been read.
fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// Element name of a member. A list's own name is the member's: its `xml.name` names the element.
pub(crate) fn wire_name<'a>(name: &'a str, schema: &'a Schema) -> &'a str {
    match &schema.xml.name {
        Some(wire) if schema.kind != Kind::Array || schema.xml.flattened => wire,
        _ => name,
    }
}

/// Text as JSON of this kind; text that does not fit stays text.
fn typed(text: &str, kind: Kind) -> Value {
    let trimmed = text.trim();
    let parsed = match kind {
        Kind::Integer => trimmed.parse::<i64>().ok().map(|n| Value::Number(n.into())),
        Kind::Number => trimmed.parse().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::Boolean => trimmed.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_entities_and_cdata() {
        let root = Element::parse("<a><b>&quot;x&#38;&lt;</b><c><![CDATA[<&]]></c></a>").unwrap();
        assert_eq!(root.child("b").unwrap().text, "\"x&<");
        assert_eq!(root.child("c").unwrap().text, "<&");
    }

    #[test]
    fn a_cut_document_is_an_error() {
        assert!(Element::parse("<a><b>1</b>").is_err());
        assert!(Element::parse("").is_err());
    }

    #[test]
    fn rows_are_found_with_and_without_the_member_step() {
        let root = Element::parse("<r><Part><N>1</N></Part><Part><N>2</N></Part></r>").unwrap();
        assert_eq!(root.select(&RowPath::parse("/*/Part")).len(), 2);
        assert_eq!(root.select(&RowPath::parse("/*/Part/member")).len(), 2);
        assert_eq!(root.select(&RowPath::parse("/*/Other")).len(), 0);
        let last = RowPath::parse("/*/Next | /*/Part[last()]/N");
        assert_eq!(root.text_at(&last), Some("2"));
        assert_eq!(root.select(&RowPath::parse("$.Part")).len(), 2);
        assert_eq!(root.text_at(&RowPath::parse("Part")), None);
    }
}
