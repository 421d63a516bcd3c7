//! A parsed document and its `$ref`s.

use serde_json::Value;

use crate::CatalogError;
use crate::yaml::{self, Oddity};

/// `$ref` chains longer than this are a cycle.
const MAX_HOPS: usize = 32;

/// One YAML or JSON document, with the other documents that its operations are in.
pub(crate) struct Document {
    /// Name for messages.
    pub(crate) name: String,
    /// What is odd about the text.
    oddities: Vec<Oddity>,
    root: Value,
    /// What references to itself may say in front of their `#`: its path below `src`.
    path: String,
    /// Documents that references name by their paths.
    others: Vec<Document>,
}

impl Document {
    /// Parses YAML (of which JSON is a part).
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, CatalogError> {
        let (root, oddities) = yaml::read(text).map_err(|broken| CatalogError::Malformed {
            document: name.to_owned(),
            reason: broken.to_string(),
        })?;
        Ok(Self { oddities, ..Self::of(name, root) })
    }

    /// A document that is there already.
    pub(crate) fn of(name: &str, root: Value) -> Self {
        Self {
            name: name.to_owned(),
            oddities: Vec::new(),
            root,
            path: String::new(),
            others: Vec::new(),
        }
    }

    /// The document itself, kept.
    pub(crate) fn into_root(self) -> Value {
        self.root
    }

    /// The document itself.
    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    /// The value that a JSON pointer (`/components/schemas/X`, `~0` and `~1` escaped) leads to.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// Says where the document is below `src`.
    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Whether references to itself may name `path`.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// The document itself, to be completed before it is read.
    pub(crate) fn root_mut(&mut self) -> &mut Value {
        &mut self.root
    }

    /// Adds a document that references name by its path.
    pub(crate) fn add_other(&mut self, document: Self) {
        self.others.push(document);
    }

    /// Everything odd about this document and the others.
    pub(crate) fn all_oddities(&self) -> impl Iterator<Item = (&Self, &Oddity)> {
        std::iter::once(self)
            .chain(&self.others)
            .flat_map(|document| document.oddities.iter().map(move |oddity| (document, oddity)))
    }

    /// The document that holds what `reference` names: `file.yaml#/...` names another one. What
    /// stands there must be resolved in that document.
    pub(crate) fn holder(&self, reference: &str) -> Option<&Self> {
        match reference.split_once('#') {
            None | Some(("", _)) => Some(self),
            Some((path, _)) if path == self.path => Some(self),
            Some((path, _)) => self.others.iter().find(|other| other.path == path),
        }
    }

    /// Follows `$ref`s until something else stands there; `None` where one dangles.
    pub(crate) fn resolve<'a>(&'a self, mut value: &'a Value) -> Option<&'a Value> {
        for _ in 0..MAX_HOPS {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.pointer(reference.strip_prefix('#')?)?,
                None => return Some(value),
            }
        }
        None
    }

    /// The operation behind `operation.$ref`: path key, verb, the path item around it, and it.
    /// References inside of it are to be resolved by [`Self::holder`].
    ///
    /// The reference is text to be cut, not a URI: the first `#` ends the document's name, the last
    /// `/` starts the verb, and what is between is the path key with `~1` for `/`.
    pub(crate) fn operation(&self, reference: &str) -> Option<(String, &str, &Value, &Value)> {
        let (_, fragment) = reference.split_once('#')?;
        let (escaped, verb) = fragment.strip_prefix("/paths/")?.rsplit_once('/')?;
        let path = escaped.replace("~1", "/");
        let item = self.holder(reference)?.root.get("paths")?.get(&path)?;
        let (verb, operation) =
            item.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(verb))?;
        Some((path, verb.as_str(), item, operation))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(document: &Document, reference: &str) -> Option<(String, String, String)> {
        let (path, verb, _, operation) = document.operation(reference)?;
        Some((path, verb.to_owned(), text(operation, "operationId")))
    }

    #[test]
    fn references_to_operations_are_cut_not_parsed() {
        let mut document = Document::parse(
            "d",
            "paths:
               /a/{b}?x=1&y: {GET: {operationId: one}}
               '/#X-Amz-Target=Foo': {post: {operationId: two}}
               /a%2Fb: {get: {operationId: three}}",
        )
        .unwrap();
        let other = Document::parse("o", "paths: {/o: {get: {operationId: far}}}").unwrap();
        document = document.at("p/v/services/d.yaml");
        document.add_other(other.at("p/v/services/o.yaml"));
        let cases = [
            ("#/paths/~1a~1{b}?x=1&y/get", "/a/{b}?x=1&y", "GET", "one"),
            ("#/paths/~1#X-Amz-Target=Foo/POST", "/#X-Amz-Target=Foo", "post", "two"),
            ("#/paths/~1a%2Fb/get", "/a%2Fb", "get", "three"),
            ("p/v/services/d.yaml#/paths/~1a%2Fb/get", "/a%2Fb", "get", "three"),
            ("p/v/services/o.yaml#/paths/~1o/get", "/o", "get", "far"),
        ];
        for (reference, path, verb, id) in cases {
            let expected = Some((path.to_owned(), verb.to_owned(), id.to_owned()));
            assert_eq!(operation(&document, reference), expected, "{reference}");
        }
        for reference in
            ["#/paths/~1o/get", "#/paths/~1a%2Fb/put", "no.yaml#/paths/~1a%2Fb/get", "#/x", ""]
        {
            assert_eq!(operation(&document, reference), None, "{reference}");
        }
    }

    #[test]
    fn schemas_are_found_in_extensions_and_cycles_end() {
        let document = Document::parse(
            "d",
            "components:
               x-cloud-control-schemas: {A~/B: {type: string}}
               schemas: {X: {$ref: '#/components/x-cloud-control-schemas/A~0~1B'}, Y: {$ref: '#/components/schemas/Y'}}",
        )
        .unwrap();
        let at = |name: &str| document.pointer(&format!("/components/schemas/{name}")).unwrap();
        assert_eq!(text(document.resolve(at("X")).unwrap(), "type"), "string");
        assert_eq!(document.resolve(at("Y")), None);
    }
}
