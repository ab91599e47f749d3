//! One topic's way into its tables: gather, cut, write, and let the bus forget.
//!
//! DELIVERY: whatever fails, the lane begins anew from the positions that stand in the tables and reads the bus again
//! from the lowest of them; the bus is told to forget only what every table has. So trying again is the same as
//! starting after a crash, and there is one code path for both.

use crate::batch::{Batch, Cut, Rejected, Sight};
use crate::commit::{Progress, durable, furthest_behind};
use crate::config::{Config, Limits, Patience};
use crate::table::{Delta, Positions};
use crate::term::Term;
use crate::{Error, cut};
use bytes::Bytes;
use futures::future::try_join_all;
use interdict_bus::{From, Log, Reader, Record};
use interdict_schemas::Topic;
use interdict_schemas::lake::{self, Table};
use interdict_schemas::wire::Outline;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The name under which this reader's commits stand on the bus.
pub(crate) const GROUP: &str = "collector";

/// Records asked for at once: each time the log is searched for where to go on.
const MOST: usize = 4_096;

/// Records after which other work of the runtime is let through.
const TURN: usize = 256;

/// A lane that has nothing to write looks no more often for what it could commit.
const LEAST_IDLE: Duration = Duration::from_millis(50);

/// How long a lane that is told to end still reads what stands on the bus already.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Collects one topic until told to end. Failures are logged and tried again.
///
/// # Errors
/// When only a person can mend it, or when the last write before the end failed.
pub(crate) async fn run(
    topic: Topic,
    config: &Config,
    log: &Arc<dyn Log>,
    term: &Term,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let [least, most] = config.patience.backoff;
    let mut backoff = least;
    loop {
        let began = Instant::now();
        let Err(error) = once(topic, config, log, term, shutdown).await else { return Ok(()) };
        if error.is_permanent() || shutdown.is_cancelled() {
            tracing::error!(%topic, %error, "collecting ended; the bus keeps what is not in the lake");
            return Err(error);
        }
        // A lane that had worked for long does not inherit the wait of an earlier trouble.
        backoff = if began.elapsed() > most { least } else { backoff };
        tracing::error!(%topic, %error, retry_in = ?backoff, "collecting failed; nothing is lost, trying again");
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            () = shutdown.cancelled() => {}
        }
        backoff = (backoff * 2).min(most);
    }
}

/// From the tables' positions to the end or the first failure.
async fn once(
    topic: Topic,
    config: &Config,
    log: &Arc<dyn Log>,
    term: &Term,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let partitions = log.partitions(topic).await?;
    let term = within(config.patience, Table::Events, term.get(config)).await?;
    let mut tables = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| table.topic() == topic) {
        // A lake of an older build lacks this table, and no record that was read for it was one of its rows.
        let begin = match (table, tables.first()) {
            (Table::Resolutions | Table::Checkpoints, Some(main)) => Delta::next(main).clone(),
            _ => From::new(),
        };
        let open = Delta::take_over(&config.lake, table, &begin, term, partitions);
        let mut delta = within(config.patience, table, open).await?;
        for (partition, next) in delta.next().clone() {
            // After the positions, so that what the lake was written from cannot lie beyond it.
            let end = log.end(topic, partition).await?;
            if next > end {
                tracing::warn!(
                    %topic, partition, table = table.name(), end,
                    "the lake has read further than the bus goes: another bus; reading it from its start"
                );
                delta.forget(partition);
            }
        }
        tables.push(delta);
    }
    let standing: Vec<From> = tables.iter().map(|delta| delta.next().clone()).collect();
    let (mut start, mut behind) = (From::new(), Vec::new());
    for partition in 0..partitions {
        let (table, next) = furthest_behind(&standing, partition);
        start.insert(partition, next);
        behind.push(tables.get(table).map(Delta::positions));
    }
    let progress = Progress::new(topic, start);
    let reader = log.reader(topic, progress.next().clone()).await?;
    let (limits, patience) = (config.limits, config.patience);
    let gather = Gather { topic, limits, patience, log, reader, progress, behind, batch: Batch::default() };
    // One cut is written while the next is gathered, so memory is bounded by the limits.
    let (cuts, mut written) = mpsc::channel::<(Cut, bool)>(1);
    let write = async move {
        let mut told = From::new();
        // An earlier collector may have died between its commit and this.
        forget(topic, log, &tables, &mut told).await?;
        loop {
            match tokio::time::timeout(config.patience.idle.max(LEAST_IDLE), written.recv()).await {
                Ok(Some((cut, last))) => write(topic, &mut tables, cut, last, config.patience).await?,
                Ok(None) => return Ok(()),
                // Nothing came for long: how far the tables are is known to whoever asks, and the bus may forget.
                Err(_) => {
                    for delta in &mut tables {
                        within(config.patience, delta.table(), delta.settle()).await?;
                    }
                }
            }
            forget(topic, log, &tables, &mut told).await?;
        }
    };
    tokio::try_join!(gather.run(cuts, shutdown), write).map(|((), ())| ())
}

/// Storage that gives no answer must not stop a lane for ever. What it still does later is harmless (see `table.rs`).
async fn within<T>(
    patience: Patience,
    table: Table,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let hung = |_| Error::Hung { table: table.name(), waited: patience.hung };
    tokio::time::timeout(patience.hung, work).await.map_err(hung)?
}

