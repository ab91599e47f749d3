//! Moves the local log to Kafka, in order, and deletes what was acknowledged.
//!
//! DELIVERY: per topic, records are sent in the order of the local log, at most [`WINDOW`] of them unacknowledged. What
//! was acknowledged without a gap is deleted. A broker outage of any length delays: records wait in the local log,
//! memory stays bounded. After a crash, or when the producer had to be made anew, sending starts again at the oldest
//! record that was not acknowledged; the copies carry the same stamps, and since each attempt is in order and gapless
//! per partition, [`crate::Dedupe`] drops exactly the copies.

use crate::{
    Error, From, Log, Position, Record,
    embedded::Embedded,
    kafka::{Kafka, Sending},
};
use futures::future::BoxFuture;
use interdict_schemas::Topic;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Unacknowledged records per topic.
const WINDOW: usize = 4096;
/// Their bytes, roughly.
const WINDOW_BYTES: usize = 8 << 20;
/// Records read from the local log at once.
const READ: usize = 512;
/// Acknowledged records are deleted when there are so many of them, or when nothing else is to be done.
const TRIM_FROM: u64 = 512;
/// Without an acknowledgement for so long, the broker counts as away.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The tasks that move the topics; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Shipper {
    shipped: Vec<(Topic, watch::Receiver<Shipped>)>,
    _end: DropGuard,
}

/// How far a topic is.
#[derive(Debug, Clone, Default)]
struct Shipped {
    /// Everything before this offset of the local log stands on Kafka.
    local: u64,
    /// Per partition on Kafka, where the last of it stands.
    remote: BTreeMap<u32, u64>,
}

impl Shipper {
    pub(crate) fn start(spool: &Arc<Embedded>, bus: &Arc<Kafka>) -> Self {
        let end = CancellationToken::new();
        let start = |topic| {
            let start = Shipped { local: spool.start_of(topic), ..Shipped::default() };
            let (progress, shipped) = watch::channel(start);
            let run = Run { spool: spool.clone(), bus: bus.clone(), topic, progress, outage: Outage::default() };
            let end = end.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = end.cancelled() => {}
                    () = run.ship() => {}
                }
            });
            (topic, shipped)
        };
        Self { shipped: Topic::ALL.map(start).into(), _end: end.drop_guard() }
    }

    /// Waits until everything in the local log at the time of the call stands on Kafka.
    pub(crate) fn flushed(&self, spool: &Embedded) -> BoxFuture<'static, Result<(), Error>> {
        let path = spool.path().to_owned();
        let waits: Vec<_> =
            self.shipped.iter().map(|(topic, shipped)| (spool.end_of(*topic), shipped.clone())).collect();
        Box::pin(async move {
            for (end, mut shipped) in waits {
                shipped.wait_for(|shipped| shipped.local >= end).await.map_err(|_| Error::Broken {
                    path: path.clone(),
                    detail: "nothing moves its records to the bus any more".to_owned(),
                })?;
            }
            Ok(())
        })
    }

    /// Waits until the record at `offset` of the local log stands on Kafka, in `partition`. Returns where the newest
    /// record of this log stands there: the one waited for is that one, or before it, because order is kept.
    pub(crate) fn placed(
        &self,
        spool: &Embedded,
        topic: Topic,
        offset: u64,
        partition: u32,
    ) -> BoxFuture<'static, Result<Position, Error>> {
        let path = spool.path().to_owned();
        let shipped = self.shipped.iter().find(|(shipped, _)| *shipped == topic).map(|(_, shipped)| shipped.clone());
        Box::pin(async move {
            let broken = |detail: &str| Error::Broken { path: path.clone(), detail: detail.to_owned() };
            let mut shipped = shipped.ok_or_else(|| broken("this topic is not moved to the bus"))?;
            let shipped = shipped.wait_for(|shipped| shipped.local > offset).await;
            let shipped = shipped.map_err(|_| broken("nothing moves its records to the bus any more"))?;
            let offset = shipped.remote.get(&partition).copied();
            let offset = offset.ok_or_else(|| broken("a record was moved to another partition than its key's"))?;
            Ok(Position { partition, offset })
        })
    }
}

/// One topic's way to Kafka.
struct Run {
    spool: Arc<Embedded>,
    bus: Arc<Kafka>,
    topic: Topic,
    progress: watch::Sender<Shipped>,
    outage: Outage,
}

