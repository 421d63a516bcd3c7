//! Reference pages in Markdown: a page a resource, an index a service and a provider.
//!
//! The same catalog gives the same bytes, so that pages can be checked in.

mod markdown;
mod statement;

use std::fmt::Write as _;

pub(crate) use self::markdown::identifier;
use self::markdown::{code, line, table};
use crate::{
    Catalog, CatalogError, ColumnOrigin, Fault, Method, Provider, Resource, ServiceHead, SqlVerb,
    VIEW_METHOD,
};

/// What SELECT and DESCRIBE answer where no method serves SELECT.
const SELECT_NOT_SUPPORTED: &str = "SELECT not supported for this resource, use SHOW METHODS to view \
     available operations for the resource and then invoke a supported method using the EXEC command";

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePage {
    /// Path below the folder of all pages, with `/` on every system: `aws/s3/parts.md`.
    pub path: String,
    /// Markdown.
    pub text: String,
}

/// The pages of one service and what its document holds that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePages {
    /// The index, then a page a resource, by name.
    pub pages: Vec<ReferencePage>,
    /// Methods that are declared and cannot be used.
    pub faults: Vec<Fault>,
}

/// The reference pages of a provider, made a service at a time: providers may have hundreds.
pub struct ReferencePages<'a> {
    catalog: &'a Catalog,
    provider: &'a Provider,
}

impl<'a> ReferencePages<'a> {
    /// The pages of the provider that `name` means.
    pub fn of(catalog: &'a Catalog, name: &str) -> Result<Self, CatalogError> {
        Ok(Self { catalog, provider: catalog.provider(name)? })
    }

    /// Services, in the order of the index.
    pub fn services(&self) -> Vec<&'a ServiceHead> {
        let mut services: Vec<&ServiceHead> = self.provider.services.iter().collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        services
    }

    /// The provider's index.
    pub fn index(&self) -> ReferencePage {
        let name = &self.provider.name;
        let rows: Vec<Vec<String>> = self
            .services()
            .iter()
            .map(|service| {
                let link =
                    format!("[{}]({}/index.md)", code(&service.name), file_name(&service.name));
                vec![link, line(&service.title), line(&service.description)]
            })
            .collect();
        let mut text = format!("# {}\n\n", line(name));
        push_paragraph(&mut text, &line(&self.provider.description));
        let _ = write!(text, "Version {}.\n\n## Services\n\n", code(&self.provider.version));
        text.push_str(&table(&["Name", "Title", "Description"], &rows));
        ReferencePage { path: format!("{}/index.md", file_name(name)), text }
    }

    /// The index of a service and the pages of its resources.
    pub fn service(&self, service: &ServiceHead) -> Result<ServicePages, CatalogError> {
        let provider = &self.provider.name;
        let folder = format!("{}/{}", file_name(provider), file_name(&service.name));
        let mut pages = vec![];
        let mut rows = Vec::new();
        let mut files: Vec<String> = vec!["index".to_owned()];
        for head in self.catalog.resources(provider, &service.name)? {
            let found = self.catalog.resource(provider, &service.name, &head.name)?;
            let file = free_file_name(&head.name, &mut files);
            let mut verbs: Vec<&str> = Vec::new();
            if !found.resource.views.is_empty() {
                verbs.push(SqlVerb::Select.keyword());
            }
            for (verb, _) in methods(&found.resource) {
                if !verbs.contains(&verb.keyword()) {
                    verbs.push(verb.keyword());
                }
            }
            rows.push(vec![
                format!("[{}]({file}.md)", code(&head.name)),
                verbs.join(", "),
                line(&head.description),
            ]);
            pages.push(ReferencePage {
                path: format!("{folder}/{file}.md"),
                text: resource_page(&found.resource, &found.full_name()),
            });
        }
        let mut text = format!("# {}\n\n", line(&format!("{provider}.{}", service.name)));
        push_paragraph(&mut text, &line(&service.description));
        text.push_str("## Resources\n\n");
        text.push_str(&table(&["Name", "Accessible by", "Description"], &rows));
        pages.insert(0, ReferencePage { path: format!("{folder}/index.md"), text });
        Ok(ServicePages { pages, faults: self.catalog.faults(provider, &service.name)? })
    }
}

