//! `s3.bindings.tsv`: which resource and method stands for an operation.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::Faults;
use super::model::{Model, Operation};

const COLUMNS: [&str; 8] =
    ["resource", "method", "verb", "operation", "http_method", "path", "required_params", "note"];
const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "EXEC"];

/// One line of the table.
pub(super) struct Binding {
    pub(super) resource: String,
    pub(super) method: String,
    pub(super) verb: String,
    pub(super) operation: String,
    /// Upper case, as in the model.
    pub(super) http_method: String,
    /// Key under the document's `paths`; what follows `#` only makes it unique.
    pub(super) path: String,
    pub(super) required: Vec<String>,
}

impl Binding {
    /// Names and values that the path key fixes (`list-type=2`).
    pub(super) fn constants(&self) -> impl Iterator<Item = &str> {
        let address = self.path.split('#').next().unwrap_or_default();
        address
            .split_once('?')
            .into_iter()
            .flat_map(|(_, query)| query.split('&'))
            .map(|pair| pair.split('=').next().unwrap_or_default())
    }
}

/// The table, in its own order.
pub(super) struct Bindings {
    pub(super) all: Vec<Binding>,
}

impl Bindings {
    pub(super) fn parse(text: &str, faults: &Faults) -> Self {
        let mut lines = text.lines();
        if lines.next() != Some(COLUMNS.join("\t").as_str()) {
            faults
                .add(format!("s3.bindings.tsv must start with the columns {}", COLUMNS.join(", ")));
        }
        let mut all: Vec<Binding> = Vec::new();
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            let place = format!("s3.bindings.tsv line {}", index + 2);
            let cells: Vec<&str> = line.split('\t').collect();
            let [resource, method, verb, operation, http_method, path, required, _note] = cells[..]
            else {
                faults.add(format!("{place} has {} columns, not 8", cells.len()));
                continue;
            };
            if !VERBS.contains(&verb) {
                faults.add(format!("{place}: {verb} is not one of {}", VERBS.join(", ")));
            }
            if all.iter().any(|b| b.resource == resource && b.method == method) {
                faults.add(format!("{place}: {resource}.{method} is bound twice"));
            }
            all.push(Binding {
                resource: resource.to_owned(),
                method: method.to_owned(),
                verb: verb.to_owned(),
                operation: operation.to_owned(),
                http_method: http_method.to_owned(),
                path: path.to_owned(),
                required: required.split(", ").map(str::to_owned).collect(),
            });
        }
        Self { all }
    }

    /// Resources with their bindings, by name.
    pub(super) fn resources(&self) -> BTreeMap<&str, Vec<&Binding>> {
        let mut resources: BTreeMap<&str, Vec<&Binding>> = BTreeMap::new();
        for binding in &self.all {
            resources.entry(&binding.resource).or_default().push(binding);
        }
        resources
    }

    /// Holds the table against the model: the same operations, each reached the same way.
    pub(super) fn compare(&self, model: &Model, faults: &Faults) {
        let bound: BTreeSet<&str> = self.all.iter().map(|b| b.operation.as_str()).collect();
        for operation in model.operations.keys().filter(|o| !bound.contains(o.as_str())) {
            faults.add(format!(
                "operation {operation} of the model has no binding in s3.bindings.tsv"
            ));
        }
        for binding in &self.all {
            let Some(operation) = model.operations.get(&binding.operation) else {
                faults.add(format!(
                    "{}.{} is bound to {}, which is not an operation of the model",
                    binding.resource, binding.method, binding.operation
                ));
                continue;
            };
            compare_address(binding, operation, faults);
        }
    }
}

fn compare_address(binding: &Binding, operation: &Operation, faults: &Faults) {
    let Binding { path, operation: name, .. } = binding;
    if operation.http.method != binding.http_method {
        faults.add(format!(
            "{name} is bound as {}, the model says {}",
            binding.http_method, operation.http.method
        ));
    }
    // The bucket is a part of the host name, not of the path.
    let mut wanted =
        operation.http.request_uri.replace("{Key+}", "{Key}").replacen("/{Bucket}", "", 1);
    if !wanted.starts_with('/') {
        wanted.insert(0, '/');
    }
    let address = path.split('#').next().unwrap_or_default();
    let (wanted_path, wanted_query) = wanted.split_once('?').unwrap_or((&wanted, ""));
    let (bound_path, bound_query) = address.split_once('?').unwrap_or((address, ""));
    let has = |pair: &str| bound_query.split('&').any(|bound| bound == pair);
    if wanted_path != bound_path || !wanted_query.split('&').filter(|p| !p.is_empty()).all(has) {
        faults.add(format!("{name} is bound to {path}, the model says {wanted}"));
    }
}
