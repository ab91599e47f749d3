//! Events that come from files, into the same tables by the same way as those from the bus.
//!
//! DELIVERY: a file is a spool, named by the digest of what it holds, and its events are counted from 1 in their own
//! order. Each commit of a table has the rows and the highest number of every file in it, as one; so importing a file
//! again adds nothing, and one that was cut short is finished, whichever files are read beside it. Each table passes over
//! what it has itself, since a crash can fall between two tables' commits.
//!
//! A collector may run meanwhile: its commits and these carry different positions and do not hinder each other. Two
//! imports do, by the one position that both write: one of them is refused and can be run again.
//!
//! Files may hold events of any days, and each day makes a file of each table: a batch is written when it has rows of so
//! many days as its limits say, and more than [`MOST_DAYS`] are refused.

use crate::batch::Batch;
use crate::commit::Marks;
use crate::config::{Config, Limits};
use crate::cut::{self, Encoded, Want};
use crate::error::{Conflict, Error};
use crate::file;
use crate::table::{Delta, TRIES};
use interdict_bus::From;
use interdict_schemas::lake::txn::{IMPORTED, Txn};
use interdict_schemas::lake::{Located, Place, Record, Table, day};
use interdict_schemas::wire::Outline;
use interdict_schemas::{Event, Message, Stamp, Topic};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const TOPIC: Topic = Topic::Events;

/// What stands in the `proxy` column of what no proxy wrote.
const WRITER: &str = "import";

/// The most days of one import: a century, which no log lasts.
const MOST_DAYS: usize = 36_525;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Events that were not in the lake.
    pub added: u64,
    /// Events that were.
    pub known: u64,
}

/// A table and what it has.
#[derive(Debug)]
struct Known {
    delta: Delta,
    table: Table,
    /// The most events of any file, which is the position that all imports share.
    most: u64,
    /// By file: its events that stand in the table.
    highest: HashMap<String, u64>,
}

/// An import.
#[derive(Debug)]
pub struct Import {
    tables: Vec<Known>,
    limits: Limits,
    batch: Batch,
    /// By file: the last event that was added to the batch.
    reached: BTreeMap<String, u64>,
    /// The days of all events.
    days: BTreeSet<i32>,
    imported: Imported,
}

