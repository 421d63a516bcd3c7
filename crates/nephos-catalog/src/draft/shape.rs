//! The top of a schema: what an answer or a body is made of, one level deep.
//!
//! Whole schemas are not expanded: those of large APIs contain themselves many times over.

use serde_json::Value;

use crate::document::{Document, text};

/// Schemas nested deeper by `allOf` alone are a cycle.
const MAX_DEPTH: usize = 16;

/// A schema's kind and members; `$ref` and `allOf` are gone, choices are not looked into.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape<'a> {
    /// `object`, `array`, `string`, ..; empty when it is not said.
    pub(super) kind: String,
    /// `binary`, `uri`, ..
    pub(super) format: String,
    /// Members of an object in document order.
    pub(super) properties: Vec<(&'a str, &'a Value)>,
    /// Members that must be there.
    pub(super) required: Vec<&'a str>,
    /// Element of an array.
    pub(super) items: Option<&'a Value>,
    /// An object has members that are not declared.
    pub(super) open: bool,
    /// The name of the component that it is.
    pub(super) name: Option<&'a str>,
}

impl<'a> Shape<'a> {
    /// Reads the top of `schema`.
    pub(super) fn of(document: &'a Document, schema: &'a Value) -> Self {
        let mut shape = Self::default();
        shape.read(document, schema, MAX_DEPTH);
        shape.name = component(schema);
        if shape.kind.is_empty() {
            if !shape.properties.is_empty() {
                "object".clone_into(&mut shape.kind);
            } else if shape.items.is_some() {
                "array".clone_into(&mut shape.kind);
            }
        }
        shape
    }

    fn read(&mut self, document: &'a Document, schema: &'a Value, depth: usize) {
        let Some(found) = document.resolve(schema).filter(|_| depth > 0) else { return };
        if self.kind.is_empty() {
            self.kind = text(found, "type");
            self.format = text(found, "format");
        }
        for (name, property) in
            found.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            if !self.properties.iter().any(|(known, _)| known == name) {
                self.properties.push((name, property));
            }
        }
        for name in found.get("required").and_then(Value::as_array).into_iter().flatten() {
            self.required.extend(name.as_str().filter(|name| !self.required.contains(name)));
        }
        self.items = self.items.or(found.get("items"));
        self.open |= found.get("additionalProperties").is_some_and(|p| *p != Value::Bool(false));
        for part in found.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.read(document, part, depth - 1);
        }
    }

    /// The member of this name.
    pub(super) fn property(&self, name: &str) -> Option<&'a Value> {
        self.properties.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema)
    }

    /// Whether it is an object, or says nothing but members.
    pub(super) fn is_object(&self) -> bool {
        self.kind == "object"
    }

    /// Whether it is a list.
    pub(super) fn is_array(&self) -> bool {
        self.kind == "array"
    }
}

/// The name of the component that a schema refers to, also through a lone `allOf`.
fn component(schema: &Value) -> Option<&str> {
    let reference =
        schema.get("$ref").or_else(|| match schema.get("allOf")?.as_array()?.as_slice() {
            [only] => only.get("$ref"),
            _ => None,
        });
    reference.and_then(Value::as_str)?.strip_prefix("#/components/schemas/")
}
