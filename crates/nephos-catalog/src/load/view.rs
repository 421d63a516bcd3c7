//! Views: resources whose SELECT is a query over other resources.

use serde_json::Value;

use crate::View;
use crate::document::text;

/// Dialects whose spelling is understood, best first.
const DIALECTS: [&str; 2] = ["sqlite3", "postgres"];

/// The views of a resource, in document order: those of the best dialect there is, and those that
/// name none. What cannot be used is left out and its reason added to `reasons`.
pub(crate) fn views(resource: &Value, reasons: &mut Vec<String>) -> Vec<View> {
    let mut all = Vec::new();
    let mut entry = resource.pointer("/config/views/select");
    while let Some(declared) = entry {
        match view(declared) {
            Ok(view) => all.push(view),
            Err(reason) => reasons.push(reason),
        }
        entry = declared.get("fallback").filter(|next| next.is_object());
    }
    let spoken = DIALECTS.into_iter().find(|dialect| all.iter().any(|v| v.dialect == *dialect));
    all.retain(|view| view.dialect.is_empty() || Some(view.dialect.as_str()) == spoken);
    all
}

fn view(declared: &Value) -> Result<View, String> {
    let ddl = text(declared, "ddl");
    if ddl.is_empty() {
        return Err("a view has no ddl".to_owned());
    }
    let predicate = text(declared, "predicate");
    let dialect = compared(&predicate, "sqlDialect")
        .and_then(|rest| rest.strip_prefix('"')?.split_once('"'))
        .map(|(dialect, _)| dialect.trim().to_owned());
    let required = compared(&predicate, "requiredParams")
        .and_then(|rest| rest.strip_prefix('[')?.split_once(']'))
        .map(|(names, _)| names.split(',').map(unquoted).filter(|name| !name.is_empty()).collect());
    if dialect.is_none() && required.is_none() && !predicate.is_empty() {
        return Err(format!("the predicate of a view is not understood: {predicate}"));
    }
    Ok(View { required: required.unwrap_or_default(), ddl, dialect: dialect.unwrap_or_default() })
}

/// What stands behind `name ==`.
fn compared<'a>(predicate: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = predicate.split_once(name)?;
    Some(rest.trim_start().strip_prefix("==")?.trim_start())
}

fn unquoted(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(select: &Value) -> (Vec<View>, Vec<String>) {
        let mut reasons = Vec::new();
        (views(&json!({"config": {"views": {"select": select}}}), &mut reasons), reasons)
    }

    #[test]
    fn the_chain_is_walked_and_one_dialect_kept() {
        let (views, reasons) = read(&json!({
            "predicate": "sqlDialect == \"postgres\" && requiredParams == [ A ]", "ddl": "SELECT 1",
            "fallback": {
                "predicate": "sqlDialect==\"sqlite3\" && requiredParams == [ A, 'B' ]", "ddl": "SELECT 2",
                "fallback": {
                    "predicate": "sqlDialect == \"sqlite3\"", "ddl": "SELECT 3",
                    "fallback": {"ddl": "SELECT 4"}
                }
            }
        }));
        assert!(reasons.is_empty());
        let ddls: Vec<&str> = views.iter().map(|view| view.ddl.as_str()).collect();
        assert_eq!(ddls, ["SELECT 2", "SELECT 3", "SELECT 4"]);
        assert_eq!(views[0].required, ["A", "B"]);
        assert!(views[1].required.is_empty() && views[2].dialect.is_empty());
    }

    #[test]
    fn the_other_dialect_is_kept_where_it_is_the_only_one() {
        let (views, _) = read(&json!({
            "predicate": "sqlDialect == \"duckdb\"", "ddl": "SELECT 1",
            "fallback": {"predicate": "sqlDialect == \"postgres\"", "ddl": "SELECT 2"}
        }));
        assert_eq!(views.iter().map(|v| v.ddl.as_str()).collect::<Vec<_>>(), ["SELECT 2"]);
    }

    #[test]
    fn one_that_cannot_be_used_leaves_the_others() {
        let (views, reasons) = read(&json!({
            "predicate": "moon == full", "ddl": "SELECT 1",
            "fallback": {"predicate": "sqlDialect == \"sqlite3\"",
                         "fallback": {"ddl": "SELECT 3"}}
        }));
        assert_eq!(views.len(), 1);
        assert_eq!(reasons.len(), 2, "{reasons:?}");
    }
}
