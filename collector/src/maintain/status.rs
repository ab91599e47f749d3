//! How a table stands.

use super::{Keeper, TARGET};
use crate::Error;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;

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
    /// When a file was last added, in milliseconds since 1970.
    pub written_ms: Option<i64>,
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
        })
    }
}
