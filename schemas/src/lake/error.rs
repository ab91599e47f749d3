//! Why rows are no table's, or a table's rows are no messages.

use super::Table;
use arrow::error::ArrowError;

/// Why rows could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A column without which the rows mean nothing.
    #[error("table `{table}` has no column `{column}`; was it written by interdict?")]
    Column {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
    },
    /// A column of another type that cannot be converted.
    #[error("column `{column}` of table `{table}` has a type that does not convert: {source}")]
    Type {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Arrow's words.
        source: ArrowError,
    },
    /// A column of a file of another type.
    #[error("column `{column}` of a file of table `{table}` is of type {found}, which interdict does not write")]
    Kind {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A value that no interdict writes.
    #[error("row {row} of this batch of table `{table}` has no valid `{column}`")]
    Value {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Counted within the batch, from 0.
        row: usize,
    },
    /// A record that was checked and does not decode.
    #[error("a record for table `{table}` was read before and now is not: {source}")]
    Record {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        source: crate::wire::Error,
    },
    /// The columns built do not make a batch: too large for Arrow's 32-bit offsets.
    #[error("rows of table `{table}` do not fit one batch; make it smaller: {source}")]
    Batch {
        /// Which table.
        table: &'static str,
        /// Arrow's words.
        source: ArrowError,
    },
}

impl Error {
    pub(super) const fn batch(table: Table, source: ArrowError) -> Self {
        Self::Batch { table: table.name(), source }
    }
}
