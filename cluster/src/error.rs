//! Why a cluster gave no answer, or did not start.

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;

/// Why a cluster gave no answer, or did not start; says which part is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no place.
    #[error("{0:?} names no cluster; write its scheduler's place, such as ballista://HOST:PORT")]
    Address(String),
    /// Nobody listens, or somebody else does.
    #[error(
        "no scheduler answers at {address}: {detail}; start one with `interdict cluster scheduler`, or leave --engine out \
         and ask in this process"
    )]
    Absent {
        /// Where it was looked for.
        address: String,
        /// What was met instead.
        detail: String,
    },
    /// There is a scheduler, and nobody works for it.
    #[error(
        "the cluster {address} has no executor; start one with `interdict cluster executor --scheduler {authority}`"
    )]
    Idle {
        /// The scheduler.
        address: String,
        /// The scheduler, as an executor is told it.
        authority: String,
    },
    /// The plan is longer than a message may be.
    #[error(
        "the plan takes {size} MiB, more than the {limit} MiB that are sent to a cluster; ask for fewer days, or compact the lake"
    )]
    Long {
        /// MiB of it.
        size: usize,
        /// MiB that are sent.
        limit: usize,
    },
    /// A subquery in a value's place may have several rows.
    #[error(
        "a subquery in the place of a value may give more than one row, which a cluster would not notice; add `limit 1` \
         or an aggregate, or leave --engine out"
    )]
    Subquery,
    /// The cluster tried, and could not.
    #[error("the cluster {address} gave no answer: {detail}")]
    Failed {
        /// The scheduler.
        address: String,
        /// In its words.
        detail: String,
    },
    /// Who holds the answer is gone.
    #[error(
        "executor {executor} of the cluster {address}, which holds rows of the answer, cannot be reached: {detail}; ask \
         again, and see that this machine reaches the executors' ports"
    )]
    Lost {
        /// The scheduler.
        address: String,
        /// Where the executor was.
        executor: String,
        /// What was met instead.
        detail: String,
    },
    /// A table is kept in a way that only the process that asks can read.
    #[error("table {table} has {what}, which a cluster does not read; leave --engine out")]
    Table {
        /// Its name.
        table: String,
        /// What it has.
        what: &'static str,
    },
    /// A file of the lake cannot be read.
    #[error("file {file} of the lake cannot be read: {detail}")]
    File {
        /// Where it is below the lake's folder.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The lake is nowhere.
    #[error("lake {location} cannot be used: {detail}")]
    Location {
        /// As it was given.
        location: String,
        /// Why not.
        detail: String,
    },
    /// The port is taken, or is not this machine's.
    #[error("{address} cannot be listened on; choose another with --listen")]
    Listen {
        /// Where it should have been.
        address: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The part ended by itself.
    #[error("the {part} failed: {source}")]
    Ended {
        /// Scheduler or executor.
        part: &'static str,
        /// Ballista's words.
        source: Box<BallistaError>,
    },
}

impl Error {
    /// The error among those of a query, if it is the cause.
    #[must_use]
    pub fn of(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
