//! Functions that make JSON objects of keys and values.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use nephos_sql::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart,
};

use super::extract::embed;
use super::{is_json, json_field, text};

const NAMES: [&str; 3] = ["json_object", "json_build_object", "jsonb_build_object"];

/// Marks what `json_extract` takes out as JSON where it becomes a value of an object: an object
/// stays one.
pub(super) fn embed_values(call: &mut Function) {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return };
    let FunctionArguments::List(list) = &mut call.args else { return };
    if NAMES.iter().any(|known| known.eq_ignore_ascii_case(&name.value)) {
        for arg in list.args.iter_mut().skip(1).step_by(2) {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(value))) = arg {
                embed(value);
            }
        }
    }
}

/// The functions that have names in SQL.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let object = |name| {
        let signature = Signature::one_of(
            vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
            Volatility::Immutable,
        );
        ScalarUDF::from(JsonObject { name, signature })
    };
    NAMES.map(object).into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonObject {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for JsonObject {
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
        if args.arg_fields.len() % 2 == 1 {
            return plan_err!("{} takes keys and values, one of each in turn", self.name);
        }
        Ok(json_field(self.name))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut members = Vec::new();
        for (value, field) in args.args.iter().zip(&args.arg_fields) {
            members.push(Member::of(&value.to_array(rows)?, is_json(field))?);
        }
        let mut out = StringBuilder::new();
        for row in 0..rows {
            let mut object = String::from("{");
            for pair in members.chunks_exact(2) {
                if object.len() > 1 {
                    object.push(',');
                }
                let Some(key) = pair[0].text(row) else {
                    return exec_err!("a key of {} is NULL", self.name);
                };
                object.push_str(&quoted(key));
                object.push(':');
                object.push_str(&pair[1].json(row));
            }
            object.push('}');
            out.append_value(object);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// A column of keys or values.
struct Member {
    texts: ArrayRef,
    /// The texts are JSON as they are.
    plain: bool,
}

impl Member {
    fn of(array: &ArrayRef, json: bool) -> Result<Self> {
        let (array, plain) = match array.data_type() {
            DataType::Boolean => (array.clone(), true),
            kind if kind.is_integer() => (array.clone(), true),
            kind if kind.is_floating() => {
                let numbers = cast(array, &DataType::Float64)?;
                let numbers = numbers.as_primitive::<Float64Type>();
                // JSON has no infinity.
                let finite = numbers.unary_opt::<_, Float64Type>(|n| n.is_finite().then_some(n));
                (Arc::new(finite) as ArrayRef, true)
            }
            DataType::Decimal128(..) | DataType::Decimal256(..) => (array.clone(), true),
            _ => (array.clone(), json),
        };
        Ok(Self { texts: text(&array)?, plain })
    }

    fn text(&self, row: usize) -> Option<&str> {
        let texts = self.texts.as_string::<i32>();
        (!texts.is_null(row)).then(|| texts.value(row))
    }

    fn json(&self, row: usize) -> String {
        match self.text(row) {
            None => "null".to_owned(),
            Some(text) if self.plain => text.to_owned(),
            Some(text) => quoted(text),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
