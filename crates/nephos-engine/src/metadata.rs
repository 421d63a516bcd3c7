//! SHOW and DESCRIBE.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use nephos_catalog::{ColumnOrigin, Method, Param, SqlVerb, VIEW_METHOD};
use nephos_sql::ast::Expr;
use nephos_sql::{Filter, Name, ShowTarget};

use crate::session::select_not_supported;
use crate::{Error, Outcome, Session};

/// What SHOW EXTENDED METHODS says of views.
const VIEW_DESCRIPTION: &str = "A query over other resources.";

/// Rows of text; `preferred` is the one column that is not.
pub(crate) struct Listing {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns that LIKE looks at.
    named_by: Vec<usize>,
}

impl Session {
    pub(crate) async fn show(
        &self,
        target: ShowTarget,
        within: &Name,
        extended: bool,
        filter: Option<&Filter>,
    ) -> Result<Outcome, Error> {
        let parts = within.texts();
        let mut listing = match (target, parts.as_slice()) {
            (ShowTarget::Services, [provider]) => self.services(provider, extended),
            (ShowTarget::Resources, [provider, service]) => {
                self.resources(provider, service, extended)
            }
            (ShowTarget::Methods, _) => self.show_methods(within, extended),
            _ => Ok(self.providers(extended)),
        }
        .map_err(|error| error.at(within.span()))?;
        if let Some(Filter::Like(pattern)) = filter {
            let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
            listing.rows.retain(|row| {
                listing.named_by.iter().any(|index| {
                    let text: Vec<char> = row[*index].to_lowercase().chars().collect();
                    like(&pattern, &text)
                })
            });
        }
        let batch = batch(&listing)?;
        match filter {
            Some(Filter::Where(condition)) => self.filtered(batch, condition).await,
            _ => Ok(Outcome::Rows(stream(batch))),
        }
    }

    async fn filtered(&self, batch: RecordBatch, condition: &Expr) -> Result<Outcome, Error> {
        let rows = self.select_held(batch.schema(), vec![batch], |select| {
            select.selection = Some(condition.clone());
        });
        rows.await.map(Outcome::Rows)
    }

    fn providers(&self, extended: bool) -> Listing {
        let catalog = self.catalog();
        let rows = catalog
            .providers()
            .into_iter()
            .map(|p| vec![p.name.clone(), p.version.clone(), p.description.clone()])
            .collect();
        listing(&["name", "version", "description"], if extended { 3 } else { 2 }, rows, &[0])
    }

    fn services(&self, provider: &str, extended: bool) -> Result<Listing, Error> {
        let catalog = self.catalog();
        let provider = catalog.provider(provider)?;
        let rows = provider
            .services
            .iter()
            .filter(|service| service.preferred)
            .map(|s| {
                vec![
                    s.id.clone(),
                    s.name.clone(),
                    s.title.clone(),
                    s.description.clone(),
                    s.version.clone(),
                    s.preferred.to_string(),
                ]
            })
            .collect();
        let columns = ["id", "name", "title", "description", "version", "preferred"];
        Ok(listing(&columns, if extended { 6 } else { 3 }, rows, &[0, 1]))
    }

    fn resources(&self, provider: &str, service: &str, extended: bool) -> Result<Listing, Error> {
        let rows = self
            .catalog()
            .resources(provider, service)?
            .into_iter()
            .map(|r| vec![r.name, r.id, r.description])
            .collect();
        Ok(listing(&["name", "id", "description"], if extended { 3 } else { 2 }, rows, &[0, 1]))
    }

