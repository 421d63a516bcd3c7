//! A provider drafted from a plain `OpenAPI` document.
//!
//! What the format of provider documents says and `OpenAPI` does not is inferred: services from tags
//! or paths, resources from the collections in paths, verbs from HTTP methods, rows, pages and
//! authorisation from the customary shapes. Every guess stands in the YAML, to be corrected there.

mod answer;
mod auth;
mod document;
mod error;
mod grouping;
mod method;
mod operation;
mod page;
mod place;
mod shape;
mod specification;
mod summary;
mod words;

use serde_json::{Value, json};

pub use error::DraftError;
pub use summary::{DraftService, DraftSummary, DraftVariable, Note};

use self::answer::Rows;
use self::method::{Method, Resource};
use self::operation::Operation;
use self::specification::Specification;
use crate::SqlVerb;
use crate::document::text;
use crate::pages::identifier;

/// Words of a title that do not name an API.
const GENERIC: &[&str] = &[
    "api",
    "apis",
    "rest",
    "http",
    "openapi",
    "open",
    "swagger",
    "the",
    "v1",
    "v2",
    "v3",
    "v4",
    "specification",
    "spec",
    "public",
    "reference",
    "documentation",
    "service",
    "of",
    "for",
];

/// What the user decides about a draft.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DraftOptions {
    /// The provider's name in SQL; from the document's title when it is not given.
    pub name: Option<String>,
    /// Base URL of the API, instead of those of the document.
    pub server: Option<String>,
    /// How operations are divided into services.
    pub services: ServiceGrouping,
}

/// How operations are divided into services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServiceGrouping {
    /// By tag, else by path; a small API is one service.
    #[default]
    Auto,
    /// By the first tag.
    Tag,
    /// By the first collection of the path.
    Path,
    /// One service, `api`.
    One,
}

/// The documents of a provider, not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// First part of a name in SQL.
    pub provider: String,
    /// All files; the first is `provider.yaml`.
    pub files: Vec<DraftFile>,
    /// What they hold.
    pub summary: DraftSummary,
}

/// One file of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFile {
    /// Path below a registry's `src`, with `/` on every system.
    pub path: String,
    /// YAML.
    pub text: String,
}

/// Drafts a provider from the text of an `OpenAPI` document. `label` is what the user calls it.
pub fn draft(label: &str, text: &str, options: &DraftOptions) -> Result<Draft, DraftError> {
    let mut specification = Specification::parse(label, text)?;
    let provider = provider_name(&specification, options)?;
    let mut summary = DraftSummary::default();
    let servers = servers(&mut specification, options)?;
    summary.notes.append(&mut specification.notes);
    let (operations, paths) = operation::operations(&specification, &mut summary.left_out);
    summary.operations = operations.len() + summary.left_out.len();
    let services = grouping::services(&operations, options);
    let names = grouping::resources(&operations, &services);
    let links = operations.iter().any(|operation| operation.answer.links);
    let mut resources: Vec<Resource> = Vec::new();
    let mut done = std::collections::BTreeSet::new();
    for index in 0..operations.len() {
        let (service, name) = (&services[index], &names[index]);
        if !done.insert((service, name)) {
            continue;
        }
        let members: Vec<&Operation> = (index..operations.len())
            .filter(|at| services[*at] == *service && names[*at] == *name)
            .map(|at| &operations[at])
            .collect();
        let document = &specification.document;
        resources.push(method::resource(document, &paths, service, name, &members, links));
    }
    let prefix = words::snake(&provider).to_ascii_uppercase();
    let auth = auth::authorisation(&specification, prefix.trim_start_matches('_'));
    summary.notes.extend(auth.notes);
    summary.environment = auth.environment;
    summarise(&mut summary, &provider, &resources);
    let mut files = Vec::new();
    let folder = format!("{provider}/{}", document::VERSION);
    let service_names: Vec<String> = summary.services.iter().map(|s| s.name.clone()).collect();
    files.push(DraftFile {
        path: format!("{folder}/provider.yaml"),
        text: yaml(
            label,
            &document::provider(&specification, &provider, &service_names, &auth.config),
        )?,
    });
    for service in &service_names {
        let own: Vec<&Resource> = resources.iter().filter(|r| r.service == *service).collect();
        files.push(DraftFile {
            path: format!("{folder}/services/{service}.yaml"),
            text: yaml(
                label,
                &document::service(&specification, &provider, service, &servers, &own),
            )?,
        });
    }
    Ok(Draft { provider, files, summary })
}

fn provider_name(
    specification: &Specification,
    options: &DraftOptions,
) -> Result<String, DraftError> {
    if let Some(name) = &options.name {
        let good = words::snake(name);
        if *name != good {
            return Err(DraftError {
                document: specification.label.clone(),
                reason: format!("{name:?} is not a provider's name"),
                help: match good.as_str() {
                    "" => "a name has small letters, digits and underscores".to_owned(),
                    good => format!("--name {good}"),
                },
            });
        }
        return Ok(good);
    }
    let title = specification.root().pointer("/info/title").and_then(Value::as_str);
    let title = words::snake(title.unwrap_or_default());
    let is_name = |word: &&str| {
        let numbers = word.chars().all(|c| c.is_ascii_digit());
        !numbers && !GENERIC.contains(word)
    };
    let kept: Vec<&str> = title.split('_').filter(is_name).take(3).collect();
    let name = words::snake(&kept.join("_"));
    if name.is_empty() {
        return Err(DraftError {
            document: specification.label.clone(),
            reason: "its title names nothing".to_owned(),
            help: "give the provider a name: --name NAME".to_owned(),
        });
    }
    Ok(name)
}

