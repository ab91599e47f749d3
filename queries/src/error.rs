//! Why the lake gave no answer.

use datafusion::error::DataFusionError;
use interdict_schemas::lake;

/// Why the lake gave no answer; says whether the query, the lake or a limit is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The location is no lake.
    #[error("lake {location} cannot be used: {detail}")]
    Location {
        /// As it was given.
        location: String,
        /// Why not.
        detail: String,
    },
    /// A table is there but cannot be opened.
    #[error("table {table} of the lake cannot be opened")]
    Table {
        /// Its name.
        table: &'static str,
        /// Delta's words.
        source: Box<deltalake::DeltaTableError>,
    },
    /// A file of the lake cannot be read.
    #[error(
        "file {file} of the lake cannot be read: {detail}; put it back, or go on without its rows: with --skip-broken (`sql`, \
         `hunt run`, `replay`), or `set interdict.skip_broken = on` where the lake is served"
    )]
    File {
        /// Where it is below the lake's folder.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The statement would change something.
    #[error("{what} is refused: the lake is read-only here; use select, with, explain, describe or show")]
    ReadOnly {
        /// The kind of statement.
        what: String,
    },
    /// The statement is wrong, by its text or by what it names.
    #[error("{0}")]
    Query(String),
    /// The statement needs more memory than it may have.
    #[error(
        "the query needs more than the {limit} MiB of memory it may have; select less or raise the limit: {detail}"
    )]
    Memory {
        /// The limit.
        limit: usize,
        /// Which operator wanted more.
        detail: String,
    },
    /// The statement needs more disk for what does not fit in memory than it may have.
    #[error(
        "the query needs more than the {limit} of disk that it may use for what does not fit in its memory; select less, or \
         raise --spill-mib (`sql`, `hunt run`, `export`) or serve.spill_mib"
    )]
    Disk {
        /// The limit, with its unit.
        limit: String,
    },
    /// A question that is followed has told more rows than are remembered.
    #[error(
        "more than {most} different rows have been told, which are as many as are remembered so that none is told twice; \
         follow less, or one table without an aggregate, order, limit or join, of which nothing need be remembered"
    )]
    Followed {
        /// How many are remembered.
        most: usize,
    },
    /// The statement took too long.
    #[error("the query was stopped after {0:?}; select less or raise the limit")]
    Time(std::time::Duration),
    /// Running it failed.
    #[error("the query failed")]
    Run(#[source] Box<DataFusionError>),
    /// The cluster gave no answer; says which part of it is at fault.
    #[error("{0}")]
    Cluster(String),
    /// A hunt was given a parameter that it has not.
    #[error(transparent)]
    Param(#[from] crate::hunt::Unknown),
    /// A row is none that interdict writes.
    #[error(transparent)]
    Row(#[from] lake::Error),
    /// A session of which the lake knows nothing.
    #[error("no session {session} stands in the lake; `interdict sessions` lists them, newest first")]
    NoSession {
        /// As it was given.
        session: String,
    },
    /// An alert of which the lake knows nothing.
    #[error("no alert {alert} stands in the lake; `interdict alerts` lists them")]
    NoAlert {
        /// As it was given.
        alert: String,
    },
    /// A session without a recording.
    #[error("session {session} has no recording; its transcript can be printed")]
    NoRecording {
        /// The session.
        session: String,
    },
    /// A session that is of another protocol than HTTP.
    #[error("session {session} has no requests; `interdict export transcript` writes what it has")]
    NoRequests {
        /// The session.
        session: String,
    },
    /// What was read could not be written out.
    #[error("output cannot be written")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// An error from planning: the statement's fault unless the resources say otherwise.
    pub(crate) fn planning(error: DataFusionError) -> Self {
        if let Some(error) = interdict_cluster::Error::of(&error) {
            return error.into();
        }
        match error.find_root() {
            DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::External(_) => {
                Self::Run(Box::new(error))
            }
            root => Self::Query(root.strip_backtrace()),
        }
    }

    /// An error from running.
    pub(crate) fn running(error: DataFusionError, memory: usize) -> Self {
        if let Some(limit) = spilled(&error) {
            return Self::Disk { limit };
        }
        if let Some(error) = interdict_cluster::Error::of(&error) {
            return error.into();
        }
        match error.find_root() {
            DataFusionError::ResourcesExhausted(detail) => {
                Self::Memory { limit: memory >> 20, detail: detail.clone() }
            }
            DataFusionError::ArrowError(root, _) => Self::Query(root.to_string()),
            DataFusionError::Execution(detail) | DataFusionError::Plan(detail) => Self::Query(detail.clone()),
            _ => Self::Run(Box::new(error)),
        }
    }
}

/// The limit of disk that was met: DataFusion tells of it in words alone, as of any error of writing.
fn spilled(error: &DataFusionError) -> Option<String> {
    let words = error.strip_backtrace();
    let (_, limit) =
        words.split_once("disk space during the spilling process has exceeded the allowable limit of ")?;
    Some(limit.split_once(". ").map_or(limit, |(limit, _)| limit).to_owned())
}

impl From<&interdict_cluster::Error> for Error {
    fn from(error: &interdict_cluster::Error) -> Self {
        match error {
            interdict_cluster::Error::File { file, detail } => {
                Self::File { file: file.clone(), detail: detail.clone() }
            }
            error => Self::Cluster(error.to_string()),
        }
    }
}