async fn write(topic: Topic, tables: &mut [Delta], cut: Cut, last: bool, patience: Patience) -> Result<(), Error> {
    let (cut, began) = (Arc::new(cut), Instant::now());
    let wants = tables.iter().map(Delta::want).collect::<Result<_, _>>()?;
    let (files, rejected) = cut::encoded(wants, &cut).await?;
    if let Some(main) = tables.first() {
        // Before the positions are committed that pass over them.
        for rejected in [&cut.rejected, &rejected] {
            within(patience, main.table(), main.keep(rejected)).await?;
        }
    }
    let writes = tables
        .iter_mut()
        .zip(files)
        .map(|(delta, files)| within(patience, delta.table(), delta.write(files, &cut.marks, last, patience.idle)));
    try_join_all(writes).await?;
    tracing::debug!(%topic, records = cut.entries.len(), took = ?began.elapsed(), "written");
    Ok(())
}

/// Lets the bus forget what every table has and it was not yet told.
async fn forget(topic: Topic, log: &Arc<dyn Log>, tables: &[Delta], told: &mut From) -> Result<(), Error> {
    let Some(main) = tables.first() else { return Ok(()) };
    for partition in main.next().keys() {
        let offset = durable(tables.iter().map(Delta::next), *partition);
        if offset > told.get(partition).copied().unwrap_or(0) {
            log.commit(GROUP, topic, *partition, offset).await?;
            told.insert(*partition, offset);
        }
    }
    Ok(())
}

/// What a record turns out to be.
enum Look {
    New(Sight),
    /// It was read before.
    Known,
    /// The first of a spool whose highest sequence has to be looked up.
    Stranger(String),
    /// It belongs on another topic.
    Elsewhere(Topic),
}

/// The reading half.
struct Gather<'a> {
    topic: Topic,
    limits: Limits,
    patience: Patience,
    log: &'a Arc<dyn Log>,
    reader: Box<dyn Reader>,
    progress: Progress,
    /// By partition: the table whose view of the spools is the one to begin with.
    behind: Vec<Option<Positions>>,
    batch: Batch,
}

impl Gather<'_> {
    async fn run(mut self, cuts: mpsc::Sender<(Cut, bool)>, shutdown: &CancellationToken) -> Result<(), Error> {
        let mut due: Option<Instant> = None;
        loop {
            let most = self.batch.room(&self.limits).min(MOST);
            let full = most == 0;
            let waited = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = waited => {
                    due = None;
                    if !self.cut(&cuts, false).await { return Ok(()) }
                }
                () = std::future::ready(()), if full => {
                    due = None;
                    if !self.cut(&cuts, false).await { return Ok(()) }
                }
                records = self.reader.next(most), if !full => {
                    self.take(records?).await?;
                    due = due.or_else(|| Some(Instant::now() + self.limits.age));
                }
            }
        }
        self.last(&cuts).await?;
        self.cut(&cuts, true).await;
        Ok(())
    }

    /// Reads what stands on the bus now, and no longer than [`LAST_LOOK`].
    async fn last(&mut self, cuts: &mpsc::Sender<(Cut, bool)>) -> Result<(), Error> {
        let mut ends = From::new();
        for partition in self.progress.next().keys() {
            ends.insert(*partition, self.log.end(self.topic, *partition).await?);
        }
        let until = Instant::now() + LAST_LOOK;
        while ends.iter().any(|(partition, end)| self.reader.position(*partition) < *end) {
            if self.batch.room(&self.limits) == 0 && !self.cut(cuts, false).await {
                return Ok(());
            }
            let most = self.batch.room(&self.limits).min(MOST);
            match tokio::time::timeout_at(until, self.reader.next(most)).await {
                Ok(records) => self.take(records?).await?,
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// False when nobody writes any more: the writing half has failed and tells why.
    async fn cut(&mut self, cuts: &mpsc::Sender<(Cut, bool)>, last: bool) -> bool {
        let cut = self.batch.cut(self.progress.take());
        // Nothing more is gathered before the writing half has taken it: two cuts are all that memory must hold.
        cuts.send((cut, last)).await.is_ok() && cuts.reserve().await.is_ok()
    }

    async fn take(&mut self, records: Vec<Record>) -> Result<(), Error> {
        for (at, Record { position, value, .. }) in records.into_iter().enumerate() {
            if at % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            let (partition, offset) = (position.partition, position.offset);
            let look = loop {
                let look = Outline::read(&value).map(|outline| self.look(partition, offset, &outline));
                let Ok(Look::Stranger(spool)) = look else { break look };
                let highest = match self.behind.get(partition as usize).and_then(Option::as_ref) {
                    Some(table) => {
                        let highest = table.highest(self.topic, partition, &spool);
                        within(self.patience, table.table(), highest).await?
                    }
                    None => None,
                };
                self.progress.learn(partition, &spool, highest);
            };
            match look {
                Ok(Look::New(sight)) => self.batch.add(lake::Record { partition, offset, value }, sight),
                Ok(Look::Known | Look::Stranger(_)) => {}
                Ok(Look::Elsewhere(found)) => self.reject(partition, offset, value, format!("it belongs on {found}")),
                Err(error) => self.reject(partition, offset, value, error.to_string()),
            }
        }
        Ok(())
    }

    /// Decides what becomes of a record.
    fn look(&mut self, partition: u32, offset: u64, outline: &Outline<'_>) -> Look {
        let found = outline.topic();
        if found != self.topic {
            return Look::Elsewhere(found);
        }
        if let Some(stamp) = outline.stamp
            && !self.progress.knows(partition, stamp.spool)
        {
            return Look::Stranger(stamp.spool.to_owned());
        }
        if self.progress.admit(partition, offset, outline.stamp) {
            Look::New(self.batch.see(&outline.about))
        } else {
            Look::Known
        }
    }

    fn reject(&mut self, partition: u32, offset: u64, value: Bytes, reason: String) {
        self.progress.pass(partition, offset);
        self.batch.reject(Rejected { partition, offset, value, reason });
    }
}
