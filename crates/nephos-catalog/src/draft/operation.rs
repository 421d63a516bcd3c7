//! Operations of a specification, each with its place, its parameters, its body and its answer.

use serde_json::Value;

use super::answer::{Answer, preferred_media};
use super::place::{Paths, Place};
use super::shape::Shape;
use super::specification::{Specification, VERBS};
use super::summary::Note;
use crate::HttpVerb;
use crate::document::{Document, flag, scalar, text};

/// One operation.
pub(super) struct Operation<'a> {
    pub(super) path: &'a str,
    /// Key in the path item, as it is written there.
    pub(super) verb: &'a str,
    pub(super) http: HttpVerb,
    pub(super) value: &'a Value,
    pub(super) id: String,
    /// The first tag.
    pub(super) tag: Option<String>,
    pub(super) place: Place,
    pub(super) answer: Answer<'a>,
    pub(super) body: Option<Body<'a>>,
    /// Names of the parameters that must be given.
    pub(super) required: Vec<String>,
    /// A value that the specification gives for each of those, where it gives one.
    pub(super) samples: Vec<Option<String>>,
    /// Names of all parameters.
    pub(super) parameters: Vec<String>,
    /// A cookie that must be sent, and cannot be.
    pub(super) cookie: Option<String>,
}

/// A request body.
pub(super) struct Body<'a> {
    pub(super) media: String,
    pub(super) shape: Shape<'a>,
    pub(super) required: bool,
}

impl Operation<'_> {
    /// `GET /pets/{id}`.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.http.as_str(), self.path)
    }

    /// The fields that an INSERT must give when body fields are columns.
    pub(super) fn required_fields(&self) -> Vec<&str> {
        self.body.iter().flat_map(|body| body.shape.required.iter().copied()).collect()
    }

    /// How many names a statement must give.
    pub(super) fn weight(&self) -> usize {
        self.required.len() + self.required_fields().len()
    }
}

/// Everything callable, in document order; what cannot be called goes to `left_out`.
pub(super) fn operations<'a>(
    specification: &'a Specification,
    left_out: &mut Vec<Note>,
) -> (Vec<Operation<'a>>, Paths) {
    let document = &specification.document;
    let items = || document.root().get("paths").and_then(Value::as_object).into_iter().flatten();
    let verbs = |item: &'a Value| {
        item.as_object()
            .into_iter()
            .flatten()
            .filter(|(verb, value)| {
                VERBS.contains(&verb.to_ascii_lowercase().as_str()) && value.is_object()
            })
            .map(|(verb, value)| (verb.as_str(), value))
    };
    let paths = Paths::new(
        items().flat_map(|(path, item)| verbs(item).map(move |(verb, _)| (path.as_str(), verb))),
    );
    let mut found = Vec::new();
    for (path, item) in items() {
        for (verb, value) in verbs(item) {
            match HttpVerb::parse(verb) {
                Some(http) => {
                    found.push(operation(document, path, verb, http, value, paths.place(path)));
                }
                None => left_out.push(Note::new(
                    &format!("{} {path}", verb.to_ascii_uppercase()),
                    "requests of this method cannot be sent",
                )),
            }
        }
    }
    (found, paths)
}

fn operation<'a>(
    document: &'a Document,
    path: &'a str,
    verb: &'a str,
    http: HttpVerb,
    value: &'a Value,
    place: Place,
) -> Operation<'a> {
    let declared: Vec<&Value> = value
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|parameter| document.resolve(parameter))
        .collect();
    let is_required = |p: &&&Value| flag(p, "required") && !flag(p, "allowEmptyValue");
    let is_cookie = |p: &&&Value| text(p, "in") == "cookie";
    let names = |p: &&Value| text(p, "name");
    let collection = place.chain.last().map(String::as_str).unwrap_or_default();
    Operation {
        answer: Answer::of(document, value, collection, place.item && place.action.is_none()),
        path,
        verb,
        http,
        id: text(value, "operationId"),
        tag: value.pointer("/tags/0").and_then(Value::as_str).map(str::to_owned),
        place,
        body: body(document, value),
        required: declared
            .iter()
            .filter(is_required)
            .filter(|p| !is_cookie(p))
            .map(names)
            .collect(),
        samples: declared
            .iter()
            .filter(is_required)
            .filter(|p| !is_cookie(p))
            .map(|p| sample(document, p))
            .collect(),
        parameters: declared.iter().filter(|p| !is_cookie(p)).map(names).collect(),
        cookie: declared.iter().filter(is_required).find(is_cookie).map(names),
        value,
    }
}

/// An example, the default, or the first of the values that there are.
fn sample(document: &Document, parameter: &Value) -> Option<String> {
    let schema = parameter.get("schema").and_then(|schema| document.resolve(schema));
    [parameter.get("example")]
        .into_iter()
        .chain(["example", "default"].map(|key| schema.and_then(|s| s.get(key))))
        .chain([schema.and_then(|s| s.pointer("/enum/0"))])
        .flatten()
        .find_map(scalar)
}

fn body<'a>(document: &'a Document, operation: &'a Value) -> Option<Body<'a>> {
    let declared = document.resolve(operation.get("requestBody")?)?;
    let content = declared.get("content").and_then(Value::as_object)?;
    let media = preferred_media(content.keys().map(String::as_str))?;
    let shape = content
        .get(media)
        .and_then(|chosen| chosen.get("schema"))
        .map(|schema| Shape::of(document, schema))
        .unwrap_or_default();
    Some(Body { media: media.to_owned(), shape, required: flag(declared, "required") })
}
