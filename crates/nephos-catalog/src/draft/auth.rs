//! How calls are authorised, from `securitySchemes`.

use serde_json::{Map, Value, json};

use super::specification::{Specification, VERBS};
use super::summary::{DraftVariable, Note};
use crate::document::text;

/// `config.auth` of a provider and the variables that it reads.
pub(super) struct Authorisation {
    pub(super) config: Value,
    pub(super) environment: Vec<DraftVariable>,
    pub(super) notes: Vec<Note>,
}

/// One scheme as provider documents write it.
struct Scheme {
    config: Map<String, Value>,
    environment: Vec<DraftVariable>,
    note: Option<String>,
}

/// Chooses among what the specification accepts: the first requirement all of whose schemes can be
/// met, most used first where operations differ.
pub(super) fn authorisation(specification: &Specification, prefix: &str) -> Authorisation {
    let root = specification.root();
    let mut notes = Vec::new();
    let required = requirements(root);
    let mut chosen = None;
    for (requirement, _) in &required {
        let schemes: Result<Vec<Scheme>, String> = requirement
            .iter()
            .map(|name| {
                let declared =
                    root.pointer("/components/securitySchemes").and_then(|all| all.get(name));
                let declared = declared.and_then(|d| specification.document.resolve(d));
                let declared = declared.ok_or_else(|| format!("scheme {name} is not declared"))?;
                scheme(root, name, declared, prefix, requirement.len() > 1)
            })
            .collect();
        match schemes {
            Ok(schemes) => {
                chosen = Some((requirement.clone(), schemes));
                break;
            }
            Err(reason) => notes.push(Note::new("auth", reason)),
        }
    }
    let Some((requirement, schemes)) = chosen else {
        if required.is_empty() {
            notes.push(Note::new("auth", "the specification asks for none"));
        }
        return Authorisation {
            config: json!({ "type": "null_auth" }),
            environment: Vec::new(),
            notes,
        };
    };
    let others: usize = required.iter().filter(|(r, _)| *r != requirement).map(|(_, n)| n).sum();
    if others > 0 {
        notes.push(Note::new(
            "auth",
            format!(
                "{} is used; other schemes of the specification are not",
                requirement.join(" and ")
            ),
        ));
    }
    let mut environment = Vec::new();
    let mut config = Value::Null;
    for scheme in schemes.into_iter().rev() {
        let mut auth = scheme.config;
        if config != Value::Null {
            auth.insert("successor".to_owned(), config);
        }
        config = Value::Object(auth);
        environment.splice(0..0, scheme.environment);
        notes.extend(scheme.note.map(|note| Note::new("auth", note)));
    }
    Authorisation { config, environment, notes }
}

/// Alternatives with how many operations name them; those of the whole document first.
fn requirements(root: &Value) -> Vec<(Vec<String>, usize)> {
    let mut found: Vec<(Vec<String>, usize)> = Vec::new();
    let mut count = |place: &Value, weight: usize| {
        for alternative in place.as_array().into_iter().flatten() {
            let names: Vec<String> = alternative
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect();
            if names.is_empty() {
                continue;
            }
            match found.iter_mut().find(|(known, _)| *known == names) {
                Some((_, times)) => *times += weight,
                None => found.push((names, weight)),
            }
        }
    };
    if let Some(security) = root.get("security") {
        count(security, 1_000_000);
    }
    for item in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (verb, operation) in item.1.as_object().into_iter().flatten() {
            if VERBS.contains(&verb.as_str())
                && let Some(security) = operation.get("security")
            {
                count(security, 1);
            }
        }
    }
    // Declared, and asked for nowhere: a specification that forgot to say so.
    if found.is_empty() {
        let declared = root.pointer("/components/securitySchemes").and_then(Value::as_object);
        found.extend(declared.into_iter().flatten().map(|(name, _)| (vec![name.clone()], 0)));
    }
    found.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    found
}

fn scheme(
    root: &Value,
    name: &str,
    declared: &Value,
    prefix: &str,
    one_of_several: bool,
) -> Result<Scheme, String> {
    let bearer = |note: Option<String>| {
        let variable = format!("{prefix}_TOKEN");
        Scheme {
            config: members(&json!({ "type": "bearer", "credentialsenvvar": variable })),
            environment: vec![variable_of(&variable, "token, sent as `Authorization: Bearer`")],
            note,
        }
    };
    let kind = text(declared, "type");
    let http = text(declared, "scheme").to_ascii_lowercase();
    match (kind.as_str(), http.as_str()) {
        ("http", "bearer") => Ok(bearer(None)),
        ("http", "basic") => {
            let (user, password) = (format!("{prefix}_USERNAME"), format!("{prefix}_PASSWORD"));
            Ok(Scheme {
                config: members(&json!({
                    "type": "basic", "username_var": user, "password_var": password,
                })),
                environment: vec![
                    variable_of(&user, "user name or key id"),
                    variable_of(&password, "password or secret"),
                ],
                note: None,
            })
        }
        ("apiKey", _) => {
            let (location, key) = (text(declared, "in"), text(declared, "name"));
            if location != "header" && location != "query" {
                return Err(format!("scheme {name} is a {location} and cannot be sent"));
            }
            let suffix = if one_of_several { key_suffix(&key) } else { "API_KEY".to_owned() };
            let variable = format!("{prefix}_{suffix}");
            Ok(Scheme {
                config: members(&json!({
                    "type": "custom", "location": location, "name": key,
                    "credentialsenvvar": variable,
                })),
                environment: vec![variable_of(
                    &variable,
                    &format!("key, sent as it is in the {location} `{key}`"),
                )],
                note: None,
            })
        }
        ("oauth2", _) => match declared.pointer("/flows/clientCredentials") {
            Some(flow) => Ok(client_credentials(root, flow, prefix)),
            None => Ok(bearer(Some(format!(
                "scheme {name} wants a browser: get an access token elsewhere and put it into {prefix}_TOKEN"
            )))),
        },
        ("openIdConnect", _) => Ok(bearer(Some(format!(
            "scheme {name} is OpenID Connect: get an access token elsewhere and put it into {prefix}_TOKEN"
        )))),
        _ => Err(format!("scheme {name} of type {kind} {http} is not supported")),
    }
}

fn client_credentials(root: &Value, flow: &Value, prefix: &str) -> Scheme {
    let (id, secret) = (format!("{prefix}_CLIENT_ID"), format!("{prefix}_CLIENT_SECRET"));
    let url = text(flow, "tokenUrl");
    let base = root.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let url = if url.starts_with('/') { format!("{}{url}", origin(base)) } else { url };
    let scopes: Vec<Value> = flow
        .get("scopes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(scope, _)| scope.clone().into())
        .collect();
    let mut config = members(&json!({
        "type": "oauth2", "grant_type": "client_credentials", "token_url": url,
        "client_id_env_var": id, "client_secret_env_var": secret,
    }));
    if !scopes.is_empty() {
        config.insert("scopes".to_owned(), Value::Array(scopes));
    }
    Scheme {
        config,
        environment: vec![
            variable_of(&id, "client id"),
            variable_of(&secret, &format!("client secret; tokens come from {url}")),
        ],
        note: None,
    }
}

/// `https://host:port` of a URL.
pub(super) fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or(url, |at| &url[..start + at])
}

/// `DD-APPLICATION-KEY` to `DD_APPLICATION_KEY`.
fn key_suffix(key: &str) -> String {
    super::words::snake(key).to_ascii_uppercase()
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn variable_of(name: &str, meaning: &str) -> DraftVariable {
    DraftVariable { name: name.to_owned(), meaning: meaning.to_owned() }
}
