//! An `OpenAPI` document, brought to the form that provider documents have.

use serde_json::{Map, Value};

use super::DraftError;
use super::summary::{Note, count};
use crate::document::{Document, scalar, text};

/// Keys under which any value may stand: nothing in them is a schema or a reference.
const FREE: [&str; 5] = ["example", "examples", "default", "enum", "const"];
/// HTTP methods of a path item, in the order of the standard.
pub(super) const VERBS: [&str; 8] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A specification that provider documents can be cut from.
pub(super) struct Specification {
    /// What the user calls it.
    pub(super) label: String,
    /// Types are single, path items hold no references, parameters stand in operations.
    pub(super) document: Document,
    /// What was changed or is wrong.
    pub(super) notes: Vec<Note>,
}

impl Specification {
    /// Reads YAML or JSON.
    pub(super) fn parse(label: &str, text: &str) -> Result<Self, DraftError> {
        let refuse = |reason: String, help: &str| DraftError {
            document: label.to_owned(),
            reason,
            help: help.to_owned(),
        };
        let root = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            Document::parse(label, text).map(Document::into_root).map_err(|e| e.to_string())
        };
        let mut root: Value =
            root.map_err(|reason| refuse(reason, "give an OpenAPI document in YAML or JSON"))?;
        check_version(&root, label)?;
        if root.pointer("/components/x-stackQL-resources").is_some() {
            return Err(refuse(
                "it is a service document of a provider already".to_owned(),
                "put it below a registry's src and give that to --registry",
            ));
        }
        let mut outside = Vec::new();
        references(&root, &mut |reference| {
            if !reference.starts_with('#') {
                outside.push(reference.to_owned());
            }
        });
        if let Some(first) = outside.first() {
            return Err(refuse(
                format!(
                    "it refers to other files {}, such as {first}",
                    count(outside.len(), "time")
                ),
                "bundle it into one file first, for instance with `npx @redocly/cli bundle`",
            ));
        }
        let mut notes = Vec::new();
        flatten_path_items(&mut root);
        let changed = single_types(&mut root, false);
        if changed > 0 {
            notes.push(Note::new(
                label,
                format!(
                    "{} with several types: written as one or `nullable`",
                    count(changed, "schema")
                ),
            ));
        }
        hoist(&mut root);
        let mut dangling = Vec::new();
        references(&root, &mut |reference| {
            let found = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            if found.is_none() && !dangling.contains(&reference.to_owned()) {
                dangling.push(reference.to_owned());
            }
        });
        notes.extend(dangling.into_iter().map(|reference| {
            Note::new(&reference, "nothing is there; what refers to it has no known shape")
        }));
        let webhooks = root.get("webhooks").and_then(Value::as_object).map_or(0, Map::len);
        if webhooks > 0 {
            notes.push(Note::new(
                label,
                format!("{} left out: the API calls you", count(webhooks, "webhook")),
            ));
        }
        let document = Document::of(label, root);
        Ok(Self { label: label.to_owned(), document, notes })
    }

    /// The document's root.
    pub(super) fn root(&self) -> &Value {
        self.document.root()
    }
}

fn check_version(root: &Value, label: &str) -> Result<(), DraftError> {
    let refuse = |reason: String, help: &str| {
        Err(DraftError { document: label.to_owned(), reason, help: help.to_owned() })
    };
    if let Some(version) = root.get("swagger") {
        let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
        return refuse(
            format!("it is Swagger {version}, and OpenAPI 3 is needed"),
            "convert it first, for instance with `npx swagger2openapi`",
        );
    }
    match root.get("openapi").and_then(scalar) {
        Some(version) if version.starts_with("3.") => {}
        Some(version) => {
            return refuse(
                format!("it is OpenAPI {version}, and OpenAPI 3.0 or 3.1 is needed"),
                "convert it first",
            );
        }
        None => {
            return refuse(
                "it does not say `openapi: 3..`".to_owned(),
                "give an OpenAPI 3 document in YAML or JSON",
            );
        }
    }
    let paths = root.get("paths").and_then(Value::as_object).is_some_and(|p| !p.is_empty());
    if !paths {
        return refuse("it has no paths".to_owned(), "give a document that describes operations");
    }
    Ok(())
}

