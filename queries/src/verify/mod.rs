//! Proof that the lake is what the proxies wrote. Every record that a proxy writes carries a number, gapless from 1 per
//! log (spool) and topic, and the head of the chain before it; checkpoints sign that head. So what was lost, doubled,
//! changed or put in by anybody shows, whatever did it; and each file has the digest that the collector took of it.
//!
//! What the lake alone cannot show is an end that is missing together with the checkpoints that covered it: whoever
//! knows how far a log was written passes that in ([`Options::written`]), such as the report of an earlier proof. The
//! work is one reading of the lake and one sort of its numbers and hashes, on disk where it does not fit in memory.

mod bounds;
mod chain;
mod check;
mod files;
mod keys;
mod narrow;
mod part;
mod report;
mod retired;
mod scan;
mod signed;
mod sound;
mod source;
mod tally;
mod walk;

pub use part::Part;
pub use report::{Break, Chunks, Count, Fault, Files, Key, Report, Spool, TableReport};

use crate::{Engine, Error, Snapshot};
use interdict_schemas::{Digest, Time, Topic};
use part::Extents;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tally::Tally;

/// How far a log was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The topic.
    pub topic: Topic,
    /// The log's id.
    pub spool: String,
    /// The highest number given.
    pub last: u64,
    /// The chain's head there, if it is known.
    pub head: Option<Digest>,
}

/// What is asked of the proof.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is to be proven.
    pub part: Part,
    /// The oldest records may have been deleted by retention, so that numbers need not begin at 1.
    pub head_may_be_gone: bool,
    /// What is known of how far the logs were written; the lake must hold it.
    pub written: Vec<Written>,
    /// Public keys that somebody vouches for.
    pub trusted: Vec<[u8; 32]>,
    /// Whether no others are believed. Otherwise the first key of each proxy is for which none of those has signed.
    pub only_trusted: bool,
    /// What was signed after this moment may still be on its way into the lake. By default all must be there.
    pub settled: Option<Time>,
    /// Told how far the reading is.
    pub progress: Arc<Progress>,
}

/// How far the reading is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files whose digests were taken.
    pub done: AtomicU64,
    /// Bytes of all files.
    pub total: AtomicU64,
    /// Records whose place in their chain was checked.
    pub records: AtomicU64,
}

/// The most breaks listed for one table; all are counted.
pub const MAX_BREAKS: usize = 100;

/// Checks the newest state of the lake.
///
/// # Errors
/// When the lake cannot be read. That something is missing or altered is no error but a [`Report`] that is not whole.
pub async fn verify(engine: &Engine, options: &Options) -> Result<Report, Error> {
    check(&engine.snapshot().await?, options).await
}

/// Checks one state of the lake.
///
/// # Errors
/// As [`verify`].
pub async fn check(lake: &Snapshot, options: &Options) -> Result<Report, Error> {
    let all = options.part == Part::All;
    let sound;
    let (lake, extents, mut files) = match Extents::find(lake, &options.part).await {
        Ok(extents) => {
            let days = extents.as_ref().map(Extents::days);
            let (files, _) = files::check(lake, days.as_deref(), &options.progress).await?;
            (lake, extents, files)
        }
        // What a part consists of is read out of files, which may be gone. Then all are looked at, and the others asked.
        Err(error) => {
            let (files, broken) = files::check(lake, None, &options.progress).await?;
            if broken.is_empty() {
                return Err(error);
            }
            sound = lake.planned_by(Arc::new(sound::Without(broken)));
            let extents = Extents::find(&sound, &options.part).await?;
            // A file of another day is no part of what is asked for, unless nobody can say what that is.
            let days = extents.as_ref().filter(|extents| !extents.is_absent).map(Extents::days);
            let files = match days {
                Some(days) => files::check(lake, Some(&days), &options.progress).await?.0,
                None => files,
            };
            (&sound, extents, files)
        }
    };
    let is_absent = extents.as_ref().is_some_and(|extents| extents.is_absent);
    let (events, recordings) = extents.map(|extents| (extents.events, extents.recordings)).unzip();
    let mut keys = keys::Keys::open(lake, &options.trusted, options.only_trusted)
        .await
        .or_else(|error| excused(&files, error))?;
    let (events, tally) = walk::table(lake, Topic::Events, events, options, &mut keys, &mut files).await?;
    let (recordings, _) = walk::table(lake, Topic::Recordings, recordings, options, &mut keys, &mut files).await?;
    // Engines do not count in a table whose files are gone.
    let countable = all && (files.missing, files.altered) == (0, 0);
    let (chunks, counts) =
        if countable { counted(lake, options, &tally, &mut files).await? } else { (None, Vec::new()) };
    Ok(Report {
        absent: match &options.part {
            Part::Session(session) if is_absent => Some(session.clone()),
            _ => None,
        },
        keys: keys.report(),
        chunks,
        counts,
        files,
        events,
        recordings,
    })
}

/// The numbers that engines count; a file that only they look into may not be one that can be read.
async fn counted(
    lake: &Snapshot,
    options: &Options,
    tally: &Tally,
    files: &mut Files,
) -> Result<(Option<Chunks>, Vec<Count>), Error> {
    let counted = async { Ok((Some(check::chunks(lake, options).await?), check::counts(lake, tally).await?)) };
    match counted.await {
        Err(Error::File { file, detail }) => {
            files.altered += 1;
            files.changed.push(format!("{file}: {detail}"));
            Ok((None, Vec::new()))
        }
        counted => counted,
    }
}

/// Without the files of checkpoints there are none, which is told by the files.
fn excused<T: Default>(files: &Files, error: Error) -> Result<T, Error> {
    if files.missing + files.altered > 0 { Ok(T::default()) } else { Err(error) }
}
