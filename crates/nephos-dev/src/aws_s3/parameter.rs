//! Parameters of an operation: what travels in its path, query and headers.

use serde_json::{Map, Value, json};

use super::Draft;
use super::binding::Binding;
use super::model::{Operation, Place, Reference, ShapeKind};
use super::schemas::{object, scalar};

/// Limits that S3 documents and the model leaves out: parameter, smallest, largest. A part's number is
/// also its position, 1 to 10,000; a page of parts holds at most 1,000.
const LIMITS: [(&str, i64, i64); 2] = [("partNumber", 1, 10_000), ("max-parts", 0, 1_000)];

/// The parameters in the model's order, and the sorted names of the required ones.
pub(super) fn parameters(
    draft: Draft<'_>,
    binding: &Binding,
    operation: &Operation,
) -> (Vec<Value>, Vec<String>) {
    let mut parameters = Vec::new();
    let mut names = Vec::new();
    for (member_name, member, required) in draft.model.inputs(operation) {
        let Some(place) = member.location else {
            continue;
        };
        let wire = member.location_name.as_deref().unwrap_or(member_name);
        // The bucket is a variable of the server; the client computes the length of a body; what the
        // path key fixes is not asked again.
        let fixed =
            place == Place::Querystring && binding.constants().any(|constant| constant == wire);
        if member_name == "Bucket" || wire.eq_ignore_ascii_case("Content-Length") || fixed {
            continue;
        }
        let name = if place == Place::Headers { format!("{wire}*") } else { wire.to_owned() };
        parameters.push(parameter(draft, &name, place, member, required));
        if required {
            names.push(name);
        }
    }
    names.sort();
    (parameters, names)
}

fn parameter(
    draft: Draft<'_>,
    name: &str,
    place: Place,
    member: &Reference,
    required: bool,
) -> Value {
    let mut parameter = object([
        ("name", name.into()),
        (
            "in",
            match place {
                Place::Uri => "path",
                Place::Querystring => "query",
                _ => "header",
            }
            .into(),
        ),
    ]);
    if required {
        parameter.insert("required".to_owned(), true.into());
    }
    parameter.insert("description".to_owned(), draft.describe("parameter", name).into());
    let shape = draft.model.shape(member);
    let mut schema = match (place, shape.kind) {
        (Place::Headers, _) => object([("type", "string".into())]),
        (_, ShapeKind::List) => {
            // One header with its values between commas.
            parameter.insert("style".to_owned(), "simple".into());
            parameter.insert("explode".to_owned(), false.into());
            list(draft, shape.member.as_deref())
        }
        (Place::Header, _) => scalar(draft, member, "rfc822"),
        _ => scalar(draft, member, "iso8601"),
    };
    if let Some((_, smallest, largest)) = LIMITS.iter().find(|(limited, ..)| *limited == name) {
        schema.insert("minimum".to_owned(), (*smallest).into());
        schema.insert("maximum".to_owned(), (*largest).into());
    }
    if place == Place::Uri {
        // `a/b` is two segments of a key, not one with an escaped slash.
        parameter.insert("x-nephos-keep-slashes".to_owned(), true.into());
    }
    parameter.insert("schema".to_owned(), schema.into());
    Value::Object(parameter)
}

fn list(draft: Draft<'_>, item: Option<&Reference>) -> Map<String, Value> {
    let items =
        item.map_or_else(|| json!({ "type": "string" }), |i| scalar(draft, i, "rfc822").into());
    object([("type", "array".into()), ("items", items)])
}
