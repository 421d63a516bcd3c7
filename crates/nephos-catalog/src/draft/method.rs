//! Methods of a resource: their names, the verbs that reach them, the order in which they are tried.

use serde_json::Value;

use super::answer::Rows;
use super::operation::{Body, Operation};
use super::page::{Paging, links_config, paging};
use super::place::Paths;
use super::words::{reads, singular, snake, unique};
use crate::document::Document;
use crate::{HttpVerb, SqlVerb};

/// A method as it will be written.
pub(super) struct Method<'a> {
    pub(super) name: String,
    pub(super) operation: &'a Operation<'a>,
    /// Verbs that reach it, besides EXEC.
    pub(super) verbs: Vec<SqlVerb>,
    /// Why no verb reaches it, or what is to be known.
    pub(super) note: Option<String>,
    /// `config.pagination`.
    pub(super) pagination: Option<Value>,
    /// Fields of the body are columns of the same names.
    pub(super) naive: bool,
}

/// A resource as it will be written.
pub(super) struct Resource<'a> {
    pub(super) service: String,
    pub(super) name: String,
    /// In document order.
    pub(super) methods: Vec<Method<'a>>,
}

impl Resource<'_> {
    /// Indexes of the methods of a verb, in the order in which they are tried: the most required
    /// parameters first, so that the most specific one that a statement satisfies is taken.
    pub(super) fn order(&self, verb: SqlVerb) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.methods.len()).filter(|at| self.methods[*at].verbs.contains(&verb)).collect();
        order.sort_by_key(|at| {
            let method = &self.methods[*at];
            (
                std::cmp::Reverse(method.operation.weight()),
                method.operation.place.action.is_some(),
                method.operation.place.chain.len(),
                *at,
            )
        });
        order
    }
}

/// What an operation does, before names are settled.
struct Intent {
    name: String,
    verbs: Vec<SqlVerb>,
    note: Option<String>,
}

fn intent(name: &str, verb: SqlVerb) -> Intent {
    Intent { name: name.to_owned(), verbs: vec![verb], note: None }
}

fn exec(name: &str, note: impl Into<String>) -> Intent {
    Intent { name: name.to_owned(), verbs: Vec::new(), note: Some(note.into()) }
}

/// Makes the methods of one resource of its operations. `links` says that some list of the API
/// continues by a `Link` header.
pub(super) fn resource<'a>(
    document: &Document,
    paths: &Paths,
    service: &str,
    name: &str,
    operations: &[&'a Operation<'a>],
    links: bool,
) -> Resource<'a> {
    let rows: Vec<&str> = operations
        .iter()
        .filter(|o| o.http == HttpVerb::Get && o.place.action.is_none())
        .filter_map(|o| o.answer.row)
        .collect();
    let creates = operations
        .iter()
        .any(|o| o.http == HttpVerb::Post && !o.place.item && o.place.action.is_none());
    let intents = operations.iter().map(|o| of(o, paths, &rows, creates)).collect();
    let intents = without_sweeping(operations, intents);
    let names = names(operations, &intents);
    let mut methods = Vec::new();
    for ((&operation, mut intent), name) in operations.iter().zip(intents).zip(names) {
        if let Some(cookie) = &operation.cookie {
            intent.verbs.clear();
            intent.note = Some(format!("it needs the cookie {cookie}, which cannot be sent"));
        }
        if operation.answer.is_undeclared && intent.verbs.contains(&SqlVerb::Select) {
            intent.note = Some("its answer declares no columns".to_owned());
        }
        let mut pagination = None;
        if operation.answer.rows == Rows::Many && intent.verbs.contains(&SqlVerb::Select) {
            match paging(document, operation.value, &operation.answer) {
                Paging::Known(config) => pagination = Some(config),
                Paging::Unknown(parameter) if links => {
                    pagination = Some(links_config());
                    intent.note = Some(format!(
                        "`{parameter}` asks for other pages, and the answer does not say how they \
                         follow: a Link header is looked for, as other lists have one"
                    ));
                }
                Paging::Unknown(parameter) => {
                    intent.note = Some(format!(
                        "only the first page is read: `{parameter}` asks for others, and the answer \
                         does not say how many there are"
                    ));
                }
                Paging::Single => {}
            }
        }
        let clash = operation
            .required_fields()
            .into_iter()
            .find(|field| operation.parameters.iter().any(|name| name == field))
            .map(str::to_owned);
        if let Some(field) = &clash {
            intent.note.get_or_insert_with(|| {
                format!(
                    "fields of the body are `data__..`: `{field}` is both a parameter and a field"
                )
            });
        }
        methods.push(Method {
            name,
            operation,
            verbs: intent.verbs,
            note: intent.note,
            pagination,
            naive: operation.body.as_ref().is_some_and(|body| body.shape.is_object())
                && clash.is_none(),
        });
    }
    let mut resource = Resource { service: service.to_owned(), name: name.to_owned(), methods };
    for verb in SqlVerb::BOUND {
        without_shadowed(&mut resource, verb);
    }
    resource
}

