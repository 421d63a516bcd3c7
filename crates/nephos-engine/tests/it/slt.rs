//! The files of `tests/slt`, each over an endpoint of its own.

use futures::TryStreamExt;
use nephos_engine::arrow::util::display::{ArrayFormatter, FormatOptions};
use nephos_engine::{Error, Outcome, Session};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};

use crate::local::{endpoint, local, session};

struct Database {
    session: Session,
}

#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.message)
    }
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let mut output = DBOutput::StatementComplete(0);
        for statement in nephos_sql::parse(sql).map_err(Error::from)? {
            output = match self.session.run(&statement).await? {
                Outcome::Done(_) => DBOutput::StatementComplete(0),
                Outcome::Rows(rows) => {
                    let types = vec![DefaultColumnType::Any; rows.schema().fields().len()];
                    let batches: Vec<_> = rows.try_collect().await.map_err(Error::from)?;
                    let options = FormatOptions::default().with_null("NULL");
                    let mut lines = Vec::new();
                    for batch in &batches {
                        for row in 0..batch.num_rows() {
                            let cells = batch.columns().iter().map(|column| {
                                ArrayFormatter::try_new(column.as_ref(), &options)
                                    .unwrap()
                                    .value(row)
                                    .to_string()
                            });
                            lines.push(cells.collect());
                        }
                    }
                    DBOutput::Rows { types, rows: lines }
                }
            };
        }
        Ok(output)
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "nephos"
    }
}

#[tokio::test]
async fn every_file_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/slt");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let home = tempfile::tempdir().unwrap();
        let s3 = endpoint(&home);
        let mut runner = sqllogictest::Runner::new(|| {
            let session = session(local(&s3));
            async { Ok(Database { session }) }
        });
        if let Err(error) = runner.run_file_async(&file).await {
            panic!("{}: {error}", file.display());
        }
    }
}
