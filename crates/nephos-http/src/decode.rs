//! Answers to Arrow.

mod cell;
mod json;
#[cfg(test)]
mod json_property;
#[cfg(test)]
mod json_tests;
mod json_text;
mod json_visit;
mod next;
mod probe;
mod xml_cell;
mod xml_keep;
#[cfg(test)]
mod xml_tests;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use bytes::Bytes;
use http::HeaderMap;
use nephos_catalog::{Column, ColumnOrigin, Kind, Method, ResponseBody, RowPath, TokenSource};

use self::cell::{Cell, Cells, array, header_cell};
use self::json::{JsonPage, Plan};
use self::next::Sight;
pub(crate) use self::next::{Next, PageBody};
pub use self::probe::Probe;
use self::xml_cell::member_cell;
pub(crate) use self::xml_keep::Keep;
use crate::request::Continuation;
use crate::transform::AnswerTransform;
use crate::xml::Element;
use crate::{CallError, CallErrorKind};

/// What a method says when it has nothing else to say.
const DONE: &str = "The operation completed successfully";

/// Columns that are the row itself, where a list holds plain values: the name the documents'
/// community gives them, and the one given where rows are XML elements.
const ROW_ITSELF: [&str; 2] = ["column_anon", "value"];

/// The Arrow type of a value of this kind. Structures are JSON text.
pub fn arrow_type(kind: Kind) -> DataType {
    match kind {
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Binary => DataType::Binary,
        Kind::String | Kind::Object | Kind::Array | Kind::Any => DataType::Utf8,
    }
}

/// The Arrow schema of columns; every column may be null.
pub fn arrow_schema<'a>(columns: impl IntoIterator<Item = &'a Column>) -> SchemaRef {
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|column| Field::new(&column.name, arrow_type(column.schema.kind), true))
        .collect();
    Arc::new(ArrowSchema::new(fields))
}

/// An answer of the service that said yes.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// URL that was asked.
    pub(crate) url: String,
}

/// Rows of one page and how to get the next.
pub(crate) struct DecodedPage {
    pub(crate) batch: RecordBatch,
    pub(crate) next: Next,
}

/// Decodes answers of one method to the wanted columns.
pub(crate) struct Decoder {
    method: Arc<Method>,
    columns: Vec<Column>,
    schema: SchemaRef,
    /// What is looked for in JSON answers.
    plan: Plan,
    /// The document's transform of answers.
    transform: Option<AnswerTransform>,
    /// What says how a list continues, in an answer before its transform.
    continuation: Plan,
    /// What is kept of XML answers.
    keep: Keep,
    /// Rows are followed to the end: fields that say where a page ends speak of the whole result.
    followed: bool,
}

