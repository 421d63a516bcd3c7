//! The answer of an operation: which one is read, and where its rows are.

use serde_json::Value;

use super::shape::Shape;
use super::words::{plural, snake};
use crate::document::Document;
use crate::fold;

/// Members that hold the rows of a list in APIs that wrap them.
const LISTS: &[&str] = &[
    "data",
    "items",
    "results",
    "result",
    "value",
    "values",
    "records",
    "entries",
    "content",
    "list",
    "rows",
    "objects",
    "elements",
    "members",
    "hits",
    "nodes",
    "collection",
    "resources",
    "entities",
    "documents",
    "page_data",
];
/// Members that hold the answer one level further down.
const WRAPPERS: &[&str] =
    &["data", "result", "results", "response", "_embedded", "payload", "body", "hits", "content"];
/// Members that speak about an answer rather than being it.
const ABOUT: &[&str] = &[
    "code",
    "count",
    "cursor",
    "cursors",
    "end_cursor",
    "error",
    "errors",
    "etag",
    "first",
    "first_id",
    "first_page_url",
    "from",
    "has_more",
    "has_next",
    "incomplete_results",
    "info",
    "is_last",
    "kind",
    "last",
    "last_id",
    "last_page",
    "last_page_url",
    "limit",
    "links",
    "message",
    "messages",
    "meta",
    "metadata",
    "next",
    "next_cursor",
    "next_link",
    "next_page",
    "next_page_token",
    "next_page_url",
    "next_token",
    "number",
    "number_of_elements",
    "object",
    "odata_context",
    "odata_count",
    "odata_next_link",
    "offset",
    "ok",
    "page",
    "page_count",
    "page_info",
    "page_number",
    "page_size",
    "page_token",
    "pageable",
    "pages",
    "pagination",
    "paging",
    "per_page",
    "prev",
    "prev_page_url",
    "previous",
    "request_id",
    "response_metadata",
    "result_info",
    "self",
    "self_link",
    "size",
    "skip",
    "sort",
    "start",
    "status",
    "success",
    "timestamp",
    "to",
    "top",
    "total",
    "total_count",
    "total_elements",
    "total_items",
    "total_pages",
    "total_results",
    "total_size",
    "trace_id",
    "truncated",
    "unreachable",
    "url",
    "version",
    "warning",
    "warnings",
];

/// What an answer is, for SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// A list: many rows.
    Many,
    /// One object: one row.
    One,
    /// Text, bytes, or something that is not a structure.
    Opaque,
    /// Nothing.
    Nothing,
}

/// The answer that a method reads.
#[derive(Debug, Clone)]
pub(super) struct Answer<'a> {
    /// Key under `responses`.
    pub(super) key: String,
    /// Content type; `None` when there is no content.
    pub(super) media: Option<String>,
    /// What it is.
    pub(super) rows: Rows,
    /// `objectKey`; `None` when the whole answer is the rows.
    pub(super) object_key: Option<String>,
    /// Component that a row is.
    pub(super) row: Option<&'a str>,
    /// Members of a row are declared.
    pub(super) has_columns: bool,
    /// A row is an object of which nothing is declared.
    pub(super) is_undeclared: bool,
    /// The whole answer.
    pub(super) envelope: Shape<'a>,
    /// The answer declares a `Link` header.
    pub(super) links: bool,
}

