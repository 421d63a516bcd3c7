//! Queries over rows that are held already: listings of SHOW and answers of mutations.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use nephos_sql::ast::{Query, Select, SetExpr};

use crate::names::resolve_columns;
use crate::{Error, Session};

impl Session {
    /// `SELECT * FROM batches`, after `shape` has set what is wanted of it.
    pub(crate) async fn select_held(
        &self,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        shape: impl FnOnce(&mut Select),
    ) -> Result<SendableRecordBatchStream, Error> {
        let table = self.table_name();
        let mut query = parsed(&format!("SELECT * FROM \"{table}\""))?;
        if let SetExpr::Select(select) = query.body.as_mut() {
            shape(select);
        }
        let columns: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        resolve_columns(&mut query, &columns, &[]);
        let held = MemTable::try_new(schema, vec![batches])?;
        self.context().register_table(table.as_str(), Arc::new(held))?;
        let rows = self.stream(query, &[]).await;
        self.context().deregister_table(table.as_str())?;
        rows
    }
}

/// A query from its text.
pub(crate) fn parsed(text: &str) -> Result<Query, Error> {
    match nephos_sql::parse(text)?.pop().map(|statement| statement.kind) {
        Some(nephos_sql::StatementKind::Query(query)) => Ok(*query),
        _ => Err(Error::plan(format!("{text} is not a query"))),
    }
}
