//! What is gathered between two writes: when to cut it, which of its records make rows in which table, and in which
//! order. Pure: no Delta, no bus, no clock.

use crate::commit::Marks;
use crate::config::Limits;
use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use interdict_schemas::lake::{Record, Tables, day};
use interdict_schemas::wire::About;
use interdict_schemas::{Message, Time};
use std::collections::BTreeSet;

/// A record that is none: kept as it was read, beside the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Partition it stands in.
    pub(crate) partition: u32,
    /// Its offset there.
    pub(crate) offset: u64,
    /// Its bytes.
    pub(crate) value: Bytes,
    /// Why it is none.
    pub(crate) reason: String,
}

/// What is gathered.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    entries: Vec<Entry>,
    rejected: Vec<Rejected>,
    bytes: usize,
    /// The days that it has rows of: each makes a file of each table.
    days: BTreeSet<i32>,
    /// Numbers of the texts that rows are sorted by, in the order in which they came.
    names: HashMap<Box<str>, usize, RandomState>,
}

/// A record, and what decides where its rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    tables: Tables,
    day: i32,
    /// The text that it is sorted by: its number, and once cut its rank.
    name: usize,
    within: i64,
}

/// What rows are sorted by: day, name, within the name, and where they came on the bus.
type Key = (i32, usize, i64, usize);

/// What a record says, as far as it decides where its rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    tables: Tables,
    day: i32,
    name: usize,
    within: i64,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// New records, in bus order within each partition.
    pub(crate) entries: Vec<Entry>,
    /// What could not be read.
    pub(crate) rejected: Vec<Rejected>,
    /// The positions reached by it, duplicates and unreadable records included.
    pub(crate) marks: Marks,
}

impl Batch {
    /// Looks at what a record says, before it is added.
    pub(crate) fn see(&mut self, about: &About<'_>) -> Sight {
        let (name, within) = order(about);
        let name = match self.names.get(name) {
            Some(number) => *number,
            None => {
                let number = self.names.len();
                self.names.insert(name.into(), number);
                number
            }
        };
        Sight { tables: Tables::of(about), day: day(time(about)), name, within }
    }

    /// Adds a record that this batch saw.
    pub(crate) fn add(&mut self, record: Record, sight: Sight) {
        let Sight { tables, day, name, within } = sight;
        // Judged marks make no rows; they only count as read.
        if !tables.is_empty() {
            // Most come on the same day as the one before.
            if self.entries.last().is_none_or(|last| last.day != day) {
                self.days.insert(day);
            }
            self.bytes += record.value.len();
            self.entries.push(Entry { record, tables, day, name, within });
        }
    }

    /// Adds what is no record.
    pub(crate) fn reject(&mut self, rejected: Rejected) {
        self.bytes += rejected.value.len();
        self.rejected.push(rejected);
    }

    /// How many more records may be added before it is full.
    #[must_use]
    pub(crate) fn room(&self, limits: &Limits) -> usize {
        if self.bytes >= limits.bytes || self.days.len() >= limits.days {
            return 0;
        }
        limits.rows.saturating_sub(self.entries.len() + self.rejected.len())
    }

    /// Takes everything.
    pub(crate) fn cut(&mut self, marks: Marks) -> Cut {
        let Self { mut entries, rejected, names, .. } = std::mem::take(self);
        // The next one will be about as large.
        self.entries.reserve(entries.len());
        self.names.reserve(names.len());
        // Comparing numbers instead of texts, each of which came many times.
        let mut names: Vec<(Box<str>, usize)> = names.into_iter().collect();
        names.sort_unstable();
        let mut ranks = vec![0; names.len()];
        for (rank, (_, number)) in names.iter().enumerate() {
            if let Some(place) = ranks.get_mut(*number) {
                *place = rank;
            }
        }
        for entry in &mut entries {
            entry.name = ranks.get(entry.name).copied().unwrap_or_default();
        }
        Cut { entries, rejected, marks }
    }
}

impl Cut {
    /// The records that make rows, each with those of its tables that are to have them, as `wanted` says: one group per day,
    /// in the order that all tables of a topic share.
    #[must_use]
    pub(crate) fn days(&self, wanted: impl Fn(&Record, Tables) -> Tables) -> Vec<(i32, Vec<(&Record, Tables)>)> {
        let mut rows: Vec<(Key, Tables)> = self
            .entries
            .iter()
            .enumerate()
            // Equal keys keep the order of the bus.
            .map(|(at, entry)| ((entry.day, entry.name, entry.within, at), wanted(&entry.record, entry.tables)))
            .filter(|(_, tables)| !tables.is_empty())
            .collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let record = |((.., at), tables): &(Key, Tables)| Some((&self.entries.get(*at)?.record, *tables));
        rows.chunk_by(|((left, ..), _), ((right, ..), _)| left == right)
            .filter_map(|rows| Some((rows.first()?.0.0, rows.iter().filter_map(record).collect())))
            .collect()
    }
}

const fn time(about: &About<'_>) -> Time {
    match about {
        About::Event { time, .. } => *time,
        About::Other(other) => other.time(),
    }
}

