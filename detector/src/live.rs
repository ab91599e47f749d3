//! Reads events from the bus, folds them, and publishes what follows.
//!
//! DELIVERY: verdicts and alerts are on the bus before the judged mark of the events they follow from, so that a gate
//! which sees the mark has the verdict. What is published twice after a crash has the same ids. State is what the
//! lake holds, folded again at start; then the bus is read from the lake's offsets. Up to the mark that an earlier
//! process left, everything has been published and is folded in silence. A record that cannot be read is counted,
//! logged with its place and passed over: it must not keep the others from being judged.

use crate::config::Config;
use crate::detector::Detector;
use crate::history::History;
use crate::judge::Output;
use crate::retry::Backoff;
use crate::{Error, marks};
use interdict_bus::{Dedupe, Error as BusError, From as Offsets, Log, Reader, Record};
use interdict_schemas::{Envelope, Event, Judged, Message, Resolution, Time, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// The consumer group under which the detector says which events it needs no more.
pub const GROUP: &str = "detector";

// Small enough that a verdict does not wait long for the events read with it.
const BATCH: usize = 512;
// An embedded log trims by the thousand; committing more often is work for nothing.
const COMMIT_EVERY: usize = 4096;
// Roots that were not seen for a horizon are looked for this often.
const RELEASE_EVERY: Duration = Duration::from_secs(3600);

/// A detector on the bus.
#[derive(Debug)]
pub(crate) struct Live {
    log: Arc<dyn Log>,
    detector: Detector,
    dedupe: Dedupe,
    next: Offsets,
    // Per partition: everything before this offset has been judged and published.
    judged: BTreeMap<u32, u64>,
    uncommitted: usize,
    unreadable: u64,
    shutdown: CancellationToken,
}

impl Live {
    /// Rebuilds the state from the lake and publishes how far it has judged, so that gates on an idle bus need not
    /// wait.
    ///
    /// # Errors
    /// When the lake or the bus cannot be read, or the bus does not take what has to be published.
    pub(crate) async fn rebuild(
        config: &Config,
        log: Arc<dyn Log>,
        shutdown: CancellationToken,
    ) -> Result<Self, Error> {
        let partitions = log.partitions(Topic::Events).await?;
        let judged = marks::read(log.as_ref()).await?;
        let horizon = Duration::from_secs(u64::from(config.settings.horizon_days) * 86_400);
        let since = now().plus_seconds(-i64::try_from(horizon.as_secs()).unwrap_or(0));
        let mut history = History::open(&config.lake, partitions, since).await?;
        let mut live = Self {
            log,
            detector: Detector::new(config.settings.clone()),
            dedupe: Dedupe::default(),
            next: history.next_offsets().clone(),
            judged,
            uncommitted: 0,
            unreadable: 0,
            shutdown,
        };
        while let Some(events) = history.next().await? {
            let mut outputs = Vec::new();
            for located in events {
                let place = located.place;
                while let Some(resolution) = history.resolution(Some(&place)) {
                    live.resolve(
                        &resolution.value,
                        resolution.place.partition,
                        resolution.place.offset,
                        &mut outputs,
                    );
                }
                if let Some(stamp) = &place.stamp {
                    live.dedupe.seed(Topic::Events, place.partition, &stamp.spool, stamp.sequence);
                }
                live.fold(&located.value, place.partition, place.offset, &mut outputs);
            }
            live.publish(outputs).await?;
        }
        let mut outputs = Vec::new();
        while let Some(resolution) = history.resolution(None) {
            live.resolve(&resolution.value, resolution.place.partition, resolution.place.offset, &mut outputs);
        }
        live.publish(outputs).await?;
        live.unreadable = history.unreadable();
        let positions: Vec<_> = (0..partitions).map(|at| (at, live.next.get(&at).copied().unwrap_or(0))).collect();
        for (partition, offset) in positions {
            let offset = offset.max(live.judged.get(&partition).copied().unwrap_or(0));
            live.mark(partition, offset).await?;
        }
        let counts = live.detector.counts();
        tracing::info!(events = counts.events, roots = live.detector.roots(), next = ?live.next, "history is folded");
        Ok(live)
    }

    /// Judges until `shutdown`.
    ///
    /// # Errors
    /// When the bus fails for good. What was read and not yet marked is judged again by the next process.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let mut backoff = Backoff::default();
        let mut reader = None;
        let mut release = tokio::time::interval(RELEASE_EVERY);
        loop {
            let read = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = release.tick() => {
                    self.release();
                    continue;
                }
                read = next(self.log.as_ref(), &self.next, &mut reader) => read,
            };
            match read {
                Ok(records) => {
                    backoff.reset();
                    match self.judge(&records).await {
                        Ok(()) => {}
                        Err(Error::Stopped) => break,
                        Err(error) => return Err(error),
                    }
                }
                Err(BusError::Gone { topic, partition, offset, first }) => {
                    tracing::error!(%topic, partition, from = offset, to = first, "events left the bus before they were judged");
                    self.next.insert(partition, first);
                    reader = None;
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "events cannot be read; trying again");
                    reader = None;
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = backoff.wait() => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.commit().await;
        Ok(())
    }

    async fn judge(&mut self, records: &[Record]) -> Result<(), Error> {
        let mut outputs = Vec::new();
        let mut touched = BTreeMap::new();
        for record in records {
            let at = record.position;
            touched.insert(at.partition, at.offset.saturating_add(1));
            match Envelope::decode(&record.value) {
                Ok(Envelope { stamp, message: Message::Event(event) }) => {
                    let is_new = stamp.is_none_or(|stamp| self.dedupe.admit(Topic::Events, at.partition, &stamp));
                    if is_new {
                        self.fold(&event, at.partition, at.offset, &mut outputs);
                    }
                }
                Ok(Envelope { message: Message::Resolution(resolution), .. }) => {
                    self.resolve(&resolution, at.partition, at.offset, &mut outputs);
                }
                Ok(_) => self.pass_over(record, "it is no event"),
                Err(error) => self.pass_over(record, &error.to_string()),
            }
        }
        self.publish(outputs).await?;
        for (partition, next) in touched {
            self.next.insert(partition, next);
            if self.judged.get(&partition).is_none_or(|judged| *judged < next) {
                self.mark(partition, next).await?;
            }
        }
        self.uncommitted += records.len();
        if self.uncommitted >= COMMIT_EVERY {
            self.commit().await;
        }
        Ok(())
    }

    fn fold(&mut self, event: &Event, partition: u32, offset: u64, outputs: &mut Vec<Output>) {
        let follows = self.detector.observe(event);
        if self.judged.get(&partition).is_none_or(|judged| offset >= *judged) {
            outputs.extend(follows);
        }
    }

    fn resolve(&mut self, resolution: &Resolution, partition: u32, offset: u64, outputs: &mut Vec<Output>) {
        let follows = crate::resolve(&mut self.detector, resolution);
        if self.judged.get(&partition).is_none_or(|judged| offset >= *judged) {
            outputs.extend(follows);
        }
    }

    fn pass_over(&mut self, record: &Record, why: &str) {
        self.unreadable += 1;
        let (at, unreadable) = (record.position, self.unreadable);
        tracing::error!(partition = at.partition, offset = at.offset, why, unreadable, "a record is passed over");
    }

    async fn publish(&self, outputs: Vec<Output>) -> Result<(), Error> {
        if outputs.is_empty() {
            return Ok(());
        }
        let mut messages: Vec<Message> = outputs.into_iter().map(Message::from).collect();
        // A gate waits for verdicts, nobody for alerts.
        messages.sort_by_key(|message| message.topic() != Topic::Verdicts);
        self.append(&messages).await
    }

    async fn mark(&mut self, partition: u32, offset: u64) -> Result<(), Error> {
        let time = self.detector.newest();
        self.append(&[Message::Judged(Judged { partition, offset, time })]).await?;
        self.judged.insert(partition, offset);
        Ok(())
    }

    /// Appends, for as long as waiting helps: what was found must not be lost, and nothing is marked before.
    async fn append(&self, messages: &[Message]) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        loop {
            match self.log.append(messages).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_transient() => {
                    tracing::error!(%error, messages = messages.len(), "verdicts cannot be published; trying again");
                    tokio::select! {
                        () = self.shutdown.cancelled() => return Err(Error::Stopped),
                        () = backoff.wait() => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Lets the bus delete what is judged. It may fail: then the bus keeps more than it must until the next time.
    async fn commit(&mut self) {
        self.uncommitted = 0;
        for (partition, next) in &self.next {
            if let Err(error) = self.log.commit(GROUP, Topic::Events, *partition, *next).await {
                return tracing::warn!(%error, "the events judged so far cannot be committed; the bus keeps them");
            }
        }
    }

    fn release(&mut self) {
        let horizon = i64::from(self.detector.settings().horizon_days) * 86_400;
        self.detector.release(now().plus_seconds(-horizon));
        let counts = self.detector.counts();
        tracing::info!(
            events = counts.events,
            duplicates = counts.duplicates,
            late = counts.late,
            broken = counts.broken,
            forgotten = counts.forgotten,
            unreadable = self.unreadable,
            roots = self.detector.roots(),
            "detector"
        );
    }
}

/// The next records, from a reader that is made if there is none.
async fn next(log: &dyn Log, from: &Offsets, reader: &mut Option<Box<dyn Reader>>) -> Result<Vec<Record>, BusError> {
    match reader {
        Some(reader) => reader.next(BATCH).await,
        None => reader.insert(log.reader(Topic::Events, from.clone()).await?).next(BATCH).await,
    }
}

/// The wall clock, which decides only how much of the past is read and kept, never what is found.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
