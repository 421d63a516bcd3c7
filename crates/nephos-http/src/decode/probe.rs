//! Reading answers without a document and without a service, for tests, fuzzing and measuring.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use http::HeaderMap;
use nephos_catalog::{
    Column, ColumnOrigin, HttpVerb, Kind, Method, Page, PageAlgorithm, Response, ResponseBody,
    RowPath, Schema, TokenPair, TokenPlace, TokenSource, Translation,
};

use super::{Answer, Decoder, Next};
use crate::CallError;

/// Reads answers of a method that exists for nothing else.
pub struct Probe {
    decoder: Decoder,
    headers: HeaderMap,
}

impl Probe {
    /// Columns come from the rows, which are found at `rows`.
    pub fn new(body: ResponseBody, rows: &str, columns: &[(&str, Kind)]) -> Self {
        let columns =
            columns.iter().map(|(name, kind)| (*name, *kind, ColumnOrigin::Row)).collect();
        Self::build(body, rows, columns, None, false)
    }

    /// The same with columns of other origins, where the next page's token is, and what says that
    /// there is more. With `followed` rows are read to the end.
    pub fn build(
        body: ResponseBody,
        rows: &str,
        columns: Vec<(&str, Kind, ColumnOrigin)>,
        page: Option<(&str, Option<&str>)>,
        followed: bool,
    ) -> Self {
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, kind, origin)| Column {
                name: name.to_owned(),
                wire: name.to_owned(),
                schema: Schema::of(kind),
                description: String::new(),
                origin,
            })
            .collect();
        let page = page.map(|(token, more)| Page {
            tokens: vec![TokenPair {
                request: "token".to_owned(),
                place: TokenPlace::Query,
                maximum: None,
                response: TokenSource::Body(RowPath::parse(token)),
            }],
            more: more.map(RowPath::parse),
            size: None,
            algorithm: PageAlgorithm::Cursor,
            otherwise: None,
        });
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let method = Method {
            name: "read".to_owned(),
            operation: "read".to_owned(),
            description: String::new(),
            http: HttpVerb::Get,
            servers: Vec::new(),
            path: "/".to_owned(),
            params: Vec::new(),
            body: None,
            translation: Translation::default(),
            response: Response { body, transform: None, rows: RowPath::parse(rows), columns },
            page,
            retry: None,
            signing_name: None,
            reads: true,
            idempotent: true,
            checksum_required: false,
        };
        let decoder = Decoder::new(Arc::new(method), &wanted, followed);
        Self { decoder, headers: HeaderMap::new() }
    }

    /// Adds a header to every answer.
    pub fn with_header(mut self, name: http::HeaderName, value: http::HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The rows of a body and the token of the next page. A page that says there is more without a
    /// token for it has an empty one.
    pub fn read(&self, body: impl Into<Bytes>) -> Result<(RecordBatch, Option<String>), CallError> {
        let url = "http://localhost/".to_owned();
        let answer = Answer { headers: self.headers.clone(), body: body.into(), url };
        let page = self.decoder.decode(&answer)?;
        let token = match page.next {
            Next::End => None,
            Next::Tokens(next) => next.query.into_iter().next().map(|(_, token)| token),
            Next::Missing => Some(String::new()),
        };
        Ok((page.batch, token))
    }
}