    fn show_methods(&self, within: &Name, extended: bool) -> Result<Listing, Error> {
        let resource = self.resource(&within.texts())?;
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        for method in &resource.resource.methods {
            for verb in resource.resource.verbs_of(&method.name) {
                let group =
                    SqlVerb::BOUND.iter().position(|v| *v == verb).unwrap_or(SqlVerb::BOUND.len());
                rows.push((
                    group,
                    vec![
                        method.name.clone(),
                        method.shown_params().join(", "),
                        verb.keyword().to_owned(),
                        method.description.clone(),
                    ],
                ));
            }
        }
        for view in &resource.resource.views {
            let required = view.required.join(", ");
            let row = [VIEW_METHOD, &required, SqlVerb::Select.keyword(), VIEW_DESCRIPTION];
            rows.push((0, row.map(str::to_owned).into()));
        }
        rows.sort();
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let columns = ["MethodName", "RequiredParams", "SQLVerb", "description"];
        Ok(listing(&columns, if extended { 4 } else { 3 }, rows, &[0]))
    }

    pub(crate) async fn describe(&self, name: &Name, extended: bool) -> Result<Outcome, Error> {
        let resource = self.resource_of(name)?;
        if let Some(view) = resource.resource.views.first() {
            let columns = self.view_columns(&resource, view).await;
            let columns = columns.map_err(|error| error.at(name.span()))?;
            let rows = columns
                .into_iter()
                .map(|(name, kind)| vec![name, kind.to_owned(), String::new()])
                .collect();
            return described(rows, extended);
        }
        let methods = resource.resource.methods_for(SqlVerb::Select);
        let Some(method) = methods.first() else {
            return Err(select_not_supported(&resource).at(name.span()));
        };
        let paged = method.page.is_some();
        let rows: Vec<Vec<String>> = method
            .response
            .columns
            .iter()
            .filter(|column| !(paged && column.origin == ColumnOrigin::Envelope))
            .map(|column| {
                vec![
                    column.name.clone(),
                    column.schema.kind.as_str().to_owned(),
                    column.description.clone(),
                ]
            })
            .collect();
        described(rows, extended)
    }

    pub(crate) fn describe_method(&self, name: &Name, extended: bool) -> Result<Outcome, Error> {
        let parts = name.texts();
        let (method, parts) = parts.split_last().unwrap_or((&"", &[]));
        let resource = self.resource(parts).map_err(|error| error.at(name.span()))?;
        let method = resource.method(method).map_err(|error| Error::from(error).at(name.span()))?;
        let rows = method_rows(method);
        let columns = ["name", "type", "param_type", "shape", "description"];
        let listing = listing(&columns, if extended { 5 } else { 4 }, rows, &[0]);
        Ok(Outcome::Rows(stream(batch(&listing)?)))
    }
}

/// The answer of DESCRIBE: what identifies a row first, the rest sorted.
fn described(mut rows: Vec<Vec<String>>, extended: bool) -> Result<Outcome, Error> {
    let first = ["id", "name", "description"];
    let rank = |name: &str| first.iter().position(|f| *f == name).unwrap_or(first.len());
    rows.sort_by(|a, b| rank(&a[0]).cmp(&rank(&b[0])).then_with(|| a[0].cmp(&b[0])));
    let listing =
        listing(&["name", "type", "description"], if extended { 3 } else { 2 }, rows, &[0]);
    Ok(Outcome::Rows(stream(batch(&listing)?)))
}

