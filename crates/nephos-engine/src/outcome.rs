//! What a statement answers.

use datafusion::execution::SendableRecordBatchStream;

/// The answer of a statement.
pub enum Outcome {
    /// Rows; effects happen as they are read.
    Rows(SendableRecordBatchStream),
    /// No rows; a line that says what was done.
    Done(String),
}
