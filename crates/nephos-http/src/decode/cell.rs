//! Cells and the Arrow arrays they make.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_schema::DataType;
use bytes::Bytes;
use http::HeaderMap;
use nephos_catalog::Column;
use serde_json::Value;

use super::{arrow_type, json_text};

/// Characters of a value that an error shows.
const SHOWN: usize = 80;

pub(super) enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    /// A JSON value as it stands in the answer.
    Json(&'a str),
    Bytes(Bytes),
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// The cells of a column: each stands in as many rows as `times` says.
pub(super) struct Cells<'a> {
    list: Vec<Cell<'a>>,
    times: usize,
}

impl<'a> Cells<'a> {
    /// One cell a row.
    pub(super) fn each(list: Vec<Cell<'a>>) -> Self {
        Self { list, times: 1 }
    }

    /// The same cell in every row.
    pub(super) fn repeated(cell: Cell<'a>, rows: usize) -> Self {
        Self { list: vec![cell], times: rows }
    }

    fn iter(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.list.iter().flat_map(|cell| std::iter::repeat_n(cell, self.times))
    }
}

/// A value that its column cannot hold: the column, the value and what it should be.
pub(super) struct Misfit {
    column: String,
    value: String,
    wanted: &'static str,
}

impl Misfit {
    fn new(column: &Column, value: &str, wanted: &'static str) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push_str("..");
        }
        Self { column: column.name.clone(), value: shown, wanted }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> String {
        format!("select other columns than {} to read the rest", self.column)
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} holds {:?}, which is not {}", self.column, self.value, self.wanted)
    }
}

pub(super) fn header_cell<'a>(column: &Column, headers: &'a HeaderMap) -> Cell<'a> {
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

/// The array of a column. JSON values of another kind than the column's are converted where nothing
/// is lost by it; text without a character is no number and no boolean, but null.
pub(super) fn array(column: &Column, cells: &Cells<'_>) -> Result<ArrayRef, Misfit> {
    macro_rules! parsed {
        ($builder:expr, $parse:expr, $json:expr, $what:literal) => {{
            let mut builder = $builder;
            for cell in cells.iter() {
                let (shown, value) = match cell {
                    Cell::Text(text) => (text.as_ref(), $parse(text.trim())),
                    Cell::Json("null") => {
                        builder.append_null();
                        continue;
                    }
                    Cell::Json(raw) if raw.starts_with('"') => {
                        let text = json_text::unescaped(raw).unwrap_or(Cow::Borrowed(raw));
                        if text.trim().is_empty() {
                            builder.append_null();
                            continue;
                        }
                        (*raw, $parse(text.trim()))
                    }
                    Cell::Json(raw) => (*raw, $json(raw)),
                    Cell::Null | Cell::Bytes(_) => {
                        builder.append_null();
                        continue;
                    }
                };
                builder.append_value(value.ok_or_else(|| Misfit::new(column, shown, $what))?);
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    Ok(match arrow_type(column.schema.kind) {
        DataType::Int64 => {
            parsed!(Int64Builder::new(), json_text::integer, json_text::integer, "an integer")
        }
        DataType::Float64 => parsed!(Float64Builder::new(), float, json_float, "a number"),
        DataType::Boolean => parsed!(BooleanBuilder::new(), boolean, boolean, "true or false"),
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            for cell in cells.iter() {
                match cell {
                    Cell::Bytes(bytes) => builder.append_value(bytes),
                    Cell::Text(text) => builder.append_value(text.as_bytes()),
                    Cell::Json("null") | Cell::Null => builder.append_null(),
                    Cell::Json(raw) => builder.append_value(json_plain(column, raw)?.as_bytes()),
                }
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = StringBuilder::new();
            for cell in cells.iter() {
                match cell {
                    Cell::Text(text) => builder.append_value(text),
                    Cell::Json("null") | Cell::Null => builder.append_null(),
                    Cell::Json(raw) => builder.append_value(json_plain(column, raw)?),
                    Cell::Bytes(bytes) => builder.append_value(String::from_utf8_lossy(bytes)),
                }
            }
            Arc::new(builder.finish())
        }
    })
}

fn json_plain<'a>(column: &Column, raw: &'a str) -> Result<Cow<'a, str>, Misfit> {
    json_text::plain(raw).ok_or_else(|| Misfit::new(column, raw, "Unicode text"))
}

/// Text as a number; services write `NaN` and `Infinity` as text.
fn float(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A number too large for a column of numbers is none.
fn json_float(raw: &str) -> Option<f64> {
    raw.parse().ok().filter(|number: &f64| number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
