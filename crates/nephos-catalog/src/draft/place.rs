//! Where a path stands: which collection it is about, and whether it is a deed.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Deed, deed, is_plural, plural, snake};

/// Endings of segments that name a format of the answer.
const FORMATS: &[&str] = &["json", "xml", "yaml", "csv", "html"];

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Collections from the outermost to the one that the path is about, in snake case.
    pub(super) chain: Vec<String>,
    /// The path ends in a parameter: it is about one of the collection.
    pub(super) item: bool,
    /// The path's last word, where it is a deed, in snake case.
    pub(super) action: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Param,
    /// What stands after a colon, or after a dot where it is a deed.
    Action(String),
}

/// All paths of a specification: what a segment means depends on its neighbours.
pub(super) struct Paths {
    /// HTTP methods of each path.
    verbs: BTreeMap<Vec<Segment>, BTreeSet<String>>,
    /// Paths that have a parameter as their next segment: collections.
    collections: BTreeSet<Vec<Segment>>,
    /// Paths that have a literal as their next segment.
    parents: BTreeSet<Vec<Segment>>,
}

impl Paths {
    /// Reads pairs of a path and an HTTP method.
    pub(super) fn new<'a>(operations: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut paths =
            Self { verbs: BTreeMap::new(), collections: BTreeSet::new(), parents: BTreeSet::new() };
        for (path, verb) in operations {
            let segments = segments(path);
            for (index, segment) in segments.iter().enumerate() {
                let before = segments[..index].to_vec();
                match segment {
                    Segment::Param => paths.collections.insert(before),
                    _ => paths.parents.insert(before),
                };
            }
            paths.verbs.entry(segments).or_default().insert(verb.to_ascii_lowercase());
        }
        paths
    }

    /// Whether `path` has the HTTP method `verb`, in small letters.
    pub(super) fn has(&self, path: &str, verb: &str) -> bool {
        self.verbs.get(&segments(path)).is_some_and(|verbs| verbs.contains(verb))
    }

    /// What `path` is about.
    pub(super) fn place(&self, path: &str) -> Place {
        let mut segments = segments(path);
        let action = self.action(&segments);
        if action.is_some() {
            segments.pop();
        }
        let mut chain = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let Segment::Literal(literal) = segment else { continue };
            let name = snake(literal);
            if name.is_empty() {
                continue;
            }
            let holds_items = self.collections.contains(&segments[..=index]);
            chain.push(if holds_items { plural(&name) } else { name });
        }
        // `/items/{collection}`, where `/items/{collection}/{id}` exists, is a collection itself.
        let item = matches!(segments.last(), Some(Segment::Param))
            && !self.collections.contains(&segments);
        Place { chain, item, action }
    }

    /// The action that the last segment is, if it is one.
    fn action(&self, segments: &[Segment]) -> Option<String> {
        let (last, before) = segments.split_last()?;
        let literal = match last {
            Segment::Action(action) => return Some(snake(action)),
            Segment::Literal(literal) => literal,
            Segment::Param => return None,
        };
        if self.collections.contains(segments) {
            return None;
        }
        let name = snake(literal);
        let verbs = self.verbs.get(segments);
        let has = |verb: &str| verbs.is_some_and(|verbs| verbs.contains(verb));
        let sends_only = verbs.is_some_and(|verbs| verbs.iter().all(|v| v == "post" || v == "put"));
        let on_something = before.iter().any(|segment| matches!(segment, Segment::Literal(_)));
        let is_action = match deed(&name) {
            Deed::Verb => on_something || !has("get"),
            Deed::Perhaps => !has("get") || (on_something && name.starts_with("search")),
            Deed::Thing => {
                sends_only && on_something && !is_plural(&name) && !self.parents.contains(segments)
            }
        };
        is_action.then_some(name)
    }
}

/// Cuts a path; what only says where the API begins and which version it has is left out.
fn segments(path: &str) -> Vec<Segment> {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut found = Vec::new();
    for text in path.split('/').filter(|text| !text.is_empty()) {
        match text.find('{') {
            None => literal(text, &mut found),
            Some(start) => {
                let (before, rest) = text.split_at(start);
                // OData: users('{id}').
                if before.contains('(') {
                    literal(before.split('(').next().unwrap_or_default(), &mut found);
                }
                found.push(Segment::Param);
                let after = rest.rsplit('}').next().unwrap_or_default();
                if let Some(action) = after.strip_prefix(':') {
                    found.push(Segment::Action(action.to_owned()));
                }
            }
        }
    }
    let literals = |found: &[Segment]| {
        found.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count()
    };
    let count = literals(&found);
    let mut left = count;
    let mut leading = true;
    found.retain(|segment| {
        let Segment::Literal(text) = segment else {
            leading = false;
            return true;
        };
        let noise = is_version(text) || (leading && (text == "api" || text == "rest"));
        leading &= noise;
        if noise && left > 1 {
            left -= 1;
            return false;
        }
        true
    });
    found
}

