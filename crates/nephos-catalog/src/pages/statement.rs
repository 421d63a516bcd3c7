//! Examples of the statements that a resource takes.

use super::markdown::identifier;
use crate::{Kind, Location, Method, Resource, Schema, SqlVerb};

/// Fields beyond this many make an example no clearer.
const MANY: usize = 12;

/// One example for each method and verb, in the order of [`super::methods`].
pub(super) fn examples(resource: &Resource, full_name: &str) -> Vec<(SqlVerb, String, String)> {
    super::methods(resource)
        .into_iter()
        .map(|(verb, method)| {
            let text = match verb {
                SqlVerb::Select => Some(select(resource, method, full_name)),
                SqlVerb::Insert => insert(method, full_name),
                SqlVerb::Update => change("UPDATE", method, full_name),
                SqlVerb::Replace => change("REPLACE", method, full_name),
                SqlVerb::Delete => Some(delete(method, full_name)),
                SqlVerb::Exec => None,
            };
            // What takes no columns is written as the call that it is.
            match text {
                Some(text) => (verb, method.name.clone(), text),
                None => (SqlVerb::Exec, method.name.clone(), exec(method, full_name)),
            }
        })
        .collect()
}

fn select(resource: &Resource, method: &Method, full_name: &str) -> String {
    let columns: Vec<String> = super::fields(resource, method)
        .iter()
        .map(|f| format!("  {}", identifier(&f.name)))
        .collect();
    let columns = if columns.is_empty() || columns.len() > MANY {
        " *".to_owned()
    } else {
        format!("\n{}", columns.join(",\n"))
    };
    format!("SELECT{columns}\nFROM {full_name}{};", condition(method, &method.required_params()))
}

fn insert(method: &Method, full_name: &str) -> Option<String> {
    let names = with_fields(method, method.required_params());
    if names.is_empty() {
        return None;
    }
    let columns: Vec<String> = names.iter().map(|n| format!("  {}", identifier(n))).collect();
    let values: Vec<String> = names.iter().map(|n| format!("  {}", value(method, n))).collect();
    Some(format!(
        "INSERT INTO {full_name} (\n{}\n)\nSELECT\n{};",
        columns.join(",\n"),
        values.join(",\n")
    ))
}

/// UPDATE and REPLACE: fields of the body are set, parameters say where; without a body what may be
/// given is set.
fn change(verb: &str, method: &Method, full_name: &str) -> Option<String> {
    let is_field = |name: &String| method.param(name).is_none() && field(method, name).is_some();
    let (mut set, conditions): (Vec<String>, Vec<String>) =
        with_fields(method, method.required_params()).into_iter().partition(is_field);
    if set.is_empty() && method.body.is_none() {
        let optional =
            method.params.iter().filter(|p| !p.required && p.location == Location::Query);
        set.extend(optional.take(MANY).map(|p| p.name.clone()));
    }
    if set.is_empty() {
        return None;
    }
    let set: Vec<String> =
        set.iter().map(|n| format!("  {} = {}", identifier(n), value(method, n))).collect();
    Some(format!("{verb} {full_name}\nSET\n{}{};", set.join(",\n"), condition(method, &conditions)))
}

fn delete(method: &Method, full_name: &str) -> String {
    format!("DELETE FROM {full_name}{};", condition(method, &method.required_params()))
}

fn exec(method: &Method, full_name: &str) -> String {
    let mut arguments: Vec<String> = method
        .required_params()
        .iter()
        .map(|name| format!("  @{} = {}", identifier(name), value(method, name)))
        .collect();
    if let Some(body) = &method.body {
        if body.raw {
            arguments.push("  @@file = 'path/to/file'".to_owned());
        } else if body.schema.required.is_empty() && body.required {
            let payload = if body.media_type.contains("xml") {
                "@@xml = '<...>'".to_owned()
            } else {
                format!("@@json = '{}'", json(&body.schema, 2).replace('\'', "''"))
            };
            arguments.push(format!("  {payload}"));
        }
    }
    let name = format!("EXEC {full_name}.{}", identifier(&method.name));
    if arguments.is_empty() {
        format!("{name};")
    } else {
        format!("{name}\n{};", arguments.join(",\n"))
    }
}

fn condition(method: &Method, names: &[String]) -> String {
    let terms: Vec<String> =
        names.iter().map(|n| format!("{} = {}", identifier(n), value(method, n))).collect();
    if terms.is_empty() { String::new() } else { format!("\nWHERE {}", terms.join("\n  AND ")) }
}

/// The names that must be given and, where none of them is a field of the body, the first fields.
fn with_fields(method: &Method, mut names: Vec<String>) -> Vec<String> {
    let Some(body) = method.body.as_ref().filter(|body| !body.raw) else { return names };
    if body.schema.required.is_empty() {
        let fields = body.schema.properties.iter().map(|(name, _)| body.naming.column(name));
        let fields: Vec<String> =
            fields.filter(|name| !names.contains(name) && method.param(name).is_none()).collect();
        names.extend(fields.into_iter().take(MANY));
    }
    names
}

/// The field of the body behind a column.
fn field<'a>(method: &'a Method, column: &str) -> Option<&'a Schema> {
    let body = method.body.as_ref()?;
    let mut fields = body.schema.properties.iter();
    fields.find(|(name, _)| body.naming.column(name) == column).map(|(_, schema)| schema)
}

/// A value to be replaced: a text says what belongs there, a number is a valid one.
fn value(method: &Method, name: &str) -> String {
    let param = method.param(name);
    if let Some(smallest) = param.and_then(|p| p.minimum) {
        return smallest.to_string();
    }
    let kind = param.map(|p| p.kind).or_else(|| field(method, name).map(|f| f.kind));
    match kind {
        Some(Kind::Integer) => "1".to_owned(),
        Some(Kind::Number) => "1.0".to_owned(),
        Some(Kind::Boolean) => "true".to_owned(),
        Some(Kind::Object) => "'{}'".to_owned(),
        Some(Kind::Array) => "'[]'".to_owned(),
        _ => format!("'{{{{ {} }}}}'", name.replace('\'', "''")),
    }
}

/// A body with a value for each of its first members.
fn json(schema: &Schema, depth: usize) -> String {
    match schema.kind {
        Kind::Integer => "1".to_owned(),
        Kind::Number => "1.0".to_owned(),
        Kind::Boolean => "true".to_owned(),
        Kind::Array => match schema.items.as_deref().filter(|_| depth > 0) {
            Some(items) => format!("[{}]", json(items, depth - 1)),
            None => "[]".to_owned(),
        },
        Kind::Object | Kind::Any if depth > 0 => {
            let members: Vec<String> = schema
                .properties
                .iter()
                .take(3)
                .map(|(name, member)| {
                    format!(
                        "{}: {}",
                        serde_json::Value::from(name.as_str()),
                        json(member, depth - 1)
                    )
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Kind::Object | Kind::Any => "{}".to_owned(),
        Kind::String | Kind::Binary => "\"...\"".to_owned(),
    }
}
