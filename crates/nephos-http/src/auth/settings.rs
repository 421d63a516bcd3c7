//! `auth` as a user gives it.

use nephos_catalog::Auth;
use serde_json::Value;

use super::near_or_all;
use crate::{CallError, CallErrorKind};

/// Keys whose values are not one text.
const STRUCTURED: [&str; 3] = ["successor", "scopes", "values"];
/// A key of the incumbent that says nothing about authorisation.
const IGNORED: &str = "sqlDataSource";

/// Reads `{"provider": {"type": "bearer", ...}, ...}`: each replaces the `auth` of a provider, with
/// the keys that documents use. Whether the providers exist is for the caller to say.
///
/// Unlike a document's, a key or a type that is not known is an error. No message shows a value but
/// that of `type` and `location`.
pub fn parse_auth(json: &str) -> Result<Vec<(String, Auth)>, CallError> {
    let value: Value =
        serde_json::from_str(json).map_err(|error| fault(format!("auth is not JSON: {error}")))?;
    let Value::Object(providers) = value else {
        return Err(fault("auth is not a JSON object of providers".to_owned()));
    };
    providers
        .into_iter()
        .map(|(provider, auth)| {
            check(&provider, &auth, "")?;
            Ok((provider, Auth::read(&auth)))
        })
        .collect()
}

fn fault(message: String) -> CallError {
    CallError::new(CallErrorKind::Argument, message).hint(
        "auth looks like {\"github\": {\"type\": \"bearer\", \"credentialsenvvar\": \"TOKEN\"}}",
    )
}

fn check(provider: &str, auth: &Value, place: &str) -> Result<(), CallError> {
    let error = |message: String| CallError::new(CallErrorKind::Argument, message);
    let what = format!("the {place}auth given for provider {provider}");
    let Value::Object(members) = auth else {
        return Err(error(format!("{what} is not a JSON object")));
    };
    for (key, value) in members {
        if key == IGNORED {
            continue;
        }
        if !Auth::KEYS.contains(&key.as_str()) {
            let unknown = error(format!("{what} has an unknown key {key:?}"));
            return Err(near_or_all(unknown, key, &Auth::KEYS));
        }
        let structured = value.is_object() || value.is_array();
        if structured && !STRUCTURED.contains(&key.as_str()) {
            return Err(error(format!("{what}: {key} must be one text")));
        }
    }
    let texts = |value: &Value| value.as_array().is_none_or(|all| all.iter().all(Value::is_string));
    if let Some(scopes) = members.get("scopes")
        && !(scopes.is_string() || scopes.is_array() && texts(scopes))
    {
        return Err(error(format!("{what}: scopes must be a list of texts")));
    }
    if let Some(values) = members.get("values")
        && !values.as_object().is_some_and(|all| all.values().all(|v| !v.is_object() && texts(v)))
    {
        return Err(error(format!("{what}: values must be an object of texts")));
    }
    let read = Auth::read(auth);
    if !read.kind.is_empty() && !Auth::KINDS.contains(&read.kind.as_str()) {
        let unknown = error(format!("{what} is of type {:?}, which is not known", read.kind));
        return Err(near_or_all(unknown, &read.kind, &Auth::KINDS));
    }
    if let Some(location) = read.location.filter(|l| !matches!(l.as_str(), "header" | "query")) {
        return Err(error(format!("{what} has location {location:?}"))
            .hint("a location is header or query"));
    }
    match members.get("successor") {
        Some(successor) => check(provider, successor, "successor of the "),
        None => Ok(()),
    }
}
