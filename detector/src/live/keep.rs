//! Keeps the state: writes a snapshot now and then, a slice between batches, so that no event waits long, and one at the
//! end; goes on from the newest at the start.
//!
//! COST: what is little of the state is written at once, in a pause (see README for how long); then each slice takes about
//! a millisecond. What waits to be written is bounded: while the storage is slow, no more slices are made.

use super::{Live, now};
use crate::config::Snapshots;
use crate::snapshot::store::{Head, Store};
use crate::snapshot::{Error, Frame, Kind};
use futures::FutureExt;
use interdict_bus::Dedupe;
use interdict_schemas::Topic;
use interdict_schemas::lake::txn::IMPORTED;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Things of each kind in one slice.
const SLICE: u32 = 1024;
/// Pieces that wait to be written.
const WAITING: usize = 8;
/// A last snapshot that takes longer is given up: the next start folds a little more.
const LAST: Duration = Duration::from_secs(60);
/// How often a slice is made while no event comes.
pub(super) const IDLE: Duration = Duration::from_millis(5);

/// Keeps the state.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Option<Arc<Store>>,
    every: Duration,
    due: Instant,
    // What the newest snapshot covers.
    covered: BTreeMap<u32, u64>,
    writing: Option<Writing>,
}

/// A snapshot that is being written.
#[derive(Debug)]
struct Writing {
    frames: mpsc::Sender<Frame>,
    waiting: VecDeque<Frame>,
    done: JoinHandle<Result<Option<u64>, Error>>,
    covers: BTreeMap<u32, u64>,
    is_last: bool,
    begun: Instant,
    longest: Duration,
}

impl Keeper {
    pub(super) fn new(snapshots: Option<&Snapshots>) -> Self {
        let store = snapshots.and_then(|snapshots| match Store::open(&snapshots.place) {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                tracing::warn!(%error, "no snapshots are kept: a restart folds everything again");
                None
            }
        });
        let every = snapshots.map_or(Duration::MAX, |snapshots| snapshots.every);
        Self { store, every, due: later(every), covered: BTreeMap::new(), writing: None }
    }

    /// Whether a snapshot is being written.
    pub(super) const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }
}

fn later(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(u64::from(u32::MAX)))
}

impl Live {
    /// Goes on from the newest snapshot, if there is one that fits; says what it covers.
    pub(super) async fn restore(&mut self) -> Result<BTreeMap<u32, u64>, crate::Error> {
        let Some(store) = self.keeper.store.clone() else { return Ok(BTreeMap::new()) };
        let mut ends = Vec::new();
        for partition in 0..self.partitions {
            ends.push((partition, self.log.end(Topic::Events, partition).await?));
        }
        let begun = Instant::now();
        let Some((detector, head)) = store.load(&self.config.settings, &ends).await else {
            return Ok(BTreeMap::new());
        };
        let Head { mut next, imported, seen, kept, dropped, unreadable, .. } = head;
        self.detector = detector;
        self.dedupe = Dedupe::default();
        for (partition, spool, sequence) in seen {
            self.dedupe.seed(Topic::Events, partition, &spool, sequence);
        }
        self.outbox.clear();
        for (partition, offset, output) in kept {
            self.outbox.put(partition, offset, vec![output]);
        }
        dropped.into_iter().for_each(|(partition, before)| self.outbox.dropped(partition, before));
        (self.unreadable, self.imported) = (unreadable, imported);
        self.keeper.covered.clone_from(&next);
        let seconds = begun.elapsed().as_secs_f64();
        tracing::info!(events = self.detector.counts().events, ?next, seconds, "a snapshot is read");
        next.insert(IMPORTED, imported);
        Ok(next)
    }

