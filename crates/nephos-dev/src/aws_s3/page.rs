//! How lists continue, from botocore's `paginators-1.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Draft;
use super::binding::Binding;
use super::model::{Operation, Reference, ShapeKind};
use super::schemas::object;

/// S3 numbers parts from 1 to 10,000: nothing comes after a marker of that number.
const HIGHEST_PART_NUMBER: u32 = 10_000;
/// S3 answers at most 1,000 items a page, where the model gives no other limit.
const PAGE_MAXIMUM: i64 = 1_000;

/// The paginators, by operation.
#[derive(Default, Deserialize)]
pub(super) struct Paginators {
    #[serde(default)]
    pagination: BTreeMap<String, Paginator>,
}

#[derive(Deserialize)]
struct Paginator {
    input_token: OneOrMore,
    output_token: OneOrMore,
    limit_key: Option<String>,
    more_results: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

impl Paginators {
    pub(super) fn parse(text: &str) -> Result<Self, Vec<String>> {
        serde_json::from_str(text)
            .map_err(|error| vec![format!("the paginators are not readable: {error}")])
    }

    /// `config.pagination` of a method.
    pub(super) fn pagination(
        &self,
        draft: Draft<'_>,
        binding: &Binding,
        operation: &Operation,
    ) -> Option<Value> {
        let unlisted = Paginator {
            input_token: OneOrMore::One("ContinuationToken".to_owned()),
            output_token: OneOrMore::One("NextContinuationToken".to_owned()),
            limit_key: None,
            more_results: Some("IsTruncated".to_owned()),
        };
        let paginator = match self.pagination.get(&binding.operation) {
            Some(paginator) => paginator,
            // The lists of configurations page like the rest; botocore does not list them.
            None if output(draft, operation, "NextContinuationToken").is_some() => &unlisted,
            None => return None,
        };
        Some(Value::Object(pagination(draft, binding, operation, paginator)?))
    }
}

fn pagination(
    draft: Draft<'_>,
    binding: &Binding,
    operation: &Operation,
    paginator: &Paginator,
) -> Option<Map<String, Value>> {
    let pairs: Vec<(Value, Value)> = paginator
        .input_token
        .all()
        .iter()
        .zip(paginator.output_token.all())
        .map(|(request, response)| {
            let request =
                json!({ "key": input(draft, operation, request)?.0, "location": "query" });
            let key = body_path(draft, operation, response)?;
            Some((request, json!({ "key": key, "location": "body" })))
        })
        .collect::<Option<_>>()?;
    let ((request, response), rest) = pairs.split_first()?;
    let mut page = object([("requestToken", request.clone()), ("responseToken", response.clone())]);
    if !rest.is_empty() {
        let rest = rest
            .iter()
            .map(|(request, response)| json!({ "request": request, "response": response }));
        page.insert("additionalTokens".to_owned(), rest.collect());
    }
    if let Some(more) = &paginator.more_results {
        let key = body_path(draft, operation, more)?;
        page.insert("responseHasMore".to_owned(), json!({ "key": key, "location": "body" }));
    }
    if let Some(limit) = &paginator.limit_key {
        let (key, member) = input(draft, operation, limit)?;
        if !binding.constants().any(|constant| constant == key) {
            let maximum = draft.model.shape(member).max.unwrap_or(PAGE_MAXIMUM);
            page.insert(
                "pageSize".to_owned(),
                json!({ "key": key, "location": "query", "maximum": maximum }),
            );
        }
    }
    // A marker that is a number is a position: later pages can be asked for at once.
    let marker = input(draft, operation, paginator.input_token.all().first()?)?.1;
    if draft.model.shape(marker).kind == ShapeKind::Integer {
        page.insert("algorithm".to_owned(), "integer_marker".into());
        page["requestToken"]["maximum"] = HIGHEST_PART_NUMBER.into();
    }
    Some(page)
}

/// Wire name and member of the input `name`.
fn input<'a>(
    draft: Draft<'a>,
    operation: &'a Operation,
    name: &str,
) -> Option<(&'a str, &'a Reference)> {
    let (member_name, member, _) = draft.model.inputs(operation).find(|(n, ..)| *n == name)?;
    Some((member.location_name.as_deref().unwrap_or(member_name), member))
}

fn output<'a>(draft: Draft<'a>, operation: &'a Operation, name: &str) -> Option<&'a Reference> {
    let shape = draft.model.shape(operation.output.as_ref()?);
    shape.members.iter().find(|(n, _)| n == name).map(|(_, member)| member)
}

/// `NextMarker || Contents[-1].Key` becomes `/*/NextMarker | /*/Contents[last()]/Key`. A name that
/// the answer lacks, or that the document does not take apart, gives nothing.
fn body_path(draft: Draft<'_>, operation: &Operation, expression: &str) -> Option<String> {
    let alternatives = expression.split("||").map(|alternative| {
        let steps: Vec<&str> = alternative.trim().split('.').collect();
        let first = steps.first()?.trim_end_matches("[-1]");
        let member = output(draft, operation, first)?;
        let element = member.location_name.as_deref().unwrap_or(first);
        let mut path = format!("/*/{element}");
        if steps[0].ends_with("[-1]") {
            path.push_str("[last()]");
        }
        for step in &steps[1..] {
            path.push('/');
            path.push_str(step);
        }
        Some(path)
    });
    Some(alternatives.collect::<Option<Vec<_>>>()?.join(" | "))
}
