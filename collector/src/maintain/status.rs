//! How a table stands.

use super::{Keeper, TARGET};
use crate::Error;
use crate::table::{REJECTED, failed};
use deltalake::Path;
use deltalake::kernel::LogicalFileView;
use futures::TryStreamExt as _;
use interdict_schemas::lake::Table;
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::{Time, Topic};
use object_store::ObjectStore as _;
use std::collections::{BTreeMap, HashMap};

/// How a table stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which table.
    pub table: Table,
    /// Its newest version.
    pub version: u64,
    /// Its files.
    pub files: usize,
    /// Those that a compaction would take.
    pub small: usize,
    /// Their bytes, all.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its first and its last day.
    pub days: Option<(String, String)>,
    /// When rows last came, in milliseconds since 1970. Files that maintenance makes have the time of the rows' own.
    pub written_ms: Option<i64>,
    /// The time of its newest row, as far as its files' bounds tell, and when that came, in milliseconds since 1970.
    pub newest: Option<(Time, i64)>,
}

impl Status {
    /// What should be done, in words; `None` if all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        // A day's worth of cuts, before the compaction that comes by itself.
        (self.small > 1_000)
            .then(|| format!("{} small files: run `interdict lake compact`, or let the collector", self.small))
    }

    /// Since when nothing was added, in seconds.
    #[must_use]
    pub fn idle_s(&self, now: Time) -> Option<i64> {
        self.written_ms.map(|written| (now.0 / 1_000 - written).max(0) / 1_000)
    }

    /// How long the newest row took from its event to its commit, in seconds. Rows of other systems' logs, whose time is long
    /// ago, count like others.
    #[must_use]
    pub fn lag_s(&self) -> Option<i64> {
        self.newest.map(|(newest, came)| (came - newest.millis()).max(0) / 1_000)
    }
}

impl Keeper {
    /// How the table stands.
    ///
    /// # Errors
    /// When its files cannot be listed.
    pub fn status(&self) -> Result<Status, Error> {
        let files = self.files()?;
        let size = |view: &deltalake::kernel::LogicalFileView| view.size().unsigned_abs();
        let days = files.first().zip(files.last()).map(|(first, last)| (first.0.clone(), last.0.clone()));
        Ok(Status {
            table: self.table,
            version: self.delta.version().unwrap_or(0),
            files: files.len(),
            small: files.iter().filter(|(_, view)| size(view) < TARGET / 2).count(),
            bytes: files.iter().map(|(_, view)| size(view)).sum(),
            rows: files.iter().filter_map(|(_, view)| view.num_records()).map(|rows| rows as u64).sum(),
            days,
            written_ms: files.iter().map(|(_, view)| view.modification_time()).max(),
            newest: files.iter().filter_map(|(_, view)| Some((newest(view)?, view.modification_time()))).max(),
        })
    }

    /// How many of its files are not there, or are of another size than the log says. What is in them is not looked at.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn gone(&self) -> Result<usize, Error> {
        let mut missing: HashMap<Path, u64> = HashMap::new();
        for (_, view) in self.files()? {
            missing.insert(view.object_store_path(), view.size().unsigned_abs());
        }
        let mut listed = self.delta.object_store().list(None);
        let fail = |source| Error::Storage { doing: "list", table: self.table.name(), source };
        while let Some(found) = listed.try_next().await.map_err(fail)? {
            if missing.get(&found.location) == Some(&found.size) {
                missing.remove(&found.location);
            }
        }
        Ok(missing.len())
    }

    /// How many records were set aside beside it, because nobody could read them as what they should be.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn rejected(&self) -> Result<usize, Error> {
        let listed = self.delta.object_store().list(Some(&Path::from(REJECTED)));
        let counted = listed.try_fold(0, |count, _| std::future::ready(Ok(count + 1)));
        counted.await.map_err(|source| Error::Storage { doing: "list", table: self.table.name(), source })
    }

    /// How many records of its topic's partitions, which end there, it has not yet read. A partition that it never read it has
    /// not read at all. A table that has no rows of them says so within a minute.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub async fn behind(&self, ends: &BTreeMap<u32, u64>) -> Result<u64, Error> {
        let fail = |source| failed("read positions of", self.table, source);
        let (state, log) = (self.delta.snapshot().map_err(fail)?, self.delta.log_store());
        let (topic, mut behind): (Topic, u64) = (self.table.topic(), 0);
        for (partition, end) in ends {
            let txn = Txn::Next { topic, partition: *partition }.to_string();
            let next = state.snapshot().transaction_version(log.as_ref(), txn).await.map_err(fail)?;
            behind += end.saturating_sub(next.and_then(|next| u64::try_from(next).ok()).unwrap_or(0));
        }
        Ok(behind)
    }
}

/// The time of a file's newest row, out of its bounds.
fn newest(view: &LogicalFileView) -> Option<Time> {
    let stats: serde_json::Value = serde_json::from_str(&view.stats()?).ok()?;
    let text = stats.get("maxValues")?.get("time")?.as_str()?;
    text.parse::<jiff::Timestamp>().ok().map(Time::from)
}