/// A record on its way.
struct Sent {
    offset: u64,
    size: usize,
    sending: Sending,
}

impl Run {
    /// For ever: send, and when that fails, wait and begin again at the oldest unacknowledged record.
    async fn ship(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.progress.borrow().local;
            let Err(error) = self.attempt().await;
            self.outage.began(self.topic, &error);
            if self.progress.borrow().local > before {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&mut self) -> Result<std::convert::Infallible, Error> {
        let producer = self.bus.producer();
        let from = From::from([(0, self.progress.borrow().local)]);
        let mut reader = self.spool.reader(self.topic, from).await?;
        let mut flight: VecDeque<Sent> = VecDeque::new();
        let mut waiting: VecDeque<Record> = VecDeque::new();
        let mut bytes = 0;
        loop {
            while let Some(record) = waiting.front() {
                let size = record.key.len() + record.value.len();
                if flight.len() >= WINDOW || (bytes + size > WINDOW_BYTES && !flight.is_empty()) {
                    break;
                }
                let Some(sending) = producer.send(self.topic, record)? else { break };
                flight.push_back(Sent { offset: record.position.offset, size, sending });
                bytes += size;
                waiting.pop_front();
            }
            let acknowledged = self.progress.borrow().local;
            let trimmable = acknowledged.saturating_sub(self.spool.start_of(self.topic));
            if trimmable >= TRIM_FROM || (trimmable > 0 && flight.is_empty() && waiting.is_empty()) {
                self.trim(acknowledged).await?;
            }
            let idle = flight.is_empty();
            let front = flight.front_mut();
            let wants_more = waiting.is_empty();
            tokio::select! {
                biased;
                delivered = acknowledgement(front, &mut self.outage, self.topic), if !idle => {
                    let at = delivered.map_err(|error| self.bus.failed(&producer, error))?;
                    self.outage.ended(self.topic);
                    if let Some(sent) = flight.pop_front() {
                        bytes -= sent.size;
                        self.progress.send_modify(|shipped| {
                            shipped.local = sent.offset + 1;
                            let newest = shipped.remote.entry(at.partition).or_default();
                            *newest = at.offset.max(*newest);
                        });
                    }
                }
                records = reader.next(READ), if wants_more => waiting.extend(records?),
                // The producer's own queue is full of other topics' records.
                () = tokio::time::sleep(FIRST_PAUSE), if idle && !wants_more => {}
            }
        }
    }

    /// Deletes what was acknowledged. A disk too full even for that is no reason to stop sending.
    async fn trim(&self, acknowledged: u64) -> Result<(), Error> {
        match self.spool.trim(self.topic, acknowledged).await {
            Err(error @ Error::Full { .. }) => {
                tracing::warn!(topic = %self.topic, %error, "acknowledged records are not deleted yet");
                Ok(())
            }
            other => other,
        }
    }
}

/// Waits for the oldest record's acknowledgement; says so once if it takes long.
async fn acknowledgement(front: Option<&mut Sent>, outage: &mut Outage, topic: Topic) -> Result<Position, Error> {
    let Some(sent) = front else { return std::future::pending().await };
    let waited_from = Instant::now();
    let deadline = tokio::time::sleep_until(waited_from + PATIENCE);
    tokio::select! {
        biased;
        delivered = &mut sent.sending => return delivered,
        () = deadline => outage.silent(topic),
    }
    (&mut sent.sending).await
}

/// Whether records get through; says only when that changes.
#[derive(Debug, Default)]
struct Outage {
    lasts: bool,
}

impl Outage {
    fn began(&mut self, topic: Topic, error: &Error) {
        if !std::mem::replace(&mut self.lasts, true) {
            tracing::warn!(%topic, %error, "records wait in the local log until the bus takes them");
        }
    }

    fn silent(&mut self, topic: Topic) {
        if !std::mem::replace(&mut self.lasts, true) {
            tracing::warn!(%topic, "the bus acknowledges nothing; records wait in the local log until it does");
        }
    }

    fn ended(&mut self, topic: Topic) {
        if std::mem::replace(&mut self.lasts, false) {
            tracing::info!(%topic, "the bus takes records again");
        }
    }
}
