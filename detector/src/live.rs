//! Reads events from the bus, folds them, and publishes what follows for the partitions that are its own.
//!
//! Evidence crosses identities, so every detector folds every partition; the group only says who publishes. What
//! follows from the others' partitions is kept until their owner's mark has passed it (see `outbox.rs`), so that a
//! partition is taken over without folding anything again.
//!
//! DELIVERY: verdicts and alerts are on the bus before the judged mark of the events they follow from, so that a gate
//! which sees the mark has the verdict. What is published twice, after a crash or by two detectors while partitions
//! change hands, has the same ids. State is what a snapshot holds and the lake after it,
//! or without one all that the lake holds, folded again at start; then the bus is read from the lake's offsets, by time
//! across the partitions. Up to the mark that an earlier process left, everything has been
//! published and is folded in silence. A record that cannot be read is counted, logged with its place and passed over:
//! it must not keep the others from being judged.

mod follow;
mod keep;

use crate::Error;
use crate::config::Config;
use crate::detector::{AHEAD, Detector};
use crate::marks::{self, Follower};
use crate::merge::Merge;
use crate::outbox::{KEPT, Outbox};
use crate::past::{Fact, History};
use crate::retry::Backoff;
use interdict_bus::{Dedupe, Log, Membership, Record};
use interdict_schemas::lake::Place;
use interdict_schemas::{Envelope, Event, Judged, Message, Resolution, Stamp, Time, Topic};
use keep::Keeper;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The consumer group that deals out who publishes, and under which the detector says which events it needs no more.
pub const GROUP: &str = "detector";

/// A record that was read; nothing where it was none that is folded.
type Pending = Option<(Fact, Option<Stamp>)>;

/// A detector on the bus.
#[derive(Debug)]
pub(crate) struct Live {
    log: Arc<dyn Log>,
    config: Config,
    partitions: u32,
    detector: Detector,
    dedupe: Dedupe,
    merge: Merge<Pending>,
    outbox: Outbox,
    own: watch::Sender<BTreeSet<u32>>,
    membership: Option<Membership>,
    // The marks of the others, while there are others.
    marks: Option<Follower>,
    paused: BTreeSet<u32>,
    committing: Option<JoinHandle<()>>,
    unreadable: u64,
    // Everything imported before this number is folded.
    imported: u64,
    keeper: Keeper,
    shutdown: CancellationToken,
}

impl Live {
    /// A detector that has folded nothing yet.
    ///
    /// # Errors
    /// When the bus cannot be read.
    pub(crate) async fn open(config: &Config, log: Arc<dyn Log>, shutdown: CancellationToken) -> Result<Self, Error> {
        let partitions = log.partitions(Topic::Events).await?;
        let mut outbox = Outbox::new(partitions, KEPT);
        marks::read(log.as_ref()).await?.into_iter().for_each(|(partition, mark)| outbox.marked(partition, mark));
        Ok(Self {
            log,
            config: config.clone(),
            partitions,
            detector: Detector::new(config.settings.clone()),
            dedupe: Dedupe::default(),
            merge: Merge::new(partitions, &interdict_bus::From::new()),
            outbox,
            own: watch::Sender::default(),
            membership: None,
            marks: None,
            paused: BTreeSet::new(),
            committing: None,
            unreadable: 0,
            imported: 0,
            keeper: Keeper::new(config.snapshots.as_ref()),
            shutdown,
        })
    }

    /// The partitions it publishes for.
    pub(crate) fn own(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.own.subscribe()
    }