fn resource_page(resource: &Resource, full_name: &str) -> String {
    let head = &resource.head;
    let mut text = format!("# {}\n\n", line(&head.name));
    push_paragraph(&mut text, &line(&head.description));
    text.push_str("## Overview\n\n");
    let overview =
        [("Name", code(&head.name)), ("Type", "Resource".to_owned()), ("Id", code(full_name))];
    let rows: Vec<Vec<String>> =
        overview.into_iter().map(|(key, value)| vec![format!("**{key}**"), value]).collect();
    text.push_str(&table(&["", ""], &rows));
    text.push_str("\n## Fields\n\n");
    match resource.methods_for(SqlVerb::Select).first() {
        _ if !resource.views.is_empty() => {
            let sentence = format!(
                "SELECT reads a query over other resources; `DESCRIBE {full_name}` shows its columns."
            );
            push_paragraph(&mut text, &sentence);
        }
        None => push_paragraph(&mut text, SELECT_NOT_SUPPORTED),
        Some(method) => {
            let rows: Vec<Vec<String>> = fields(resource, method)
                .into_iter()
                .map(|f| vec![code(&f.name), code(&f.kind), line(&f.description)])
                .collect();
            text.push_str(&table(&["Name", "Type", "Description"], &rows));
            text.push('\n');
        }
    }
    text.push_str("## Methods\n\n");
    let views = resource.views.iter().map(|view| {
        let required: Vec<String> = view.required.iter().map(|name| code(name)).collect();
        vec![code(VIEW_METHOD), code(SqlVerb::Select.keyword()), required.join(", "), String::new()]
    });
    let rows: Vec<Vec<String>> = views
        .chain(methods(resource).into_iter().map(|(verb, method)| {
            let required: Vec<String> =
                method.shown_params().iter().map(|name| code(name)).collect();
            vec![
                code(&method.name),
                code(verb.keyword()),
                required.join(", "),
                line(&method.description),
            ]
        }))
        .collect();
    text.push_str(&table(&["Name", "Accessible by", "Required params", "Description"], &rows));
    let optional = optional_params(resource);
    if !optional.is_empty() {
        text.push_str("\n## Optional params\n\n");
        text.push_str(&table(&["Name", "Type", "Methods", "Description"], &optional));
    }
    let examples = statement::examples(resource, full_name);
    if !examples.is_empty() {
        text.push_str("\n## Examples\n");
    }
    for (verb, method, statement) in examples {
        let _ = write!(
            text,
            "\n### {} by {}\n\n```sql\n{statement}\n```\n",
            verb.keyword(),
            code(&method)
        );
    }
    text
}

/// A column as DESCRIBE shows it.
struct Field {
    name: String,
    kind: String,
    description: String,
}

/// What DESCRIBE lists, in its order.
fn fields(_: &Resource, method: &Method) -> Vec<Field> {
    let paged = method.page.is_some();
    let mut fields: Vec<Field> = method
        .response
        .columns
        .iter()
        .filter(|column| !(paged && column.origin == ColumnOrigin::Envelope))
        .map(|column| Field {
            name: column.name.clone(),
            kind: column.schema.kind.as_str().to_owned(),
            description: column.description.clone(),
        })
        .collect();
    let first = ["id", "name", "description"];
    let rank = |name: &str| first.iter().position(|f| *f == name).unwrap_or(first.len());
    fields.sort_by(|a, b| rank(&a.name).cmp(&rank(&b.name)).then_with(|| a.name.cmp(&b.name)));
    fields
}

/// Methods with the verbs that reach them, in the order of SHOW METHODS.
fn methods(resource: &Resource) -> Vec<(SqlVerb, &Method)> {
    let group = |verb: SqlVerb| {
        SqlVerb::BOUND.iter().position(|v| *v == verb).unwrap_or(SqlVerb::BOUND.len())
    };
    let mut rows: Vec<(SqlVerb, &Method)> = resource
        .methods
        .iter()
        .flat_map(|method| resource.verbs_of(&method.name).into_iter().map(move |v| (v, method)))
        .collect();
    rows.sort_by(|(a, one), (b, other)| {
        group(*a).cmp(&group(*b)).then_with(|| one.name.cmp(&other.name))
    });
    rows
}

/// Everything that may be given besides what must be: name, type, methods, description.
fn optional_params(resource: &Resource) -> Vec<Vec<String>> {
    let mut found: Vec<(String, String, Vec<String>, String)> = Vec::new();
    for method in &resource.methods {
        let required = method.required_params();
        for name in method.accepted_params() {
            if required.contains(&name) {
                continue;
            }
            let (kind, description) = described(method, &name);
            match found.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, _, methods, _)) if methods.contains(&method.name) => {}
                Some((_, _, methods, text)) => {
                    methods.push(method.name.clone());
                    if text.is_empty() {
                        *text = description;
                    }
                }
                None => found.push((name, kind, vec![method.name.clone()], description)),
            }
        }
    }
    found.sort();
    found
        .into_iter()
        .map(|(name, kind, methods, description)| {
            let methods: Vec<String> = methods.iter().map(|method| code(method)).collect();
            vec![code(&name), code(&kind), methods.join(", "), line(&description)]
        })
        .collect()
}

/// Type and description of a parameter, a server variable or a field of the body.
fn described(method: &Method, name: &str) -> (String, String) {
    if let Some(param) = method.param(name) {
        return (param.kind.as_str().to_owned(), param.description.clone());
    }
    if let Some(variable) = method.server_variables().find(|variable| variable.name == name) {
        return ("string".to_owned(), variable.description.clone());
    }
    let field = method.body.iter().find_map(|body| {
        body.schema.properties.iter().find(|(field, _)| body.naming.column(field) == name)
    });
    match field {
        Some((_, schema)) => (schema.kind.as_str().to_owned(), schema.description.clone()),
        None => ("any".to_owned(), String::new()),
    }
}

fn push_paragraph(text: &mut String, paragraph: &str) {
    if !paragraph.is_empty() {
        text.push_str(paragraph);
        text.push_str("\n\n");
    }
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect::<String>()
        .trim_start_matches('.')
        .to_owned()
}

/// A file's name that no other page has, also where case does not count.
fn free_file_name(name: &str, taken: &mut Vec<String>) -> String {
    let mut file = file_name(name);
    while taken.iter().any(|other| other.eq_ignore_ascii_case(&file)) {
        file.push('_');
    }
    taken.push(file.clone());
    file
}
