//! Values as text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema};

/// What stands for NULL in a grid.
pub(crate) const NULL: &str = "NULL";
/// Bytes that are not text are shown up to here.
const SHOWN_BYTES: usize = 32;

/// The cells of a column, for people.
pub(crate) fn cells(column: &ArrayRef) -> Result<Vec<String>, ArrowError> {
    if let DataType::Binary = column.data_type() {
        let bytes = column.as_binary::<i32>();
        return Ok(bytes.iter().map(|value| value.map_or(NULL.to_owned(), binary)).collect());
    }
    let options = FormatOptions::default().with_null(NULL).with_display_error(false);
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    (0..column.len()).map(|row| formatter.value(row).try_to_string()).collect()
}

/// Bytes as text where they are text, else the first few in hex.
fn binary(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => {
            let shown = hex::encode(&bytes[..bytes.len().min(SHOWN_BYTES)]);
            let rest = if bytes.len() > SHOWN_BYTES { ".." } else { "" };
            format!("0x{shown}{rest} ({} bytes)", bytes.len())
        }
    }
}

/// The same rows with bytes as hex text: CSV has no bytes.
pub(crate) fn textual(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if *field.data_type() == DataType::Binary {
            let text: StringArray =
                column.as_binary::<i32>().iter().map(|v| v.map(hex::encode)).collect();
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(Arc::new(text));
        } else {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
        }
    }
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
