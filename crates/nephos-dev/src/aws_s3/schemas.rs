//! Shapes of the model as `OpenAPI` schemas.
//!
//! Structures stand inside the schema that holds them: a `$ref` has no room for the member's own
//! description, and `allOf` around it doubles the depth that readers have to follow.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Draft;
use super::model::{Reference, Shape, ShapeKind};

/// Deeper than any shape of S3 (9); a shape that holds itself ends here.
const MAX_DEPTH: usize = 16;

/// Shapes whose values give access and must be masked. The model's own `sensitive` also covers
/// key identifiers and encryption contexts, which are names, not keys.
const SECRETS: [&str; 4] =
    ["SSECustomerKey", "CopySourceSSECustomerKey", "SessionCredentialValue", "MFA"];

/// The schemas under `components`.
pub(super) struct Schemas<'a> {
    draft: Draft<'a>,
    pub(super) components: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(draft: Draft<'a>) -> Self {
        Self { draft, components: BTreeMap::new() }
    }

    /// Adds the document whose root holds the body members of `shape`; answers the `$ref` to it.
    pub(super) fn add_root(&mut self, name: &str, shape: &Reference, xml: Option<Value>) -> Value {
        let mut root = structure(self.draft, shape, 0);
        // Names a caller must give are parameters; readers of the format take `required` of a body's
        // root as more of them. So the fact stands under a key of our own.
        if let Some(required) = root.remove("required") {
            root.insert("x-nephos-required-fields".to_owned(), required);
        }
        if let Some(xml) = xml {
            root.insert("xml".to_owned(), xml);
        }
        self.add(name, Value::Object(root))
    }

    /// Adds a schema; answers the `$ref` to it.
    pub(super) fn add(&mut self, name: &str, schema: Value) -> Value {
        if self.components.insert(name.to_owned(), schema).is_some() {
            self.draft.faults.add(format!("two schemas are called {name}"));
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// Name of a member in a document: its element's, but an attribute keeps the model's (`Type`, which is
/// `xsi:type` on the wire).
fn key<'m>(name: &'m str, member: &'m Reference) -> &'m str {
    match &member.location_name {
        Some(element) if !member.xml_attribute => element,
        _ => name,
    }
}

fn structure(draft: Draft<'_>, reference: &Reference, depth: usize) -> Map<String, Value> {
    let shape = draft.model.shape(reference);
    let mut properties = Map::new();
    let mut required = Vec::new();
    if depth > MAX_DEPTH {
        draft.faults.add(format!("shape {} is nested deeper than {MAX_DEPTH}", reference.shape));
        return Map::new();
    }
    for (name, member) in shape.members.iter().filter(|(_, member)| member.location.is_none()) {
        let key = key(name, member);
        if shape.required.contains(name) {
            required.push(Value::from(key));
        }
        let mut value = of_member(draft, shape, member, depth + 1);
        value.insert("description".to_owned(), draft.describe_member(&reference.shape, key).into());
        properties.insert(key.to_owned(), Value::Object(value));
    }
    let mut schema = object([("type", "object".into()), ("properties", properties.into())]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

fn of_member(
    draft: Draft<'_>,
    parent: &Shape,
    member: &Reference,
    depth: usize,
) -> Map<String, Value> {
    let shape = draft.model.shape(member);
    match shape.kind {
        ShapeKind::Structure => structure(draft, member, depth),
        ShapeKind::List => list(draft, member, depth),
        _ => {
            let mut schema = scalar(draft, member, "iso8601");
            if member.xml_attribute {
                let (prefix, name) = member
                    .location_name
                    .as_deref()
                    .and_then(|name| name.split_once(':'))
                    .unwrap_or_default();
                let namespace = parent.xml_namespace.as_ref().map(|n| n.uri.as_str());
                schema.insert(
                    "xml".to_owned(),
                    json!({ "attribute": true, "name": name, "prefix": prefix, "namespace": namespace }),
                );
            }
            schema
        }
    }
}

fn list(draft: Draft<'_>, member: &Reference, depth: usize) -> Map<String, Value> {
    let Some(item) = draft.model.shape(member).member.as_deref() else {
        draft.faults.add(format!("list {} of the model has no member", member.shape));
        return Map::new();
    };
    let mut items = match draft.model.shape(item).kind {
        ShapeKind::Structure => structure(draft, item, depth + 1),
        ShapeKind::List => list(draft, item, depth + 1),
        _ => scalar(draft, item, "iso8601"),
    };
    let wrapped = !draft.model.is_flattened(member);
    if wrapped {
        let name = item.location_name.as_deref().unwrap_or("member");
        items.insert("xml".to_owned(), json!({ "name": name }));
    }
    object([
        ("type", "array".into()),
        ("items", items.into()),
        ("xml", json!({ "wrapped": wrapped })),
    ])
}

/// Schema of a value without parts. `timestamp` is how its place writes times unless the shape says
/// otherwise; only HTTP dates are marked, since `date-time` already means ISO 8601.
pub(super) fn scalar(
    draft: Draft<'_>,
    reference: &Reference,
    timestamp: &str,
) -> Map<String, Value> {
    let shape = draft.model.shape(reference);
    let mut schema = match shape.kind {
        ShapeKind::Integer => object([("type", "integer".into()), ("format", "int32".into())]),
        ShapeKind::Long => object([("type", "integer".into()), ("format", "int64".into())]),
        ShapeKind::Boolean => object([("type", "boolean".into())]),
        ShapeKind::Timestamp => object([("type", "string".into()), ("format", "date-time".into())]),
        ShapeKind::Blob => object([("type", "string".into()), ("format", "binary".into())]),
        ShapeKind::Map => object([
            ("type", "object".into()),
            ("additionalProperties", json!({ "type": "string" })),
        ]),
        _ => object([("type", "string".into())]),
    };
    if SECRETS.contains(&reference.shape.as_str()) {
        schema.insert("format".to_owned(), "password".into());
    }
    if shape.kind == ShapeKind::Timestamp
        && shape.timestamp_format.as_deref().unwrap_or(timestamp) == "rfc822"
    {
        schema.insert("x-nephos-timestamp".to_owned(), "http-date".into());
    }
    if !shape.values.is_empty() {
        schema.insert("enum".to_owned(), shape.values.clone().into());
    }
    if matches!(shape.kind, ShapeKind::Integer | ShapeKind::Long) {
        if let Some(min) = shape.min {
            schema.insert("minimum".to_owned(), min.into());
        }
        if let Some(max) = shape.max {
            schema.insert("maximum".to_owned(), max.into());
        }
    }
    schema
}

/// A map of a few keys in the given order.
pub(super) fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
