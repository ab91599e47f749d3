//! Proof that the lake has no gap and no double. Every record that a proxy writes carries a number, gapless from 1 per
//! log (spool) and topic; so what was lost or stored twice shows in the numbers, whatever lost or stored it.
//!
//! What the numbers alone cannot show is a missing end: whoever knows how far a log was written passes that in
//! ([`Options::written`]). The work is sorting and counting inside the engine, on disk where it does not fit in memory;
//! no list of numbers is held.

mod check;
mod report;

pub use report::{Break, Chunks, Count, Report, Spool, TableReport};

use crate::{Engine, Error, Snapshot};
use interdict_schemas::Topic;

/// How far a log was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The topic.
    pub topic: Topic,
    /// The log's id.
    pub spool: String,
    /// The highest number given.
    pub last: u64,
}

/// What is asked of the proof.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The oldest records may have been deleted by retention, so that numbers need not begin at 1.
    pub head_may_be_gone: bool,
    /// What is known of how far the logs were written; the lake must hold it.
    pub written: Vec<Written>,
}

/// The most breaks listed for one table; all are counted.
pub const MAX_BREAKS: usize = 100;

/// Checks the newest state of the lake.
///
/// # Errors
/// When the lake cannot be read. That something is missing is no error but a [`Report`] that is not whole.
pub async fn verify(engine: &Engine, options: &Options) -> Result<Report, Error> {
    check(&engine.snapshot().await?, options).await
}

/// Checks one state of the lake.
///
/// # Errors
/// As [`verify`].
pub async fn check(lake: &Snapshot, options: &Options) -> Result<Report, Error> {
    Ok(Report {
        events: check::sequences(lake, Topic::Events, options).await?,
        recordings: check::sequences(lake, Topic::Recordings, options).await?,
        chunks: check::chunks(lake, options).await?,
        counts: check::counts(lake).await?,
    })
}
