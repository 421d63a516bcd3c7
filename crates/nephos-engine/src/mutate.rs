//! INSERT and DELETE.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use nephos_catalog::{Lookup, Method, ResourceRef, SqlVerb, lookup, nearest};
use nephos_http::{Call, CallError, CallErrorKind, Paging};
use nephos_sql::Exec;
use nephos_sql::ast::{
    Delete, Expr, FromTable, Insert, ObjectName, SelectItem, TableFactor, TableObject,
};

use crate::bind::{choose, combinations, no_method};
use crate::exec::rows;
use crate::predicate::{conditions, conjuncts};
use crate::scalar::to_text;
use crate::{Error, Outcome, Session};

impl Session {
    /// INSERT: one call a row. All calls are checked before the first is made.
    pub(crate) async fn insert(&self, insert: &Insert, execs: &[Exec]) -> Result<Outcome, Error> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Error::plan("INSERT needs the name of a resource"));
        };
        if insert.on.is_some() || insert.overwrite || insert.replace_into || insert.or.is_some() {
            return Err(Error::plan("INSERT knows no ON CONFLICT, OVERWRITE or REPLACE"));
        }
        let resource = self.named(name)?;
        let columns: Vec<String> = insert.columns.iter().map(last_part).collect();
        if columns.is_empty() {
            return Err(Error::plan(format!(
                "INSERT INTO {} needs the names of its columns: INSERT INTO t(a, b) ..",
                resource.full_name()
            )));
        }
        let Some(source) = &insert.source else {
            return Err(Error::plan("INSERT needs VALUES or SELECT"));
        };
        let methods = methods(&resource, SqlVerb::Insert)?;
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let method = choose(&methods, &names)
            .ok_or_else(|| no_method(&resource, "INSERT", &methods, &names, &[]))?;
        let mut calls = Vec::new();
        let mut stream = self.stream(source.as_ref().clone(), execs).await?;
        while let Some(batch) = stream.try_next().await? {
            if batch.num_columns() != columns.len() {
                return Err(Error::plan(format!(
                    "INSERT names {} columns and gets {} values",
                    columns.len(),
                    batch.num_columns()
                )));
            }
            for row in 0..batch.num_rows() {
                let mut args = Vec::new();
                for (name, column) in columns.iter().zip(batch.columns()) {
                    let value = ScalarValue::try_from_array(column, row)?;
                    args.extend(to_text(&value)?.map(|text| (name.clone(), text)));
                }
                calls.push(Call::new(&resource, method, args, None)?);
            }
        }
        self.mutate("inserted into", &resource, method, calls, insert.returning.as_deref()).await
    }

    /// DELETE. Every condition must name a parameter: what a call cannot carry would delete more
    /// than was asked for.
    pub(crate) async fn delete(&self, delete: &Delete) -> Result<Outcome, Error> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let [table] = from.as_slice() else {
            return Err(Error::plan("DELETE takes one resource"));
        };
        let TableFactor::Table { name, .. } = &table.relation else {
            return Err(Error::plan("DELETE needs the name of a resource"));
        };
        if !table.joins.is_empty()
            || delete.using.is_some()
            || !delete.tables.is_empty()
            || !delete.order_by.is_empty()
            || delete.limit.is_some()
        {
            return Err(Error::plan("DELETE takes WHERE and RETURNING, nothing else"));
        }
        let resource = self.named(name)?;
        let methods = methods(&resource, SqlVerb::Delete)?;
        let mut given: Vec<(String, Vec<ScalarValue>)> = Vec::new();
        let mut parts: Vec<&Expr> = Vec::new();
        if let Some(selection) = &delete.selection {
            conjuncts(selection, &mut parts);
        }
        for part in parts {
            given.push(self.delete_condition(part).await?);
        }
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        let method = choose(&methods, &names)
            .ok_or_else(|| no_method(&resource, "DELETE", &methods, &names, &[]))?;
        let accepted = method.accepted_params();
        let mut bound: Vec<(String, Vec<Option<String>>)> = Vec::new();
        for (name, values) in &given {
            let Lookup::Found(found) = lookup(name, accepted.iter().map(String::as_str)) else {
                let near = nearest(name, accepted.iter().map(String::as_str));
                let error = Error::plan(format!(
                    "DELETE on {} cannot filter by {name}: {} has no such parameter",
                    resource.full_name(),
                    method.name
                ));
                return Err(if near.is_empty() {
                    error.hint(format!("its parameters are {}", accepted.join(", ")))
                } else {
                    error.hint(format!("did you mean {}?", near.join(" or ")))
                });
            };
            if bound.iter().any(|(other, _)| other == found) {
                return Err(Error::plan(format!("DELETE compares {found} twice")));
            }
            bound.push((found.to_owned(), values.iter().map(to_text).collect::<Result<_, _>>()?));
        }
        let mut calls = Vec::new();
        for combination in combinations(&bound)? {
            // `= NULL` is never true: such a row is not deleted.
            let args: Option<Vec<(String, String)>> =
                combination.into_iter().map(|(name, value)| Some((name, value?))).collect();
            if let Some(args) = args {
                let call = Call::new(&resource, method, args, None);
                calls.push(call.map_err(|error| other_methods(error, method, &methods))?);
            }
        }
        self.mutate("deleted from", &resource, method, calls, delete.returning.as_deref()).await
    }

    async fn delete_condition(&self, part: &Expr) -> Result<(String, Vec<ScalarValue>), Error> {
        for condition in conditions(part) {
            if let Some(values) = self.constants(&condition.values).await?
                && let Some(name) = condition.column.last()
            {
                return Ok((name.clone(), values));
            }
        }
        Err(Error::plan(format!("DELETE cannot carry the condition {part} to a call"))
            .hint("conditions of DELETE are parameter = constant or parameter IN (constants)"))
    }

    fn named(&self, name: &ObjectName) -> Result<ResourceRef, Error> {
        let parts: Vec<String> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident().map(|ident| ident.value.clone()))
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.resource(&parts)
    }

    /// Makes the calls one after the other; a failure says how many were made before it.
    async fn mutate(
        &self,
        done: &str,
        resource: &ResourceRef,
        method: &Method,
        calls: Vec<Call>,
        returning: Option<&[SelectItem]>,
    ) -> Result<Outcome, Error> {
        let count = calls.len();
        // What RETURNING asks for is planned before anything is changed.
        if let Some(items) = returning {
            self.returning(method, items, Vec::new()).await?;
        }
        let mut answers: Vec<RecordBatch> = Vec::new();
        for (index, call) in calls.into_iter().enumerate() {
            let answer: Result<Vec<RecordBatch>, _> =
                rows(&self.client, call, Paging::Follow).try_collect().await;
            match answer {
                Ok(batches) => answers.extend(batches),
                Err(error) => {
                    let mut error = Error::from(error);
                    if count > 1 {
                        error.context.push(("calls made before", format!("{index} of {count}")));
                    }
                    return Err(error);
                }
            }
        }
        if let Some(refused) = refused_elements(&answers) {
            return Err(refused);
        }
        match returning {
            Some(items) => self.returning(method, items, answers).await.map(Outcome::Rows),
            None => {
                let rows = if count == 1 { "row" } else { "rows" };
                Ok(Outcome::Done(format!("{count} {rows} {done} {}", resource.full_name())))
            }
        }
    }

    /// `SELECT items` of what the calls answered.
    async fn returning(
        &self,
        method: &Method,
        items: &[SelectItem],
        answers: Vec<RecordBatch>,
    ) -> Result<SendableRecordBatchStream, Error> {
        let schema = nephos_http::arrow_schema(&method.response.columns);
        self.select_held(schema, answers, |select| select.projection = items.to_vec()).await
    }
}

