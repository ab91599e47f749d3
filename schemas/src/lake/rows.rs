//! Rows of any table from messages.

use super::located::PlaceRef;
use super::{
    Error, Record, Table, Tables, alerts, checkpoints, column, disclosures, events, recordings, resolutions,
    sessions, verdicts,
};
use crate::wire::{self, Memo};
use crate::{Alert, Checkpoint, Chunk, EnvelopeRef, EventRef, Message, MessageRef, Resolution, Time, Verdict};
use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};
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

/// The rows that `records` make in `table`, in their order, with all its columns as its schema says. Records that have no
/// row there are passed over; one record may make several.
///
/// # Errors
/// When the rows are too large for one batch (2 GiB of one column), or a record is none.
pub fn rows<'a>(table: Table, records: impl IntoIterator<Item = &'a Record>) -> Result<RecordBatch, Error> {
    let unread = |_: &Record, error| Err(Error::Record { table: table.name(), source: error });
    let (mut decoded, schema) = (Decoded::default(), table.schema());
    let tables: Tables = [table].into_iter().collect();
    decoded.next(records.into_iter().map(|record| (record, tables)), unread)?;
    let runs = decoded.rows(table)?;
    let columns = runs.columns().iter().zip(schema.fields());
    let flat = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>();
    flat.and_then(|flat| RecordBatch::try_new(table.schema(), flat)).map_err(|source| Error::batch(table, source))
}

/// Records, some at a time, decoded once for all tables that have rows of them; and of records in a table's order what many
/// say is read once.
#[derive(Debug, Default)]
pub struct Decoded<'a> {
    memo: Memo<'a>,
    // Kept from batch to batch: a message is large.
    read: Vec<Read<'a>>,
}

#[derive(Debug)]
struct Read<'a> {
    tables: Tables,
    place: PlaceRef<'a>,
    message: MessageRef<'a>,
}

impl<'a> Decoded<'a> {
    /// Decodes the next records, in place of the ones before; each comes with the tables that are to have rows of it. `unread`
    /// is told of those that are none, and they are passed over if it says so.
    ///
    /// # Errors
    /// As `unread` says.
    pub fn next(
        &mut self,
        records: impl IntoIterator<Item = (&'a Record, Tables)>,
        mut unread: impl FnMut(&'a Record, wire::Error) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { memo, read } = self;
        read.clear();
        for (record, tables) in records {
            match EnvelopeRef::decode_beside(&record.value, memo) {
                Ok(EnvelopeRef { stamp, message }) => {
                    let (partition, offset) = (record.partition, record.offset);
                    read.push(Read { tables, place: PlaceRef { stamp, partition, offset }, message });
                }
                Err(error) => unread(record, error)?,
            }
        }
        Ok(())
    }

    /// The rows that they make in a table, as [`rows`] does, but columns of which neighbours are alike are run-end encoded:
    /// what many rows say is there once.
    ///
    /// # Errors
    /// When the rows are too large for one batch (2 GiB of one column).
    pub fn rows(&self, table: Table) -> Result<RecordBatch, Error> {
        let columns = match table {
            Table::Events => events::columns(&self.pick(table, event)),
            Table::Sessions => sessions::columns(&self.pick(table, event)),
            Table::Disclosures => disclosures::columns(&self.pick(table, event)),
            Table::Recordings => recordings::columns(&self.pick(table, chunk)),
            Table::Alerts => alerts::columns(&self.pick(table, alert)),
            Table::Verdicts => verdicts::columns(&self.pick(table, verdict)),
            Table::Resolutions => resolutions::columns(&self.pick(table, resolution)),
            Table::Checkpoints => checkpoints::columns(&self.pick(table, checkpoint)),
        };
        let batch = |columns: Vec<ArrayRef>| {
            let schema = table.schema();
            let fields = schema
                .fields()
                .iter()
                .zip(&columns)
                .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()));
            let fields: Vec<Field> = fields.collect();
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        };
        columns.and_then(batch).map_err(|source| Error::batch(table, source))
    }

    fn pick<'b, T>(&'b self, table: Table, of: impl Fn(&'b MessageRef<'b>) -> Option<&'b T>) -> Vec<Row<'b, T>> {
        let read = self.read.iter().filter(|read| read.tables.has(table));
        read.filter_map(|Read { place, message, .. }| Some(Row { place, value: of(message)? })).collect()
    }
}

/// What the makers of columns return.
pub(super) type Columns = Result<Vec<ArrayRef>, ArrowError>;

/// The two columns that open every table: `date` and `time`.
pub(super) fn when<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Time + Copy) -> [ArrayRef; 2] {
    [Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day(of(row))))), column::time(rows, of)]
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