    /// Goes on from a snapshot, unless all is to be folded `anew`, and folds what the lake holds after it. For its own
    /// partitions it publishes on the way; they are marked when all is folded.
    async fn rebuild(&mut self, anew: bool) -> Result<(), Error> {
        let horizon = Duration::from_secs(u64::from(self.config.settings.horizon_days) * 86_400);
        let since = now().plus_seconds(-i64::try_from(horizon.as_secs()).unwrap_or(0));
        let mut after = if anew { BTreeMap::new() } else { self.restore().await? };
        let mut history = History::after(&self.config.lake, self.partitions, since, &after).await?;
        if !after.is_empty() && history.imported() != self.imported {
            tracing::warn!(
                "events were imported since the snapshot; everything is folded again, in the order of time"
            );
            after.clear();
            // It reads ahead already.
            drop(history);
            history = History::after(&self.config.lake, self.partitions, since, &after).await?;
        }
        if after.is_empty() {
            self.detector = Detector::new(self.config.settings.clone());
            self.dedupe = Dedupe::default();
            self.outbox.clear();
            self.unreadable = 0;
        }
        let is_new = |place: &Place| after.get(&place.partition).is_none_or(|next| *next <= place.offset);
        while let Some(events) = history.next().await? {
            for (at, located) in events.iter().enumerate() {
                if let Some(next) = events.get(at..).filter(|_| at % AHEAD == 0) {
                    self.detector.read_ahead(next.iter().take(AHEAD).map(|located| &located.value));
                }
                let place = &located.place;
                while let Some(resolution) = history.resolution(Some((located.value.time, place))) {
                    if is_new(&resolution.place) {
                        self.resolve(&resolution.value, resolution.place.partition, resolution.place.offset);
                    }
                }
                if let Some(stamp) = &place.stamp {
                    self.dedupe.seed(Topic::Events, place.partition, &stamp.spool, stamp.sequence);
                }
                self.fold(&located.value, place.partition, place.offset);
            }
            self.publish().await?;
        }
        while let Some(resolution) = history.resolution(None) {
            if is_new(&resolution.place) {
                self.resolve(&resolution.value, resolution.place.partition, resolution.place.offset);
            }
        }
        self.publish().await?;
        self.imported = history.imported();
        self.unreadable += history.unreadable();
        self.merge = Merge::new(self.partitions, history.next_offsets());
        let counts = self.detector.counts();
        let next = history.next_offsets();
        tracing::info!(events = counts.events, actors = self.detector.size().actors, ?next, "history is folded");
        Ok(())
    }

    /// The partitions are dealt out: publishes what is kept of those that are new to it, and marks them. False if it does
    /// not hold all that must be published.
    async fn take_over(&mut self, own: BTreeSet<u32>) -> Result<bool, Error> {
        let gained: Vec<_> = own.difference(self.outbox.own()).copied().collect();
        if !gained.is_empty() {
            // What the owner before has said need not be said again.
            let marks = self.read_marks().await?;
            marks.into_iter().for_each(|(partition, mark)| self.outbox.marked(partition, mark));
        }
        tracing::info!(partitions = ?own, of = self.partitions, "publishing for these partitions");
        self.outbox.owns(own.clone());
        let alone = own.len() == self.partitions as usize;
        self.own.send_replace(own);
        if alone {
            self.marks = None;
        } else if self.marks.is_none() {
            self.marks = Some(Follower::start(Arc::clone(&self.log)));
        }
        if let Some(partition) = gained.iter().find(|partition| self.outbox.is_lacking(**partition)) {
            tracing::warn!(
                partition,
                mark = self.outbox.mark(*partition),
                kept = KEPT,
                "more followed from a partition since its mark than is kept; folding everything again to publish it"
            );
            return Ok(false);
        }
        self.publish().await?;
        self.mark().await?;
        Ok(true)
    }

    async fn read_marks(&self) -> Result<marks::Marks, Error> {
        let mut backoff = Backoff::default();
        loop {
            match marks::read(self.log.as_ref()).await {
                Err(Error::Bus(error)) if error.is_transient() => {
                    tracing::warn!(%error, "the marks cannot be read; trying again");
                    tokio::select! {
                        () = self.shutdown.cancelled() => return Err(Error::Stopped),
                        () = backoff.wait() => {}
                    }
                }
                read => return read,
            }
        }
    }

    /// Takes records in, and folds as far as none must be waited for.
    fn take(&mut self, records: &[Record]) {
        for record in records {
            self.merge.expect(record.position.partition, record.position.offset.saturating_add(1));
        }
        // So few at a time that what was read is still in the processor's cache when it is folded. All of them are
        // expected, so that they are folded in the order of time however many go at once.
        records.chunks(AHEAD).for_each(|records| self.read_and_fold(records));
    }

    /// Reads some of the records that are expected, and folds as far as no other must be waited for.
    fn read_and_fold(&mut self, records: &[Record]) {
        for record in records {
            let at = record.position;
            let (time, read) = match Envelope::decode(&record.value) {
                Ok(Envelope { stamp, message: Message::Event(event) }) => {
                    (event.time, Some((Fact::Event(event), stamp)))
                }
                Ok(Envelope { stamp, message: Message::Resolution(resolution) }) => {
                    (resolution.time, Some((Fact::Resolution(resolution), stamp)))
                }
                Ok(_) => self.pass_over(record, "it is no event"),
                Err(error) => self.pass_over(record, &error.to_string()),
            };
            self.merge.push(at.partition, at.offset, time, read);
        }
        loop {
            let ready: Vec<_> = std::iter::from_fn(|| self.merge.pop()).take(AHEAD).collect();
            if ready.is_empty() {
                return;
            }
            self.detector.read_ahead(ready.iter().filter_map(|(_, _, read)| match read {
                Some((Fact::Event(event), _)) => Some(event),
                _ => None,
            }));
            ready.into_iter().for_each(|(partition, offset, read)| self.admit(partition, offset, read));
        }
    }

