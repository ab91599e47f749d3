//! One Delta table: opened or created, written sorted and partitioned by date, committed with its positions.
//!
//! DELIVERY: exactly once, by these rules.
//!
//! 1. *One commit.* A cut's files and the positions reached by it (a `txn` for each partition, and for each spool the
//!    highest sequence) become visible in one Delta commit, or not at all. The commit is one conditional put of one
//!    object: of two that want the same version one succeeds. Files are put before it under names of their own; those
//!    of a commit that never came are no part of the table, and a vacuum removes them.
//! 2. *One writer.* A collector takes each table over by a commit with its term (`term.rs`), and every commit of it carries
//!    that term. Delta refuses a commit when one with the same `txn` came since the snapshot it is based on. So once
//!    another has taken over, every later commit of the one that was thought dead is refused, whichever partitions it
//!    reads, and however long its request was on the way; it then finds a higher term than its own, and ends.
//! 3. *No guess.* After an error nobody knows whether the commit stands: the request may have failed before its
//!    effect, or the answer after it, or the effect may yet come. Nothing is concluded from it. The collector opens the
//!    table anew and goes on from the positions that stand there. If the late commit comes after that, the version is
//!    taken or the term has a newer commit, and one of the two is refused.
//! 4. *Nothing forgotten early.* The bus is told to forget only what the positions of every table have passed.
//!
//! A replay after a crash therefore begins exactly where the rows end. What a writer sent twice carries the same stamp
//! as before and is dropped by the sequences that were committed with the rows.

mod columns;
mod positions;

pub(crate) use columns::schema;
use columns::{create, evolve};
pub(crate) use positions::{Positions, version};

use crate::Error;
use crate::batch::Rejected;
use crate::commit::Marks;
use crate::cut::{Encoded, Want};
use crate::location::Lake;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use interdict_bus::From;
use interdict_schemas::Topic;
use interdict_schemas::lake::{self, Record, Table, txn::Txn};
use object_store::{ObjectStore as _, PutMode, PutOptions};
use std::time::Duration;
use tokio::time::Instant;

/// Old versions of the table's log are kept this long. The log is listed at each commit, so it must stay short.
const LOG_RETENTION: &str = "interval 2 days";

/// Commits between two checkpoints.
const CHECKPOINT_INTERVAL: u64 = 100;

/// The folder beside a table's files where records are kept that nobody could read.
pub(crate) const REJECTED: &str = "_rejected";

/// How often a commit is tried anew when another writer was quicker.
pub(crate) const TRIES: usize = 10;

/// A table that is written.
#[derive(Debug)]
pub(crate) struct Delta {
    table: Table,
    delta: DeltaTable,
    /// The positions that stand in it.
    next: From,
    /// Positions reached since, by cuts without rows here.
    pending: Marks,
    /// The term that every commit carries; none for who does not read the bus.
    term: Option<u64>,
    committed: Instant,
}

impl Delta {
    /// Opens the table in the folder `lake`, or creates it with the positions `begin`.
    ///
    /// # Errors
    /// When it cannot be read or created, or has another schema.
    pub(crate) async fn open(lake: &Lake, table: Table, begin: &From) -> Result<Self, Error> {
        let fail = |source| failed("open", table, source);
        let url = lake.table(table);
        if let Ok(folder) = url.to_file_path() {
            std::fs::create_dir_all(folder).map_err(|error| fail(DeltaTableError::Io { source: error }))?;
        }
        let mut delta = DeltaTableBuilder::from_url(url).and_then(DeltaTableBuilder::build).map_err(fail)?;
        if delta.verify_deltatable_existence().await.map_err(fail)? {
            delta.load().await.map_err(fail)?;
        } else {
            delta = create(&delta, table, begin).await?;
        }
        let delta = evolve(delta, table).await?;
        let (next, pending) = (From::new(), Marks::default());
        Ok(Self { table, delta, next, pending, term: None, committed: Instant::now() })
    }