    /// A slice of the snapshot that is being written, or a new one if it is time. To be called where everything that was
    /// folded of its own partitions is published and marked.
    pub(super) fn keep(&mut self) {
        if self.keeper.writing.is_none() {
            let is_due = Instant::now() >= self.keeper.due && self.covers() != self.keeper.covered;
            if !is_due {
                return;
            }
            self.begin_keeping();
        }
        let Some(mut writing) = self.keeper.writing.take() else { return };
        if let Some(done) = (&mut writing.done).now_or_never() {
            return self.kept(writing, done.unwrap_or(Err(Error::Frame("writing failed"))));
        }
        writing.flush();
        if writing.waiting.is_empty() && !writing.is_last {
            let begun = Instant::now();
            if let Err(error) = self.slice(&mut writing) {
                return self.kept(writing, Err(error));
            }
            writing.longest = writing.longest.max(begun.elapsed());
            writing.flush();
        }
        self.keeper.writing = Some(writing);
    }

    /// Writes a last snapshot, of all that is folded.
    pub(super) async fn keep_last(&mut self) {
        self.keeper.writing = None;
        self.detector.end_writing();
        if self.covers() == self.keeper.covered {
            return;
        }
        self.begin_keeping();
        let Some(mut writing) = self.keeper.writing.take() else { return };
        let all = async {
            while !writing.waiting.is_empty() || !writing.is_last {
                while let Some(frame) = writing.waiting.pop_front() {
                    if writing.frames.send(frame).await.is_err() {
                        break;
                    }
                }
                if !writing.is_last {
                    self.slice(&mut writing)?;
                }
            }
            (&mut writing.done).await.unwrap_or(Err(Error::Frame("writing failed")))
        };
        let done = tokio::time::timeout(LAST, all).await;
        self.kept(writing, done.unwrap_or(Err(Error::Frame("it takes too long"))));
    }

    fn slice(&mut self, writing: &mut Writing) -> Result<(), Error> {
        let (frames, is_last) = self.detector.write_slice(SLICE)?;
        writing.waiting.extend(frames);
        if is_last {
            writing.is_last = true;
            writing.waiting.push_back(Frame { kind: Kind::End, bytes: Vec::new() });
        }
        Ok(())
    }

    fn covers(&self) -> BTreeMap<u32, u64> {
        self.merge.popped().collect()
    }

    fn begin_keeping(&mut self) {
        let Some(store) = self.keeper.store.clone() else { return };
        self.keeper.due = later(self.keeper.every);
        let begun = Instant::now();
        let head = Head {
            fingerprint: self.detector.fingerprint(),
            next: self.covers(),
            imported: self.imported,
            seen: self.dedupe.highest(Topic::Events).map(|(at, spool, n)| (at, spool.to_owned(), n)).collect(),
            kept: self.outbox.kept().map(|(at, offset, output)| (at, offset, output.clone())).collect(),
            dropped: self.outbox.all_dropped().collect(),
            unreadable: self.unreadable,
        };
        let covers = head.next.clone();
        let first = postcard::to_stdvec(&head)
            .map_err(Error::from)
            .and_then(|bytes| Ok((Frame { kind: Kind::Head, bytes }, self.detector.begin_writing()?)));
        let (head, rest) = match first {
            Ok(first) => first,
            Err(error) => return tracing::warn!(%error, "no snapshot can be written"),
        };
        let (frames, written) = mpsc::channel(WAITING);
        let done = tokio::spawn(async move { store.write(now(), written).await });
        let waiting = std::iter::once(head).chain(rest).collect();
        let longest = begun.elapsed();
        self.keeper.writing = Some(Writing { frames, waiting, done, covers, is_last: false, begun, longest });
    }

    fn kept(&mut self, writing: Writing, done: Result<Option<u64>, Error>) {
        self.detector.end_writing();
        let (seconds, pause) = (writing.begun.elapsed().as_secs_f64(), writing.longest.as_secs_f64());
        match done {
            Ok(Some(bytes)) => {
                self.keeper.covered = writing.covers;
                tracing::info!(bytes, seconds, longest_pause = pause, "a snapshot is written");
            }
            Ok(None) => {}
            Err(error) => {
                writing.done.abort();
                tracing::warn!(%error, "a snapshot could not be written; the one before it stays");
            }
        }
    }
}

impl Writing {
    /// Hands over what waits, as far as there is room.
    fn flush(&mut self) {
        while let Some(frame) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(frame)) = self.frames.try_send(frame) {
                self.waiting.push_front(frame);
                return;
            }
        }
    }
}
