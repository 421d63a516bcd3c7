//! The documents of a drafted provider.

use serde_json::{Map, Value, json};

use super::method::{Method, Resource};
use super::specification::{Specification, VERBS, references};
use crate::SqlVerb;
use crate::document::text;

/// Version of documents that nobody has published.
pub(super) const VERSION: &str = "v00.00.00000";

/// The service's document: its paths, the components that they need, and its resources.
pub(super) fn service(
    specification: &Specification,
    provider: &str,
    service: &str,
    servers: &Value,
    resources: &[&Resource],
) -> Value {
    let root = specification.root();
    let mut document = Map::new();
    document.insert("openapi".to_owned(), root.get("openapi").cloned().unwrap_or_default());
    let mut info = root.get("info").cloned().unwrap_or_else(|| json!({}));
    if let Some(info) = info.as_object_mut() {
        info.entry("title").or_insert_with(|| provider.into());
        info.entry("version").or_insert_with(|| "1".into());
    }
    document.insert("info".to_owned(), info);
    document.insert("servers".to_owned(), servers.clone());
    if let Some(security) = root.get("security") {
        document.insert("security".to_owned(), security.clone());
    }
    let paths = paths(specification, resources);
    let mut components = components(root, &paths);
    document.insert("paths".to_owned(), Value::Object(paths));
    let declared = resources
        .iter()
        .map(|resource| (resource.name.clone(), self::resource(provider, service, resource)))
        .collect();
    components.insert("x-stackQL-resources".to_owned(), Value::Object(declared));
    document.insert("components".to_owned(), Value::Object(components));
    Value::Object(document)
}

/// The paths of these resources, in the order of the specification.
fn paths(specification: &Specification, resources: &[&Resource]) -> Map<String, Value> {
    let wanted: std::collections::BTreeSet<(&str, &str)> = resources
        .iter()
        .flat_map(|resource| &resource.methods)
        .map(|method| (method.operation.path, method.operation.verb))
        .collect();
    let mut paths = Map::new();
    for (path, item) in
        specification.root().get("paths").and_then(Value::as_object).into_iter().flatten()
    {
        let mut kept = Map::new();
        let mut any = false;
        for (key, member) in item.as_object().into_iter().flatten() {
            let is_operation = VERBS.contains(&key.to_ascii_lowercase().as_str());
            let is_wanted = wanted.contains(&(path.as_str(), key.as_str()));
            any |= is_wanted;
            if is_wanted || !is_operation {
                kept.insert(key.clone(), member.clone());
            }
        }
        if any {
            paths.insert(path.clone(), Value::Object(kept));
        }
    }
    paths
}

/// The components that `paths` refer to, directly or not, and the security schemes.
fn components(root: &Value, paths: &Map<String, Value>) -> Map<String, Value> {
    let mut wanted = std::collections::BTreeSet::new();
    let mut open: Vec<(String, String)> = Vec::new();
    let mut visit = |reference: &str, open: &mut Vec<(String, String)>| {
        let mut steps = reference.trim_start_matches("#/components/").split('/');
        if let (Some(bucket), Some(name)) = (steps.next(), steps.next()) {
            let place = (bucket.to_owned(), name.replace("~1", "/").replace("~0", "~"));
            if wanted.insert(place.clone()) {
                open.push(place);
            }
        }
    };
    for item in paths.values() {
        references(item, &mut |reference| visit(reference, &mut open));
    }
    let all = root.get("components");
    while let Some((bucket, name)) = open.pop() {
        if let Some(found) = all.and_then(|all| all.get(&bucket)?.get(&name)) {
            references(found, &mut |reference| visit(reference, &mut open));
        }
    }
    let mut kept = Map::new();
    for (bucket, members) in all.and_then(Value::as_object).into_iter().flatten() {
        if bucket == "securitySchemes" {
            kept.insert(bucket.clone(), members.clone());
            continue;
        }
        let members: Map<String, Value> = members
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| wanted.contains(&(bucket.clone(), (*name).clone())))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !members.is_empty() {
            kept.insert(bucket.clone(), Value::Object(members));
        }
    }
    kept
}

fn resource(provider: &str, service: &str, resource: &Resource) -> Value {
    let methods: Map<String, Value> =
        resource.methods.iter().map(|m| (m.name.clone(), method(m))).collect();
    let verbs = [
        ("select", SqlVerb::Select),
        ("insert", SqlVerb::Insert),
        ("update", SqlVerb::Update),
        ("replace", SqlVerb::Replace),
        ("delete", SqlVerb::Delete),
    ];
    let verbs: Map<String, Value> = verbs
        .into_iter()
        .map(|(key, verb)| {
            let references = resource.order(verb).into_iter().map(|at| {
                json!({ "$ref": format!(
                    "#/components/x-stackQL-resources/{}/methods/{}",
                    resource.name, resource.methods[at].name
                ) })
            });
            (key.to_owned(), Value::Array(references.collect()))
        })
        .collect();
    json!({
        "id": format!("{provider}.{service}.{}", resource.name),
        "name": resource.name,
        "title": title(&resource.name),
        "methods": methods,
        "sqlVerbs": verbs,
    })
}

fn method(method: &Method) -> Value {
    let operation = method.operation;
    let mut out = Map::new();
    if let Some(note) = &method.note {
        out.insert("x-nephos-note".to_owned(), note.clone().into());
    }
    let reference = format!("#/paths/{}/{}", operation.path.replace('/', "~1"), operation.verb);
    out.insert("operation".to_owned(), json!({ "$ref": reference }));
    if let Some(body) = &operation.body {
        out.insert("request".to_owned(), json!({ "mediaType": body.media }));
    }
    let mut response = Map::new();
    if let Some(media) = &operation.answer.media {
        response.insert("mediaType".to_owned(), media.clone().into());
    }
    response.insert("openAPIDocKey".to_owned(), operation.answer.key.clone().into());
    if let Some(key) = &operation.answer.object_key {
        response.insert("objectKey".to_owned(), key.clone().into());
    }
    out.insert("response".to_owned(), Value::Object(response));
    let mut config = Map::new();
    if method.naive {
        config.insert("requestBodyTranslate".to_owned(), json!({ "algorithm": "naive" }));
    }
    if let Some(pagination) = &method.pagination {
        config.insert("pagination".to_owned(), pagination.clone());
    }
    if !config.is_empty() {
        out.insert("config".to_owned(), Value::Object(config));
    }
    Value::Object(out)
}

/// `provider.yaml`.
pub(super) fn provider(
    specification: &Specification,
    name: &str,
    services: &[String],
    auth: &Value,
) -> Value {
    let info = specification.root().get("info").unwrap_or(&Value::Null);
    let title = text(info, "title");
    let services: Map<String, Value> = services
        .iter()
        .map(|service| {
            let entry = json!({
                "id": format!("{service}:{VERSION}"),
                "name": service,
                "title": self::title(service),
                "description": format!("{} of {title}", self::title(service)),
                "version": VERSION,
                "preferred": true,
                "service": { "$ref": format!("{name}/{VERSION}/services/{service}.yaml") },
            });
            (service.clone(), entry)
        })
        .collect();
    json!({
        "id": name,
        "name": name,
        "version": VERSION,
        "title": title,
        "description": text(info, "description"),
        "providerServices": services,
        "config": { "auth": auth },
    })
}

/// `api_keys` to `Api keys`.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let words = words.trim();
    match words.chars().next() {
        Some(first) => first.to_uppercase().collect::<String>() + &words[first.len_utf8()..],
        None => String::new(),
    }
}
