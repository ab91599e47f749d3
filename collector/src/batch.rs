//! What is gathered between two writes: when to cut it, which of its records make rows in which table, and in which
//! order. Pure: no Delta, no bus, no clock.

use crate::commit::Marks;
use crate::config::Limits;
use interdict_bus::From;
use interdict_schemas::lake::{Located, Table, day};
use interdict_schemas::{Kind, Message, Time};

/// A record that is none: kept as it was read, beside the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Partition it stands in.
    pub(crate) partition: u32,
    /// Its offset there.
    pub(crate) offset: u64,
    /// Its bytes.
    pub(crate) value: Vec<u8>,
}

/// What is gathered.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    records: Vec<Located<Message>>,
    rejected: Vec<Rejected>,
    bytes: usize,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// New records, in bus order within each partition.
    pub(crate) records: Vec<Located<Message>>,
    /// What could not be read.
    pub(crate) rejected: Vec<Rejected>,
    /// The positions reached by it, duplicates and unreadable records included.
    pub(crate) marks: Marks,
}

impl Batch {
    /// Adds a record of `bytes` bytes.
    pub(crate) fn add(&mut self, record: Located<Message>, bytes: usize) {
        self.bytes += bytes;
        self.records.push(record);
    }

    /// Adds what is no record.
    pub(crate) fn reject(&mut self, rejected: Rejected) {
        self.bytes += rejected.value.len();
        self.rejected.push(rejected);
    }

    /// How many more records may be added before it is full.
    #[must_use]
    pub(crate) fn room(&self, limits: &Limits) -> usize {
        if self.bytes >= limits.bytes {
            return 0;
        }
        limits.rows.saturating_sub(self.records.len() + self.rejected.len())
    }

    /// Takes everything.
    pub(crate) fn cut(&mut self, marks: Marks) -> Cut {
        let Self { records, rejected, .. } = std::mem::take(self);
        Cut { records, rejected, marks }
    }
}

impl Cut {
    /// The records that make rows in `table` and stand at or after its `floor`: one group per day, each in the order
    /// of the table.
    #[must_use]
    pub(crate) fn days(&self, table: Table, floor: &From) -> Vec<Vec<&Located<Message>>> {
        let new = |record: &&Located<Message>| {
            record.place.offset >= floor.get(&record.place.partition).copied().unwrap_or(0)
        };
        let mut rows: Vec<(i32, (&str, i64), &Located<Message>)> = self
            .records
            .iter()
            .filter(new)
            .filter(|record| has_row(table, &record.value))
            .map(|record| (day(time(&record.value)), order(&record.value), record))
            .collect();
        // Equal keys keep the order of the bus.
        rows.sort_by(|left, right| (left.0, left.1).cmp(&(right.0, right.1)));
        rows.chunk_by(|left, right| left.0 == right.0)
            .map(|day| day.iter().map(|(_, _, record)| *record).collect())
            .collect()
    }
}

fn has_row(table: Table, message: &Message) -> bool {
    match (table, message) {
        (Table::Events, Message::Event(_))
        | (Table::Recordings, Message::Chunk(_))
        | (Table::Alerts, Message::Alert(_))
        | (Table::Verdicts, Message::Verdict(_)) => true,
        (Table::Sessions, Message::Event(event)) => {
            matches!(event.kind, Kind::Opened | Kind::Refused(_) | Kind::Closed(_))
        }
        (Table::Disclosures, Message::Event(event)) => !event.disclosures.is_empty(),
        _ => false,
    }
}

fn time(message: &Message) -> Time {
    match message {
        Message::Event(event) => event.time,
        Message::Chunk(chunk) => chunk.time,
        Message::Alert(alert) => alert.time,
        Message::Verdict(verdict) => verdict.time,
        Message::Judged(judged) => judged.time,
    }
}

/// Events stand by root and time, recordings by session and index, the rest by time.
fn order(message: &Message) -> (&str, i64) {
    match message {
        Message::Event(event) => (&event.identity.root().id, event.time.0),
        Message::Chunk(chunk) => (&chunk.session, i64::try_from(chunk.index).unwrap_or(i64::MAX)),
        other => ("", time(other).0),
    }
}
