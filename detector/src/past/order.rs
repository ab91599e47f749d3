//! The rows of a day in the order of time, then of their places on the bus.

use datafusion::arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use datafusion::arrow::compute::{cast, interleave_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::error::ArrowError;

/// Rows in memory that come in order, some at a time.
#[derive(Debug)]
pub(super) struct Ordered {
    batches: Vec<RecordBatch>,
    /// The rows that were not taken yet: the batch of each, and where it is there.
    order: std::vec::IntoIter<(u32, u32)>,
    at_a_time: usize,
}

impl Ordered {
    /// What rows are ordered by, in SQL.
    pub(super) const BY: &str = "time, bus_partition, bus_offset";

    /// Puts rows in order, all of which have the same columns.
    ///
    /// # Errors
    /// When a column by which they are ordered is missing, or is none of numbers.
    pub(super) fn of(batches: Vec<RecordBatch>, at_a_time: usize) -> Result<Self, ArrowError> {
        let mut keys = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (nth, batch) in (0_u32..).zip(&batches) {
            let [time, partition, offset] =
                [numbers(batch, "time")?, numbers(batch, "bus_partition")?, numbers(batch, "bus_offset")?];
            let [time, partition, offset] =
                [&time, &partition, &offset].map(|column| column.as_primitive::<Int64Type>());
            let key = |(at, row)| (time.value(row), partition.value(row), offset.value(row), nth, at);
            keys.extend((0_u32..).zip(0..batch.num_rows()).map(key));
        }
        keys.sort_unstable();
        // Not in the place of the keys, which are several times as large.
        let mut order = Vec::with_capacity(keys.len());
        order.extend(keys.iter().map(|(_, _, _, nth, row)| (*nth, *row)));
        Ok(Self { batches, order: order.into_iter(), at_a_time })
    }
}

impl Iterator for Ordered {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.order.by_ref().take(self.at_a_time);
        let next: Vec<_> = next.map(|(nth, row)| (nth as usize, row as usize)).collect();
        let batches: Vec<_> = self.batches.iter().collect();
        (!next.is_empty()).then(|| interleave_record_batch(&batches, &next))
    }
}

fn numbers(batch: &RecordBatch, column: &str) -> Result<ArrayRef, ArrowError> {
    let found = batch.column_by_name(column);
    cast(found.ok_or_else(|| ArrowError::SchemaError(format!("there is no column {column}")))?, &DataType::Int64)
}
