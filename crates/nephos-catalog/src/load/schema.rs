//! Schemas, with `$ref` and `allOf` resolved.

use serde_json::Value;

use crate::document::{Document, flag, text};
use crate::{Kind, Schema, Xml};

/// Nesting below this is kept as text: no column or body field of the formats in use is deeper, and
/// schemas that contain themselves end here.
const MAX_DEPTH: usize = 10;

/// Resolves `value`; a reference that dangles becomes [`Kind::Any`].
pub(crate) fn schema(document: &Document, value: &Value) -> Schema {
    resolve(document, value, MAX_DEPTH)
}

fn resolve(document: &Document, value: &Value, depth: usize) -> Schema {
    let Some(found) = document.resolve(value) else { return Schema::of(Kind::Any) };
    let mut schema = Schema::of(kind(found));
    if depth == 0 {
        return schema;
    }
    schema.xml = xml(found);
    schema.description = text(found, "description");
    if let Some(properties) = found.get("properties").and_then(Value::as_object) {
        schema.properties = properties
            .iter()
            .map(|(name, property)| (name.clone(), resolve(document, property, depth - 1)))
            .collect();
    }
    if let Some(items) = found.get("items") {
        schema.items = Some(Box::new(resolve(document, items, depth - 1)));
    }
    if let Some(required) = found.get("required").and_then(Value::as_array) {
        schema.required = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    for part in found.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        merge(&mut schema, resolve(document, part, depth - 1));
    }
    schema
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
    schema.xml = Xml {
        name: part.xml.name.or(schema.xml.name.take()),
        namespace: part.xml.namespace.or(schema.xml.namespace.take()),
        prefix: part.xml.prefix.or(schema.xml.prefix.take()),
        attribute: schema.xml.attribute || part.xml.attribute,
        flattened: schema.xml.flattened || part.xml.flattened,
        text: schema.xml.text || part.xml.text,
    };
}

fn kind(value: &Value) -> Kind {
    match value.get("type").and_then(Value::as_str) {
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
