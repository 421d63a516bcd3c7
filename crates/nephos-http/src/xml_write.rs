//! JSON to an XML body, by the document's schema.

use std::fmt::Write as _;

use nephos_catalog::{Kind, Schema, XmlBody, nearest};
use quick_xml::escape::escape;
use serde_json::Value;

use crate::xml::wire_name;
use crate::{CallError, CallErrorKind};

/// Writes `value` as the body that `schema` describes. The root is the schema's own element, or its
/// only member where it has no name; members stand in the schema's order, as services want it.
pub(crate) fn write_xml(
    schema: &Schema,
    around: &XmlBody,
    value: &Value,
) -> Result<String, CallError> {
    let mut out = around.declaration.clone().unwrap_or_default();
    let start = out.len();
    match (&schema.xml.name, schema.properties.as_slice()) {
        (Some(root), _) => element(&mut out, root, schema, unwrap(value, root))?,
        (None, [(name, only)]) => {
            let root = wire_name(name, only);
            element(&mut out, root, only, unwrap(unwrap(value, name), root))?;
        }
        _ => {
            return Err(fault("the document does not say what the body's root element is")
                .hint("give the body as @@xml='<..>'"));
        }
    }
    if let Some(annotation) = &around.root_annotation {
        let name = start + 1;
        let end = out[name..].find([' ', '>', '/']).map_or(out.len(), |at| name + at);
        out.insert_str(end, &format!(" {}", annotation.trim()));
    }
    Ok(out)
}

/// `{"Root": {..}}` and `{..}` both mean the content of the root.
fn unwrap<'a>(value: &'a Value, root: &str) -> &'a Value {
    match value.as_object() {
        Some(members) if members.len() == 1 => members.get(root).unwrap_or(value),
        _ => value,
    }
}

fn element(out: &mut String, name: &str, schema: &Schema, value: &Value) -> Result<(), CallError> {
    let mut open = name.to_owned();
    if let Some(namespace) = &schema.xml.namespace {
        let prefix = schema.xml.prefix.as_deref().map(|p| format!(":{p}")).unwrap_or_default();
        let _ = write!(open, " xmlns{prefix}=\"{}\"", escape(namespace.as_str()));
    }
    if let Some(members) = value.as_object() {
        for (key, property) in schema.properties.iter().filter(|(_, p)| p.xml.attribute) {
            if let Some(text) = members.get(key).and_then(scalar) {
                let wire = property.xml.name.as_deref().unwrap_or(key);
                let full = match &property.xml.prefix {
                    Some(prefix) if !wire.contains(':') => format!("{prefix}:{wire}"),
                    _ => wire.to_owned(),
                };
                if full.starts_with("xsi:") && !open.contains("xmlns:xsi") {
                    open.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
                }
                let _ = write!(open, " {full}=\"{}\"", escape(text.as_str()));
            }
        }
    }
    let _ = write!(out, "<{open}>");
    match value {
        Value::Null => {}
        Value::Object(members) if !schema.properties.is_empty() => {
            if let Some(unknown) = members.keys().find(|key| schema.property(key).is_none()) {
                let known = schema.properties.iter().map(|(key, _)| key.as_str());
                let near = nearest(unknown, known.clone());
                let known: Vec<&str> = known.collect();
                let error = fault(format!("{name} has no member {unknown}"));
                return Err(if near.is_empty() {
                    error.hint(format!("its members are {}", known.join(", ")))
                } else {
                    error.hint(format!("did you mean {}?", near.join(" or ")))
                });
            }
            for (key, property) in schema.properties.iter().filter(|(_, p)| !p.xml.attribute) {
                if let Some(value) = members.get(key) {
                    member(out, key, property, value)?;
                }
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                element(out, key, &Schema::of(Kind::Any), value)?;
            }
        }
        Value::Array(_) => return Err(fault(format!("{name} is one value, not a list"))),
        // Where a structure belongs, a text that is XML is that structure.
        Value::String(text) if is_structure(schema) && text.trim_start().starts_with('<') => {
            out.push_str(text);
        }
        other => out.push_str(&escape(scalar(other).unwrap_or_default().as_str())),
    }
    let _ = write!(out, "</{name}>");
    Ok(())
}

fn is_structure(schema: &Schema) -> bool {
    matches!(schema.kind, Kind::Object | Kind::Array) || !schema.properties.is_empty()
}

fn member(out: &mut String, key: &str, schema: &Schema, value: &Value) -> Result<(), CallError> {
    let wire = wire_name(key, schema);
    let fragment = value.as_str().is_some_and(|text| text.trim_start().starts_with('<'));
    if schema.kind != Kind::Array || fragment && !schema.xml.flattened {
        return element(out, wire, schema, value);
    }
    let any = Schema::of(Kind::Any);
    let item = schema.items.as_deref().unwrap_or(&any);
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if schema.xml.flattened {
        for value in list {
            element(out, wire, item, value)?;
        }
        return Ok(());
    }
    let _ = write!(out, "<{wire}>");
    for value in list {
        element(out, item.xml.name.as_deref().unwrap_or("member"), item, value)?;
    }
    let _ = write!(out, "</{wire}>");
    Ok(())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn fault(message: impl Into<String>) -> CallError {
    CallError::new(CallErrorKind::Payload, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Schema {
        let mut part = Schema::of(Kind::Object);
        part.properties = vec![
            ("ETag".to_owned(), Schema::of(Kind::String)),
            ("PartNumber".to_owned(), Schema::of(Kind::Integer)),
        ];
        let mut parts = Schema::of(Kind::Array);
        parts.xml.flattened = true;
        parts.items = Some(Box::new(part));
        let mut root = Schema::of(Kind::Object);
        root.xml.name = Some("CompleteMultipartUpload".to_owned());
        root.properties = vec![("Part".to_owned(), parts)];
        root
    }

    #[test]
    fn lists_are_flattened_and_text_is_escaped() {
        let value = serde_json::json!({"Part": [{"PartNumber": 1, "ETag": "\"a&b\""}]});
        assert_eq!(
            write_xml(&complete(), &XmlBody::default(), &value).unwrap(),
            "<CompleteMultipartUpload><Part><ETag>&quot;a&amp;b&quot;</ETag>\
             <PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
        );
    }

    #[test]
    fn an_unknown_member_gets_the_nearest_name() {
        let error = write_xml(&complete(), &XmlBody::default(), &serde_json::json!({"Parts": []}))
            .unwrap_err();
        assert_eq!(error.message, "CompleteMultipartUpload has no member Parts");
        assert_eq!(error.hints, ["did you mean Part?"]);
    }
}
