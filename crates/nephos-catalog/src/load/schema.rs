//! Schemas, with `$ref` and `allOf` resolved.

use serde_json::Value;

use crate::document::{Document, flag, text};
use crate::{Kind, Schema, Xml};

/// Nesting below this is kept as text: no XML that is in use is deeper, and schemas that contain
/// themselves end here.
const MAX_DEPTH: usize = 10;
/// Parts within parts (`allOf` in `allOf`) of one schema.
const MAX_PARTS: usize = 16;
/// Schemas looked at for one question: documents whose parts contain themselves end here.
const MAX_VISITS: usize = 20_000;

/// Resolves `value` with all that it contains, as XML needs it; a reference that dangles becomes
/// [`Kind::Any`].
pub(crate) fn schema(document: &Document, value: &Value) -> Schema {
    resolve(document, value, (MAX_DEPTH, MAX_PARTS), &mut MAX_VISITS.clone())
}

/// Resolves `value` and `depth` levels below it: JSON is read and written without knowing more.
pub(crate) fn shallow(document: &Document, value: &Value, depth: usize) -> Schema {
    resolve(document, value, (depth, MAX_PARTS), &mut MAX_VISITS.clone())
}

/// Counts one more visit; false when there are no more.
fn visit(visits: &mut usize) -> bool {
    *visits = visits.saturating_sub(1);
    *visits > 0
}

/// `depth` levels of members, and as many levels of parts, below `value`.
fn resolve(
    document: &Document,
    value: &Value,
    (depth, parts): (usize, usize),
    visits: &mut usize,
) -> Schema {
    let Some(found) = document.resolve(value).filter(|_| visit(visits)) else {
        return Schema::of(Kind::Any);
    };
    let mut schema = Schema::of(kind_of(document, found));
    schema.string_only = flag(found, "x-stackQL-stringOnly") || flag(value, "x-stackQL-stringOnly");
    schema.read_only = flag(found, "readOnly");
    schema.xml = xml(found);
    schema.description = described(document, value, found);
    if depth == 0 || parts == 0 {
        return schema;
    }
    let (below, beside) = ((depth - 1, MAX_PARTS), (depth, parts - 1));
    if let Some(properties) = found.get("properties").and_then(Value::as_object) {
        schema.properties = properties
            .iter()
            .map(|(name, property)| (name.clone(), resolve(document, property, below, visits)))
            .collect();
    }
    if let Some(items) = found.get("items") {
        let mut element = resolve(document, items, below, visits);
        if element.xml.name.is_none() {
            // AWS's documents name the elements of lists by their schema and in no other way.
            let named = text(items, "$ref");
            let name = named.rsplit('/').next().filter(|name| !name.is_empty());
            element.xml.name = name.map(str::to_owned);
        }
        schema.items = Some(Box::new(element));
    }
    if let Some(required) = found.get("required").and_then(Value::as_array) {
        schema.required = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    for part in found.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        merge(&mut schema, resolve(document, part, beside, visits));
    }
    // Of alternatives nobody knows which a service takes: all their members are known, none is
    // required.
    if schema.properties.is_empty() {
        for part in alternatives(found) {
            let mut part = resolve(document, part, beside, visits);
            part.required.clear();
            merge(&mut schema, part);
        }
    }
    schema
}

fn alternatives(value: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().find_map(|key| value.get(key)?.as_array()).into_iter().flatten()
}

/// Everything that a schema is put together from.
fn parts(value: &Value) -> impl Iterator<Item = &Value> {
    ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| value.get(key)?.as_array()).flatten()
}

/// A reference may have a description of its own beside it.
fn described(document: &Document, value: &Value, found: &Value) -> String {
    let own = text(value, "description");
    if !own.is_empty() {
        return own;
    }
    let found_text = text(found, "description");
    if !found_text.is_empty() {
        return found_text;
    }
    let parts = found.get("allOf").and_then(Value::as_array).into_iter().flatten();
    parts
        .filter_map(|part| document.resolve(part))
        .map(|part| text(part, "description"))
        .find(|description| !description.is_empty())
        .unwrap_or_default()
}

