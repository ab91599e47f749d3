//! Rows of any table from messages.

use super::located::PlaceRef;
use super::{
    Error, Record, Table, alerts, checkpoints, column, disclosures, events, recordings, resolutions, sessions,
    verdicts,
};
use crate::{Alert, Checkpoint, Chunk, EventRef, Message, MessageRef, Resolution, Time, Verdict};
use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use arrow::error::ArrowError;
use std::sync::Arc;

/// One row's value and where it came from.
pub(super) struct Row<'a, T> {
    pub(super) place: &'a PlaceRef<'a>,
    pub(super) value: &'a T,
}

impl<'a, T> Row<'a, T> {
    pub(super) const fn place(&self) -> &'a PlaceRef<'a> {
        self.place
    }
}

/// The partition a time belongs to, in days since the epoch.
///
/// A clock gone wild must not stop the lake: what lies outside the years 1 to 9999, which is all that a date is in
/// SQL, stands in the first or the last day of them. The time column keeps the exact value.
#[must_use]
pub fn day(time: Time) -> i32 {
    const FIRST: i64 = -719_162;
    const LAST: i64 = 2_932_896;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
    {
        time.day().clamp(FIRST, LAST) as i32
    }
}

/// The rows that `records` make in `table`, in their order, with all its columns. Records that have no row there are
/// passed over; one record may make several.
///
/// # Errors
/// When the rows are too large for one batch (2 GiB of one column).
pub fn rows<'a>(table: Table, records: impl IntoIterator<Item = &'a Record>) -> Result<RecordBatch, Error> {
    let read = |record: &'a Record| {
        let envelope = record.value.envelope().map_err(|source| Error::Record { table: table.name(), source })?;
        let (partition, offset) = (record.partition, record.offset);
        Ok((PlaceRef { stamp: envelope.stamp, partition, offset }, envelope.message))
    };
    let records = records.into_iter();
    // A row is large: the list must not grow.
    let mut read_all = Vec::with_capacity(records.size_hint().0);
    for record in records {
        read_all.push(read(record)?);
    }
    let records = read_all.as_slice();
    let columns = match table {
        Table::Events => events::columns(&pick(records, event)),
        Table::Sessions => sessions::columns(&pick(records, event)),
        Table::Disclosures => disclosures::columns(&pick(records, event)),
        Table::Recordings => recordings::columns(&pick(records, chunk)),
        Table::Alerts => alerts::columns(&pick(records, alert)),
        Table::Verdicts => verdicts::columns(&pick(records, verdict)),
        Table::Resolutions => resolutions::columns(&pick(records, resolution)),
        Table::Checkpoints => checkpoints::columns(&pick(records, checkpoint)),
    };
    columns
        .and_then(|columns| RecordBatch::try_new(table.schema(), columns))
        .map_err(|source| Error::batch(table, source))
}

/// What the makers of columns return.
pub(super) type Columns = Result<Vec<ArrayRef>, ArrowError>;

/// The two columns that open every table: `date` and `time`.
pub(super) fn when<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Time + Copy) -> [ArrayRef; 2] {
    [Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day(of(row))))), column::time(rows, of)]
}

fn pick<'a, T>(
    records: &'a [(PlaceRef<'a>, MessageRef<'a>)],
    of: impl Fn(&'a MessageRef<'a>) -> Option<&'a T>,
) -> Vec<Row<'a, T>> {
    records.iter().filter_map(|(place, message)| Some(Row { place, value: of(message)? })).collect()
}

fn event<'a>(message: &'a MessageRef<'a>) -> Option<&'a EventRef<'a>> {
    if let MessageRef::Event(event) = message { Some(event) } else { None }
}

fn chunk<'a>(message: &'a MessageRef<'a>) -> Option<&'a Chunk> {
    if let MessageRef::Other(Message::Chunk(chunk)) = message { Some(chunk) } else { None }
}

fn alert<'a>(message: &'a MessageRef<'a>) -> Option<&'a Alert> {
    if let MessageRef::Other(Message::Alert(alert)) = message { Some(alert) } else { None }
}

fn verdict<'a>(message: &'a MessageRef<'a>) -> Option<&'a Verdict> {
    if let MessageRef::Other(Message::Verdict(verdict)) = message { Some(verdict) } else { None }
}

fn resolution<'a>(message: &'a MessageRef<'a>) -> Option<&'a Resolution> {
    if let MessageRef::Other(Message::Resolution(resolution)) = message { Some(resolution) } else { None }
}

fn checkpoint<'a>(message: &'a MessageRef<'a>) -> Option<&'a Checkpoint> {
    if let MessageRef::Other(Message::Checkpoint(checkpoint)) = message { Some(checkpoint) } else { None }
}
