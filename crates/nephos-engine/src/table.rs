//! Tables whose rows come from calls.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use nephos_catalog::Column;
use nephos_http::{Call, Client, Paging, RowRequest, arrow_schema};
use tokio::sync::OnceCell;

/// One call, made when its rows are read.
pub(crate) enum Source {
    /// Known when the statement was planned.
    Call(Box<Call>),
    /// Known once the arguments have been computed.
    Later(Box<dyn Fn() -> BoxFuture<'static, Result<Call>> + Send + Sync>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => call.fmt(f),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

impl Source {
    async fn call(&self) -> Result<Call> {
        match self {
            Self::Call(call) => Ok(call.as_ref().clone()),
            Self::Later(make) => make().await,
        }
    }
}

/// A table over one call, or over several whose rows follow each other.
#[derive(Debug)]
pub(crate) struct CallTable {
    pub(crate) client: Arc<Client>,
    /// All columns of the method; `shown` are indexes into it.
    pub(crate) columns: Vec<Column>,
    pub(crate) shown: Vec<usize>,
    /// Parameters that are columns too, after the shown ones, with a value for each call.
    pub(crate) params: Vec<(String, DataType)>,
    pub(crate) calls: Vec<CallRows>,
}

/// One call of a [`CallTable`].
#[derive(Debug)]
pub(crate) struct CallRows {
    pub(crate) source: Arc<Source>,
    pub(crate) params: Vec<String>,
    /// All pages are wanted whatever the arguments are.
    pub(crate) follow: bool,
    /// For calls that change something.
    pub(crate) mutation: Option<Arc<Mutation>>,
}

/// A call that changes something, made once a statement: a plan may read its table twice, or not at
/// all.
#[derive(Debug)]
pub(crate) struct Mutation {
    client: Arc<Client>,
    source: Arc<Source>,
    columns: usize,
    answer: OnceCell<Result<Vec<RecordBatch>, Arc<DataFusionError>>>,
}

impl Mutation {
    pub(crate) fn new(client: Arc<Client>, source: Arc<Source>, columns: usize) -> Self {
        Self { client, source, columns, answer: OnceCell::new() }
    }

    /// Makes the call unless it was made, and gives its rows with all columns. A failure is kept,
    /// too: it is not known what a failed call has done.
    pub(crate) async fn rows(&self) -> Result<Vec<RecordBatch>> {
        let answer = self
            .answer
            .get_or_init(|| async {
                let make = async {
                    let call = self.source.call().await?;
                    let paging = paging(&call);
                    let columns = (0..self.columns).collect();
                    let rows = self.client.rows(RowRequest { call, columns, paging });
                    rows.map_err(external).try_collect::<Vec<_>>().await
                };
                make.await.map_err(Arc::new)
            })
            .await;
        answer.clone().map_err(DataFusionError::Shared)
    }
}

/// One page where the call asks for one by its token or its size, else all.
pub(crate) fn paging(call: &Call) -> Paging {
    let asked = call.method.page.iter().flat_map(nephos_catalog::Page::ways).any(|page| {
        let size = page.size.iter();
        let mut names = page.tokens.iter().map(|token| &token.request).chain(size);
        names.any(|name| call.arguments().any(|(given, _)| given == name))
    });
    if asked { Paging::One } else { Paging::Follow }
}

impl CallTable {
    fn fields(&self) -> Vec<Field> {
        let shown: Vec<&Column> = self.shown.iter().map(|index| &self.columns[*index]).collect();
        let mut fields: Vec<Field> =
            arrow_schema(shown).fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.extend(self.params.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)));
        fields
    }
}

#[async_trait]
impl TableProvider for CallTable {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields()))
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fields = self.fields();
        let all: Vec<usize> = (0..fields.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(Schema::new(
            wanted.iter().map(|index| fields[*index].clone()).collect::<Vec<_>>(),
        ));
        if self.calls.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let partitions = self
            .calls
            .iter()
            .map(|rows| {
                let outputs = wanted
                    .iter()
                    .map(|index| match self.shown.get(*index) {
                        Some(column) => Output::Column(*column),
                        None => {
                            let index = index - self.shown.len();
                            let kind = self.params.get(index).map(|(_, kind)| kind.clone());
                            Output::Constant(
                                rows.params.get(index).cloned(),
                                kind.unwrap_or(DataType::Utf8),
                            )
                        }
                    })
                    .collect();
                Arc::new(CallPartition {
                    client: self.client.clone(),
                    schema: schema.clone(),
                    all_columns: self.columns.len(),
                    outputs,
                    source: rows.source.clone(),
                    follow: rows.follow,
                    mutation: rows.mutation.clone(),
                }) as Arc<dyn PartitionStream>
            })
            .collect();
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, [], false, limit)?))
    }
}

/// What fills a column of a partition.
#[derive(Debug, Clone)]
enum Output {
    Column(usize),
    Constant(Option<String>, DataType),
}

impl Output {
    fn column(&self) -> Option<usize> {
        match self {
            Self::Column(index) => Some(*index),
            Self::Constant(..) => None,
        }
    }
}

#[derive(Debug)]
struct CallPartition {
    client: Arc<Client>,
    schema: SchemaRef,
    all_columns: usize,
    outputs: Vec<Output>,
    source: Arc<Source>,
    follow: bool,
    mutation: Option<Arc<Mutation>>,
}

impl PartitionStream for CallPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        // A call that is made once is decoded whole: each reader takes the columns it wants.
        let columns: Vec<usize> = if self.mutation.is_some() {
            (0..self.all_columns).collect()
        } else {
            self.outputs.iter().filter_map(Output::column).collect()
        };
        let assemble = Assemble {
            schema: self.schema.clone(),
            outputs: self.outputs.clone(),
            decoded: columns.clone(),
        };
        let (client, source, follow, mutation) =
            (self.client.clone(), self.source.clone(), self.follow, self.mutation.clone());
        let stream = async move {
            let batches = match mutation {
                Some(mutation) => futures::stream::iter(mutation.rows().await?).map(Ok).boxed(),
                None => {
                    let call = source.call().await?;
                    let paging = if follow { Paging::Follow } else { paging(&call) };
                    client.rows(RowRequest { call, columns, paging }).map_err(external).boxed()
                }
            };
            Ok::<_, DataFusionError>(batches.map(move |batch| assemble.batch(&batch?)))
        }
        .into_stream()
        .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

/// Puts decoded columns and constants in the order of the schema.
struct Assemble {
    schema: SchemaRef,
    outputs: Vec<Output>,
    decoded: Vec<usize>,
}

impl Assemble {
    fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let arrays = self
            .outputs
            .iter()
            .map(|output| -> Result<ArrayRef> {
                match output {
                    Output::Column(index) => {
                        let at = self.decoded.iter().position(|decoded| decoded == index);
                        Ok(at.map_or_else(
                            || new_null_array(&DataType::Null, rows),
                            |at| batch.column(at).clone(),
                        ))
                    }
                    Output::Constant(text, kind) => {
                        ScalarValue::Utf8(text.clone()).cast_to(kind)?.to_array_of_size(rows)
                    }
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

fn external(error: nephos_http::CallError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
