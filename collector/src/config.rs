//! The sections `[lake]` and `[collector]`, as written and as meant.

use crate::location::Lake;
use interdict_schemas::lake::Table;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `[lake]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLake {
    /// Folder of the tables, from the data folder if relative, or a URL on object storage; `lake` if left out.
    pub path: Option<PathBuf>,
    /// By table: for how many days rows are kept; for ever if left out.
    #[serde(default)]
    pub retention_days: BTreeMap<String, u32>,
    /// For who reads the lake: where sessions are replayed, an address with `{session}` in it, or before it.
    pub replay_url: Option<String>,
    /// For who exports cases: the file of the key that signs them; the local log's if left out.
    pub case_key_file: Option<PathBuf>,
}

/// `[collector]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Seconds after which what was read is written, however little it is.
    pub max_age_s: Option<u64>,
    /// Records after which it is written, however young they are.
    pub max_rows: Option<usize>,
    /// Bytes of records after which it is written.
    pub max_bytes: Option<usize>,
    /// Seconds between two looks for small files to compact; 0 leaves that to the command line. Retention and vacuum come
    /// once a day all the same.
    pub compact_every_s: Option<u64>,
    /// Small files of a day that are worth it.
    pub compact_files: Option<usize>,
}

/// When to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the tables are.
    pub lake: Lake,
    /// When to cut.
    pub limits: Limits,
    /// What to do when the storage fails.
    pub patience: Patience,
    /// What is done beside.
    pub upkeep: Upkeep,
}

/// Maintenance that comes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upkeep {
    /// How often small files are looked for; never if none.
    pub every: Option<Duration>,
    /// How often is looked whether retention and vacuum are due, which come once a day, if never for small files.
    pub look: Duration,
    /// Small files of a day that are worth a compaction.
    pub least: usize,
    /// For how many days a table's rows are kept.
    pub retention: BTreeMap<Table, u32>,
}

impl Default for Upkeep {
    fn default() -> Self {
        let often = Duration::from_secs(600);
        Self { every: Some(often), look: often, least: 32, retention: BTreeMap::new() }
    }
}

/// How long is waited for the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one write of a table, before it is given up and begun anew.
    pub hung: Duration,
    /// After a failure, before it is tried again: the first time, and at most.
    pub backoff: [Duration; 2],
    /// A table without new rows commits its positions no more often than this: positions alone make a commit each.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            hung: Duration::from_secs(300),
            backoff: [Duration::from_millis(500), Duration::from_secs(30)],
            idle: Duration::from_secs(60),
        }
    }
}

/// When a batch is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Age of its oldest record.
    pub age: Duration,
    /// Its records.
    pub rows: usize,
    /// Their bytes on the bus.
    pub bytes: usize,
    /// The days that they lie on: each makes a file of each table, however few its rows.
    pub days: usize,
}

/// Days in one batch. What is collected lies on one or two; files hold what they please.
const DAYS: usize = 256;

/// A value that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No place.
    #[error(transparent)]
    Lake(Box<crate::Error>),
    /// A table that nobody knows.
    #[error("lake.retention_days names `{0}`, which is no table")]
    Table(String),
    /// No number of days that rows could be kept.
    #[error("lake.retention_days.{table} is {days}; it must be from 1 to {MAX_DAYS}")]
    Days {
        /// The table.
        table: &'static str,
        /// What was written.
        days: u32,
    },
    /// Zero or absurd.
    #[error("collector.{key} is {value}; it must be from {least} to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// What was written.
        value: u64,
        /// The least that makes sense.
        least: u64,
        /// The most.
        most: u64,
    },
}

/// A hundred years.
const MAX_DAYS: u32 = 36_500;

impl Raw {
    /// Resolves both sections; `base` is the folder that a relative lake path starts from.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn resolve(self, lake: RawLake, base: &Path) -> Result<Config, Error> {
        let age = within("max_age_s", self.max_age_s.unwrap_or(5), 1, 3_600)?;
        let rows = within("max_rows", self.max_rows.map_or(50_000, |rows| rows as u64), 1, 1_000_000)?;
        let bytes = within("max_bytes", self.max_bytes.map_or(64 << 20, |bytes| bytes as u64), 1 << 20, 1 << 30)?;
        let every = self.compact_every_s.unwrap_or(600);
        let least = within("compact_files", self.compact_files.map_or(32, |files| files as u64), 2, 1_000_000)?;
        let mut retention = BTreeMap::new();
        for (name, days) in lake.retention_days {
            let table = Table::ALL.into_iter().find(|table| table.name() == name).ok_or(Error::Table(name))?;
            if !(1..=MAX_DAYS).contains(&days) {
                return Err(Error::Days { table: table.name(), days });
            }
            retention.insert(table, days);
        }
        Ok(Config {
            lake: Lake::parse(&lake.path.unwrap_or_else(|| "lake".into()), base)
                .map_err(|error| Error::Lake(Box::new(error)))?,
            limits: Limits {
                age: Duration::from_secs(age),
                rows: usize::try_from(rows).unwrap_or(usize::MAX),
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                days: DAYS,
            },
            patience: Patience::default(),
            upkeep: Upkeep {
                every: (every > 0).then(|| Duration::from_secs(every)),
                least: usize::try_from(least).unwrap_or(usize::MAX),
                retention,
                ..Upkeep::default()
            },
        })
    }
}

fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<u64, Error> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(Error::Range { key, value, least, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_stand_and_absurd_values_are_named() {
        let config = Raw::default().resolve(RawLake::default(), Path::new("/srv")).expect("defaults");
        assert_eq!(config.lake.folder().as_deref(), Some(Path::new("/srv/lake")));
        assert_eq!((config.limits.age, config.limits.rows), (Duration::from_secs(5), 50_000));
        let check = |raw: Raw, expected: &str| {
            let error = raw.resolve(RawLake::default(), Path::new("/")).expect_err("absurd").to_string();
            assert_eq!(error, expected);
        };
        check(Raw { max_age_s: Some(0), ..Raw::default() }, "collector.max_age_s is 0; it must be from 1 to 3600");
        check(Raw { max_rows: Some(0), ..Raw::default() }, "collector.max_rows is 0; it must be from 1 to 1000000");
        let lake = RawLake { retention_days: [("events".to_owned(), 0)].into(), ..RawLake::default() };
        let error = Raw::default().resolve(lake, Path::new("/")).expect_err("absurd").to_string();
        assert_eq!(error, "lake.retention_days.events is 0; it must be from 1 to 36500");
    }
}
