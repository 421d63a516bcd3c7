//! A parsed document and its `$ref`s.

use serde_json::Value;

use crate::CatalogError;

/// `$ref` chains longer than this are a cycle.
const MAX_HOPS: usize = 32;

/// One YAML or JSON document.
pub(crate) struct Document {
    /// Name for messages.
    pub(crate) name: String,
    root: Value,
}

impl Document {
    /// Parses YAML (of which JSON is a part).
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, CatalogError> {
        let options = serde_saphyr::options! {
            // Documents of several megabytes with thousands of aliases are normal; they come from
            // a registry that the user chose.
            budget: None,
        };
        let root = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            CatalogError::Malformed { document: name.to_owned(), reason: error.to_string() }
        })?;
        Ok(Self { name: name.to_owned(), root })
    }

    /// A document that is there already.
    pub(crate) fn of(name: &str, root: Value) -> Self {
        Self { name: name.to_owned(), root }
    }

    /// The document itself, kept.
    pub(crate) fn into_root(self) -> Value {
        self.root
    }

    /// The document itself.
    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    /// Follows `$ref`s until something else stands there; `None` where one dangles.
    pub(crate) fn resolve<'a>(&'a self, mut value: &'a Value) -> Option<&'a Value> {
        for _ in 0..MAX_HOPS {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.root.pointer(reference.strip_prefix('#')?)?,
                None => return Some(value),
            }
        }
        None
    }

    /// The operation behind `operation.$ref`: path key, verb and the path item around it.
    ///
    /// The reference is text to be cut, not a URI: the first `#` ends the document's name, the last
    /// `/` starts the verb, and what is between is the path key with `~1` for `/`.
    pub(crate) fn operation(&self, reference: &str) -> Option<(String, &str, &Value, &Value)> {
        let (_, fragment) = reference.split_once('#')?;
        let (escaped, _) = fragment.strip_prefix("/paths/")?.rsplit_once('/')?;
        let verb = &reference[reference.rfind('/')? + 1..];
        let path = escaped.replace("~1", "/");
        let (verb, item, operation) = self.root.get("paths")?.get(&path).and_then(|item| {
            let (key, operation) =
                item.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(verb))?;
            Some((key.as_str(), item, operation))
        })?;
        Some((path, verb, item, operation))
    }
}

/// The text under `key`, or an empty one.
pub(crate) fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

/// The truth under `key`; absent is false.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A scalar as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