/// A change of everything is not for UPDATE where there is one of a single item: a condition that no
/// parameter carries would change the rest as well.
fn without_sweeping(operations: &[&Operation], mut intents: Vec<Intent>) -> Vec<Intent> {
    let updates_one = operations
        .iter()
        .zip(&intents)
        .any(|(operation, intent)| operation.place.item && intent.verbs.contains(&SqlVerb::Update));
    for (operation, intent) in operations.iter().zip(&mut intents) {
        let sweeps = operation.required.is_empty() && intent.verbs.contains(&SqlVerb::Update);
        if updates_one && sweeps {
            *intent = exec("update_all", "it changes many at once, so that UPDATE does not use it");
        }
    }
    intents
}

/// Names of methods; the short ones go to what is about one item, and has no constants in its path.
fn names(operations: &[&Operation], intents: &[Intent]) -> Vec<String> {
    let mut order: Vec<usize> = (0..operations.len()).collect();
    order.sort_by_key(|at| {
        let operation = operations[*at];
        (operation.path.contains('?'), !operation.place.item && operation.place.action.is_none())
    });
    let mut taken = Vec::new();
    let mut names = vec![String::new(); operations.len()];
    for at in order {
        let (operation, intent) = (operations[at], &intents[at]);
        let parents = operation.place.chain.split_last().map(|(_, parents)| parents);
        let parent = parents.and_then(<[String]>::last).map(|parent| singular(parent));
        let others: Vec<String> = parent
            .map(|parent| format!("{}_by_{parent}", intent.name))
            .into_iter()
            .chain([snake(&operation.id)])
            .collect();
        names[at] = unique(&intent.name, &others, &mut taken);
    }
    names
}

/// Takes a method out of a verb that would always prefer another one.
fn without_shadowed(resource: &mut Resource, verb: SqlVerb) {
    let order = resource.order(verb);
    for (position, at) in order.iter().enumerate() {
        let needs = needed(&resource.methods[*at]);
        let winner =
            order[..position].iter().map(|other| &resource.methods[*other]).find(|other| {
                other.verbs.contains(&verb) && needed(other).iter().all(|name| needs.contains(name))
            });
        if let Some(winner) = winner {
            let note = format!(
                "{} takes {}, which needs the same parameters",
                verb.keyword(),
                winner.name
            );
            let method = &mut resource.methods[*at];
            method.verbs.retain(|other| *other != verb);
            if method.verbs.is_empty() {
                method.note = Some(note);
            }
        }
    }
}

fn needed(method: &Method) -> Vec<String> {
    let fields = method.operation.required_fields();
    let fields =
        fields.into_iter().map(|f| if method.naive { f.to_owned() } else { format!("data__{f}") });
    method.operation.required.iter().cloned().chain(fields).collect()
}

