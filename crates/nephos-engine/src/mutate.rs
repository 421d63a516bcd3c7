//! INSERT, UPDATE, REPLACE and DELETE.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use nephos_catalog::{Method, NameFound, ResourceRef, SqlVerb, nearest};
use nephos_http::{Argument, ArgumentForm, Call, CallError, CallErrorKind, Paging};
use nephos_sql::Exec;
use nephos_sql::ast::{
    AssignmentTarget, Delete, Expr, FromTable, Insert, ObjectName, SelectItem, TableFactor,
    TableObject, Update,
};

use crate::bind::{Bound, choose, combinations, no_method};
use crate::exec::rows;
use crate::mark::{Marks, take_mark};
use crate::predicate::{conditions, conjuncts};
use crate::scalar::{to_argument, to_text};
use crate::{Error, Outcome, Session};

impl Session {
    /// INSERT: one call a row. All calls are checked before the first is made.
    pub(crate) async fn insert(&self, insert: &Insert, execs: &[Exec]) -> Result<Outcome, Error> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Error::plan("INSERT needs the name of a resource"));
        };
        if insert.replace_into {
            return Err(Error::plan("REPLACE INTO is not supported")
                .hint("REPLACE provider.service.resource SET a = 1 WHERE key = 'x'"));
        }
        if insert.on.is_some() || insert.overwrite || insert.or.is_some() {
            return Err(Error::plan("INSERT knows no ON CONFLICT or OVERWRITE"));
        }
        let resource = self.named(name)?;
        let columns: Vec<String> = insert.columns.iter().map(dotted).collect();
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
        let mut source = source.as_ref().clone();
        let marks = Marks::take(&mut source);
        let mut stream = self.stream(source, execs).await?;
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
                for (index, (name, column)) in columns.iter().zip(batch.columns()).enumerate() {
                    let value = ScalarValue::try_from_array(column, row)?;
                    // NULL means that nothing is given: a row of a SELECT may lack a value.
                    if let Some(mut argument) = to_argument(&value)? {
                        if let Some(form) = marks.of(calls.len(), index) {
                            argument.form = form;
                        }
                        args.push((name.clone(), argument));
                    }
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
        let given = self.carried("DELETE", delete.selection.as_ref()).await?;
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        let method = choose(&methods, &names)
            .ok_or_else(|| no_method(&resource, "DELETE", &methods, &names, &[]))?;
        let bound = bound("DELETE", &resource, method, &given)?;
        let mut calls = Vec::new();
        for combination in combinations(&bound)? {
            // `= NULL` is never true: such a row is not deleted.
            let args: Option<Vec<(String, Argument)>> =
                combination.into_iter().map(|(name, value)| Some((name, value?))).collect();
            if let Some(args) = args {
                let call = Call::new(&resource, method, args, None);
                calls.push(call.map_err(|error| other_methods(error, method, &methods))?);
            }
        }
        self.mutate("deleted from", &resource, method, calls, delete.returning.as_deref()).await
    }

    /// UPDATE and REPLACE: what SET gives and what WHERE names together make the call; each
    /// combination of WHERE's lists makes one. All are checked before the first is made.
    pub(crate) async fn update(&self, update: &Update, replace: bool) -> Result<Outcome, Error> {
        let (keyword, verb, done) = if replace {
            ("REPLACE", SqlVerb::Replace, "replaced in")
        } else {
            ("UPDATE", SqlVerb::Update, "updated in")
        };
        let TableFactor::Table { name, .. } = &update.table.relation else {
            return Err(Error::plan(format!("{keyword} needs the name of a resource")));
        };
        if !update.table.joins.is_empty()
            || update.from.is_some()
            || update.or.is_some()
            || update.output.is_some()
            || !update.order_by.is_empty()
            || update.limit.is_some()
        {
            return Err(Error::plan(format!(
                "{keyword} takes SET, WHERE and RETURNING, nothing else"
            )));
        }
        let resource = self.named(name)?;
        let methods = methods(&resource, verb)?;
        let mut set: Vec<(String, Argument)> = Vec::new();
        for assignment in &update.assignments {
            let AssignmentTarget::ColumnName(target) = &assignment.target else {
                return Err(Error::plan(format!("{keyword} sets one column at a time: SET a = 1")));
            };
            set.push((dotted(target), self.assigned(keyword, &assignment.value).await?));
        }
        let given = self.carried(keyword, update.selection.as_ref()).await?;
        let twice = given.iter().find(|(name, _)| set.iter().any(|(other, _)| other == name));
        if let Some((name, _)) = twice {
            return Err(Error::plan(format!("{keyword} both sets {name} and compares it")).hint(
                "a call carries one value of a name: give the new one in SET, or the key in WHERE",
            ));
        }
        let names: Vec<&str> = set
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(given.iter().map(|(name, _)| name.as_str()))
            .collect();
        let method = choose(&methods, &names)
            .ok_or_else(|| no_method(&resource, keyword, &methods, &names, &[]))?;
        let mut calls = Vec::new();
        for combination in combinations(&bound(keyword, &resource, method, &given)?)? {
            // `= NULL` is never true: such a row is not changed.
            let keys: Option<Vec<(String, Argument)>> =
                combination.into_iter().map(|(name, value)| Some((name, value?))).collect();
            if let Some(keys) = keys {
                let args = set.iter().cloned().chain(keys).collect();
                calls.push(Call::new(&resource, method, args, None)?);
            }
        }
        self.mutate(done, &resource, method, calls, update.returning.as_deref()).await
    }

    /// The value that SET gives.
    async fn assigned(&self, keyword: &str, value: &Expr) -> Result<Argument, Error> {
        let mut value = value.clone();
        let form = take_mark(&mut value);
        let values = self.constants(std::slice::from_ref(&value)).await?;
        let Some(value) = values.and_then(|values| values.into_iter().next()) else {
            return Err(Error::plan(format!("{keyword} cannot set a column to {value}"))
                .hint("SET takes constants, string('..') and JSON('..')"));
        };
        let null = Argument::new("", ArgumentForm::Null);
        let mut argument = to_argument(&value)?.unwrap_or(null);
        if let Some(form) = form.filter(|_| argument.form != ArgumentForm::Null) {
            argument.form = form;
        }
        Ok(argument)
    }

    /// The names that WHERE compares and their values. Every condition must be one that a call can
    /// carry: one that is left out would change more than was asked for.
    async fn carried(
        &self,
        keyword: &str,
        selection: Option<&Expr>,
    ) -> Result<Vec<(String, Vec<ScalarValue>)>, Error> {
        let mut parts: Vec<&Expr> = Vec::new();
        if let Some(selection) = selection {
            conjuncts(selection, &mut parts);
        }
        let mut given = Vec::new();
        for part in parts {
            given.push(self.condition(keyword, part).await?);
        }
        Ok(given)
    }

    async fn condition(
        &self,
        keyword: &str,
        part: &Expr,
    ) -> Result<(String, Vec<ScalarValue>), Error> {
        for condition in conditions(part) {
            if let Some(values) = self.constants(&condition.values).await?
                && let Some(name) = condition.column.last()
            {
                return Ok((name.clone(), values));
            }
        }
        Err(Error::plan(format!("{keyword} cannot carry the condition {part} to a call")).hint(
            format!("conditions of {keyword} are parameter = constant or parameter IN (constants)"),
        ))
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

/// The values of each parameter of `method` that WHERE names.
fn bound(
    keyword: &str,
    resource: &ResourceRef,
    method: &Method,
    given: &[(String, Vec<ScalarValue>)],
) -> Result<Vec<Bound>, Error> {
    let mut bound: Vec<Bound> = Vec::new();
    for (name, values) in given {
        let NameFound::One(found) = method.lookup(name) else {
            let accepted = method.accepted_params();
            let near = nearest(name, accepted.iter().map(String::as_str));
            let error = Error::plan(format!(
                "{keyword} on {} cannot filter by {name}: {} has no such parameter",
                resource.full_name(),
                method.name
            ));
            return Err(if near.is_empty() {
                error.hint(format!("its parameters are {}", accepted.join(", ")))
            } else {
                error.hint(format!("did you mean {}?", near.join(" or ")))
            });
        };
        if bound.iter().any(|(other, _)| *other == found) {
            return Err(Error::plan(format!("{keyword} compares {found} twice")));
        }
        bound.push((found, values.iter().map(to_argument).collect::<Result<_, _>>()?));
    }
    Ok(bound)
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
        let table = resource.full_name();
        let mut error = Error::plan(format!("{} not supported for {table}", verb.keyword()));
        // What makes a thing here may be called otherwise.
        let others = [SqlVerb::Insert, SqlVerb::Update, SqlVerb::Replace];
        for other in others.into_iter().filter(|other| others.contains(&verb) && *other != verb) {
            if let Some(method) = resource.resource.methods_for(other).first() {
                error = error.hint(format!("{} does {} here", other.keyword(), method.name));
            }
        }
        return Err(error.hint(format!("SHOW METHODS IN {table}")));
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

/// A column's name; one with dots is a path into the body.
fn dotted(name: &ObjectName) -> String {
    let parts: Vec<&str> = name
        .0
        .iter()
        .filter_map(|part| part.as_ident().map(|ident| ident.value.as_str()))
        .collect();
    parts.join(".")
}
