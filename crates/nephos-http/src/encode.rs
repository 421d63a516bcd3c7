//! Structures to the bytes of a request body.

use bytes::Bytes;
use nephos_catalog::Body;
use serde_json::Value;

use crate::xml_write::write_xml;
use crate::{CallError, CallErrorKind};

/// `value` in the body's media type.
pub(crate) fn encoded(body: &Body, value: &Value) -> Result<Bytes, CallError> {
    let media = body.media_type.as_str();
    let only = value.as_object().filter(|members| body.xml.text_only && members.len() == 1);
    if let Some(only) = only.and_then(|members| members.values().next()) {
        return Ok(Bytes::from(plain(only)));
    }
    if media.contains("xml") {
        return write_xml(&body.schema, &body.xml, value).map(Bytes::from);
    }
    if media.starts_with("application/x-www-form-urlencoded") {
        return form(value).map(Bytes::from);
    }
    if media.starts_with("multipart/") {
        return Err(CallError::new(
            CallErrorKind::Payload,
            format!("a body of type {media} cannot be made from fields"),
        )
        .hint("give the whole body, boundaries included, as @@body='..' or @@file='..'"));
    }
    Ok(Bytes::from(value.to_string()))
}

/// A flat structure as a form. Lists repeat their name; structures are JSON text.
fn form(value: &Value) -> Result<String, CallError> {
    let Some(members) = value.as_object() else {
        return Err(CallError::new(
            CallErrorKind::Payload,
            "a form needs an object: its members are the form's fields",
        ));
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in members {
        match value {
            Value::Null => {}
            Value::Array(list) => {
                pairs.extend(list.iter().map(|value| (name.clone(), plain(value))));
            }
            value => pairs.push((name.clone(), plain(value))),
        }
    }
    Ok(write_pairs(&pairs))
}

/// Pairs as `application/x-www-form-urlencoded`.
pub(crate) fn write_pairs(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A value as it stands in a form or a query.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
