//! SQL values as arguments.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

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
