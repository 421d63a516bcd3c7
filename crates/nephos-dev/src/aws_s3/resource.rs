//! Resources: the entries under `components.x-stackQL-resources`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Draft;
use super::binding::Binding;
use super::operation::Written;
use super::page::Paginators;
use super::rows::{Rows, leads_somewhere};
use super::schemas::object;

/// Keys of `sqlVerbs`, all of which are always written: an absent one would let readers guess.
const VERBS: [&str; 5] = ["select", "insert", "update", "replace", "delete"];

/// What the resources are made from.
pub(super) struct Parts<'a> {
    pub(super) rows: &'a Rows,
    pub(super) paginators: &'a Paginators,
    /// By operation.
    pub(super) written: &'a BTreeMap<String, Written>,
    pub(super) schemas: &'a BTreeMap<String, Value>,
}

/// Writes one resource.
pub(super) fn resource(
    draft: Draft<'_>,
    name: &str,
    bindings: &[&Binding],
    parts: &Parts<'_>,
) -> Value {
    let mut sorted: Vec<&Binding> = bindings.to_vec();
    sorted.sort_by(|a, b| a.method.cmp(&b.method));
    let methods: Map<String, Value> = sorted
        .iter()
        .filter_map(|binding| Some((binding.method.clone(), method(draft, binding, parts)?)))
        .collect();
    // The first method whose required names are given is taken, so the most demanding comes first.
    let mut by_demand: Vec<&Binding> = bindings.to_vec();
    by_demand.sort_by_key(|binding| std::cmp::Reverse(binding.required.len()));
    let verbs: Map<String, Value> = VERBS
        .iter()
        .map(|verb| {
            let served = by_demand.iter().filter(|b| b.verb.eq_ignore_ascii_case(verb));
            let references = served.map(|binding| {
                json!({ "$ref": format!(
                    "#/components/x-stackQL-resources/{name}/methods/{}",
                    binding.method
                ) })
            });
            ((*verb).to_owned(), references.collect())
        })
        .collect();
    Value::Object(object([
        ("id", format!("aws.s3.{name}").into()),
        ("name", name.into()),
        ("title", name.into()),
        ("description", draft.describe("resource", name).into()),
        ("methods", methods.into()),
        ("sqlVerbs", verbs.into()),
    ]))
}

fn method(draft: Draft<'_>, binding: &Binding, parts: &Parts<'_>) -> Option<Value> {
    let written = parts.written.get(&binding.operation)?;
    let operation = draft.model.operations.get(&binding.operation)?;
    let path = binding.path.replace('/', "~1");
    let verb = binding.http_method.to_ascii_lowercase();
    let mut method = object([("operation", json!({ "$ref": format!("#/paths/{path}/{verb}") }))]);
    let mut config = Map::new();
    if let Some(media_type) = written.request_media_type {
        method.insert("request".to_owned(), json!({ "mediaType": media_type }));
        if media_type == "application/xml" {
            config.insert("requestBodyTranslate".to_owned(), json!({ "algorithm": "naive" }));
        }
    }
    let mut response = Map::new();
    if let Some(media_type) = written.answer.media_type {
        response.insert("mediaType".to_owned(), media_type.into());
    }
    response.insert("openAPIDocKey".to_owned(), written.answer.status.clone().into());
    if let Some(root) = &written.answer.schema {
        let key = parts.rows.of(&binding.operation);
        if !leads_somewhere(key, &parts.schemas[root], parts.schemas) {
            draft.faults.add(format!("rows of {} are not at {key}", binding.operation));
        }
        response.insert("objectKey".to_owned(), key.into());
    }
    method.insert("response".to_owned(), response.into());
    if let Some(pagination) = parts.paginators.pagination(draft, binding, operation) {
        config.insert("pagination".to_owned(), pagination);
    }
    if !config.is_empty() {
        method.insert("config".to_owned(), config.into());
    }
    Some(method.into())
}