/// The servers of every service; those of single paths and operations stay where they are.
fn servers(specification: &mut Specification, options: &DraftOptions) -> Result<Value, DraftError> {
    let absolute = |url: &str| url.contains("://") || url.starts_with('{');
    let refuse = |reason: String, help: &str| DraftError {
        document: specification.label.clone(),
        reason,
        help: help.to_owned(),
    };
    if let Some(server) = &options.server {
        if !absolute(server) {
            return Err(refuse(
                format!("{server:?} is not a URL"),
                "give the whole of it: --server https://api.example.com/v1",
            ));
        }
        let mut root = specification.root().clone();
        let removed = without_servers(&mut root);
        if removed > 0 {
            specification.notes.push(Note::new(
                "servers",
                format!(
                    "--server replaces {} of paths and operations",
                    summary::count(removed, "server")
                ),
            ));
        }
        specification.document = crate::document::Document::of(&specification.label, root);
        return Ok(json!([{ "url": server.trim_end_matches('/') }]));
    }
    let declared = specification.root().get("servers").and_then(Value::as_array);
    let usable: Vec<Value> = declared
        .into_iter()
        .flatten()
        .filter(|server| absolute(&text(server, "url")))
        .cloned()
        .collect();
    if usable.is_empty() {
        let relative = declared.and_then(|all| all.first()).map(|server| text(server, "url"));
        let path = relative.unwrap_or_default();
        let path = path.trim_end_matches('/');
        return Err(refuse(
            "it does not say on which host the API is".to_owned(),
            &format!("give its base URL: --server https://HOST{path}"),
        ));
    }
    Ok(Value::Array(usable))
}

fn without_servers(root: &mut Value) -> usize {
    let mut removed = 0;
    let paths = root.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(|paths| paths.values_mut()) {
        let Some(item) = item.as_object_mut() else { continue };
        removed += usize::from(item.shift_remove("servers").is_some());
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            removed += usize::from(operation.shift_remove("servers").is_some());
        }
    }
    removed
}

fn summarise(summary: &mut DraftSummary, provider: &str, resources: &[Resource]) {
    for resource in resources {
        let methods = resource.methods.len();
        match summary.services.iter_mut().find(|service| service.name == resource.service) {
            Some(service) => {
                service.resources += 1;
                service.methods += methods;
            }
            None => summary.services.push(DraftService {
                name: resource.service.clone(),
                resources: 1,
                methods,
            }),
        }
        for method in &resource.methods {
            let place = format!("{}.{}.{}", resource.service, resource.name, method.name);
            let note = method
                .note
                .as_ref()
                .map(|note| Note::new(&place, format!("{}: {note}", method.operation.label())));
            if method.verbs.is_empty() {
                summary.exec_only.extend(note);
            } else {
                summary.notes.extend(note);
            }
        }
    }
    let all = || resources.iter().flat_map(|resource| &resource.methods);
    summary.verbs = SqlVerb::BOUND
        .into_iter()
        .map(|verb| (verb, all().filter(|m| m.verbs.contains(&verb)).count()))
        .chain([(SqlVerb::Exec, all().filter(|m| m.verbs.is_empty()).count())])
        .collect();
    summary.first_statement = first_statement(provider, resources);
}

/// A statement that reads a list and needs as little as possible.
fn first_statement(provider: &str, resources: &[Resource]) -> String {
    let mut candidates: Vec<(&Resource, &Method)> = resources
        .iter()
        .flat_map(|resource| resource.methods.iter().map(move |method| (resource, method)))
        .filter(|(_, method)| method.verbs.contains(&SqlVerb::Select))
        .collect();
    candidates.sort_by_key(|(_, method)| {
        let operation = method.operation;
        (
            !operation.answer.has_columns,
            operation.weight(),
            operation.answer.rows != Rows::Many,
            operation.place.action.is_some(),
            operation.place.chain.len(),
        )
    });
    let Some((resource, method)) = candidates.first() else {
        return match resources.first() {
            Some(first) => format!("SHOW METHODS IN {provider}.{}.{}", first.service, first.name),
            None => format!("SHOW SERVICES IN {provider}"),
        };
    };
    let operation = method.operation;
    let conditions: Vec<String> = operation
        .required
        .iter()
        .zip(&operation.samples)
        .map(|(name, sample)| {
            let value = sample.as_deref().unwrap_or("...").replace('\'', "''");
            format!("{} = '{value}'", identifier(name))
        })
        .collect();
    let from = format!("SELECT * FROM {provider}.{}.{}", resource.service, resource.name);
    if conditions.is_empty() {
        format!("{from} LIMIT 10")
    } else {
        format!("{from} WHERE {} LIMIT 10", conditions.join(" AND "))
    }
}

fn yaml(label: &str, document: &Value) -> Result<String, DraftError> {
    let text = serde_saphyr::to_string(document).map_err(|error| DraftError {
        document: label.to_owned(),
        reason: format!("its documents cannot be written: {error}"),
        help: "give the document as JSON".to_owned(),
    })?;
    Ok(format!(
        "# Drafted by `nephos provider init` from an OpenAPI document. Every guess is here: edit it.\n{text}"
    ))
}