fn of(operation: &Operation, paths: &Paths, rows: &[&str], creates: bool) -> Intent {
    if let Some(action) = &operation.place.action {
        return action_of(operation, action, rows);
    }
    let item = operation.place.item;
    match operation.http {
        HttpVerb::Get => match operation.answer.rows {
            Rows::Many => intent("list", SqlVerb::Select),
            Rows::One => intent("get", SqlVerb::Select),
            Rows::Opaque => exec("get", opaque(operation)),
            Rows::Nothing => exec("get", "its answer has no content, so there are no rows"),
        },
        HttpVerb::Post if !item => with_body(operation, intent("create", SqlVerb::Insert)),
        HttpVerb::Post => {
            let other_changes =
                paths.has(operation.path, "put") || paths.has(operation.path, "patch");
            if other_changes {
                exec("post", "PUT or PATCH of the same path change it")
            } else if paths.has(operation.path, "get") {
                with_body(operation, intent("update", SqlVerb::Update))
            } else {
                with_body(operation, intent("create", SqlVerb::Insert))
            }
        }
        HttpVerb::Put if item && operation.body.is_none() => intent("add", SqlVerb::Insert),
        HttpVerb::Put => {
            let mut replace = intent("replace", SqlVerb::Replace);
            if item && !creates {
                replace.verbs.insert(0, SqlVerb::Insert);
            }
            with_body(operation, replace)
        }
        HttpVerb::Patch => with_body(operation, intent("update", SqlVerb::Update)),
        HttpVerb::Delete if operation.required.is_empty() => {
            exec("delete_all", "it deletes without asking what, so that DELETE does not use it")
        }
        HttpVerb::Delete => with_body(operation, intent("delete", SqlVerb::Delete)),
        HttpVerb::Head => exec("head", "its answer is headers only"),
        HttpVerb::Options => exec("options", "it asks about the API, not about its rows"),
    }
}

/// An action that reads the rows of its resource is a way to select them.
fn action_of(operation: &Operation, action: &str, rows: &[&str]) -> Intent {
    let answers_rows = match operation.answer.rows {
        Rows::Many => rows.is_empty() || operation.answer.row.is_some_and(|r| rows.contains(&r)),
        _ => false,
    };
    let selects = operation.http == HttpVerb::Get || operation.http == HttpVerb::Post;
    if selects && reads(action) && answers_rows {
        return with_body(operation, intent(action, SqlVerb::Select));
    }
    let body = operation.body.as_ref().and_then(without_columns);
    exec(action, body.map_or("an action".to_owned(), |body| format!("an action; {body}")))
}

fn opaque(operation: &Operation) -> String {
    let media = operation.answer.media.as_deref().unwrap_or("text");
    format!("its answer is {media} without rows")
}

/// A verb writes columns into the body; a body that has none is EXEC's.
fn with_body(operation: &Operation, mut intent: Intent) -> Intent {
    let Some(body) = &operation.body else { return intent };
    let Some(reason) = without_columns(body) else { return intent };
    intent.verbs.clear();
    intent.note = Some(reason);
    intent
}

fn without_columns(body: &Body) -> Option<String> {
    let media = body.media.to_ascii_lowercase();
    if media.starts_with("multipart/") {
        return Some(format!("its body is {media}, which has no columns"));
    }
    let columns = media.contains("json") || media.contains("xml") || media.contains("urlencoded");
    if media != "*/*" && !columns {
        return Some(format!("its body is {media}: give it by @@file or @@body"));
    }
    let kind = body.shape.kind.as_str();
    let free = body.shape.properties.is_empty();
    match kind {
        "object" | "" if !free || !body.required => None,
        "object" | "" => Some("its body declares no fields: give it by @@json".to_owned()),
        _ => Some(format!("its body is {} {kind}: give it by @@json", article(kind))),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