    /// Opens the table for the collector of a term, and looks up from where it needs each partition.
    ///
    /// # Errors
    /// As [`Delta::open`]; when another has taken over since, or the commit that says so does not stand.
    pub(crate) async fn take_over(
        lake: &Lake,
        table: Table,
        begin: &From,
        term: u64,
        partitions: u32,
    ) -> Result<Self, Error> {
        let topic = table.topic();
        let mut tries = 0..TRIES;
        loop {
            let mut delta = Self::open(lake, table, begin).await?;
            let found = delta.version(&Txn::Term { topic }).await?.unwrap_or(0);
            if found > term {
                return Err(Error::Superseded { table: table.name(), ours: term, theirs: found });
            }
            if found == term {
                delta.term = Some(term);
            } else {
                match delta.claim(term).await {
                    // Another took it, or changed its columns, at the same moment.
                    Err(error) if error.conflict().is_some() && tries.next().is_some() => continue,
                    done => done?,
                }
            }
            delta.look_up(topic, partitions).await?;
            return Ok(delta);
        }
    }

    /// Commits nothing but the term, which counts from now on.
    ///
    /// # Errors
    /// When the commit does not stand, or that is not known.
    pub(crate) async fn claim(&mut self, term: u64) -> Result<(), Error> {
        self.term = Some(term);
        self.put(Vec::new(), Vec::new()).await
    }

    /// Which table.
    pub(crate) const fn table(&self) -> Table {
        self.table
    }

    /// The positions that stand in it, as far as they were looked up or written.
    #[must_use]
    pub(crate) const fn next(&self) -> &From {
        &self.next
    }

    /// Looks up from where the table needs each partition.
    ///
    /// # Errors
    /// When its log cannot be read.
    async fn look_up(&mut self, topic: Topic, partitions: u32) -> Result<(), Error> {
        for partition in 0..partitions {
            if let Some(next) = self.version(&Txn::Next { topic, partition }).await? {
                self.next.insert(partition, next);
            }
        }
        Ok(())
    }

    /// Starts a partition over: the bus that the table had read is not the one that stands there now.
    pub(crate) fn forget(&mut self, partition: u32) {
        self.next.remove(&partition);
    }

    /// A reader of positions, as they stood when it was made.
    #[must_use]
    pub(crate) fn positions(&self) -> Positions {
        Positions::new(self.table, self.delta.clone())
    }

    /// Takes the newest state of the table for what the next commit stands on.
    pub(crate) async fn reload(&mut self) -> Result<(), Error> {
        self.delta.load().await.map_err(|source| failed("open", self.table, source))
    }

    pub(crate) async fn version(&self, txn: &Txn) -> Result<Option<u64>, Error> {
        version(&self.delta, self.table, txn).await
    }

    /// Keeps what could not be read, as it was read, in `_rejected` beside the files. Writing it again is harmless.
    ///
    /// # Errors
    /// When the storage does not take it.
    pub(crate) async fn keep(&self, rejected: &[Rejected]) -> Result<(), Error> {
        let store = self.delta.object_store();
        for Rejected { partition, offset, value, reason } in rejected {
            let name = format!("{REJECTED}/{partition}-{offset}");
            let path = deltalake::Path::from(name.as_str());
            let put = store.put_opts(&path, value.clone().into(), Default::default());
            put.await.map_err(|error| Error::Rejected {
                table: self.table.name(),
                name,
                reason: error.to_string(),
            })?;
            let (table, bytes) = (self.table.name(), value.len());
            tracing::error!(
                table,
                partition,
                offset,
                bytes,
                reason,
                "unreadable record; kept in the folder _rejected beside the table"
            );
        }
        Ok(())
    }

    /// What it wants of a cut: the rows of the records that its positions have not passed.
    ///
    /// # Errors
    /// When its schema cannot be read.
    pub(crate) fn want(&self) -> Result<Want, Error> {
        let floor = self.next.clone();
        self.want_of(move |record| record.offset >= floor.get(&record.partition).copied().unwrap_or(0))
    }

    /// The same; `new` says of which records.
    pub(crate) fn want_of(&self, new: impl Fn(&Record) -> bool + Send + 'static) -> Result<Want, Error> {
        Ok(Want { table: self.table, schema: schema(&self.delta, self.table)?, new: Box::new(new) })
    }

    /// Writes the files that a cut made of what this table wanted, and commits them with the cut's positions. Positions alone
    /// are committed now and then, or at once if `last`.
    ///
    /// # Errors
    /// When nothing of it stands, or when that is not known: the positions tell, once looked up again.
    pub(crate) async fn write(
        &mut self,
        files: Vec<Encoded>,
        marks: &Marks,
        last: bool,
        idle: Duration,
    ) -> Result<(), Error> {
        self.pending.merge(marks, &self.next);
        let adds = self.files(files).await?;
        let overdue = last || self.committed.elapsed() >= idle;
        if self.pending.next.is_empty() || (adds.is_empty() && !overdue) {
            return Ok(());
        }
        self.commit(adds).await
    }

