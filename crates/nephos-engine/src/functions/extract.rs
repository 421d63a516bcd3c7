//! Functions that take a part out of JSON text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use nephos_sql::ast::{Function, FunctionArguments, Ident, ObjectNamePart};
use serde_json::value::RawValue;

use super::path::{Kind, LastPath, Step, Truth, as_text, compact, find, kind, root};
use super::{json_field, texts};

/// The functions that have names in SQL.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let named = [
        ("json_extract", Reading::Paths),
        (EMBEDDED, Reading::Embedded),
        ("json_extract_path", Reading::Keys(Form::Json)),
        ("jsonb_extract_path", Reading::Keys(Form::Json)),
        ("json_extract_path_text", Reading::Keys(Form::Text)),
        ("jsonb_extract_path_text", Reading::Keys(Form::Text)),
    ];
    named.into_iter().map(|(name, reading)| extract(name, reading)).collect()
}

/// `->`, and `->>` where the result is text.
pub(super) fn operator(form: Form) -> ScalarUDF {
    extract(if form == Form::Json { "->" } else { "->>" }, Reading::Operator(form))
}

/// [`Reading::Embedded`], under a name that no user writes.
const EMBEDDED: &str = "$json_extract";

/// Makes a call of `json_extract` with one path one whose result is JSON.
pub(super) fn embed(call: &mut Function) {
    if let [ObjectNamePart::Identifier(name)] = call.name.0.as_mut_slice()
        && name.value.eq_ignore_ascii_case("json_extract")
        && matches!(&call.args, FunctionArguments::List(list) if list.args.len() == 2)
    {
        *name = Ident::with_quote('"', EMBEDDED);
    }
}

fn extract(name: &'static str, reading: Reading) -> ScalarUDF {
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::from(JsonExtract { name, reading, signature })
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Json,
    Text,
}

/// How arguments behind the first are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reading {
    /// Paths; several make an array of what they lead to.
    Paths,
    /// One path, to JSON.
    Embedded,
    /// Keys, each a step; `PostgreSQL`'s way.
    Keys(Form),
    /// A key, the number of an element, or a path.
    Operator(Form),
}

impl Reading {
    fn form(self) -> Form {
        match self {
            Self::Paths => Form::Text,
            Self::Embedded => Form::Json,
            Self::Keys(form) | Self::Operator(form) => form,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonExtract {
    name: &'static str,
    reading: Reading,
    signature: Signature,
}

impl ScalarUDFImpl for JsonExtract {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        if args.arg_fields.len() < 2 {
            return plan_err!("{} takes JSON and what to take out of it", self.name);
        }
        Ok(match self.reading.form() {
            Form::Json => json_field(self.name),
            Form::Text => Arc::new(Field::new(self.name, DataType::Utf8, true)),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = texts(&args)?;
        let Some((json, wanted)) = columns.split_first() else {
            return plan_err!("{} takes JSON and what to take out of it", self.name);
        };
        let numbered = args.arg_fields.get(1).is_some_and(|f| f.data_type().is_integer());
        let mut paths: Vec<LastPath> = wanted.iter().map(|_| LastPath::default()).collect();
        let mut out = StringBuilder::new();
        for row in 0..args.number_rows {
            if json.is_null(row) || wanted.iter().any(|column| column.is_null(row)) {
                out.append_null();
                continue;
            }
            let root = root(json.value(row))?;
            out.append_option(match self.reading {
                Reading::Paths if wanted.len() > 1 => {
                    Some(several(root, wanted, &mut paths, row)?.into())
                }
                Reading::Paths | Reading::Embedded => {
                    let found = find(root, paths[0].steps(wanted[0].value(row))?)?;
                    match (found, self.reading.form()) {
                        (None, _) => None,
                        (Some(found), Form::Text) => as_text(found, Truth::Digits)?,
                        (Some(found), Form::Json) => Some(member(found)),
                    }
                }
                Reading::Keys(form) => {
                    let steps: Vec<Step> =
                        wanted.iter().map(|key| Step::Any(key.value(row).to_owned())).collect();
                    written(find(root, &steps)?, form)?
                }
                Reading::Operator(form) => {
                    let text = wanted[0].value(row);
                    let found = if numbered {
                        find(root, &[Step::Index(text.parse().unwrap_or(i64::MAX))])?
                    } else if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
                        find(root, paths[0].steps(text)?)?
                    } else {
                        find(root, &[Step::Key(text.to_owned())])?
                    };
                    written(found, form)?
                }
            });
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

fn written(found: Option<&RawValue>, form: Form) -> Result<Option<Cow<'_, str>>> {
    match (found, form) {
        (None, _) => Ok(None),
        (Some(found), Form::Json) => Ok(Some(compact(found.get()))),
        (Some(found), Form::Text) => as_text(found, Truth::Words),
    }
}

/// A value as a member of an array or object: `SQLite` has taken its truth for a number.
fn member(value: &RawValue) -> Cow<'_, str> {
    match kind(value) {
        Kind::True => "1".into(),
        Kind::False => "0".into(),
        _ => compact(value.get()),
    }
}

/// An array of what several paths lead to; JSON's null where one leads nowhere.
fn several(
    root: &RawValue,
    wanted: &[StringArray],
    paths: &mut [LastPath],
    row: usize,
) -> Result<String> {
    let mut out = String::from("[");
    for (index, (column, path)) in wanted.iter().zip(paths).enumerate() {
        if index > 0 {
            out.push(',');
        }
        let found = find(root, path.steps(column.value(row))?)?;
        let _ = write!(out, "{}", found.map_or("null".into(), |found| compact(found.get())));
    }
    out.push(']');
    Ok(out)
}