/// Says which conditions lead to the other methods, where the one that was chosen lacks a body that
/// DELETE has no place for.
fn other_methods(error: CallError, chosen: &Method, methods: &[&Method]) -> Error {
    let missing_body = error.kind == CallErrorKind::Payload;
    let mut error = Error::from(error);
    if missing_body {
        error.hints.clear();
        for method in methods.iter().filter(|method| method.name != chosen.name) {
            error = error.hint(format!(
                "conditions on {} choose {}",
                method.required_params().join(", "),
                method.name
            ));
        }
    }
    error
}

fn methods(resource: &ResourceRef, verb: SqlVerb) -> Result<Vec<&Method>, Error> {
    let methods = resource.resource.methods_for(verb);
    if methods.is_empty() {
        return Err(Error::plan(format!(
            "{} not supported for {}",
            verb.keyword(),
            resource.full_name()
        ))
        .hint(format!("SHOW METHODS IN {}", resource.full_name())));
    }
    Ok(methods)
}

/// `DeleteObjects` says 200 and lists what it did not delete as `Error` elements.
fn refused_elements(answers: &[RecordBatch]) -> Option<Error> {
    for batch in answers {
        let element = batch.column_by_name("Element")?;
        for row in 0..batch.num_rows() {
            if ScalarValue::try_from_array(element, row).ok()?.to_string() == "Error" {
                let field = |name: &str| {
                    let column = batch.column_by_name(name)?;
                    to_text(&ScalarValue::try_from_array(column, row).ok()?).ok()?
                };
                return Some(Error::new(
                    crate::ErrorKind::Service,
                    format!(
                        "{} was refused for key {}: {}",
                        field("Code").unwrap_or_else(|| "an element".to_owned()),
                        field("Key").unwrap_or_default(),
                        field("Message").unwrap_or_default()
                    ),
                ));
            }
        }
    }
    None
}

fn last_part(name: &ObjectName) -> String {
    name.0
        .last()
        .and_then(|part| part.as_ident())
        .map(|ident| ident.value.clone())
        .unwrap_or_default()
}