impl<'a> Answer<'a> {
    /// Reads the successful answer of `operation`; `collection` is the resource's name, `item`
    /// whether the path ends in a parameter.
    pub(super) fn of(
        document: &'a Document,
        operation: &'a Value,
        collection: &str,
        item: bool,
    ) -> Self {
        let responses = operation.get("responses").and_then(Value::as_object);
        let key = responses
            .and_then(|all| {
                let preferred = ["200", "201", "202", "203", "2XX", "2xx"];
                let named = preferred.iter().find(|key| all.contains_key(**key));
                named.map(|key| (*key).to_owned()).or_else(|| {
                    all.keys()
                        .find(|key| key.starts_with('2'))
                        .or_else(|| all.keys().find(|key| *key == "default"))
                        .cloned()
                })
            })
            .unwrap_or_else(|| "200".to_owned());
        let declared = responses.and_then(|all| document.resolve(all.get(&key)?));
        let links = declared
            .and_then(|d| d.get("headers"))
            .and_then(Value::as_object)
            .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("link")));
        let content = declared.and_then(|d| d.get("content")).and_then(Value::as_object);
        let chosen = content.and_then(|all| {
            let media = preferred_media(all.keys().map(String::as_str))?;
            Some((media, all.get(media)?))
        });
        let mut answer = Self {
            key,
            media: chosen.map(|(media, _)| media.to_owned()),
            rows: Rows::Nothing,
            object_key: None,
            row: None,
            has_columns: false,
            is_undeclared: false,
            envelope: Shape::default(),
            links,
        };
        let Some((media, content)) = chosen else { return answer };
        if !is_structured(media) {
            answer.rows = Rows::Opaque;
            return answer;
        }
        let Some(schema) = content.get("schema") else {
            answer.rows = Rows::Opaque;
            return answer;
        };
        answer.envelope = Shape::of(document, schema);
        answer.find_rows(document, collection, item);
        answer
    }

    fn find_rows(&mut self, document: &'a Document, collection: &str, item: bool) {
        let envelope = self.envelope.clone();
        if let Some(items) = envelope.items.filter(|_| envelope.is_array()) {
            self.rows = Rows::Many;
            self.row_of(&Shape::of(document, items));
        } else if let Some((path, row)) = list_in(document, &envelope, collection, item) {
            self.rows = Rows::Many;
            self.object_key = Some(json_path(&path));
            self.row_of(&row);
        } else if let Some((name, one)) = one_in(document, &envelope, collection) {
            self.rows = Rows::One;
            self.object_key = Some(json_path(&[name]));
            self.row_of(&one);
        } else if matches!(envelope.kind.as_str(), "string" | "integer" | "number" | "boolean") {
            self.rows = Rows::Opaque;
        } else {
            self.rows = Rows::One;
            self.row_of(&envelope);
        }
    }

    fn row_of(&mut self, row: &Shape<'a>) {
        self.row = row.name;
        self.has_columns = !row.properties.is_empty();
        self.is_undeclared = !self.has_columns && (row.is_object() || row.kind.is_empty());
    }
}

/// The list inside an object: a path of members, and its element.
fn list_in<'a>(
    document: &'a Document,
    envelope: &Shape<'a>,
    collection: &str,
    item: bool,
) -> Option<(Vec<&'a str>, Shape<'a>)> {
    let lists: Vec<(&str, Shape)> = envelope
        .properties
        .iter()
        .map(|(name, schema)| (*name, Shape::of(document, schema)))
        .filter(|(_, shape)| shape.is_array())
        .filter_map(|(name, shape)| Some((name, Shape::of(document, shape.items?))))
        .collect();
    let named = |wanted: &dyn Fn(&str) -> bool| {
        lists.iter().find(|(name, _)| wanted(&snake(name))).cloned()
    };
    let rank = |name: &str| LISTS.iter().position(|known| *known == name);
    // The collection's own name is as good as one of the customary ones, and better on an item.
    let own = named(&|name| fold(name) == fold(collection));
    let customary = lists
        .iter()
        .filter_map(|(name, shape)| Some((rank(&snake(name))?, name, shape)))
        .min_by_key(|(rank, ..)| *rank)
        .map(|(_, name, shape)| (*name, shape.clone()));
    let only_about = |but: &str| {
        envelope.properties.iter().all(|(name, _)| *name == but || is_about(&snake(name)))
    };
    let found = match (own, customary) {
        (Some(own), _) if !item || only_about(own.0) => Some(own),
        (_, Some(customary)) if !item || only_about(customary.0) => {
            // An object with an id of its own is a thing that has a list, not a list.
            let is_thing = envelope.property("id").is_some() && !only_about(customary.0);
            (!is_thing).then_some(customary)
        }
        _ => match lists.as_slice() {
            [only] if only_about(only.0) => Some(only.clone()),
            _ => None,
        },
    };
    if let Some((name, row)) = found {
        return Some((vec![name], row));
    }
    // {data: {items: [..]}}, {_embedded: {pets: [..]}}
    let wrapper = envelope.properties.iter().find(|(name, _)| {
        let words = snake(name);
        (WRAPPERS.contains(&words.as_str()) || name.starts_with('_') && words == "embedded")
            && only_about(name)
    })?;
    let inner = Shape::of(document, wrapper.1);
    if !inner.is_object() || inner.name.is_some() && inner.name == envelope.name {
        return None;
    }
    let (mut path, row) = list_in_wrapped(document, &inner, collection)?;
    path.insert(0, wrapper.0);
    Some((path, row))
}

