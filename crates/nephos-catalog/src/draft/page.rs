//! How a list continues, where its specification shows one of the customary ways.

use serde_json::{Map, Value, json};

use super::answer::{Answer, json_path};
use super::shape::Shape;
use super::words::snake;
use crate::document::{Document, text};

/// Objects beside the rows that hold what is said about pages.
const ABOUT_PAGES: &[&str] = &[
    "links",
    "_links",
    "meta",
    "metadata",
    "pagination",
    "paging",
    "page",
    "page_info",
    "cursors",
    "pages",
    "response_metadata",
    "result_info",
    "next",
    "data",
    "result",
];
/// Members that hold the URL of the next page.
const URLS: &[&str] = &["next_url", "next_link", "next_page_url", "next_page_link", "next_href"];
/// Members that hold a token, the parameters that take it after each.
const TOKENS: &[(&str, &[&str])] = &[
    ("next_page_token", &["page_token"]),
    ("next_token", &["next_token", "token", "page_token"]),
    ("next_cursor", &["cursor", "page_cursor", "after", "next_cursor", "starting_after"]),
    ("continuation_token", &["continuation_token", "continuation"]),
    ("next_continuation_token", &["continuation_token"]),
    ("continue", &["continue"]),
    ("end_cursor", &["after", "cursor"]),
    ("next_marker", &["marker"]),
    ("next_start", &["start"]),
    ("next_offset", &["offset"]),
    ("offset", &["offset"]),
    ("after", &["after", "cursor"]),
    ("cursor", &["cursor"]),
    ("next", &["cursor", "after", "starting_after", "page_token", "next", "token", "next_token"]),
    ("next_page", &["page", "page_token", "cursor"]),
    ("last_id", &["after", "after_id", "starting_after"]),
    ("token", &["token", "page_token"]),
];
/// Members that say whether there is more.
const MORE: &[&str] = &["has_more", "has_next", "has_next_page", "more", "has_more_items"];
/// Parameters that take the number of a page.
const NUMBERS: &[&str] = &["page", "page_number", "page_num", "current_page", "p"];
/// Members that say which page it is, and how many there are.
const CURRENT: &[&str] = &["page", "current_page", "page_number", "number", "current"];
const TOTAL: &[&str] =
    &["pages", "total_pages", "page_count", "last_page", "num_pages", "page_total"];

/// What was found about pages.
pub(super) enum Paging {
    /// The value of `config.pagination`.
    Known(Value),
    /// There are pages, and it is not said how to go on.
    Unknown(String),
    /// One answer is all.
    Single,
}

/// A member of an answer, with the path that leads to it.
struct Member<'a> {
    path: Vec<&'a str>,
    words: String,
    shape: Shape<'a>,
}

/// Finds how the list `answer` of `operation` continues.
pub(super) fn paging(document: &Document, operation: &Value, answer: &Answer) -> Paging {
    let parameters: Vec<String> = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|parameter| document.resolve(parameter))
        .filter(|parameter| text(parameter, "in") == "query")
        .map(|parameter| text(parameter, "name"))
        .collect();
    let takes = |names: &[&str]| {
        names.iter().find_map(|name| parameters.iter().find(|p| snake(p) == *name).cloned())
    };
    if answer.links {
        return Paging::Known(links_config());
    }
    let members = members(document, &answer.envelope);
    if let Some(member) = members.iter().find(|member| is_url(member, &members, &takes)) {
        let key = if member.path.len() == 1 && member.path[0].contains('.') {
            // Readers of JSONPath disagree about quotes, not about bare names.
            member.path[0].to_owned()
        } else {
            json_path(&member.path)
        };
        return Paging::Known(whole_url(&json!({ "key": key, "location": "body" })));
    }
    let more = members.iter().find(|member| MORE.contains(&member.words.as_str()));
    if let Some((request, response)) = token(&members, &takes) {
        return Paging::Known(cursor(&request, &response, more));
    }
    if let Some(number) = takes(NUMBERS) {
        let member = |names: &[&str]| {
            names.iter().find_map(|name| {
                members.iter().find(|m| m.words == *name && m.shape.properties.is_empty())
            })
        };
        if let (Some(current), Some(total)) = (member(CURRENT), member(TOTAL)) {
            return Paging::Known(json!({
                "algorithm": "page_number",
                "requestToken": { "key": number, "location": "query" },
                "responseToken": { "key": json_path(&current.path), "location": "body" },
                "responseTerminator": { "key": json_path(&total.path), "location": "body" },
            }));
        }
    }
    if let (Some(request), Some(more)) = (takes(&["starting_after", "after", "after_id"]), more)
        && let Some(last) = last_row(document, answer)
    {
        return Paging::Known(cursor(&request, &last, Some(more)));
    }
    let pages = [
        NUMBERS,
        &["offset", "skip", "start", "start_index", "cursor", "page_token", "page_offset"],
    ]
    .concat();
    match takes(&pages) {
        Some(parameter) => Paging::Unknown(parameter),
        None => Paging::Single,
    }
}

