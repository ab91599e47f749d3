//! Which rows of a table stand, as its log says.

use interdict_schemas::lake::Table;
use std::path::{Path, PathBuf};

/// A reading of a table's log that goes on where it was.
pub(crate) struct Commits {
    log: PathBuf,
    version: u64,
    rows: u64,
}

impl Commits {
    pub(crate) fn new(lake: &Path, table: Table) -> Self {
        Self { log: lake.join(table.name()).join("_delta_log"), version: 0, rows: 0 }
    }

    /// All rows that were ever added.
    pub(crate) fn rows(&mut self) -> u64 {
        while let Ok(text) = std::fs::read_to_string(self.log.join(format!("{:020}.json", self.version))) {
            self.version += 1;
            self.rows += text.lines().map(added).sum::<u64>();
        }
        self.rows
    }
}

fn added(action: &str) -> u64 {
    let action: serde_json::Value = serde_json::from_str(action).expect("an action");
    let stats = action["add"]["stats"].as_str().map(serde_json::from_str::<serde_json::Value>);
    stats.and_then(Result::ok).and_then(|stats| stats["numRecords"].as_u64()).unwrap_or(0)
}