/// Adds what a member of `allOf` says; later members overrule texts and hints, not structure.
fn merge(schema: &mut Schema, part: Schema) {
    if schema.kind == Kind::Any {
        schema.kind = part.kind;
    }
    for (name, property) in part.properties {
        if schema.property(&name).is_none() {
            schema.properties.push((name, property));
        }
    }
    schema.items = schema.items.take().or(part.items);
    schema.required.extend(part.required);
    if !part.description.is_empty() {
        schema.description = part.description;
    }
    schema.string_only |= part.string_only;
    schema.xml = Xml {
        name: part.xml.name.or(schema.xml.name.take()),
        namespace: part.xml.namespace.or(schema.xml.namespace.take()),
        prefix: part.xml.prefix.or(schema.xml.prefix.take()),
        attribute: schema.xml.attribute || part.xml.attribute,
        flattened: schema.xml.flattened || part.xml.flattened,
        text: schema.xml.text || part.xml.text,
    };
}

/// The kind that a schema or one of its parts says; `3.1` documents list several, of which `null`
/// is none.
pub(crate) fn kind_of(document: &Document, value: &Value) -> Kind {
    fn find(document: &Document, value: &Value, visits: &mut usize) -> Kind {
        let Some(value) = document.resolve(value).filter(|_| visit(visits)) else {
            return Kind::Any;
        };
        match kind(value) {
            Kind::Any => {
                let mut kinds = parts(value)
                    .map(|part| find(document, part, visits))
                    .filter(|kind| *kind != Kind::Any);
                // An integer or a text is neither.
                match kinds.next() {
                    Some(first) if kinds.all(|kind| kind == first) => first,
                    _ => Kind::Any,
                }
            }
            kind => kind,
        }
    }
    find(document, value, &mut 100)
}

fn kind(value: &Value) -> Kind {
    let named = match value.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            let mut real = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            match (real.next(), real.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            }
        }
        _ => None,
    };
    match named {
        Some("string") if value.get("format").and_then(Value::as_str) == Some("binary") => {
            Kind::Binary
        }
        Some("string") => Kind::String,
        Some("integer" | "int") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some("object") => Kind::Object,
        Some("array") => Kind::Array,
        _ if value.get("properties").is_some() => Kind::Object,
        _ if value.get("items").is_some() => Kind::Array,
        _ => Kind::Any,
    }
}

fn xml(value: &Value) -> Xml {
    let Some(hints) = value.get("xml") else { return Xml::default() };
    let optional = |key: &str| hints.get(key).and_then(Value::as_str).map(str::to_owned);
    Xml {
        name: optional("name"),
        namespace: optional("namespace"),
        prefix: optional("prefix"),
        attribute: flag(hints, "attribute"),
        flattened: hints.get("wrapped").and_then(Value::as_bool) == Some(false),
        text: flag(hints, "x-text"),
    }
}

/// The schema of a member: among the own properties, then those of `allOf`, `anyOf`, `oneOf`.
pub(crate) fn member<'a>(
    document: &'a Document,
    value: &'a Value,
    name: &str,
) -> Option<&'a Value> {
    fn find<'a>(
        document: &'a Document,
        value: &'a Value,
        name: &str,
        visits: &mut usize,
    ) -> Option<&'a Value> {
        let value = document.resolve(value).filter(|_| visit(visits))?;
        if let Some(found) = value.get("properties").and_then(|all| all.get(name)) {
            return Some(found);
        }
        parts(value).find_map(|part| find(document, part, name, visits))
    }
    find(document, value, name, &mut 1000)
}

/// The schema of a list's elements, or of what an object with free names holds.
pub(crate) fn element<'a>(document: &'a Document, value: &'a Value) -> Option<&'a Value> {
    let value = document.resolve(value)?;
    value.get("items").or_else(|| {
        parts(value).filter_map(|part| document.resolve(part)).find_map(|part| part.get("items"))
    })
}

/// Members of an object in document order: its own and those of `allOf`, else of `anyOf`, else of
/// `oneOf`.
pub(crate) fn members<'a>(document: &'a Document, value: &'a Value) -> Vec<(&'a str, &'a Value)> {
    fn add<'a>(
        document: &'a Document,
        value: &'a Value,
        visits: &mut usize,
        found: &mut Vec<(&'a str, &'a Value)>,
    ) {
        let Some(value) = document.resolve(value).filter(|_| visit(visits)) else { return };
        let own = value.get("properties").and_then(Value::as_object);
        for (name, property) in own.into_iter().flatten() {
            if !found.iter().any(|(other, _)| *other == name) {
                found.push((name, property));
            }
        }
        for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            add(document, part, visits, found);
        }
        if found.is_empty() {
            for part in alternatives(value) {
                add(document, part, visits, found);
            }
        }
    }
    let mut found = Vec::new();
    add(document, value, &mut 1000, &mut found);
    found
}