fn literal(text: &str, found: &mut Vec<Segment>) {
    if let Some((thing, action)) = text.split_once(':')
        && !thing.is_empty()
    {
        found.push(Segment::Literal(thing.to_owned()));
        found.push(Segment::Action(action.to_owned()));
        return;
    }
    match text.rsplit_once('.') {
        Some((thing, format)) if !thing.is_empty() && FORMATS.contains(&format) => {
            found.push(Segment::Literal(thing.to_owned()));
        }
        // chat.postMessage, users.list
        Some((thing, action)) if !thing.is_empty() && is_deed(action) => {
            found.push(Segment::Literal(thing.to_owned()));
            found.push(Segment::Action(action.to_owned()));
        }
        _ => found.push(Segment::Literal(text.to_owned())),
    }
}

fn is_deed(text: &str) -> bool {
    let name = snake(text);
    deed(&name) != Deed::Thing || name.starts_with("post_")
}

/// `v1`, `v2beta1`, `2.0`, `2022-01-01`.
fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let had_v = rest.len() != text.len();
    let digits = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    let number = rest.trim_start_matches(digits);
    let begins = rest.starts_with(|c: char| c.is_ascii_digit());
    begins
        && (number.is_empty()
            || had_v && (number.starts_with("alpha") || number.starts_with("beta")))
        && (had_v || rest.contains(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: &[(&str, &str)] = &[
        ("/api/v3/pet", "post"),
        ("/api/v3/pet/{petId}", "get"),
        ("/api/v3/pet/findByStatus", "get"),
        ("/api/v3/pet/{petId}/uploadImage", "post"),
        ("/api/v3/store/inventory", "get"),
        ("/v1/projects/{project}/zones/{zone}/instances/{instance}", "get"),
        ("/v1/projects/{project}/zones/{zone}/instances/{instance}:reboot", "post"),
        ("/repos/{owner}/{repo}/exports", "get"),
        ("/repos/{owner}/{repo}/export", "post"),
        ("/droplets/{id}/nudge", "post"),
        ("/droplets/{id}/snapshots", "post"),
        ("/chat.postMessage", "post"),
        ("/users.json", "get"),
        ("/users('{id}')/photo", "get"),
        ("/items/{collection}", "post"),
        ("/items/{collection}/{id}", "get"),
        ("/audio/speech", "post"),
        ("/login", "post"),
        ("/", "get"),
    ];

    fn place(path: &str) -> (String, bool, Option<String>) {
        let place = Paths::new(PATHS.iter().copied()).place(path);
        (place.chain.join("."), place.item, place.action)
    }

    #[test]
    fn paths_are_about_collections_items_and_deeds() {
        let expected = [
            ("/api/v3/pet", "pets", false, None),
            ("/api/v3/pet/{petId}", "pets", true, None),
            ("/api/v3/pet/findByStatus", "pets", false, Some("find_by_status")),
            ("/api/v3/pet/{petId}/uploadImage", "pets", true, Some("upload_image")),
            ("/api/v3/store/inventory", "store.inventory", false, None),
            (
                "/v1/projects/{project}/zones/{zone}/instances/{instance}",
                "projects.zones.instances",
                true,
                None,
            ),
            (
                "/v1/projects/{project}/zones/{zone}/instances/{instance}:reboot",
                "projects.zones.instances",
                true,
                Some("reboot"),
            ),
            ("/repos/{owner}/{repo}/exports", "repos.exports", false, None),
            ("/repos/{owner}/{repo}/export", "repos", true, Some("export")),
            ("/droplets/{id}/nudge", "droplets", true, Some("nudge")),
            ("/droplets/{id}/snapshots", "droplets.snapshots", false, None),
            ("/chat.postMessage", "chat", false, Some("post_message")),
            ("/users.json", "users", false, None),
            ("/users('{id}')/photo", "users.photo", false, None),
            ("/items/{collection}", "items", false, None),
            ("/items/{collection}/{id}", "items", true, None),
            ("/audio/speech", "audio", false, Some("speech")),
            ("/login", "", false, Some("login")),
            ("/", "", false, None),
        ];
        for (path, chain, item, action) in expected {
            assert_eq!(place(path), (chain.to_owned(), item, action.map(str::to_owned)), "{path}");
        }
    }

    #[test]
    fn versions_are_known_by_their_form() {
        for version in ["v1", "v2beta1", "v1.2", "2022-01-01", "2.0"] {
            assert!(is_version(version), "{version}");
        }
        for word in ["v", "vms", "2fa", "42", "videos"] {
            assert!(!is_version(word), "{word}");
        }
    }
}