/// Calls `visit` with every `$ref` and every reference of a discriminator.
pub(super) fn references(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(reference) if key == "$ref" => visit(reference),
                    Value::Object(mapping) if key == "mapping" => {
                        for target in mapping.values().filter_map(Value::as_str) {
                            if target.starts_with('#') {
                                visit(target);
                            }
                        }
                    }
                    _ if FREE.contains(&key.as_str()) && !holds_schemas(member) => {
                        // `examples` of a component may be referred to by name.
                        if key == "examples" {
                            references(member, visit);
                        }
                    }
                    _ => references(member, visit),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, visit)),
        _ => {}
    }
}

/// Whether what stands under a free key is a property or an answer of that name rather than a value.
fn holds_schemas(value: &Value) -> bool {
    ["$ref", "content", "description"].iter().any(|key| value.get(key).is_some())
        || value.get("type").is_some_and(Value::is_string)
        || ["allOf", "anyOf", "oneOf"].iter().any(|key| value.get(key).is_some())
}

/// Puts the targets of path items' references in their place, and parameters of path items into
/// their operations: not every reader of provider documents looks there.
fn flatten_path_items(root: &mut Value) {
    let original = Document::of("", root.clone());
    let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) else { return };
    paths.retain(|path, _| path.starts_with('/'));
    for item in paths.values_mut() {
        if item.get("$ref").is_some()
            && let Some(found) = original.resolve(item)
        {
            *item = found.clone();
        }
        let Some(members) = item.as_object_mut() else { continue };
        let Some(Value::Array(shared)) = members.shift_remove("parameters") else { continue };
        let identity = |parameter: &Value| {
            original
                .resolve(parameter)
                .map(|p| (text(p, "name"), text(p, "in")))
                .unwrap_or_default()
        };
        for (key, operation) in members.iter_mut() {
            let is_operation = VERBS.contains(&key.to_ascii_lowercase().as_str());
            let Some(operation) = operation.as_object_mut().filter(|_| is_operation) else {
                continue;
            };
            let own = operation.entry("parameters").or_insert_with(|| Value::Array(Vec::new()));
            let Some(own) = own.as_array_mut() else { continue };
            let known: Vec<_> = own.iter().map(identity).collect();
            let missing: Vec<Value> =
                shared.iter().filter(|p| !known.contains(&identity(p))).cloned().collect();
            own.splice(0..0, missing);
        }
    }
}

/// Writes the unions of `OpenAPI` 3.1 as 3.0 does where it can; returns how many it changed.
fn single_types(value: &mut Value, within_properties: bool) -> usize {
    match value {
        Value::Array(items) => items.iter_mut().map(|item| single_types(item, false)).sum(),
        Value::Object(members) => {
            let mut changed = 0;
            if !within_properties {
                changed += usize::from(single_type(members)) + usize::from(nullable(members));
                if let Some(constant) = members.get("const").cloned()
                    && !members.contains_key("enum")
                    && members.contains_key("type")
                {
                    members.insert("enum".to_owned(), Value::Array(vec![constant]));
                }
            }
            for (key, member) in members.iter_mut() {
                if within_properties || !FREE.contains(&key.as_str()) || holds_schemas(member) {
                    let properties = !within_properties && key == "properties";
                    changed += single_types(member, properties);
                }
            }
            changed
        }
        _ => 0,
    }
}

