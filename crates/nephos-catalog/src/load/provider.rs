//! `provider.yaml`.

use serde_json::Value;

use crate::document::{Document, scalar, text};
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
            register: service.get("resources").map(|r| text(r, "$ref")).unwrap_or_default(),
        })
        .collect();
    Ok(Provider {
        name,
        version: version.to_owned(),
        description: first_text(root, &["description", "title"]),
        auth: root.pointer("/config/auth").map(auth),
        services,
    })
}

fn first_text(value: &Value, keys: &[&str]) -> String {
    keys.iter().map(|key| text(value, key)).find(|found| !found.is_empty()).unwrap_or_default()
}

fn auth(value: &Value) -> Auth {
    let optional = |key: &str| value.get(key).and_then(scalar);
    Auth {
        kind: text(value, "type"),
        credentials_env: optional("credentialsenvvar"),
        key_id_env: optional("keyIDenvvar"),
    }
}