impl Import {
    /// Opens the lake, or makes it.
    ///
    /// # Errors
    /// When a table cannot be opened, or is of another schema.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let mut tables = Vec::new();
        // Files hold nothing that a person said of an alert.
        let holds = |table: &Table| table.topic() == TOPIC && *table != Table::Resolutions;
        for table in Table::ALL.into_iter().filter(holds) {
            let delta = Delta::open(&config.lake, table, &From::new()).await?;
            let most = delta.version(&Txn::Next { topic: TOPIC, partition: IMPORTED }).await?.unwrap_or(0);
            tables.push(Known { delta, table, most, highest: HashMap::new() });
        }
        let (batch, imported) = (Batch::default(), Imported::default());
        let (reached, days) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { tables, limits: config.limits, batch, reached, days, imported })
    }

    /// Adds a file's next event; `sequence` counts them from 1. `digest` must name what the file holds.
    ///
    /// # Errors
    /// When a table cannot be read, a full batch cannot be written, or the events lie on too many days.
    pub async fn add(&mut self, digest: &str, sequence: u64, event: Event) -> Result<(), Error> {
        if !self.reached.contains_key(digest) {
            for known in &mut self.tables {
                let txn = Txn::Highest { topic: TOPIC, partition: IMPORTED, spool: digest.to_owned() };
                let highest = known.delta.version(&txn).await?.unwrap_or(0);
                known.highest.insert(digest.to_owned(), highest);
            }
            self.reached.insert(digest.to_owned(), 0);
        }
        // A file that is named twice is read twice.
        let Some(reached) = self.reached.get_mut(digest).filter(|reached| sequence > **reached) else {
            self.imported.known += 1;
            return Ok(());
        };
        *reached = sequence;
        let stands = |known: &Known| known.highest.get(digest).copied().unwrap_or(0);
        // The table of events is the first, and has a row for each.
        let is_known = self.tables.first().is_some_and(|known| sequence <= stands(known));
        if is_known {
            self.imported.known += 1;
        } else {
            self.imported.added += 1;
        }
        if self.tables.iter().all(|known| sequence <= stands(known)) {
            return Ok(());
        }
        self.days.insert(day(event.time));
        if self.days.len() > MOST_DAYS {
            let date = |day: Option<&i32>| day.map(|day| file::date(*day)).unwrap_or_default();
            let (first, last) = (date(self.days.first()), date(self.days.last()));
            return Err(Error::Days { most: MOST_DAYS, first, last });
        }
        let stamp = Stamp { proxy: WRITER.to_owned(), spool: digest.to_owned(), sequence, previous: None };
        let invalid = |source| Error::Imported { sequence, source };
        let place = Place { stamp: Some(stamp), partition: IMPORTED, offset: sequence - 1 };
        let record = Record::try_from(&Located { place, value: Message::Event(event) }).map_err(invalid)?;
        let sight = self.batch.see(&Outline::read(&record.value).map_err(invalid)?.about);
        self.batch.add(record, sight);
        if self.batch.room(&self.limits) == 0 {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When it cannot be written; what was written before stands.
    pub async fn finish(mut self) -> Result<Imported, Error> {
        self.write().await?;
        Ok(self.imported)
    }

    async fn write(&mut self) -> Result<(), Error> {
        let cut = Arc::new(self.batch.cut(Marks::default()));
        let wants = self.tables.iter().map(Known::want).collect::<Result<_, _>>()?;
        // None is rejected: each was read back when it was made.
        let (files, _) = cut::encoded(wants, &cut).await?;
        for (known, files) in self.tables.iter_mut().zip(files) {
            known.write(files, &self.reached).await?;
        }
        Ok(())
    }
}

impl Known {
    fn want(&self) -> Result<Want, Error> {
        let stands = self.highest.clone();
        self.delta.want_of(move |record| {
            let stamp = Outline::read(&record.value).ok().and_then(|outline| outline.stamp);
            stamp.is_some_and(|stamp| stamp.sequence > stands.get(stamp.spool).copied().unwrap_or(0))
        })
    }

    async fn write(&mut self, files: Vec<Encoded>, reached: &BTreeMap<String, u64>) -> Result<(), Error> {
        let mine = |spool: &String| self.highest.get(spool).copied().unwrap_or(0);
        let risen: BTreeMap<String, u64> = reached
            .iter()
            .filter(|(spool, sequence)| **sequence > mine(spool))
            .map(|(spool, sequence)| (spool.clone(), *sequence))
            .collect();
        let Some(longest) = risen.values().max().copied() else { return Ok(()) };
        let adds = self.delta.files(files).await?;
        let most = self.most.max(longest);
        let marks = Marks { next: [(IMPORTED, most)].into(), highest: [(IMPORTED, risen.clone())].into() };
        let mut tries = 0..TRIES;
        loop {
            match self.delta.put(adds.clone(), marks.clone().txns(TOPIC)).await {
                Ok(()) => break,
                Err(error) if error.conflict() == Some(Conflict::Position) => {
                    return Err(Error::Contended(self.table.name()));
                }
                // The collector that starts beside it made or changed the table; nobody may have imported the same.
                Err(error) if error.conflict().is_some() && tries.next().is_some() => {
                    self.delta.reload().await?;
                    for spool in risen.keys() {
                        let stood = Txn::Highest { topic: TOPIC, partition: IMPORTED, spool: spool.clone() };
                        if self.delta.version(&stood).await?.unwrap_or(0) != mine(spool) {
                            return Err(Error::Contended(self.table.name()));
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.most = most;
        self.highest.extend(risen);
        Ok(())
    }
}
