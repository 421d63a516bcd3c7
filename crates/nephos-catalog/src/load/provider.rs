//! `provider.yaml`.

use serde_json::Value;

use crate::document::{Document, text};
use crate::{Auth, CatalogError, Provider, ServiceHead};

/// Reads `provider.yaml`. `version` is the directory it was found in.
pub(crate) fn provider(document: &Document, version: &str) -> Result<Provider, CatalogError> {
    let root = document.root();
    let name = text(root, "name");
    if name.is_empty() {
        return Err(CatalogError::Malformed {
            document: document.name.clone(),
            reason: "it has no name".to_owned(),
        });
    }
    let services = root
        .get("providerServices")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, service)| ServiceHead {
            id: text(service, "id"),
            name: key.clone(),
            title: text(service, "title"),
            description: text(service, "description"),
            version: text(service, "version"),
            preferred: service.get("preferred").and_then(Value::as_bool).unwrap_or(true),
            document: service.get("service").map(|s| text(s, "$ref")).unwrap_or_default(),
            config: service.get("config").map(Value::to_string).unwrap_or_default(),
        })
        .collect();
    Ok(Provider {
        name,
        version: version.to_owned(),
        description: first_text(root, &["description", "title"]),
        auth: root.pointer("/config/auth").map(Auth::read),
        snake_case: root.pointer("/config/snake_case_aliases").and_then(Value::as_bool)
            == Some(true),
        config: fallback_config(root),
        services,
    })
}

/// `config` without what only providers have.
fn fallback_config(root: &Value) -> String {
    let Some(config) = root.get("config").and_then(Value::as_object) else { return String::new() };
    let rest: serde_json::Map<String, Value> = config
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "auth" | "snake_case_aliases"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if rest.is_empty() { String::new() } else { Value::Object(rest).to_string() }
}

fn first_text(value: &Value, keys: &[&str]) -> String {
    keys.iter().map(|key| text(value, key)).find(|found| !found.is_empty()).unwrap_or_default()
}
