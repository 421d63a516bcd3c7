//! Operations: the entries under `paths`.

use serde_json::{Value, json};

use super::Draft;
use super::answer::{Answer, answer};
use super::binding::Binding;
use super::body::body;
use super::model::Operation;
use super::parameter::parameters;
use super::schemas::{Schemas, object};

/// Servers of operations that name no bucket: operation, host, name it is signed under. S3 tells the
/// two lists of buckets apart by host alone.
const CONTROL_HOSTS: [(&str, &str, &str); 1] =
    [("ListDirectoryBuckets", "https://s3express-control.{region}.amazonaws.com", "s3express")];
const REGIONAL_HOST: &str = "https://s3.{region}.amazonaws.com";

/// PUTs that do something else when sent twice: the second answer is an error, or the source is gone.
const NOT_REPEATABLE: [&str; 2] = ["CreateBucket", "RenameObject"];
/// POSTs that do the same when sent twice.
const REPEATABLE: [&str; 1] = ["DeleteObjects"];

/// An operation of the document and what its method has to know.
pub(super) struct Written {
    pub(super) declaration: Value,
    pub(super) request_media_type: Option<&'static str>,
    pub(super) answer: Answer,
}

/// Writes `operation` as `binding` shows it.
pub(super) fn operation(
    draft: Draft<'_>,
    binding: &Binding,
    operation: &Operation,
    schemas: &mut Schemas<'_>,
) -> Written {
    let name = binding.operation.as_str();
    let (parameters, mut required) = parameters(draft, binding, operation);
    let body = body(draft, binding, operation, schemas);
    let answer = answer(draft, binding, operation, schemas);

    let mut declaration = object([
        ("operationId", name.into()),
        ("description", draft.describe("operation", name).into()),
    ]);
    if operation.deprecated {
        declaration.insert("deprecated".to_owned(), true.into());
    }
    // The root of the host is about all buckets; every other path is under a bucket's host.
    let about_all = !draft.model.takes_bucket(operation) && operation.http.request_uri == "/";
    if about_all {
        let control = CONTROL_HOSTS.iter().find(|(operation, ..)| *operation == name);
        let url = control.map_or(REGIONAL_HOST, |(_, url, _)| url);
        let ignored = draft.describe("service", "bucket-ignored");
        let region = draft.describe("service", "region");
        declaration.insert(
            "servers".to_owned(),
            json!([{ "url": url, "variables": {
                "region": { "default": "us-east-1", "description": region },
                "bucket": { "default": "", "description": ignored },
            } }]),
        );
        if let Some((_, _, signing_name)) = control {
            declaration.insert("x-nephos-signing-name".to_owned(), (*signing_name).into());
        }
    } else {
        required.push("bucket".to_owned());
    }
    required.push("region".to_owned());
    if required != binding.required {
        draft.faults.add(format!(
            "{}.{} requires [{}] by s3.bindings.tsv, but [{}] by the model",
            binding.resource,
            binding.method,
            binding.required.join(", "),
            required.join(", ")
        ));
    }
    if !parameters.is_empty() {
        declaration.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = &body {
        declaration.insert("requestBody".to_owned(), body.declaration.clone());
    }
    declaration.insert("responses".to_owned(), answer.declaration.clone());
    if operation.needs_checksum() {
        declaration.insert("x-nephos-checksum-required".to_owned(), true.into());
    }
    if is_repeatable(name, &operation.http.method) {
        declaration.insert("x-nephos-idempotent".to_owned(), true.into());
    }
    Written {
        declaration: declaration.into(),
        request_media_type: body.map(|body| body.media_type),
        answer,
    }
}

/// Whether a call that is no GET or HEAD may be sent again when its answer was lost.
fn is_repeatable(name: &str, http_method: &str) -> bool {
    match http_method {
        "PUT" | "DELETE" => !NOT_REPEATABLE.contains(&name),
        _ => REPEATABLE.contains(&name),
    }
}
