//! Answers to Arrow.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use bytes::Bytes;
use http::HeaderMap;
use nephos_catalog::{Column, ColumnOrigin, Kind, Method, Page, ResponseBody};
use serde_json::Value;

use crate::xml::Element;
use crate::{CallError, CallErrorKind};

/// What a method says when it has nothing else to say.
const DONE: &str = "The operation completed successfully";

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
}

/// Rows of one page and how to get the next.
pub(crate) struct DecodedPage {
    pub(crate) batch: RecordBatch,
    pub(crate) next: Next,
}

/// What a page says of the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is none.
    End,
    /// It is had with these request parameters.
    Tokens(Vec<(String, String)>),
    /// There is more, but no token to ask for it.
    Missing,
}

/// Decodes answers of one method to the wanted columns.
pub(crate) struct Decoder {
    method: Arc<Method>,
    columns: Vec<Column>,
    schema: SchemaRef,
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
        Self { method, columns, schema, followed }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Decodes one answer.
    pub(crate) fn decode(&self, answer: &Answer) -> Result<DecodedPage, CallError> {
        match self.method.response.body {
            ResponseBody::Xml => {
                let text = std::str::from_utf8(&answer.body).map_err(|error| self.fault(error))?;
                if text.trim().is_empty() {
                    // An answer that is one row may be empty; a list that is empty still says so.
                    if self.method.response.rows.is_whole() {
                        return self.single(answer);
                    }
                    return Err(self.fault("it is empty"));
                }
                let root = Element::parse(text).map_err(|error| self.fault(error))?;
                let rows = root.select(&self.method.response.rows);
                let batch = self.batch(rows.len(), |column| {
                    self.xml_cells(column, &root, &rows, &answer.headers)
                })?;
                Ok(DecodedPage { batch, next: self.next(&root) })
            }
            ResponseBody::Json => Err(CallError::new(
                CallErrorKind::Answer,
                format!("answers of {} are JSON, which cannot be read yet", self.method.name),
            )),
            ResponseBody::Raw | ResponseBody::Empty => self.single(answer),
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
            .map(|column| array(column, &cells(column)?).map_err(|error| self.fault(error)))
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
            ColumnOrigin::Envelope if self.followed && self.is_more(column) => {
                repeat(Cell::Text(Cow::Borrowed("false")))
            }
            ColumnOrigin::Envelope if self.followed && self.is_token(column) => repeat(Cell::Null),
            ColumnOrigin::Envelope => repeat(member_cell(column, root)),
            ColumnOrigin::Row => {
                Cells::each(rows.iter().map(|row| member_cell(column, row)).collect())
            }
            ColumnOrigin::Body => {
                return Err(self.fault("a body column in an XML answer"));
            }
        })
    }

    fn is_more(&self, column: &Column) -> bool {
        let more = self.method.page.as_ref().and_then(|page| page.more.as_ref());
        more.is_some_and(|path| ends_in(path, &column.wire))
    }

    fn is_token(&self, column: &Column) -> bool {
        let tokens = self.method.page.iter().flat_map(|page| page.tokens.iter());
        tokens.into_iter().any(|token| ends_in(&token.response, &column.wire))
    }

    fn next(&self, root: &Element<'_>) -> Next {
        match &self.method.page {
            Some(page) => next(page, root),
            None => Next::End,
        }
    }

    fn fault(&self, error: impl std::fmt::Display) -> CallError {
        CallError::new(
            CallErrorKind::Answer,
            format!("the answer of {} cannot be read: {error}", self.method.name),
        )
    }
}

fn ends_in(path: &nephos_catalog::RowPath, wire: &str) -> bool {
    path.alternatives.iter().any(|steps| {
        steps.len() == 2
            && matches!(steps.last(), Some(nephos_catalog::Step::Name(name)) if name == wire)
    })
}

/// The service's own word that there is more decides; a token alone does not: S3 answers
/// `NextPartNumberMarker` 0 on an empty page, and clients that follow tokens start over for ever.
fn next(page: &Page, root: &Element<'_>) -> Next {
    if let Some(more) = &page.more
        && root.text_at(more).map(str::trim) != Some("true")
    {
        return Next::End;
    }
    let mut tokens = Vec::new();
    for pair in &page.tokens {
        if let Some(token) = root.text_at(&pair.response) {
            tokens.push((pair.request.clone(), plain_token(root, &pair.request, token)));
        }
    }
    match (tokens.is_empty(), page.more.is_some()) {
        (false, _) => Next::Tokens(tokens),
        (true, true) => Next::Missing,
        (true, false) => Next::End,
    }
}

