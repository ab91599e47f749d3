//! Rows of any table from messages.

use super::{
    Error, Located, Place, Table, alerts, checkpoints, column, disclosures, events, recordings, resolutions,
    sessions, verdicts,
};
use crate::{Alert, Checkpoint, Chunk, Event, Message, Resolution, Time, Verdict};
use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use arrow::error::ArrowError;
use std::sync::Arc;

/// One row's value and where it came from.
pub(super) struct Row<'a, T> {
    pub(super) place: &'a Place,
    pub(super) value: &'a T,
}

impl<T> Row<'_, T> {
    pub(super) const fn place(&self) -> &Place {
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
pub fn rows<'a>(table: Table, records: impl IntoIterator<Item = &'a Located<Message>>) -> Result<RecordBatch, Error> {
    let records = records.into_iter();
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
    records: impl Iterator<Item = &'a Located<Message>>,
    of: impl Fn(&'a Message) -> Option<&'a T>,
) -> Vec<Row<'a, T>> {
    records.filter_map(|record| Some(Row { place: &record.place, value: of(&record.value)? })).collect()
}

fn event(message: &Message) -> Option<&Event> {
    if let Message::Event(event) = message { Some(event) } else { None }
}

fn chunk(message: &Message) -> Option<&Chunk> {
    if let Message::Chunk(chunk) = message { Some(chunk) } else { None }
}

fn alert(message: &Message) -> Option<&Alert> {
    if let Message::Alert(alert) = message { Some(alert) } else { None }
}

fn verdict(message: &Message) -> Option<&Verdict> {
    if let Message::Verdict(verdict) = message { Some(verdict) } else { None }
}

fn resolution(message: &Message) -> Option<&Resolution> {
    if let Message::Resolution(resolution) = message { Some(resolution) } else { None }
}

fn checkpoint(message: &Message) -> Option<&Checkpoint> {
    if let Message::Checkpoint(checkpoint) = message { Some(checkpoint) } else { None }
}
