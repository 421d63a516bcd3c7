//! Whether the place of a method's rows is in the schema of its response.

use serde_json::Value;

use crate::document::{Document, text};
use crate::{RowPath, Step};

/// Schemas within schemas that are followed for one step.
const MAX_DEPTH: usize = 32;

/// The member of `response` that does not fit the document, and why; `None` where all fits, or
/// nothing can be said.
pub(super) fn missing_key(document: &Document, method: &Value) -> Option<(&'static str, String)> {
    let response = method.get("response")?;
    let reference = method.pointer("/operation/$ref").and_then(Value::as_str)?;
    let (_, _, _, operation) = document.operation(reference)?;
    let document = document.holder(reference)?;
    let status = text(response, "openAPIDocKey");
    let answers = operation.get("responses")?;
    if !status.is_empty() && answers.get(&status).is_none() {
        return Some(("openAPIDocKey", format!("the operation has no response {status}")));
    }
    let key = text(response, "objectKey");
    if !key.starts_with(['$', '/']) {
        return None;
    }
    let overridden = response.get("schema_override");
    let schema = if response.get("transform").is_some() || overridden.is_some() {
        overridden?
    } else {
        let answer = document.resolve(answers.get(&status)?)?;
        let content = answer.get("content")?.as_object()?;
        let wanted = text(response, "mediaType");
        content.get(&wanted).or_else(|| content.values().next())?.get("schema")?
    };
    let reached = RowPath::parse(&key).alternatives.iter().all(|steps| {
        // The first step of an XPath is the document's own element, which no schema has.
        let steps = if key.starts_with('/') { steps.get(1..).unwrap_or_default() } else { steps };
        reaches(document, schema, steps, MAX_DEPTH)
    });
    (!reached).then(|| ("objectKey", format!("{key} is not in the schema of the response")))
}

/// Whether `steps` lead somewhere from `schema`; what the schema leaves open is reached.
fn reaches(document: &Document, schema: &Value, steps: &[Step], depth: usize) -> bool {
    let [step, rest @ ..] = steps else { return true };
    let Some(depth) = depth.checked_sub(1) else { return true };
    let Some(schema) = document.resolve(schema) else { return true };
    let parts: Vec<&Value> = ["allOf", "oneOf", "anyOf"]
        .into_iter()
        .filter_map(|kind| schema.get(kind).and_then(Value::as_array))
        .flatten()
        .collect();
    if let Some(items) = schema.get("items") {
        // A list's members may be named by their own element or passed over.
        return reaches(document, items, steps, depth) || reaches(document, items, rest, depth);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let open = schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    if properties.is_none_or(serde_json::Map::is_empty) && parts.is_empty() {
        return open || !matches!(text(schema, "type").as_str(), "string" | "integer" | "boolean");
    }
    let name = match step {
        Step::Any => return true,
        Step::Name(name) | Step::Last(name) => name,
    };
    let found = properties.into_iter().flatten().find(|(key, property)| {
        let spelled = document.resolve(property).and_then(|p| p.pointer("/xml/name"));
        *key == name || spelled.and_then(Value::as_str) == Some(name)
    });
    match found {
        Some((_, property)) => reaches(document, property, rest, depth),
        None => open || parts.iter().any(|part| reaches(document, part, steps, depth)),
    }
}
