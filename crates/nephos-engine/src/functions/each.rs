//! The lists behind table functions: for each value, the rows that it has.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Int64Builder, ListArray, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use serde_json::value::RawValue;

use super::path::{Kind, LastPath, Truth, as_text, children, compact, find, kind, root};
use super::texts;

/// A function whose result is a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Each {
    /// `json_each` of `SQLite`: a row for each child.
    Child,
    /// `json[b]_array_elements`.
    Element,
    /// `json[b]_array_elements_text`.
    ElementText,
    /// `jsonb_each`.
    Member,
    /// `json[b]_each_text`.
    MemberText,
}

impl Each {
    /// The function of this name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "json_each" => Self::Child,
            "json_array_elements" | "jsonb_array_elements" => Self::Element,
            "json_array_elements_text" | "jsonb_array_elements_text" => Self::ElementText,
            "jsonb_each" => Self::Member,
            "json_each_text" | "jsonb_each_text" => Self::MemberText,
            _ => return None,
        })
    }

    /// Its columns.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Child => &["key", "value", "type", "atom", "id", "parent", "fullkey", "path"],
            Self::Element | Self::ElementText => &["value"],
            Self::Member | Self::MemberText => &["key", "value"],
        }
    }

    /// The columns with their types; all may be NULL.
    pub(super) fn fields(self) -> Fields {
        let field = |name: &&str| {
            let number = matches!(*name, "id" | "parent");
            Field::new(*name, if number { DataType::Int64 } else { DataType::Utf8 }, true)
        };
        self.columns().iter().map(field).collect()
    }

    /// The function from a value to the list of its rows.
    pub(super) fn list(self) -> ScalarUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(Rows { each: self, signature })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rows {
    each: Each,
    signature: Signature,
}

impl Rows {
    fn item(&self) -> FieldRef {
        Arc::new(Field::new("item", DataType::Struct(self.each.fields()), true))
    }
}

impl ScalarUDFImpl for Rows {
    fn name(&self) -> &'static str {
        match self.each {
            Each::Child => "json_each",
            Each::Element => "jsonb_array_elements",
            Each::ElementText => "jsonb_array_elements_text",
            Each::Member => "jsonb_each",
            Each::MemberText => "jsonb_each_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(self.item()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let most = if self.each == Each::Child { 2 } else { 1 };
        if args.arg_fields.is_empty() || args.arg_fields.len() > most {
            let path = if most == 2 { " and at most a path" } else { "" };
            return plan_err!("{} takes JSON{path}", self.name());
        }
        Ok(Arc::new(Field::new(self.name(), DataType::List(self.item()), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = texts(&args)?;
        let mut path = LastPath::default();
        let mut rows = Table::new(self.each.columns());
        let mut lengths = Vec::with_capacity(args.number_rows);
        let mut present = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let before = rows.length;
            let given = columns.iter().all(|column| !column.is_null(row));
            if given && let Some(json) = columns.first() {
                let root = root(json.value(row))?;
                match (self.each, columns.get(1)) {
                    (Each::Child, Some(paths)) => {
                        let text = paths.value(row);
                        if let Some(found) = find(root, path.steps(text)?)? {
                            rows.children(found, text)?;
                        }
                    }
                    (Each::Child, None) => rows.children(root, "$")?,
                    (each, _) => rows.members(each, self.name(), root)?,
                }
            }
            lengths.push(rows.length - before);
            present.push(given);
        }
        let fields = self.each.fields();
        let item = StructArray::try_new(fields, rows.finish(), None)?;
        let list = ListArray::try_new(
            self.item(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(item),
            Some(NullBuffer::from(present)),
        )?;
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

/// Rows under construction; only the columns that the function has are filled.
struct Table {
    columns: Vec<(&'static str, Cells)>,
    length: usize,
}

enum Cells {
    Text(StringBuilder),
    Number(Int64Builder),
}

impl Table {
    fn new(columns: &[&'static str]) -> Self {
        let cells = |name: &&'static str| match *name {
            "id" | "parent" => (*name, Cells::Number(Int64Builder::new())),
            _ => (*name, Cells::Text(StringBuilder::new())),
        };
        Self { columns: columns.iter().map(cells).collect(), length: 0 }
    }

    /// Adds a row; `text` is asked for each column of text.
    fn add<'a>(&mut self, id: i64, text: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>) {
        for (name, cells) in &mut self.columns {
            match cells {
                Cells::Text(builder) => builder.append_option(text(name)),
                // `json_each` goes one level down: no row has its parent among the others.
                Cells::Number(builder) => builder.append_option((*name == "id").then_some(id)),
            }
        }
        self.length += 1;
    }

    /// What `json_each` gives for a value that lies at `path`.
    fn children(&mut self, value: &RawValue, path: &str) -> Result<()> {
        let container = matches!(kind(value), Kind::Array | Kind::Object);
        let list = if container { children(value)? } else { vec![(None, value)] };
        for (at, (key, value)) in list.into_iter().enumerate() {
            let text = as_text(value, Truth::Digits)?;
            let compound = matches!(kind(value), Kind::Array | Kind::Object);
            let (shown, full) = match &key {
                Some(key) => (Some(key.clone()), format!("{path}{}", label(key))),
                None if container => (Some(at.to_string()), format!("{path}[{at}]")),
                None => (None, path.to_owned()),
            };
            let id = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
            self.add(id, |column| match column {
                "key" => shown.clone().map(Into::into),
                "value" => text.clone(),
                "type" => Some(kind(value).as_str().into()),
                "atom" => text.clone().filter(|_| !compound),
                "fullkey" => Some(full.clone().into()),
                _ => Some(path.to_owned().into()),
            });
        }
        Ok(())
    }

    /// What the functions of `PostgreSQL` give.
    fn members(&mut self, each: Each, name: &str, value: &RawValue) -> Result<()> {
        let wanted = match each {
            Each::Element | Each::ElementText => Kind::Array,
            _ => Kind::Object,
        };
        if kind(value) != wanted {
            return exec_err!(
                "{name} takes an {}, found {}",
                wanted.as_str(),
                kind(value).as_str()
            );
        }
        for (key, value) in children(value)? {
            let text = match each {
                Each::ElementText | Each::MemberText => as_text(value, Truth::Words)?,
                _ => Some(compact(value.get())),
            };
            self.add(0, |column| match column {
                "key" => key.clone().map(Into::into),
                _ => text.clone(),
            });
        }
        Ok(())
    }

    fn finish(self) -> Vec<ArrayRef> {
        let finish = |(_, cells): (_, Cells)| -> ArrayRef {
            match cells {
                Cells::Text(mut builder) => Arc::new(builder.finish()),
                Cells::Number(mut builder) => Arc::new(builder.finish()),
            }
        };
        self.columns.into_iter().map(finish).collect()
    }
}

/// A key as a step of a path: quoted unless it is letters and digits.
fn label(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric());
    if plain { format!(".{key}") } else { format!(".\"{key}\"") }
}
