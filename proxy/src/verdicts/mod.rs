//! Verdicts in: the live rule table, the marks of what has been judged, and the sessions a verdict can cut.
//!
//! DELIVERY: the topic is read from its start to the end it had, and applied at once, before anyone is admitted; then
//! live, record by record. When reading fails nobody new is admitted until it has been read to its end again; live
//! sessions go on under the table as it was. Reading twice is harmless: the last record of a key counts. A record that
//! cannot be decoded is a failure, not something to skip: it might be a verdict.

mod live;
mod table;

pub use live::Revoked;
pub(crate) use live::{Live, Registry};

use crate::clock;
use crate::emit::Subject;
use arc_swap::ArcSwap;
use interdict_bus::{From, Log, Reader, Record};
use interdict_schemas::{Message, Topic, Verdict};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Verdicts have one partition, so that a mark is read after every verdict that was given before it.
const PARTITION: u32 = 0;
/// Records taken from the bus at once.
const BATCH: usize = 1024;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How often ended verdicts are swept out.
const SWEEP: Duration = Duration::from_secs(30);

/// Why the verdict topic is not being read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bus.
    #[error("the verdict topic cannot be read: {0}")]
    Bus(#[from] interdict_bus::Error),
    /// A record.
    #[error(
        "verdict record at offset {offset} cannot be understood: {source}; upgrade this gateway or give the verdict again"
    )]
    Record {
        /// Where it stands.
        offset: u64,
        /// What is wrong with it.
        source: interdict_schemas::wire::Error,
    },
}

/// The verdicts as far as they are known.
#[derive(Debug, Default)]
pub struct Verdicts {
    table: ArcSwap<Table>,
    live: Arc<Registry>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    ready: bool,
    judged: HashMap<u32, u64>,
}

impl Verdicts {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Whether the topic has been read to its end and is being followed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.progress.borrow().ready
    }

    /// Waits until it is.
    pub async fn ready(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let mut progress = self.progress.subscribe();
        let _held = progress.wait_for(|progress| progress.ready).await;
    }

    /// Waits until every event before `offset` of the events topic's `partition` has been judged, and every verdict
    /// that came of it stands in the table. Cancel safe.
    pub async fn judged(&self, partition: u32, offset: u64) {
        let mut progress = self.progress.subscribe();
        let reached = |progress: &Progress| progress.judged.get(&partition).copied().unwrap_or(0) >= offset;
        // The sender lives as long as `self`, so waiting cannot fail.
        let _held = progress.wait_for(reached).await;
    }

    /// Live sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.live.len()
    }

    /// Registers a session, then looks for a verdict on it. In this order: a verdict that comes between the two is
    /// seen by one of them.
    pub(crate) fn enter(&self, subject: Arc<Subject>) -> Result<Live, Revoked> {
        let live = self.live.enter(subject);
        let now = clock::now();
        let table = self.table.load();
        let seen = live.subject().seen();
        if let Some(verdict) = table.forbids(seen, now) {
            return Err(Revoked::by(verdict));
        }
        for verdict in table.notes(seen, now) {
            tracing::info!(
                verdict = verdict.id, mode = %verdict.mode, effect = %verdict.effect, session = seen.session,
                root = seen.identity.root().id, target = seen.target, "a verdict covers this session without stopping it"
            );
        }
        live.cut().map_or(Ok(live), Err)
    }

    /// Looks for a verdict on a registered session once more.
    pub(crate) fn again(&self, live: &Live) -> Result<(), Revoked> {
        if let Some(cut) = live.cut() {
            return Err(cut);
        }
        match self.table.load().forbids(live.subject().seen(), clock::now()) {
            None => Ok(()),
            Some(verdict) => Err(Revoked::by(verdict)),
        }
    }

    /// Takes records in, in order: the table first, then the cut, then the marks, so that whoever has waited for a
    /// mark finds the verdicts that came before it.
    pub(crate) fn apply(&self, records: &[Record]) -> Result<(), Error> {
        let mut news = Vec::new();
        let mut marks = Vec::new();
        for record in records {
            let offset = record.position.offset;
            let envelope = record.envelope().map_err(|source| Error::Record { offset, source })?;
            let Some(envelope) = envelope else { continue };
            match envelope.message {
                Message::Verdict(verdict) => news.push(verdict),
                Message::Judged(judged) => marks.push(judged),
                Message::Event(_)
                | Message::Chunk(_)
                | Message::Alert(_)
                | Message::Resolution(_)
                | Message::Checkpoint(_) => {
                    tracing::warn!(offset, "a record that is no verdict stands among verdicts");
                }
            }
        }
        if !news.is_empty() {
            self.swap(news);
        }
        if !marks.is_empty() {
            self.progress.send_modify(|progress| {
                for mark in marks {
                    let offset = progress.judged.entry(mark.partition).or_default();
                    *offset = mark.offset.max(*offset);
                }
            });
        }
        Ok(())
    }

    fn swap(&self, news: Vec<Verdict>) {
        let now = clock::now();
        let table = Arc::new(self.table.load().with(news, now));
        self.table.store(Arc::clone(&table));
        let cut = self.live.cut(&table, now);
        tracing::debug!(verdicts = table.len(), cut, "rule table changed");
    }

    /// Follows the topic until `shutdown`, through failures.
    pub(crate) async fn follow(&self, log: Arc<dyn Log>, shutdown: CancellationToken) {
        let mut retry = FIRST_RETRY;
        loop {
            let failed = tokio::select! {
                () = shutdown.cancelled() => return,
                failed = self.read(log.as_ref(), &mut retry) => failed,
            };
            let Err(error) = failed;
            self.progress.send_modify(|progress| progress.ready = false);
            tracing::error!(%error, retry_ms = retry.as_millis(), "verdicts are not being read; nobody new is admitted");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
            }
        }
    }

    async fn read(&self, log: &dyn Log, retry: &mut Duration) -> Result<std::convert::Infallible, Error> {
        let end = log.end(Topic::Verdicts, PARTITION).await?;
        let mut reader = log.reader(Topic::Verdicts, From::new()).await?;
        // All of the past at once: a verdict that was taken back later must not cut anyone in passing.
        let mut past = Vec::new();
        while reader.position(PARTITION) < end {
            past.extend(reader.next(BATCH).await?);
        }
        self.apply(&past)?;
        drop(past);
        self.progress.send_modify(|progress| progress.ready = true);
        *retry = FIRST_RETRY;
        tracing::info!(verdicts = self.table.load().len(), offset = end, "verdicts read");
        self.live(reader.as_mut()).await
    }

    async fn live(&self, reader: &mut dyn Reader) -> Result<std::convert::Infallible, Error> {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                records = reader.next(BATCH) => self.apply(&records?)?,
                _ = sweep.tick() => {
                    if self.table.load().has_expired(clock::now()) {
                        self.swap(Vec::new());
                    }
                }
            }
        }
    }
}