/// The list inside a wrapper, which is not looked into again.
fn list_in_wrapped<'a>(
    document: &'a Document,
    inner: &Shape<'a>,
    collection: &str,
) -> Option<(Vec<&'a str>, Shape<'a>)> {
    let mut lists = inner.properties.iter().filter_map(|(name, schema)| {
        let shape = Shape::of(document, schema);
        shape.is_array().then_some(())?;
        Some((*name, Shape::of(document, shape.items?)))
    });
    let (name, row) = lists.next()?;
    let words = snake(name);
    let only_about =
        inner.properties.iter().all(|(other, _)| *other == name || is_about(&snake(other)));
    let known = LISTS.contains(&words.as_str()) || fold(&words) == fold(collection);
    (lists.next().is_none() && (only_about || known)).then(|| (vec![name], row))
}

/// The object that an answer wraps: `{droplet: {..}, meta: {..}}`, `{data: {..}}`.
fn one_in<'a>(
    document: &'a Document,
    envelope: &Shape<'a>,
    collection: &str,
) -> Option<(&'a str, Shape<'a>)> {
    let mut things = envelope.properties.iter().filter(|(name, schema)| {
        let words = snake(name);
        let wraps = WRAPPERS.contains(&words.as_str()) || plural(&words) == plural(collection);
        (wraps || !is_about(&words)) && {
            let shape = Shape::of(document, schema);
            shape.is_object() && !shape.properties.is_empty() || wraps
        }
    });
    let (name, schema) = things.next()?;
    let words = snake(name);
    let shape = Shape::of(document, schema);
    let rest_is_about =
        envelope.properties.iter().all(|(other, _)| other == name || is_about(&snake(other)));
    let wraps = WRAPPERS.contains(&words.as_str())
        || plural(&words) == plural(collection)
        || envelope.properties.len() == 1;
    (things.next().is_none() && rest_is_about && wraps && shape.is_object())
        .then_some((name, shape))
}

fn is_about(words: &str) -> bool {
    ABOUT.contains(&words)
}

/// `$.a.b`; names that are not words are quoted.
pub(super) fn json_path(names: &[&str]) -> String {
    let mut path = "$".to_owned();
    for name in names {
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            path.push('.');
            path.push_str(name);
        } else {
            path.push_str("['");
            path.push_str(name);
            path.push_str("']");
        }
    }
    path
}

/// JSON before other structures, before text, before the rest.
pub(super) fn preferred_media<'b>(all: impl Iterator<Item = &'b str>) -> Option<&'b str> {
    let rank = |media: &str| {
        let media = media.to_ascii_lowercase();
        match () {
            () if media.starts_with("application/json") => 0,
            () if media.contains("+json") || media.contains("/json") || media == "*/*" => 1,
            () if media.starts_with("application/x-www-form-urlencoded") => 2,
            () if media.contains("xml") => 3,
            () if media.starts_with("multipart/") => 4,
            () if media.starts_with("text/") => 5,
            () => 6,
        }
    };
    all.min_by_key(|media| rank(media))
}

/// Whether an answer of this type has members.
fn is_structured(media: &str) -> bool {
    let media = media.to_ascii_lowercase();
    (media.contains("json") && !media.contains("stream") && !media.contains("ndjson"))
        || media.contains("xml")
        || media == "*/*"
}
