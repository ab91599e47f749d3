//! Why collecting fails.

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitConflictError, TransactionError};

/// Why collecting fails. What [`Error::is_permanent`] names needs a person; the rest is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake's place is no place.
    #[error("lake path `{0}` is not valid; set lake.path to a folder, or to a URL as s3://bucket/lake")]
    Location(String),
    /// A place that would be printed and logged carries what must not be.
    #[error(
        "lake path on `{0}` carries a credential; leave it out and set the variables of the storage's own tools (AWS_*, GOOGLE_*, AZURE_*)"
    )]
    Credential(String),
    /// Another collector took the table over.
    #[error(
        "another collector took table `{table}` over (term {theirs}, ours {ours}): one collector at a time writes a lake, and the newest counts; this one ends, with nothing lost"
    )]
    Superseded {
        /// Which table.
        table: &'static str,
        /// The term that this collector's commits carried.
        ours: u64,
        /// The one that stands.
        theirs: u64,
    },
    /// The storage gave no answer in time.
    #[error("the storage of table `{table}` gave no answer for {waited:?}; trying again")]
    Hung {
        /// Which table.
        table: &'static str,
        /// For how long.
        waited: std::time::Duration,
    },
    /// A hold that says nothing.
    #[error("hold `{0}` of the lake cannot be read ({1}); mend or remove it: until then nothing is taken out")]
    Hold(String, String),
    /// An imported event that no bus would have taken.
    #[error("event {sequence} of the file is none: {source}")]
    Imported {
        /// Which, counted from 1.
        sequence: u64,
        /// What it lacks.
        source: interdict_schemas::wire::Error,
    },
    /// Imported events on so many days that no log can have them.
    #[error(
        "the files' events lie on more than {most} days, from {first} to {last}, and each day is a partition of the lake: see whether their times are what was meant; what was written before stands"
    )]
    Days {
        /// The most.
        most: usize,
        /// The first day.
        first: String,
        /// The last.
        last: String,
    },
    /// Rows that Parquet does not take.
    #[error("cannot encode rows of table `{table}`: {source}")]
    Encode {
        /// Which table.
        table: &'static str,
        /// Parquet's words.
        source: parquet::errors::ParquetError,
    },
    /// A file that could not be put or read.
    #[error("cannot {doing} a file of table `{table}`: {source}{}", advice(source))]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Which table.
        table: &'static str,
        /// The storage's words.
        source: object_store::Error,
    },
    /// A link where the table's files are.
    #[error(
        "{} is a link, and what it leads to would be deleted as if it were the table's; take the link away first", .0.display()
    )]
    Link(std::path::PathBuf),
    /// A folder that cannot be listed.
    #[error("cannot list {}: {source}", folder.display())]
    Folder {
        /// Which.
        folder: std::path::PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
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
    #[error("cannot {doing} table `{table}` of the lake: {source}{}", advice(source))]
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
    /// A file of a table is not what was written.
    #[error("file {file} of table `{table}` {reason}; it is left as it is until somebody puts back what was written")]
    Unread {
        /// Which table.
        table: &'static str,
        /// The file, below the table's folder.
        file: String,
        /// What is wrong, said of it.
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

/// What another's commit that came first did, so that ours does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// It wrote a position that ours writes too.
    Position,
    /// It changed the table otherwise; ours may be tried anew.
    Table,
}

impl Error {
    /// Whether another's commit came first, and what it did.
    pub(crate) fn conflict(&self) -> Option<Conflict> {
        let Self::Delta { source, .. } = self else { return None };
        match **source {
            DeltaTableError::Transaction { source: TransactionError::CommitConflict(ref conflict) } => {
                Some(match conflict {
                    CommitConflictError::ConcurrentTransaction => Conflict::Position,
                    _ => Conflict::Table,
                })
            }
            _ => None,
        }
    }

    /// Whether trying again is of no use until a person acts.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Schema { .. } | Self::Location(_) | Self::Credential(_) | Self::Superseded { .. })
    }
}

/// What to do where the cause is one that a person mends outside of interdict.
fn advice(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "; the lake's disk is full: make room there (`interdict lake retain`, `interdict lake vacuum`), or move the \
                     lake and set lake.path; nothing is lost, the bus keeps what is not in the lake, and collecting goes on \
                     by itself"
                }
                std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                    "; let the collector's user write there; nothing is lost, and collecting goes on by itself"
                }
                _ => "",
            };
        }
        cause = error.source();
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_another_wrote_is_told_from_a_table_that_changed() {
        let check = |source: DeltaTableError, expected: Option<Conflict>| {
            let error = Error::Delta { doing: "commit to", table: "events", source: Box::new(source) };
            assert_eq!(error.conflict(), expected, "{error}");
        };
        let conflict = |conflict| DeltaTableError::Transaction { source: TransactionError::CommitConflict(conflict) };
        check(conflict(CommitConflictError::ConcurrentTransaction), Some(Conflict::Position));
        check(conflict(CommitConflictError::ConcurrentAppend), Some(Conflict::Table));
        check(DeltaTableError::generic("disk"), None);
        assert_eq!(Error::Contended("events").conflict(), None);
    }
}