/// Events stand by root and time, recordings by session and index, the rest by time.
fn order<'a>(about: &'a About<'_>) -> (&'a str, i64) {
    match about {
        About::Event { root, time, .. } => (root, time.0),
        About::Other(Message::Chunk(chunk)) => (&chunk.session, i64::try_from(chunk.index).unwrap_or(i64::MAX)),
        About::Other(other) => ("", other.time().0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::lake::Table;
    use interdict_schemas::wire::Outline;
    use interdict_schemas::{Alert, Chunk, Severity, Stream};
    use proptest::prelude::*;
    use std::time::Duration;

    const LIMITS: Limits = Limits { age: Duration::from_secs(5), rows: 10, bytes: 1_000, days: 4 };

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

    fn add(batch: &mut Batch, partition: u32, offset: u64, message: &Message) -> usize {
        let value: Bytes = message.encode().into();
        let sight = batch.see(&Outline::read(&value).expect("valid").about);
        let size = value.len();
        batch.add(Record { partition, offset, value }, sight);
        size
    }

    #[test]
    fn a_batch_is_full_by_rows_or_by_bytes_and_empty_once_cut() {
        let check = |count: u64, limit: usize, room: usize| {
            let (mut batch, limits) = (Batch::default(), Limits { bytes: limit, ..LIMITS });
            for offset in 0..count {
                add(&mut batch, 0, offset, &chunk("s", offset, Time(0)));
            }
            assert_eq!(batch.room(&limits), room, "{count} in {limit}");
            assert_eq!(batch.cut(Marks::default()).entries.len() as u64, count);
            assert_eq!(batch.room(&limits), limits.rows);
        };
        let each = add(&mut Batch::default(), 0, 0, &chunk("s", 0, Time(0)));
        check(0, 1_000, 10);
        check(3, 1_000, 7);
        check(10, 1_000, 0);
        check(1, each, 0);
        check(1, each + 1, 9);
        let mut batch = Batch::default();
        batch.reject(Rejected { partition: 0, offset: 0, value: vec![0; 1_000].into(), reason: String::new() });
        assert_eq!(batch.room(&LIMITS), 0, "what cannot be read takes room too");
    }

    #[test]
    fn a_batch_is_full_by_the_days_of_its_rows() {
        let (mut batch, limits) = (Batch::default(), Limits { bytes: usize::MAX, ..LIMITS });
        for (offset, day, room) in [(0, 3, 9), (1, 3, 8), (2, 1, 7), (3, 3, 6), (4, 2, 5), (5, 9, 0)] {
            add(&mut batch, 0, offset, &chunk("s", offset, Time(0).plus_seconds(day * 86_400)));
            assert_eq!(batch.room(&limits), room, "{offset}");
        }
        batch.cut(Marks::default());
        assert_eq!(batch.room(&limits), limits.rows);
    }

    proptest! {
        /// Every record with a row in the table, at or above the floor, comes out once; in its day, in order.
        #[test]
        fn rows_come_out_once_in_their_day_and_in_order(
            records in proptest::collection::vec((0..3_u32, "[ab]", any::<u8>(), -3..3_i64, any::<bool>()), 0..60),
            floor in proptest::collection::btree_map(0..3_u32, 0..40_u64, 0..3),
        ) {
            let mut batch = Batch::default();
            let mut wanted = Vec::new();
            for ((partition, session, index, days, is_chunk), offset) in records.into_iter().zip(0..) {
                let time = Time(0).plus_seconds(days * 86_400 + i64::from(index));
                let message = if is_chunk { chunk(&session, u64::from(index), time) } else { alert(time) };
                add(&mut batch, partition, offset, &message);
                if is_chunk && floor.get(&partition).is_none_or(|least| offset >= *least) {
                    wanted.push(offset);
                }
            }
            let cut = batch.cut(Marks::default());
            let is_new = |record: &Record| record.offset >= floor.get(&record.partition).copied().unwrap_or(0);
            let recordings: Tables = [Table::Recordings].into_iter().collect();
            let days = cut.days(|record, tables| if is_new(record) && tables == recordings { tables } else { Tables::default() });
            prop_assert!(days.iter().flat_map(|(_, rows)| rows).all(|(_, tables)| *tables == recordings));
            let days: Vec<(i32, Vec<&Record>)> =
                days.into_iter().map(|(day, rows)| (day, rows.into_iter().map(|(record, _)| record).collect())).collect();
            let mut found: Vec<u64> = days.iter().flat_map(|(_, rows)| rows).map(|record| record.offset).collect();
            found.sort_unstable();
            prop_assert_eq!(found, wanted);
            let mut seen = Vec::new();
            for (first, rows) in &days {
                let first = *first;
                let said: Vec<_> = rows.iter().map(|record| Outline::read(&record.value).expect("valid").about).collect();
                prop_assert!(said.iter().all(|message| day(time(message)) == first));
                let keys: Vec<_> = said.iter().zip(rows).map(|(said, record)| (order(said), record.offset)).collect();
                prop_assert!(keys.is_sorted());
                seen.push(first);
            }
            prop_assert!(seen.is_sorted_by(|left, right| left < right), "one group a day");
            prop_assert!(cut.days(|_, _| Tables::default()).is_empty());
        }
    }
}
