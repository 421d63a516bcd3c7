//! Answers: what an operation sends back, in its body and in its headers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Draft;
use super::binding::Binding;
use super::model::{Operation, Place, Reference, ShapeKind};
use super::schemas::{Schemas, object, scalar};

/// Column that holds a body which is not taken apart.
const BODY_COLUMN: &str = "Body";

/// What an operation answers.
pub(super) struct Answer {
    /// Status of success, a key under `responses`.
    pub(super) status: String,
    /// `None` where the body says nothing.
    pub(super) media_type: Option<&'static str>,
    /// The schema's name under `components`, where rows are taken from the body.
    pub(super) schema: Option<String>,
    /// The value of `responses`.
    pub(super) declaration: Value,
}

/// The answers of `operation`, errors included.
pub(super) fn answer(
    draft: Draft<'_>,
    binding: &Binding,
    operation: &Operation,
    schemas: &mut Schemas<'_>,
) -> Answer {
    let status = operation.http.response_code.unwrap_or(200).to_string();
    let mut success = object([("description", "Success.".into())]);
    let mut media_type = None;
    let mut schema = None;
    if let Some(output) = &operation.output {
        let headers = headers(draft, output);
        if !headers.is_empty() {
            success.insert("headers".to_owned(), headers.into());
        }
        if let Some((media, root)) = content(draft, binding, output, schemas) {
            media_type = Some(media);
            schema = root
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.rsplit('/').next())
                .map(str::to_owned);
            success.insert("content".to_owned(), json!({ media: { "schema": root } }));
        }
    }
    let mut all = object([(status.as_str(), success.into())]);
    for (status, texts) in errors(draft, operation) {
        all.insert(status.to_string(), json!({ "description": texts.join("\n") }));
    }
    Answer { status, media_type, schema, declaration: all.into() }
}

fn headers(draft: Draft<'_>, output: &Reference) -> Map<String, Value> {
    let mut headers: Vec<(String, Value)> = Vec::new();
    for (name, member) in &draft.model.shape(output).members {
        let wire = member.location_name.as_deref().unwrap_or(name);
        let wire = match member.location {
            Some(Place::Header) => wire.to_owned(),
            Some(Place::Headers) => format!("{wire}*"),
            _ => continue,
        };
        let header = json!({
            "description": draft.describe_member(&output.shape, name),
            "schema": scalar(draft, member, "rfc822"),
            "x-stackQL-alias": name,
        });
        headers.push((wire, header));
    }
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers.into_iter().collect()
}

/// Media type and schema of the body.
fn content(
    draft: Draft<'_>,
    binding: &Binding,
    output: &Reference,
    schemas: &mut Schemas<'_>,
) -> Option<(&'static str, Value)> {
    let shape = draft.model.shape(output);
    let name = format!("{}Result", binding.operation);
    let Some(payload) = &shape.payload else {
        let mut body = shape.members.iter().filter(|(_, member)| member.location.is_none());
        let (first, member) = body.next()?;
        // The answer is one element whose text is the value: <LocationConstraint>eu-west-1</...>.
        if body.next().is_none() && binding.operation == "GetBucketLocation" {
            let mut text = scalar(draft, member, "iso8601");
            text.insert("xml".to_owned(), json!({ "x-text": true }));
            text.insert(
                "description".to_owned(),
                draft.describe_member(&output.shape, first).into(),
            );
            let root = json!({ "type": "object", "properties": { first: text } });
            return Some(("application/xml", schemas.add(&name, root)));
        }
        return Some(("application/xml", schemas.add_root(&name, output, None)));
    };
    let (_, member) = shape.members.iter().find(|(name, _)| name == payload)?;
    let target = draft.model.shape(member);
    let raw = |format: Option<&str>, column: &str| {
        let mut schema = object([("type", "string".into())]);
        if let Some(format) = format {
            schema.insert("format".to_owned(), format.into());
        }
        let description = draft.describe_member(&output.shape, payload);
        schema.insert("description".to_owned(), description.into());
        schema.insert("x-stackQL-alias".to_owned(), column.into());
        Value::Object(schema)
    };
    Some(match target.kind {
        // An event stream is frames of bytes; it is handed out as it came.
        _ if target.eventstream => ("application/octet-stream", raw(Some("binary"), BODY_COLUMN)),
        ShapeKind::Blob => ("application/octet-stream", raw(Some("binary"), BODY_COLUMN)),
        ShapeKind::String => ("application/json", raw(None, payload)),
        _ => ("application/xml", schemas.add_root(&name, member, None)),
    })
}

/// Errors by status. The model names `NoSuchUpload` only for aborting, but everything that takes an
/// upload's id answers it.
fn errors(draft: Draft<'_>, operation: &Operation) -> BTreeMap<u16, Vec<String>> {
    let mut errors: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let mut add = |status: u16, name: &str| {
        let text = format!("{name}: {}", draft.describe("error", name));
        let texts = errors.entry(status).or_default();
        if !texts.contains(&text) {
            texts.push(text);
        }
    };
    for error in &operation.errors {
        let status = draft.model.shape(error).error.as_ref().map_or(400, |e| e.http_status_code);
        add(status, &error.shape);
    }
    if draft.model.inputs(operation).any(|(name, ..)| name == "UploadId") {
        add(404, "NoSuchUpload");
    }
    errors
}
