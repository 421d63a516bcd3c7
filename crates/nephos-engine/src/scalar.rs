//! SQL values as arguments.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use nephos_http::{Argument, ArgumentForm};

use crate::Error;

/// A value as the text that a request carries; `None` for NULL, which means "not given".
pub(crate) fn to_text(value: &ScalarValue) -> Result<Option<String>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    if let Some(text) = value.try_as_str().flatten() {
        return Ok(Some(text.to_owned()));
    }
    match value {
        ScalarValue::Binary(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => {
            match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(Error::plan("bytes that are not UTF-8 cannot be an argument")),
            }
        }
        ScalarValue::Dictionary(_, inner) => to_text(inner),
        // Casting writes dates and times as text, where printing would show their ticks.
        other => match other.cast_to(&DataType::Utf8) {
            Ok(text) => Ok(text.try_as_str().flatten().map(str::to_owned)),
            Err(_) => Ok(Some(other.to_string())),
        },
    }
}

/// A value as an argument; `None` for NULL.
pub(crate) fn to_argument(value: &ScalarValue) -> Result<Option<Argument>, Error> {
    let form = match value.data_type() {
        DataType::Boolean => ArgumentForm::Boolean,
        kind if kind.is_numeric() => ArgumentForm::Number,
        _ => ArgumentForm::Text,
    };
    Ok(to_text(value)?.map(|text| Argument::new(text, form)))
}

/// The type that a column has which shows these arguments.
pub(crate) fn shown_type<'a>(arguments: impl IntoIterator<Item = &'a Argument>) -> DataType {
    let mut forms = arguments.into_iter().map(|argument| argument.form);
    let Some(first) = forms.next() else { return DataType::Utf8 };
    if first == ArgumentForm::Boolean && forms.all(|form| form == first) {
        DataType::Boolean
    } else {
        DataType::Utf8
    }
}

/// A value as bytes, for a body.
pub(crate) fn to_bytes(value: &ScalarValue) -> Result<Option<Vec<u8>>, Error> {
    match value {
        ScalarValue::Binary(bytes)
        | ScalarValue::LargeBinary(bytes)
        | ScalarValue::BinaryView(bytes)
        | ScalarValue::FixedSizeBinary(_, bytes) => Ok(bytes.clone()),
        other => Ok(to_text(other)?.map(String::into_bytes)),
    }
}

/// A value as a number of bytes.
pub(crate) fn to_length(what: &str, value: &ScalarValue) -> Result<u64, Error> {
    let text = to_text(value)?.unwrap_or_default();
    text.parse()
        .map_err(|_| Error::plan(format!("{what} must be a number of bytes, found '{text}'")))
}