/// The next page's URL is in the header `Link`.
pub(super) fn links_config() -> Value {
    whole_url(&json!({ "key": "Link", "location": "header" }))
}

/// Members of an answer and of what is said about it, the outer ones first.
fn members<'a>(document: &'a Document, envelope: &Shape<'a>) -> Vec<Member<'a>> {
    let mut found = Vec::new();
    let mut open: Vec<(Vec<&str>, Shape)> = vec![(Vec::new(), envelope.clone())];
    while !open.is_empty() {
        let mut next = Vec::new();
        for (path, shape) in open {
            for (name, schema) in &shape.properties {
                let mut path = path.clone();
                path.push(name);
                let member =
                    Member { words: snake(name), shape: Shape::of(document, schema), path };
                let is_about =
                    ABOUT_PAGES.contains(name) || ABOUT_PAGES.contains(&member.words.as_str());
                if is_about && member.shape.is_object() && member.path.len() < 4 {
                    next.push((member.path.clone(), member.shape.clone()));
                }
                found.push(member);
            }
        }
        open = next;
    }
    found
}

/// Whether a member holds the URL of the next page.
fn is_url(member: &Member, all: &[Member], takes: &dyn Fn(&[&str]) -> Option<String>) -> bool {
    if member.shape.is_object() || member.shape.is_array() || member.shape.kind == "integer" {
        return false;
    }
    let words = member.words.as_str();
    if URLS.contains(&words) || words == "odata_next_link" {
        return true;
    }
    let parent = member.path.len().checked_sub(2).map(|at| snake(member.path[at]));
    if words == "href" && parent.as_deref() == Some("next") {
        return true;
    }
    if words != "next" {
        return false;
    }
    let says_url = matches!(member.shape.format.as_str(), "uri" | "url" | "uri-reference");
    let among_links = parent.as_deref().is_some_and(|p| p == "links" || p == "pages");
    let has_previous = all.iter().any(|other| {
        other.path.len() == member.path.len() && matches!(other.words.as_str(), "previous" | "prev")
    });
    let cursors =
        ["cursor", "after", "starting_after", "page_token", "next", "token", "next_token"];
    says_url || among_links || (has_previous && takes(&cursors).is_none())
}

/// A token of the answer and the parameter that takes it.
fn token(
    members: &[Member],
    takes: &dyn Fn(&[&str]) -> Option<String>,
) -> Option<(String, String)> {
    for (name, parameters) in TOKENS {
        let scalar = |m: &&Member| !m.shape.is_object() && !m.shape.is_array();
        let Some(member) = members.iter().filter(scalar).find(|m| m.words == *name) else {
            continue;
        };
        // An offset that an answer repeats is the one that was asked for, not the next.
        if *name == "offset" && member.shape.kind != "string" {
            continue;
        }
        if let Some(parameter) = takes(parameters) {
            return Some((parameter, json_path(&member.path)));
        }
    }
    None
}

/// The id of the last row, where rows have one.
fn last_row(document: &Document, answer: &Answer) -> Option<String> {
    let rows = answer.object_key.as_deref()?;
    let name = rows.strip_prefix("$.")?;
    let list = Shape::of(document, answer.envelope.property(name)?);
    Shape::of(document, list.items?).property("id")?;
    Some(format!("{rows}[last()].id"))
}

fn whole_url(response: &Value) -> Value {
    json!({ "requestToken": { "key": "", "location": "request" }, "responseToken": response })
}

fn cursor(request: &str, response: &str, more: Option<&Member>) -> Value {
    let mut config = Map::new();
    config.insert("requestToken".to_owned(), json!({ "key": request, "location": "query" }));
    config.insert("responseToken".to_owned(), json!({ "key": response, "location": "body" }));
    if let Some(more) = more {
        config.insert("responseHasMore".to_owned(), json!({ "key": json_path(&more.path) }));
    }
    Value::Object(config)
}