    /// Commits the positions that were reached since the last commit, if there are any.
    ///
    /// # Errors
    /// As [`Delta::write`].
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        if self.pending.next.is_empty() { Ok(()) } else { self.commit(Vec::new()).await }
    }

    /// Puts files that are no part of the table yet.
    ///
    /// # Errors
    /// When the storage does not take them.
    pub(crate) async fn files(&self, encoded: Vec<Encoded>) -> Result<Vec<Add>, Error> {
        let (store, mut adds) = (self.delta.object_store(), Vec::with_capacity(encoded.len()));
        for (path, bytes, add) in encoded {
            // A name of its own: what stands there could only be this very file.
            let options = PutOptions::from(PutMode::Overwrite);
            let put = store.put_opts(&deltalake::Path::from(path), bytes.into(), options).await;
            put.map_err(|source| Error::Storage { doing: "put", table: self.table.name(), source })?;
            adds.push(add);
        }
        Ok(adds)
    }

    async fn commit(&mut self, adds: Vec<Add>) -> Result<(), Error> {
        // A collector of an older build has no term; the position of partition 0 makes its commits conflict too.
        let first = self.next.get(&0).copied().unwrap_or(0);
        self.pending.next.entry(0).or_insert(first);
        let txns = self.pending.txns(self.table.topic());
        self.put(adds, txns).await?;
        self.next.append(&mut self.pending.next);
        self.pending = Marks::default();
        self.committed = Instant::now();
        Ok(())
    }

    /// Commits files together with positions, and with the term if this is a collector's table.
    pub(crate) async fn put(&mut self, adds: Vec<Add>, mut txns: Vec<(String, i64)>) -> Result<(), Error> {
        let fail = |source| failed("commit to", self.table, source);
        // INVARIANT: every commit of a collector carries its term, so that any two collectors' commits conflict.
        // Otherwise one could be carried past another's rows without noticing.
        if let Some(term) = self.term {
            let id = Txn::Term { topic: self.table.topic() }.to_string();
            txns.push((id, i64::try_from(term).unwrap_or(i64::MAX)));
        }
        let version = self.delta.version().map_or(0, |version| version + 1);
        let properties = CommitProperties::default()
            .with_application_transactions(txns.into_iter().map(|(id, at)| Transaction::new(id, at)).collect())
            // Cleaning lists the whole log, so it goes with the checkpoint that makes it possible.
            .with_cleanup_expired_logs(Some((version + 1).is_multiple_of(CHECKPOINT_INTERVAL)));
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![lake::PARTITION.to_owned()]),
            predicate: None,
        };
        let snapshot = self.delta.snapshot().map_err(fail)?;
        let done = CommitBuilder::from(properties)
            .with_actions(adds.into_iter().map(Action::Add).collect())
            .build(Some(snapshot), self.delta.log_store(), operation)
            .await
            .map_err(fail)?;
        self.delta.state = Some(done.snapshot());
        // Cleaning up has opened it anew itself.
        if done.metrics.new_checkpoint_created && done.metrics.num_log_files_cleaned_up == 0 {
            self.open_anew(done.version).await;
        }
        Ok(())
    }

    /// Opens the table anew as it was at a version of which there is a checkpoint: each commit since the last one is a list
    /// of files of its own, which the next commit goes through, and the checkpoint has all of them in one.
    ///
    /// INVARIANT: at the very version of the last commit, so that one of another that came meanwhile still conflicts with
    /// the next.
    async fn open_anew(&mut self, version: u64) {
        let mut anew = self.delta.clone();
        anew.state = None;
        match anew.load_version(version).await {
            Ok(()) => self.delta = anew,
            // What stands is known all the same; it only costs more.
            Err(error) => tracing::warn!(table = self.table.name(), %error, "the table is not opened anew"),
        }
    }
}

pub(crate) fn failed(doing: &'static str, table: Table, source: DeltaTableError) -> Error {
    Error::Delta { doing, table: table.name(), source: Box::new(source) }
}