/// `type: [string, 'null']` to `type: string, nullable: true`.
fn single_type(members: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(types)) = members.get("type") else { return false };
    let null = Value::String("null".to_owned());
    let mut kinds: Vec<Value> = types.iter().filter(|kind| **kind != null).cloned().collect();
    let is_nullable = kinds.len() < types.len();
    // An integer is a number, too.
    if kinds.contains(&"number".into()) {
        kinds.retain(|kind| *kind != "integer");
    }
    match kinds.as_slice() {
        [] => {
            members.shift_remove("type");
        }
        [only] => {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
        several => {
            let choices = several
                .iter()
                .map(|kind| Value::Object(Map::from_iter([("type".to_owned(), kind.clone())])))
                .collect();
            members.shift_remove("type");
            members.entry("anyOf").or_insert(Value::Array(choices));
        }
    }
    if is_nullable {
        members.insert("nullable".to_owned(), Value::Bool(true));
    }
    true
}

/// `anyOf: [X, {type: 'null'}]` to X with `nullable: true`.
fn nullable(members: &mut Map<String, Value>) -> bool {
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = members.get(key) else { continue };
        let is_null = |choice: &Value| {
            choice.get("type").and_then(Value::as_str) == Some("null")
                || choice.get("enum") == Some(&Value::Array(vec![Value::Null]))
        };
        let others: Vec<Value> = choices.iter().filter(|c| !is_null(c)).cloned().collect();
        if others.len() == choices.len() {
            continue;
        }
        members.insert("nullable".to_owned(), Value::Bool(true));
        match <[Value; 1]>::try_from(others) {
            Ok([Value::Object(only)]) if !only.contains_key("$ref") => {
                members.shift_remove(key);
                for (name, value) in only {
                    members.entry(name).or_insert(value);
                }
                single_type(members);
            }
            Ok([only]) => {
                members.shift_remove(key);
                members.insert("allOf".to_owned(), Value::Array(vec![only]));
            }
            Err(others) => {
                members.insert(key.to_owned(), Value::Array(others));
            }
        }
        return true;
    }
    false
}

/// Moves what is referred to inside `paths` to the components: a service's document holds the paths
/// of that service only. Percent signs in references are undone.
fn hoist(root: &mut Value) {
    let mut wanted: Vec<(String, String)> = Vec::new();
    let mut moved: Vec<(String, Value)> = Vec::new();
    let original: &Value = root;
    references(original, &mut |reference| {
        let Some(pointer) = reference.strip_prefix('#') else { return };
        if wanted.iter().any(|(from, _)| from == reference) {
            return;
        }
        let decoded = decode(pointer);
        let (target, place) = match original.pointer(pointer) {
            Some(target) => (target, pointer.to_owned()),
            None => match original.pointer(&decoded) {
                Some(target) => (target, decoded),
                None => return,
            },
        };
        if !place.starts_with("/components/") {
            let bucket = if target.get("in").is_some() && target.get("name").is_some() {
                "parameters"
            } else if target.get("content").is_some() && target.get("description").is_some() {
                "responses"
            } else {
                "schemas"
            };
            let name = format!("hoisted_{}", moved.len() + 1);
            wanted.push((reference.to_owned(), format!("#/components/{bucket}/{name}")));
            moved.push((format!("{bucket}/{name}"), target.clone()));
        } else if place != pointer {
            wanted.push((reference.to_owned(), format!("#{place}")));
        }
    });
    if wanted.is_empty() {
        return;
    }
    for (place, target) in moved {
        let (bucket, name) = place.split_once('/').unwrap_or(("schemas", &place));
        if let Some(members) = object(root, "components").and_then(|all| {
            all.entry(bucket).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
        }) {
            members.insert(name.to_owned(), target);
        }
    }
    rename(root, &wanted);
}

fn object<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    value.as_object_mut()?.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

fn rename(value: &mut Value, names: &[(String, String)]) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(reference) if key == "$ref" => {
                        if let Some((_, to)) = names.iter().find(|(from, _)| from == reference) {
                            reference.clone_from(to);
                        }
                    }
                    _ => rename(member, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

/// Undoes `%xx`.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
