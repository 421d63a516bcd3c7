//! A session over a scripted API.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use nephos_catalog::Catalog;
use nephos_engine::arrow::array::RecordBatch;
use nephos_engine::arrow::util::display::{ArrayFormatter, FormatOptions};
use nephos_engine::{Error, Outcome, Session};
use nephos_http::{ClientBuilder, Credentials, CredentialsSource, Endpoint, Network, RetryPolicy};
use nephos_testkit::{MockApi, Recorded, Reply};

pub(crate) const LIST: &str =
    "EXEC aws.s3.parts.parts_List @Key='k', @uploadId='u', @bucket='b', @region='us-east-1'";

/// The built-in catalog.
pub(crate) fn catalog() -> Catalog {
    nephos_builtin::providers().unwrap().into_iter().fold(Catalog::new(), Catalog::with_compiled)
}

/// A session whose calls go to `url`.
pub(crate) fn session_at(url: &str, catalog: Catalog) -> Session {
    let retry = RetryPolicy { first_wait: Duration::ZERO, ..RetryPolicy::default() };
    session_with(url, catalog, retry)
}

/// The same, with a policy for retries.
pub(crate) fn session_with(url: &str, catalog: Catalog, retry: RetryPolicy) -> Session {
    let client = ClientBuilder::new(Arc::new(Network::new()))
        .endpoint(Endpoint { url: Some(Endpoint::parse(url).unwrap()), ..Endpoint::default() })
        .credentials(credentials())
        .retry(retry)
        .build();
    Session::new(Arc::new(catalog), client)
}

/// Credentials that no service knows.
pub(crate) fn credentials() -> CredentialsSource {
    CredentialsSource::Static(Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "SECRET-ACCESS-KEY".to_owned(),
        session_token: None,
    })
}

/// A scripted API and a session that talks to it.
pub(crate) struct World {
    pub(crate) api: MockApi,
    pub(crate) session: Session,
}

impl World {
    pub(crate) async fn new(
        script: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let api = MockApi::start(script).await.unwrap();
        let session = session_at(api.url(), catalog());
        Self { api, session }
    }

    /// A world in which every call is a failure of the test.
    pub(crate) async fn silent() -> Self {
        Self::new(|_, _| Reply::new(418, "no call was expected")).await
    }

    /// Runs a text and returns the rows of its last statement.
    pub(crate) async fn run(&self, text: &str) -> Result<Rows, Error> {
        run(&self.session, text).await
    }

    /// Runs a text that must fail.
    pub(crate) async fn fails(&self, text: &str) -> Error {
        match self.run(text).await {
            Ok(rows) => panic!("{text} succeeded: {:?}", rows.table()),
            Err(error) => error,
        }
    }
}

pub(crate) async fn run(session: &Session, text: &str) -> Result<Rows, Error> {
    let mut last = Rows { batches: Vec::new(), said: None };
    for statement in nephos_sql::parse(text)? {
        last = match session.run(&statement).await? {
            Outcome::Done(said) => Rows { batches: Vec::new(), said: Some(said) },
            Outcome::Rows(stream) => {
                Rows { batches: stream.try_collect().await.map_err(Error::from)?, said: None }
            }
        };
    }
    Ok(last)
}

/// Rows of a statement.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) said: Option<String>,
}

impl Rows {
    pub(crate) fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    pub(crate) fn columns(&self) -> Vec<String> {
        let schema = self.batches[0].schema();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// All cells as text, NULL as `-`.
    pub(crate) fn table(&self) -> Vec<Vec<String>> {
        let options = FormatOptions::default().with_null("-");
        let mut out = Vec::new();
        for batch in &self.batches {
            let formatters: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                out.push(formatters.iter().map(|f| f.value(row).to_string()).collect());
            }
        }
        out
    }

    /// The cells of one column.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        let at = self.columns().iter().position(|column| column == name).unwrap();
        self.table().into_iter().map(|row| row[at].clone()).collect()
    }
}
