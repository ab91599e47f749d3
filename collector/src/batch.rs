//! What is gathered between two writes: when to cut it, which of its records make rows in which table, and in which
//! order. Pure: no Delta, no bus, no clock.

use crate::commit::Marks;
use crate::config::Limits;
use interdict_schemas::lake::{Located, Place, Table, day};
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
    /// The records that make rows in `table` and that it has not yet, as `new` says: one group per day, each in the
    /// order of the table.
    #[must_use]
    pub(crate) fn days(&self, table: Table, new: impl Fn(&Place) -> bool) -> Vec<(i32, Vec<&Located<Message>>)> {
        let mut rows: Vec<(i32, (&str, i64), &Located<Message>)> = self
            .records
            .iter()
            .filter(|record| new(&record.place))
            .filter(|record| has_row(table, &record.value))
            .map(|record| (day(time(&record.value)), order(&record.value), record))
            .collect();
        // Equal keys keep the order of the bus.
        rows.sort_by(|left, right| (left.0, left.1).cmp(&(right.0, right.1)));
        rows.chunk_by(|left, right| left.0 == right.0)
            .filter_map(|rows| Some((rows.first()?.0, rows.iter().map(|(_, _, record)| *record).collect())))
            .collect()
    }
}

fn has_row(table: Table, message: &Message) -> bool {
    match (table, message) {
        (Table::Events, Message::Event(_))
        | (Table::Recordings, Message::Chunk(_))
        | (Table::Alerts, Message::Alert(_))
        | (Table::Verdicts, Message::Verdict(_))
        | (Table::Resolutions, Message::Resolution(_))
        | (Table::Checkpoints, Message::Checkpoint(_)) => true,
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
        Message::Resolution(resolution) => resolution.time,
        Message::Checkpoint(checkpoint) => checkpoint.time,
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

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::{Alert, Chunk, Severity, Stream};
    use proptest::prelude::*;
    use std::time::Duration;

    const LIMITS: Limits = Limits { age: Duration::from_secs(5), rows: 10, bytes: 1_000 };

    fn chunk(session: &str, index: u64, time: Time) -> Message {
        let (session, stream) = (session.to_owned(), Stream::Output);
        Message::Chunk(Chunk {
            session,
            index,
            time,
            stream,
            data: Vec::new(),
            root: String::new(),
            target: String::new(),
        })
    }

    fn alert(time: Time) -> Message {
        let text = String::new;
        Message::Alert(Alert {
            id: "a".into(),
            time,
            detection: text(),
            root: "r".into(),
            actor: text(),
            title: text(),
            explanation: text(),
            severity: Severity::Low,
            risk: 0,
            confidence: 0,
            chain: Vec::new(),
            techniques: Vec::new(),
            verdict: None,
            revision: 1,
        })
    }

    fn located(partition: u32, offset: u64, value: Message) -> Located<Message> {
        Located { place: Place { stamp: None, partition, offset }, value }
    }

    #[test]
    fn a_batch_is_full_by_rows_or_by_bytes_and_empty_once_cut() {
        let check = |sizes: &[usize], room: usize| {
            let mut batch = Batch::default();
            for (size, offset) in sizes.iter().zip(0..) {
                batch.add(located(0, offset, chunk("s", offset, Time(0))), *size);
            }
            assert_eq!(batch.room(&LIMITS), room, "{sizes:?}");
            assert_eq!(batch.cut(Marks::default()).records.len(), sizes.len());
            assert_eq!(batch.room(&LIMITS), LIMITS.rows);
        };
        check(&[], 10);
        check(&[1, 1, 1], 7);
        check(&[1; 10], 0);
        check(&[1_000], 0);
        check(&[999], 9);
        let mut batch = Batch::default();
        batch.reject(Rejected { partition: 0, offset: 0, value: vec![0; 1_000] });
        assert_eq!(batch.room(&LIMITS), 0, "what cannot be read takes room too");
    }

    proptest! {
        /// Every record with a row in the table, at or above the floor, comes out once; in its day, in order.
        #[test]
        fn rows_come_out_once_in_their_day_and_in_order(
            records in proptest::collection::vec((0..3_u32, "[ab]", any::<u8>(), -3..3_i64, any::<bool>()), 0..60),
            floor in proptest::collection::btree_map(0..3_u32, 0..40_u64, 0..3),
        ) {
            let records: Vec<_> = records
                .into_iter()
                .zip(0..)
                .map(|((partition, session, index, days, is_chunk), offset)| {
                    let time = Time(0).plus_seconds(days * 86_400 + i64::from(index));
                    let message =
                        if is_chunk { chunk(&session, u64::from(index), time) } else { alert(time) };
                    located(partition, offset, message)
                })
                .collect();
            let cut = Cut { records: records.clone(), ..Cut::default() };
            let days = cut.days(Table::Recordings, |place| place.offset >= floor.get(&place.partition).copied().unwrap_or(0));
            let mut found: Vec<u64> = days.iter().flat_map(|(_, rows)| rows).map(|record| record.place.offset).collect();
            found.sort_unstable();
            let wanted: Vec<u64> = records
                .iter()
                .filter(|record| matches!(record.value, Message::Chunk(_)))
                .filter(|record| floor.get(&record.place.partition).is_none_or(|least| record.place.offset >= *least))
                .map(|record| record.place.offset)
                .collect();
            prop_assert_eq!(found, wanted);
            let mut seen = Vec::new();
            for (first, rows) in &days {
                let first = *first;
                prop_assert!(rows.iter().all(|record| day(time(&record.value)) == first));
                prop_assert!(rows.is_sorted_by_key(|record| (order(&record.value), record.place.offset)));
                seen.push(first);
            }
            prop_assert!(seen.is_sorted_by(|left, right| left < right), "one group a day");
            prop_assert!(cut.days(Table::Verdicts, |_| true).is_empty());
        }
    }
}