/// With `encoding-type=url` S3 percent-encodes keys, and the key that marks the next page with them.
fn plain_token(root: &Element<'_>, parameter: &str, token: &str) -> String {
    let encoded = root.child("EncodingType").is_some_and(|e| e.text.trim() == "url");
    if encoded && matches!(parameter, "marker" | "key-marker") {
        return percent_encoding::percent_decode_str(token).decode_utf8_lossy().into_owned();
    }
    token.to_owned()
}

enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Bytes(Bytes),
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// The cells of a column: each stands in as many rows as `times` says.
struct Cells<'a> {
    list: Vec<Cell<'a>>,
    times: usize,
}

impl<'a> Cells<'a> {
    /// One cell a row.
    fn each(list: Vec<Cell<'a>>) -> Self {
        Self { list, times: 1 }
    }

    /// The same cell in every row.
    fn repeated(cell: Cell<'a>, rows: usize) -> Self {
        Self { list: vec![cell], times: rows }
    }

    fn iter(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.list.iter().flat_map(|cell| std::iter::repeat_n(cell, self.times))
    }
}

fn member_cell<'a>(column: &Column, element: &'a Element<'_>) -> Cell<'a> {
    let schema = &column.schema;
    let simple = !matches!(schema.kind, Kind::Array | Kind::Object)
        && !schema.xml.attribute
        && !schema.xml.text
        && schema.properties.is_empty();
    // A column that is the row itself: a list of plain values.
    if simple && element.children.is_empty() && column.wire == "value" {
        return Cell::Text(Cow::Borrowed(&element.text));
    }
    if simple {
        return match element.child(&column.wire) {
            None => Cell::Null,
            Some(child) if child.children.is_empty() => {
                if schema.kind != Kind::String && child.text.trim().is_empty() {
                    Cell::Null
                } else {
                    Cell::Text(Cow::Borrowed(&child.text))
                }
            }
            Some(child) => child.value(None).to_string().into(),
        };
    }
    match element.member(&column.wire, schema) {
        None => Cell::Null,
        Some(Value::String(text)) => text.into(),
        Some(value) => value.to_string().into(),
    }
}

fn header_cell<'a>(column: &Column, headers: &'a HeaderMap) -> Cell<'a> {
    if let Some(prefix) = column.wire.strip_suffix('*') {
        let prefix = prefix.to_ascii_lowercase();
        let family: serde_json::Map<String, Value> = headers
            .iter()
            .filter_map(|(name, value)| {
                let short = name.as_str().strip_prefix(&prefix)?;
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                Some((short.to_owned(), Value::String(text)))
            })
            .collect();
        return if family.is_empty() {
            Cell::Null
        } else {
            Value::Object(family).to_string().into()
        };
    }
    match headers.get(&column.wire) {
        Some(value) => Cell::Text(String::from_utf8_lossy(value.as_bytes())),
        None => Cell::Null,
    }
}

fn array(column: &Column, cells: &Cells<'_>) -> Result<ArrayRef, String> {
    macro_rules! parsed {
        ($builder:expr, $what:literal) => {{
            let mut builder = $builder;
            for cell in cells.iter() {
                match cell {
                    Cell::Text(text) => {
                        builder.append_value(text.trim().parse().map_err(|_| {
                            format!("{} holds {text:?}, which is not {}", column.name, $what)
                        })?)
                    }
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    Ok(match arrow_type(column.schema.kind) {
        DataType::Int64 => parsed!(Int64Builder::new(), "an integer"),
        DataType::Float64 => parsed!(Float64Builder::new(), "a number"),
        DataType::Boolean => parsed!(BooleanBuilder::new(), "true or false"),
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            for cell in cells.iter() {
                match cell {
                    Cell::Bytes(bytes) => builder.append_value(bytes),
                    Cell::Text(text) => builder.append_value(text.as_bytes()),
                    Cell::Null => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = StringBuilder::new();
            for cell in cells.iter() {
                match cell {
                    Cell::Text(text) => builder.append_value(text),
                    Cell::Bytes(bytes) => builder.append_value(String::from_utf8_lossy(bytes)),
                    Cell::Null => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
    })
}
