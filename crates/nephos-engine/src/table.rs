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
    pub(crate) params: Vec<String>,
    pub(crate) calls: Vec<CallRows>,
}

/// One call of a [`CallTable`].
#[derive(Debug)]
pub(crate) struct CallRows {
    pub(crate) source: Arc<Source>,
    pub(crate) paging: Paging,
    pub(crate) params: Vec<String>,
    /// For calls that change something: what they answered, so that a plan that reads the table
    /// twice calls once.
    pub(crate) once: Option<Arc<OnceCell<Vec<RecordBatch>>>>,
}

impl CallTable {
    fn fields(&self) -> Vec<Field> {
        let shown: Vec<&Column> = self.shown.iter().map(|index| &self.columns[*index]).collect();
        let mut fields: Vec<Field> =
            arrow_schema(shown).fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.extend(self.params.iter().map(|name| Field::new(name, DataType::Utf8, true)));
        fields
    }

    /// Names of all columns.
    pub(crate) fn column_names(&self) -> Vec<String> {
        self.fields().iter().map(|field| field.name().clone()).collect()
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
                            Output::Constant(rows.params.get(index - self.shown.len()).cloned())
                        }
                    })
                    .collect();
                Arc::new(CallPartition {
                    client: self.client.clone(),
                    schema: schema.clone(),
                    all_columns: self.columns.len(),
                    outputs,
                    source: rows.source.clone(),
                    paging: rows.paging,
                    once: rows.once.clone(),
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
    Constant(Option<String>),
}

#[derive(Debug)]
struct CallPartition {
    client: Arc<Client>,
    schema: SchemaRef,
    all_columns: usize,
    outputs: Vec<Output>,
    source: Arc<Source>,
    paging: Paging,
    once: Option<Arc<OnceCell<Vec<RecordBatch>>>>,
}

impl PartitionStream for CallPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        // A call that runs once is decoded whole: each reader takes the columns it wants.
        let columns: Vec<usize> = if self.once.is_some() {
            (0..self.all_columns).collect()
        } else {
            self.outputs
                .iter()
                .filter_map(|o| if let Output::Column(i) = o { Some(*i) } else { None })
                .collect()
        };
        let assemble = Assemble {
            schema: self.schema.clone(),
            outputs: self.outputs.clone(),
            decoded: columns.clone(),
        };
        let (client, source, paging, once) =
            (self.client.clone(), self.source.clone(), self.paging, self.once.clone());
        let stream = async move {
            let batches = match once {
                None => {
                    let call = source.call().await?;
                    client.rows(RowRequest { call, columns, paging }).map_err(external).boxed()
                }
                Some(once) => {
                    let batches = once
                        .get_or_try_init(|| async {
                            let call = source.call().await?;
                            let rows = client.rows(RowRequest { call, columns, paging });
                            rows.map_err(external).try_collect::<Vec<_>>().await
                        })
                        .await?;
                    futures::stream::iter(batches.clone()).map(Ok).boxed()
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
                    Output::Constant(text) => {
                        ScalarValue::Utf8(text.clone()).to_array_of_size(rows)
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
