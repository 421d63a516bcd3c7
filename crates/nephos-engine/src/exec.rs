//! EXEC, as a statement and as a table.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, TryStreamExt};
use nephos_catalog::{Method, ResourceRef};
use nephos_http::{ArgumentForm, Call, Client, Paging, Payload, RowRequest};
use nephos_sql::ast::{Expr, Value};
use nephos_sql::{Exec, PayloadKind};

use crate::bind::{literal, one_row, row_query};
use crate::mark::take_mark;
use crate::scalar::{to_argument, to_bytes, to_length, to_text};
use crate::table::{CallRows, CallTable, Mutation, Source, paging};
use crate::{Error, Session};

/// A call whose values are not known yet.
#[derive(Clone)]
struct Prepared {
    resource: ResourceRef,
    method: Method,
    /// Names of the arguments, with the form that the text gives them.
    names: Vec<(String, Option<ArgumentForm>)>,
    payload: Option<PreparedPayload>,
}

#[derive(Clone, Copy)]
struct PreparedPayload {
    kind: PayloadKind,
    has_offset: bool,
    has_length: bool,
}

impl Prepared {
    /// The call with these values: one for each name, then those of the payload.
    fn call(&self, values: &[ScalarValue]) -> Result<Call, Error> {
        let mut args = Vec::new();
        for ((name, form), value) in self.names.iter().zip(values) {
            if let Some(mut argument) = to_argument(value)? {
                argument.form = form.unwrap_or(argument.form);
                args.push((name.clone(), argument));
            }
        }
        let mut rest = values.iter().skip(self.names.len());
        let payload = self.payload.map(|payload| payload.read(&mut rest)).transpose()?;
        Ok(Call::new(&self.resource, &self.method, args, payload)?)
    }
}

impl PreparedPayload {
    fn read<'a>(
        self,
        values: &mut impl Iterator<Item = &'a ScalarValue>,
    ) -> Result<Payload, Error> {
        let null = ScalarValue::Utf8(None);
        let value = values.next().unwrap_or(&null);
        let text = || -> Result<String, Error> {
            to_text(value)?.ok_or_else(|| {
                Error::plan("the payload is NULL").hint("@@body='' sends an empty one")
            })
        };
        match self.kind {
            PayloadKind::Json => text().map(Payload::Json),
            PayloadKind::Xml => text().map(Payload::Xml),
            PayloadKind::Body => {
                text().or_else(|error| match value {
                    ScalarValue::Utf8(_) | ScalarValue::Null => Err(error),
                    _ => Ok(String::new()),
                })?;
                Ok(Payload::Bytes(to_bytes(value)?.unwrap_or_default().into()))
            }
            PayloadKind::File => {
                let path = PathBuf::from(text()?);
                let mut number = |wanted: bool, what: &str| -> Result<Option<u64>, Error> {
                    if !wanted {
                        return Ok(None);
                    }
                    to_length(what, values.next().unwrap_or(&null)).map(Some)
                };
                let offset = number(self.has_offset, "OFFSET")?.unwrap_or(0);
                let length = number(self.has_length, "LENGTH")?;
                Ok(Payload::File { path, offset, length })
            }
        }
    }
}

impl Session {
    /// EXEC as a statement: the call is made as its rows are read.
    pub(crate) async fn exec(
        &self,
        exec: &Exec,
        execs: &[Exec],
    ) -> Result<SendableRecordBatchStream, Error> {
        let (prepared, exprs) = self.prepare(exec)?;
        let values = self.scalars(&exprs, execs).await?;
        let call = prepared.call(&values).map_err(|error| error.at(exec.span.clone()))?;
        let paging = paging(&call);
        Ok(rows(&self.client, call, paging))
    }

    /// EXEC as a table.
    pub(crate) async fn exec_table(&self, exec: &Exec, execs: &[Exec]) -> Result<CallTable, Error> {
        let (prepared, exprs) = self.prepare(exec)?;
        let columns = prepared.method.response.columns.clone();
        let reads = prepared.method.reads;
        let source = if let Some(values) = exprs.iter().map(literal).collect::<Option<Vec<_>>>() {
            let call = prepared.call(&values).map_err(|error| error.at(exec.span.clone()))?;
            Source::Call(Box::new(call))
        } else {
            let planned = Box::pin(self.plan(row_query(exprs)?, execs)).await?;
            let state = self.context().state();
            let span = exec.span.clone();
            Source::Later(Box::new(move || {
                let (planned, state) = (planned.clone(), state.clone());
                let (prepared, span) = (prepared.clone(), span.clone());
                async move {
                    let values = one_row(&planned.collect(state).await?)?;
                    prepared
                        .call(&values)
                        .map_err(|error| DataFusionError::External(Box::new(error.at(span))))
                }
                .boxed()
            }))
        };
        let source = Arc::new(source);
        let mutation = (!reads)
            .then(|| Arc::new(Mutation::new(self.client.clone(), source.clone(), columns.len())));
        Ok(CallTable {
            client: self.client.clone(),
            shown: (0..columns.len()).collect(),
            columns,
            params: Vec::new(),
            calls: vec![CallRows { source, params: Vec::new(), follow: false, mutation }],
        })
    }

    /// The method and the expressions whose values make the call.
    fn prepare(&self, exec: &Exec) -> Result<(Prepared, Vec<Expr>), Error> {
        let parts = exec.method.texts();
        let (method, parts) = parts.split_last().unwrap_or((&"", &[]));
        let span = exec.method.span();
        let resource = self.resource(parts).map_err(|error| error.at(span.clone()))?;
        let method = resource.method(method).map_err(|error| Error::from(error).at(span))?.clone();
        let (mut exprs, forms): (Vec<Expr>, Vec<_>) =
            exec.args.iter().map(|arg| as_typed(&arg.value)).unzip();
        let payload = exec.payload.as_ref().map(|payload| {
            exprs.push(payload.value.clone());
            exprs.extend(payload.offset.clone());
            exprs.extend(payload.length.clone());
            PreparedPayload {
                kind: payload.kind,
                has_offset: payload.offset.is_some(),
                has_length: payload.length.is_some(),
            }
        });
        let names = exec.args.iter().map(|arg| arg.name.clone()).zip(forms).collect();
        Ok((Prepared { resource, method, names, payload }, exprs))
    }
}

/// Rows of a call with all columns of its method.
pub(crate) fn rows(client: &Arc<Client>, call: Call, paging: Paging) -> SendableRecordBatchStream {
    let columns = (0..call.method.response.columns.len()).collect();
    let request = RowRequest { call, columns, paging };
    let schema = Client::schema(&request);
    let stream = client.rows(request).map_err(|error| DataFusionError::External(Box::new(error)));
    Box::pin(RecordBatchStreamAdapter::new(schema, stream))
}

/// A value and the form that it was typed in. A number becomes the text that was typed: as a number
/// it would lose digits that a request keeps.
fn as_typed(expr: &Expr) -> (Expr, Option<ArgumentForm>) {
    let mut expr = expr.clone();
    let mut form = take_mark(&mut expr);
    if let Expr::Value(value) = &mut expr
        && let Value::Number(digits, _) = &value.value
    {
        form = form.or(Some(ArgumentForm::Number));
        value.value = Value::SingleQuotedString(digits.clone());
    }
    (expr, form)
}
