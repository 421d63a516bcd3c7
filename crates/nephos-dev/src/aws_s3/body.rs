//! Request bodies.

use serde_json::{Map, Value, json};

use super::Draft;
use super::binding::Binding;
use super::model::{Operation, Reference, ShapeKind};
use super::schemas::{Schemas, object};

/// Operations that S3 refuses without a body although the model calls it optional.
const NEEDS_BODY: [&str; 6] = [
    "CompleteMultipartUpload",
    "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
];

/// The body of an operation.
pub(super) struct Body {
    pub(super) media_type: &'static str,
    /// The value of `requestBody`.
    pub(super) declaration: Value,
}

/// The body that `operation` takes, if any.
pub(super) fn body(
    draft: Draft<'_>,
    binding: &Binding,
    operation: &Operation,
    schemas: &mut Schemas<'_>,
) -> Option<Body> {
    let input = operation.input.as_ref()?;
    let shape = draft.model.shape(input);
    let name = format!("{}RequestBody", binding.operation);
    let (media_type, schema, described, needed) = if let Some(payload) = &shape.payload {
        let (_, member) = shape.members.iter().find(|(name, _)| name == payload)?;
        let (media_type, schema) = match draft.model.shape(member).kind {
            ShapeKind::Blob => {
                ("application/octet-stream", json!({ "type": "string", "format": "binary" }))
            }
            ShapeKind::String => ("application/json", json!({ "type": "string" })),
            _ => ("application/xml", schemas.add_root(&name, member, Some(root(member, payload)))),
        };
        (media_type, schema, payload.as_str(), shape.required.contains(payload))
    } else {
        let mut fields =
            shape.members.iter().filter(|(_, member)| member.location.is_none()).peekable();
        fields.peek()?;
        let needed = fields.any(|(name, _)| shape.required.contains(name));
        let schema = schemas.add_root(&name, input, Some(root(input, &input.shape)));
        ("application/xml", schema, "RequestBody", needed)
    };
    let mut declaration =
        object([("description", draft.describe_member(&input.shape, described).into())]);
    if needed || NEEDS_BODY.contains(&binding.operation.as_str()) {
        declaration.insert("required".to_owned(), true.into());
    }
    let content: Map<String, Value> = object([(media_type, json!({ "schema": schema }))]);
    declaration.insert("content".to_owned(), content.into());
    Some(Body { media_type, declaration: declaration.into() })
}

fn root(reference: &Reference, name: &str) -> Value {
    let name = reference.location_name.as_deref().unwrap_or(name);
    match &reference.xml_namespace {
        Some(namespace) => json!({ "name": name, "namespace": namespace.uri }),
        None => json!({ "name": name }),
    }
}