impl Decoder {
    /// `wanted` are indexes into the method's columns.
    pub(crate) fn new(method: Arc<Method>, wanted: &[usize], followed: bool) -> Self {
        let columns: Vec<Column> = wanted
            .iter()
            .filter_map(|index| method.response.columns.get(*index))
            .cloned()
            .collect();
        let schema = arrow_schema(&columns);
        let cursor =
            method.translation.graphql.as_ref().and_then(|graphql| graphql.cursor.as_ref());
        let errors = RowPath::parse("$.errors");
        let errors = method.translation.graphql.as_ref().map(|_| &errors);
        let pages = || method.page.iter().flat_map(next::paths).chain(cursor).chain(errors);
        let plan = Plan::new(&method.response.rows, &columns, pages());
        let continuation = Plan::new(&RowPath::default(), &[], pages());
        let transform = method
            .response
            .transform
            .as_ref()
            .map(|transform| AnswerTransform::new(transform, &method.response));
        let keep = Keep::new(&method.response.rows, &columns, pages());
        Self { method, columns, schema, plan, transform, continuation, keep, followed }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Decodes one answer.
    pub(crate) fn decode(&self, answer: &Answer) -> Result<DecodedPage, CallError> {
        match self.method.response.body {
            ResponseBody::Xml => self.xml(answer),
            ResponseBody::Json => self.json(answer),
            ResponseBody::Raw | ResponseBody::Empty => self.single(answer),
        }
    }

    fn xml(&self, answer: &Answer) -> Result<DecodedPage, CallError> {
        let text = self.text(answer)?;
        if text.trim().is_empty() {
            // An answer that is one row may be empty; a list that is empty still says so.
            if self.method.response.rows.is_whole() {
                return self.single(answer);
            }
            return Err(self.fault("it is empty"));
        }
        let root = Element::parse_kept(text, &self.keep).map_err(|error| self.fault(error))?;
        let rows = root.select(&self.method.response.rows);
        let batch =
            self.batch(rows.len(), |column| self.xml_cells(column, &root, &rows, &answer.headers))?;
        let next = self.next(answer, vec![PageBody::Xml(&root)], rows.len())?;
        Ok(DecodedPage { batch, next })
    }

    fn json(&self, answer: &Answer) -> Result<DecodedPage, CallError> {
        let text = self.text(answer)?;
        if text.trim_matches([' ', '\n', '\r', '\t']).is_empty() {
            // An answer without a body may be a success all the same. Where nothing but the body
            // could say something, it has said nothing.
            let says = |column: &Column| {
                matches!(column.origin, ColumnOrigin::Body | ColumnOrigin::Header)
            };
            if self.method.response.columns.iter().any(says) {
                return self.single(answer);
            }
            let batch = RecordBatch::new_empty(self.schema());
            return Ok(DecodedPage { batch, next: Next::End });
        }
        let made = self.transform.as_ref().map(|transform| transform.apply(text)).transpose()?;
        let read = made.as_deref().unwrap_or(text);
        let page = self.plan.read(read).map_err(|error| self.fault(error))?;
        if self.method.translation.graphql.is_some()
            && let Some(errors) = page.text_at(&RowPath::parse("$.errors"))
        {
            return Err(self.refused(&errors));
        }
        let batch =
            self.batch(page.rows(), |column| Ok(self.json_cells(column, &page, &answer.headers)))?;
        let mut bodies = vec![PageBody::Json(&page)];
        // A transform may leave out how the list continues: then what came is looked at, too.
        let original = made.as_ref().filter(|_| self.method.page.is_some());
        let xml = original.and_then(|_| Element::parse(text).ok());
        bodies.extend(xml.as_ref().map(PageBody::Xml));
        let json = match (original, &xml) {
            (Some(_), None) => self.continuation.read(text).ok(),
            _ => None,
        };
        bodies.extend(json.as_ref().map(PageBody::Json));
        let next = self.next(answer, bodies, page.rows())?;
        Ok(DecodedPage { batch, next })
    }

    /// A GraphQL service says 200 and what is wrong in `errors`.
    fn refused(&self, errors: &str) -> CallError {
        let said: serde_json::Value = serde_json::from_str(errors).unwrap_or_default();
        let first = said.get(0).unwrap_or(&said);
        let message = first.get("message").and_then(serde_json::Value::as_str).unwrap_or(errors);
        CallError::new(
            CallErrorKind::Service { status: 200, code: None },
            format!("{} failed: {message}", self.method.name),
        )
    }

    /// The body as text; a mark of the byte order is none of it.
    fn text<'a>(&self, answer: &'a Answer) -> Result<&'a str, CallError> {
        match simdutf8::basic::from_utf8(&answer.body) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            // The fast check does not say where the fault is.
            Err(_) => Err(match std::str::from_utf8(&answer.body) {
                Err(error) => self.fault(error),
                Ok(_) => self.fault("it is not UTF-8"),
            }),
        }
    }

    /// One row made of headers and the body as it is.
    fn single(&self, answer: &Answer) -> Result<DecodedPage, CallError> {
        let raw = self.method.response.body == ResponseBody::Raw;
        let batch = self.batch(1, |column| {
            let cell = match column.origin {
                ColumnOrigin::Header => header_cell(column, &answer.headers),
                ColumnOrigin::Body if raw && column.schema.kind == Kind::Binary => {
                    Cell::Bytes(answer.body.clone())
                }
                ColumnOrigin::Body if raw => {
                    let text = std::str::from_utf8(&answer.body).map_err(|e| self.fault(e))?;
                    Cell::Text(Cow::Borrowed(text))
                }
                ColumnOrigin::Body => Cell::Text(Cow::Borrowed(DONE)),
                _ => Cell::Null,
            };
            Ok(Cells::repeated(cell, 1))
        })?;
        Ok(DecodedPage { batch, next: Next::End })
    }

    fn batch<'a>(
        &self,
        rows: usize,
        mut cells: impl FnMut(&Column) -> Result<Cells<'a>, CallError>,
    ) -> Result<RecordBatch, CallError> {
        let arrays = self
            .columns
            .iter()
            .map(|column| {
                array(column, &cells(column)?)
                    .map_err(|misfit| self.fault(&misfit).hint(misfit.hint()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| self.fault(error))
    }

    fn xml_cells<'a>(
        &self,
        column: &Column,
        root: &'a Element<'_>,
        rows: &[&'a Element<'_>],
        headers: &'a HeaderMap,
    ) -> Result<Cells<'a>, CallError> {
        let repeat = |cell| Cells::repeated(cell, rows.len());
        Ok(match column.origin {
            ColumnOrigin::Header => repeat(header_cell(column, headers)),
            ColumnOrigin::Element => {
                Cells::each(rows.iter().map(|row| Cell::Text(Cow::Borrowed(row.name))).collect())
            }
            ColumnOrigin::Envelope => {
                repeat(self.whole(column).unwrap_or_else(|| member_cell(column, root)))
            }
            ColumnOrigin::Row => {
                Cells::each(rows.iter().map(|row| member_cell(column, row)).collect())
            }
            ColumnOrigin::Body => {
                return Err(self.fault("a body column in an XML answer"));
            }
        })
    }

    fn json_cells<'a>(
        &'a self,
        column: &Column,
        page: &JsonPage<'a>,
        headers: &'a HeaderMap,
    ) -> Cells<'a> {
        let repeat = |cell| Cells::repeated(cell, page.rows());
        let json = |value: Option<&'a str>| value.map_or(Cell::Null, Cell::Json);
        match column.origin {
            ColumnOrigin::Header => repeat(header_cell(column, headers)),
            ColumnOrigin::Element => {
                let text = |name: Option<&'a str>| {
                    name.map_or(Cell::Null, |name| Cell::Text(Cow::Borrowed(name)))
                };
                let elements = page.elements(&self.method.response.rows);
                Cells::each(elements.into_iter().map(text).collect())
            }
            ColumnOrigin::Envelope => {
                repeat(self.whole(column).unwrap_or_else(|| json(page.envelope(&column.wire))))
            }
            ColumnOrigin::Row => Cells::each(page.column(column).into_iter().map(json).collect()),
            ColumnOrigin::Body => repeat(Cell::Text(Cow::Borrowed(DONE))),
        }
    }

    /// What a column that says where a page ends says of a result that was followed to its end.
    fn whole(&self, column: &Column) -> Option<Cell<'static>> {
        let page = self.method.page.as_ref().filter(|_| self.followed)?;
        if page.more.as_ref().is_some_and(|path| path.is_member(&column.wire)) {
            return Some(Cell::Text(Cow::Borrowed("false")));
        }
        let token = page.tokens.iter().any(|token| {
            matches!(&token.response, TokenSource::Body(path) if path.is_member(&column.wire))
        });
        token.then_some(Cell::Null)
    }

    fn next(
        &self,
        answer: &Answer,
        bodies: Vec<PageBody<'_, '_>>,
        rows: usize,
    ) -> Result<Next, CallError> {
        let method = self.method.as_ref();
        let (headers, url) = (&answer.headers, answer.url.as_str());
        if let Some(graphql) = &method.translation.graphql {
            let path = graphql.cursor.as_ref();
            let cursor = path.and_then(|path| bodies.iter().find_map(|body| body.text_at(path)));
            return Ok(match cursor {
                Some(cursor) if rows > 0 => {
                    Next::Tokens(Continuation { cursor: Some(cursor), ..Continuation::default() })
                }
                _ => Next::End,
            });
        }
        match &method.page {
            Some(page) => Sight { method, bodies, headers, url, rows }.next(page),
            None => Ok(Next::End),
        }
    }

    fn fault(&self, error: impl std::fmt::Display) -> CallError {
        CallError::new(
            CallErrorKind::Answer,
            format!("the answer of {} cannot be read: {error}", self.method.name),
        )
    }
}
