//! The `aws.s3` documents, from botocore's model of S3 and the tables in `providers/aws/source`.
//!
//! The model says what S3 takes and answers; `s3.bindings.tsv` says under which names Nephos shows
//! it; `s3.rows.tsv` says where the rows of an answer are; `s3.descriptions.tsv` says it in words.

mod answer;
mod binding;
mod body;
mod document;
mod faults;
mod model;
mod operation;
mod page;
mod parameter;
mod resource;
mod rows;
mod schemas;
mod words;

use std::fmt;

use binding::Bindings;
use faults::Faults;
use model::Model;
use page::Paginators;
use rows::Rows;
use words::Words;

/// The texts that the documents are made from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// botocore's `service-2.json`.
    pub model: &'a str,
    /// botocore's `paginators-1.json`, or `{}`.
    pub paginators: &'a str,
    /// `s3.bindings.tsv`: resource, method, verb, operation, `http_method`, path, `required_params`, note.
    pub bindings: &'a str,
    /// `s3.rows.tsv`: operation, `object_key`.
    pub rows: &'a str,
    /// `s3.descriptions.tsv`: kind, name, text.
    pub descriptions: &'a str,
}

/// The generated documents.
#[derive(Debug)]
pub struct Documents {
    /// `provider.yaml`.
    pub provider: String,
    /// `services/s3.yaml`.
    pub service: String,
    /// What the service document holds.
    pub counts: Counts,
}

/// How much a service document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Resources.
    pub resources: usize,
    /// Methods of all resources.
    pub methods: usize,
    /// Operations of the model behind them.
    pub operations: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resources, methods, operations } = self;
        write!(f, "{resources} resources, {methods} methods, {operations} operations")
    }
}

/// Makes the documents.
///
/// # Errors
///
/// Every fault found in the sources, one a line, sorted: an operation without a binding or the other
/// way round, something without a description, a binding that contradicts the model.
pub fn generate(sources: &Sources<'_>) -> Result<Documents, Vec<String>> {
    let faults = Faults::default();
    let model = Model::parse(sources.model)?;
    let paginators = Paginators::parse(sources.paginators)?;
    let bindings = Bindings::parse(sources.bindings, &faults);
    let words = Words::parse(sources.descriptions, &faults);
    let rows = Rows::parse(sources.rows, &faults);
    bindings.compare(&model, &faults);

    let draft = Draft { model: &model, words: &words, faults: &faults };
    let (service, counts) = document::service(draft, &bindings, &rows, &paginators);
    let provider = document::provider(draft);
    words.report_unused(&faults);
    faults.into_result()?;
    Ok(Documents {
        provider: document::yaml(&provider).map_err(|fault| vec![fault])?,
        service: document::yaml(&service).map_err(|fault| vec![fault])?,
        counts,
    })
}

/// What every part of the generator reads.
#[derive(Clone, Copy)]
struct Draft<'a> {
    model: &'a Model,
    words: &'a Words,
    faults: &'a Faults,
}

impl Draft<'_> {
    /// The description of `name`, or a fault that it is missing.
    fn describe(self, kind: &str, name: &str) -> String {
        self.words.find(kind, name).unwrap_or_else(|| {
            self.faults.add(format!("{kind} {name} has no description in s3.descriptions.tsv"));
            String::new()
        })
    }

    /// The description of a member: its own in this shape, or the one that all members of the name share.
    fn describe_member(self, shape: &str, key: &str) -> String {
        self.words
            .find_exact("member", &format!("{shape}.{key}"))
            .unwrap_or_else(|| self.describe("member", key))
    }
}
