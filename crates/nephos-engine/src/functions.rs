//! SQL functions over JSON text, in the spellings of `SQLite` and of `PostgreSQL`.
//!
//! A column has one type, so that what is taken out of JSON is text: numbers as they are written,
//! `true` and `false` as the dialect of the function reads them.

mod each;
mod extract;
mod lateral;
mod object;
mod operator;
mod path;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::registry::FunctionRegistry;

pub(crate) use lateral::{column_names, expand, lift, normalize, placeholder};
pub(crate) use operator::JsonTypes;

/// Adds the functions and operators to an engine.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    for function in extract::functions().into_iter().chain(object::functions()) {
        state.register_udf(Arc::new(function))?;
    }
    state.register_expr_planner(Arc::new(operator::JsonOperators))
}

/// Metadata of a field whose text is JSON: where it becomes part of other JSON it is not quoted.
const JSON_MARK: &str = "nephos.json";

/// A column of JSON text.
fn json_field(name: &str) -> FieldRef {
    let mark = [(JSON_MARK.to_owned(), String::new())];
    Arc::new(Field::new(name, DataType::Utf8, true).with_metadata(mark.into()))
}

fn is_json(field: &Field) -> bool {
    field.metadata().contains_key(JSON_MARK)
}

/// All arguments as text, each as long as the batch.
fn texts(args: &ScalarFunctionArgs) -> Result<Vec<StringArray>> {
    args.args
        .iter()
        .map(|value| Ok(text(&value.to_array(args.number_rows)?)?.as_string::<i32>().clone()))
        .collect()
}

fn text(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Utf8)?)
}