/// Inputs that must be given, inputs that may be, then what comes out; each sorted.
fn method_rows(method: &Method) -> Vec<Vec<String>> {
    let required = method.required_params();
    let row = |name: &str, kind: &str, role: &str, shape: String, description: &str| {
        vec![name.to_owned(), kind.to_owned(), role.to_owned(), shape, description.to_owned()]
    };
    let role = |name: &str| {
        if required.iter().any(|r| r == name) { "input_required" } else { "input_optional" }
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for param in &method.params {
        rows.push(row(
            &param.name,
            param.kind.as_str(),
            role(&param.name),
            limits(param),
            &param.description,
        ));
    }
    for variable in method.server_variables() {
        rows.push(row(
            &variable.name,
            "string",
            role(&variable.name),
            String::new(),
            &variable.description,
        ));
    }
    if let Some(body) = &method.body {
        for (field, schema) in &body.schema.properties {
            let column = body.naming.column(field);
            if method.param(&column).is_none() {
                rows.push(row(
                    &column,
                    schema.kind.as_str(),
                    role(&column),
                    shape(schema),
                    &schema.description,
                ));
            }
        }
        if body.raw {
            let role = if body.required { "input_required" } else { "input_optional" };
            rows.push(row(
                "@@file",
                "binary",
                role,
                String::new(),
                "The request body: @@file, @@body, @@json or @@xml.",
            ));
        }
    }
    for column in &method.response.columns {
        rows.push(row(
            &column.name,
            column.schema.kind.as_str(),
            "output",
            shape(&column.schema),
            &column.description,
        ));
    }
    let order = ["input_required", "input_optional", "output"];
    let rank = |role: &str| order.iter().position(|o| *o == role).unwrap_or(order.len());
    rows.sort_by(|a, b| rank(&a[2]).cmp(&rank(&b[2])).then_with(|| a[0].cmp(&b[0])));
    rows
}

/// Limits of a parameter as a JSON schema; empty without any.
fn limits(param: &Param) -> String {
    let mut shape = serde_json::Map::new();
    if let Some(minimum) = param.minimum {
        shape.insert("minimum".to_owned(), minimum.into());
    }
    if let Some(maximum) = param.maximum {
        shape.insert("maximum".to_owned(), maximum.into());
    }
    if !param.values.is_empty() {
        shape.insert("enum".to_owned(), param.values.clone().into());
    }
    if shape.is_empty() { String::new() } else { serde_json::Value::Object(shape).to_string() }
}

/// Structures as a compact JSON schema; empty for plain values.
fn shape(schema: &nephos_catalog::Schema) -> String {
    fn of(schema: &nephos_catalog::Schema) -> serde_json::Value {
        let mut out = serde_json::Map::new();
        out.insert("type".to_owned(), schema.kind.as_str().into());
        if !schema.properties.is_empty() {
            let members =
                schema.properties.iter().map(|(name, property)| (name.clone(), of(property)));
            out.insert("properties".to_owned(), serde_json::Value::Object(members.collect()));
        }
        if let Some(items) = &schema.items {
            out.insert("items".to_owned(), of(items));
        }
        serde_json::Value::Object(out)
    }
    if schema.properties.is_empty() && schema.items.is_none() {
        String::new()
    } else {
        of(schema).to_string()
    }
}

pub(crate) fn listing(
    columns: &[&'static str],
    shown: usize,
    rows: Vec<Vec<String>>,
    named_by: &[usize],
) -> Listing {
    let rows = rows
        .into_iter()
        .map(|mut row| {
            row.truncate(shown);
            row
        })
        .collect();
    Listing { columns: columns[..shown].to_vec(), rows, named_by: named_by.to_vec() }
}

pub(crate) fn batch(listing: &Listing) -> Result<RecordBatch, Error> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (index, name) in listing.columns.iter().enumerate() {
        let cells = listing.rows.iter().map(|row| row[index].as_str());
        if *name == "preferred" {
            fields.push(Field::new(*name, DataType::Boolean, true));
            arrays
                .push(Arc::new(BooleanArray::from(cells.map(|c| c == "true").collect::<Vec<_>>())));
        } else {
            fields.push(Field::new(*name, DataType::Utf8, true));
            arrays.push(Arc::new(StringArray::from_iter_values(cells)));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| DataFusionError::from(error).into())
}

pub(crate) fn stream(batch: RecordBatch) -> SendableRecordBatchStream {
    let schema = batch.schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)])))
}

/// SQL LIKE: `%` for any text, `_` for one character.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        Some(('_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((wanted, rest)) => text.first() == Some(wanted) && like(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_whole_texts() {
        let matches = |pattern: &str, text: &str| {
            like(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
        };
        assert!(matches("part%", "parts"));
        assert!(matches("%s", "parts"));
        assert!(matches("p_rts", "parts"));
        assert!(!matches("part", "parts"));
        assert!(matches("%", ""));
    }
}