    /// Folds what none must be waited for any more, unless it was before.
    fn admit(&mut self, partition: u32, offset: u64, read: Pending) {
        if let Some((fact, stamp)) = read {
            let is_new = stamp.is_none_or(|stamp| self.dedupe.admit(Topic::Events, partition, (&stamp).into()));
            match fact {
                Fact::Event(event) if is_new => self.fold(&event, partition, offset),
                Fact::Resolution(resolution) if is_new => self.resolve(&resolution, partition, offset),
                _ => {}
            }
        }
    }

    fn fold(&mut self, event: &Event, partition: u32, offset: u64) {
        let follows = self.detector.observe(event);
        if !follows.is_empty() {
            self.outbox.put(partition, offset, follows);
        }
    }

    fn resolve(&mut self, resolution: &Resolution, partition: u32, offset: u64) {
        let follows = self.detector.resolve(resolution);
        if !follows.is_empty() {
            self.outbox.put(partition, offset, follows);
        }
    }

    /// Counts a record that is no event. It has no time, so nothing waits for it.
    fn pass_over(&mut self, record: &Record, why: &str) -> (Time, Pending) {
        self.unreadable += 1;
        let (at, unreadable) = (record.position, self.unreadable);
        tracing::error!(partition = at.partition, offset = at.offset, why, unreadable, "a record is passed over");
        (Time(i64::MIN), None)
    }

    /// Publishes what followed from its own partitions.
    async fn publish(&mut self) -> Result<(), Error> {
        let own: Vec<_> = self.outbox.own().iter().copied().collect();
        let mut messages: Vec<Message> =
            own.into_iter().flat_map(|partition| self.outbox.take(partition)).map(Message::from).collect();
        if messages.is_empty() {
            return Ok(());
        }
        // A gate waits for verdicts, nobody for alerts.
        messages.sort_by_key(|message| message.topic() != Topic::Verdicts);
        self.append(&messages).await
    }

    /// Marks its own partitions as far as they are folded and published.
    async fn mark(&mut self) -> Result<(), Error> {
        let time = self.detector.newest();
        let marks: Vec<_> = self
            .merge
            .popped()
            .filter(|(partition, _)| self.outbox.own().contains(partition))
            .filter(|(partition, next)| self.outbox.mark(*partition).is_none_or(|mark| mark < *next))
            .collect();
        if marks.is_empty() {
            return Ok(());
        }
        let judged = |&(partition, offset): &(u32, u64)| Message::Judged(Judged { partition, offset, time });
        self.append(&marks.iter().map(judged).collect::<Vec<_>>()).await?;
        marks.into_iter().for_each(|(partition, next)| self.outbox.marked(partition, next));
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

    /// Lets the bus delete what is judged, without keeping anyone waiting.
    fn commit_aside(&mut self) {
        if self.committing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.committing = Some(tokio::spawn(self.commit()));
        }
    }

    /// It may fail: then the bus keeps more than it must until the next time.
    fn commit(&self) -> impl Future<Output = ()> + Send + use<> {
        let log = Arc::clone(&self.log);
        let own = self.outbox.own();
        let judged: Vec<_> = self.merge.popped().filter(|(partition, _)| own.contains(partition)).collect();
        async move {
            for (partition, next) in judged {
                if let Err(error) = log.commit(GROUP, Topic::Events, partition, next).await {
                    return tracing::warn!(%error, "the events judged so far cannot be committed; the bus keeps them");
                }
            }
        }
    }

    fn report(&self) {
        let counts = self.detector.counts();
        tracing::info!(
            events = counts.events,
            duplicates = counts.duplicates,
            late = counts.late,
            future = counts.future,
            broken = counts.broken,
            forgotten = counts.forgotten,
            unreadable = self.unreadable,
            actors = self.detector.size().actors,
            "detector"
        );
    }
}

/// The wall clock, which decides only how much of the past is read and kept, never what is found.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
