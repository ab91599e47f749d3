//! Why collecting fails.

use deltalake::DeltaTableError;

/// Why collecting fails. Only [`Error::Schema`] and [`Error::Location`] need a person; the rest is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake's place is no place.
    #[error("lake path `{0}` is not valid; set lake.path to a folder")]
    Location(String),
    /// The table on disk is not the one this build writes.
    #[error(
        "table `{table}` of the lake has column `{column}` as {found}, this build writes {expected}; move the table away or use the build that wrote it"
    )]
    Schema {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: String,
        /// What stands there.
        found: String,
        /// What would be written.
        expected: String,
    },
    /// Delta or the storage under it.
    #[error("cannot {doing} table `{table}` of the lake: {source}")]
    Delta {
        /// What was tried.
        doing: &'static str,
        /// Which table.
        table: &'static str,
        /// Delta's words.
        source: Box<DeltaTableError>,
    },
    /// A record that could not be kept.
    #[error("cannot keep unreadable record {name} beside table `{table}`: {reason}")]
    Rejected {
        /// Which table.
        table: &'static str,
        /// The file's name.
        name: String,
        /// The storage's words.
        reason: String,
    },
    /// A file that was just written reads otherwise.
    #[error("file {file} of table `{table}` cannot be read back: {reason}; see to the storage")]
    Unread {
        /// Which table.
        table: &'static str,
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The rows themselves.
    #[error(transparent)]
    Rows(#[from] interdict_schemas::lake::Error),
    /// The bus.
    #[error("the bus: {0}")]
    Bus(#[from] interdict_bus::Error),
    /// Another import's commit came between.
    #[error(
        "another import wrote to table `{0}` at the same time; run this one again when it is done: what stands is not added twice"
    )]
    Contended(&'static str),
    /// A thread that makes files ended early: a bug, or the runtime is going down.
    #[error("writing files of table `{0}` was cut short")]
    CutShort(&'static str),
}

impl Error {
    /// Whether trying again is of no use until a person acts.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Schema { .. } | Self::Location(_))
    }
}
