//! `s3.rows.tsv`: where the rows of an answer are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::faults::Faults;

/// The whole answer is one row.
const WHOLE: &str = "/*";

/// The table. Operations that it does not name answer one row.
pub(super) struct Rows(BTreeMap<String, String>);

impl Rows {
    pub(super) fn parse(text: &str, faults: &Faults) -> Self {
        let mut rows = BTreeMap::new();
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            match line.split_once('\t') {
                Some((operation, key)) => {
                    rows.insert(operation.to_owned(), key.to_owned());
                }
                None => faults.add(format!("s3.rows.tsv: {line:?} has no object_key")),
            }
        }
        Self(rows)
    }

    /// The `objectKey` of an operation.
    pub(super) fn of(&self, operation: &str) -> &str {
        self.0.get(operation).map_or(WHOLE, String::as_str)
    }

    /// Every operation that the table names must exist.
    pub(super) fn compare<'a>(&self, mut exists: impl FnMut(&str) -> bool + 'a, faults: &Faults) {
        for operation in self.0.keys() {
            if !exists(operation) {
                faults.add(format!(
                    "s3.rows.tsv names {operation}, which is not an operation of the model"
                ));
            }
        }
    }
}

/// Whether all alternatives of `key` lead somewhere in the schema `root` of a document.
pub(super) fn leads_somewhere(key: &str, root: &Value, schemas: &BTreeMap<String, Value>) -> bool {
    key.split('|').all(|alternative| {
        let mut at = root;
        alternative.trim().split('/').filter(|step| !matches!(*step, "" | "*")).all(|step| {
            let step = step.trim_end_matches("[last()]");
            at = resolve(at, schemas);
            // A wrapped list: the step names its items.
            if let Some(items) = at.get("items")
                && items.pointer("/xml/name").and_then(Value::as_str) == Some(step)
            {
                at = items;
                return true;
            }
            if let Some(items) = at.get("items") {
                at = resolve(items, schemas);
            }
            match at.get("properties").and_then(|p| p.get(step)) {
                Some(next) => {
                    at = next;
                    true
                }
                None => false,
            }
        })
    })
}

fn resolve<'a>(value: &'a Value, schemas: &'a BTreeMap<String, Value>) -> &'a Value {
    let reference = value.get("$ref").or_else(|| value.pointer("/allOf/0/$ref"));
    reference
        .and_then(Value::as_str)
        .and_then(|text| schemas.get(text.rsplit('/').next()?))
        .unwrap_or(value)
}
