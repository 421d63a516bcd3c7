//! Session variables: `SET VARIABLE x = ..` and `getvariable('x')`.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Values by name; names are compared without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    values: RwLock<BTreeMap<String, ScalarValue>>,
}

impl Variables {
    pub(crate) fn set(&self, name: &str, value: ScalarValue) {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        values.insert(name.to_ascii_lowercase(), value);
    }

    fn get(&self, name: &str) -> Result<ScalarValue> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        match values.get(&name.to_ascii_lowercase()) {
            Some(value) => Ok(value.clone()),
            None => {
                let names: Vec<&str> = values.keys().map(String::as_str).collect();
                let there = if names.is_empty() {
                    "none are".to_owned()
                } else {
                    format!("set: {}", names.join(", "))
                };
                plan_err!(
                    "variable {name} is not set ({there}); SET VARIABLE {name} = value sets it"
                )
            }
        }
    }
}

/// `getvariable(name)`, `DuckDB`'s spelling.
#[derive(Debug)]
pub(crate) struct GetVariable {
    variables: Arc<Variables>,
    signature: Signature,
}

impl GetVariable {
    pub(crate) fn new(variables: Arc<Variables>) -> Self {
        let signature = Signature::exact(vec![DataType::Utf8], Volatility::Stable);
        Self { variables, signature }
    }

    fn named(&self, name: Option<&ScalarValue>) -> Result<ScalarValue> {
        match name.and_then(|value| value.try_as_str().flatten()) {
            Some(name) => self.variables.get(name),
            None => plan_err!("getvariable takes one name in quotes: getvariable('x')"),
        }
    }
}

impl PartialEq for GetVariable {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.variables, &other.variables)
    }
}

impl Eq for GetVariable {}

impl Hash for GetVariable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for GetVariable {
    fn name(&self) -> &'static str {
        "getvariable"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type of a variable depends on its name")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let value = self.named(args.scalar_arguments.first().copied().flatten())?;
        Ok(Arc::new(Field::new(self.name(), value.data_type(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Scalar(name)) => Ok(ColumnarValue::Scalar(self.named(Some(name))?)),
            _ => plan_err!("getvariable takes one name in quotes: getvariable('x')"),
        }
    }
}
