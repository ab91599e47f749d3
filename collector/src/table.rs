//! One Delta table: opened or created, written sorted and partitioned by date, committed with its positions.
//!
//! DELIVERY: a cut's files and the positions reached by it become visible in one Delta commit, or not at all. Files
//! of a commit that never came are no part of the table; a vacuum removes them. Delta refuses a commit when another
//! collector's came between (a process that was thought dead, or a second one), so one record is not written by both.

use crate::batch::{Cut, Rejected};
use crate::commit::Marks;
use crate::{Error, digest};
use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use interdict_bus::From;
use interdict_schemas::Topic;
use interdict_schemas::lake::{self, Place, Table, txn::Txn};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A table without new rows commits its positions no more often than this: positions alone make a commit each.
const POSITIONS_ALONE: Duration = Duration::from_secs(60);

/// Old versions of the table's log are kept this long. The log is listed at each commit, so it must stay short.
const LOG_RETENTION: &str = "interval 2 days";

/// Commits between two checkpoints.
const CHECKPOINT_INTERVAL: u64 = 100;

/// The columns with statistics in the log, by which engines pass over files.
const STATISTICS: &str =
    "time,session,root,actor,target,id,event,detection,spool,sequence,bus_partition,bus_offset,index";

/// A table that is written.
#[derive(Debug)]
pub(crate) struct Delta {
    table: Table,
    delta: DeltaTable,
    /// The positions that stand in it.
    next: From,
    /// Positions reached since, by cuts without rows here.
    pending: Marks,
    committed: Instant,
}

impl Delta {
    /// Opens the table in the folder `lake`, or creates it with the positions `begin`.
    ///
    /// # Errors
    /// When it cannot be read or created, or has another schema.
    pub(crate) async fn open(lake: &Path, table: Table, begin: &From) -> Result<Self, Error> {
        let fail = |source| failed("open", table, source);
        let location = lake.join(table.name());
        let invalid = || Error::Location(location.display().to_string());
        let text = location.to_str().ok_or_else(invalid)?;
        std::fs::create_dir_all(&location).map_err(|error| fail(DeltaTableError::Io { source: error }))?;
        let url = deltalake::ensure_table_uri(text).map_err(|_| invalid())?;
        let mut delta = DeltaTableBuilder::from_url(url).and_then(DeltaTableBuilder::build).map_err(fail)?;
        if delta.verify_deltatable_existence().await.map_err(fail)? {
            delta.load().await.map_err(fail)?;
        } else {
            delta = create(&delta, table, begin).await?;
        }
        let delta = evolve(delta, table).await?;
        Ok(Self { table, delta, next: From::new(), pending: Marks::default(), committed: Instant::now() })
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
    pub(crate) async fn look_up(&mut self, topic: Topic, partitions: u32) -> Result<(), Error> {
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
        Positions { table: self.table, delta: self.delta.clone() }
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
        for Rejected { partition, offset, value } in rejected {
            let name = format!("_rejected/{partition}-{offset}");
            let path = deltalake::Path::from(name.as_str());
            let put = store.put_opts(&path, value.clone().into(), Default::default());
            put.await.map_err(|error| Error::Rejected {
                table: self.table.name(),
                name,
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// Writes what is new for this table and commits it with the positions. Positions alone are committed now and
    /// then, or at once if `last`.
    ///
    /// # Errors
    /// When nothing of it stands, or when that is not known: the positions tell, once looked up again.
    pub(crate) async fn write(&mut self, cut: &Arc<Cut>, last: bool) -> Result<(), Error> {
        self.pending.merge(&cut.marks, &self.next);
        let floor = self.next.clone();
        let adds = self
            .files(Arc::clone(cut), move |place| place.offset >= floor.get(&place.partition).copied().unwrap_or(0))
            .await?;
        let overdue = last || self.committed.elapsed() >= POSITIONS_ALONE;
        if self.pending.next.is_empty() || (adds.is_empty() && !overdue) {
            return Ok(());
        }
        self.commit(adds).await
    }

    /// Writes the rows of the records that `new` says the table has not, into files that are no part of it yet.
    pub(crate) async fn files(
        &self,
        cut: Arc<Cut>,
        new: impl Fn(&Place) -> bool + Send + 'static,
    ) -> Result<Vec<Add>, Error> {
        let (table, delta) = (self.table, self.delta.clone());
        let runtime = tokio::runtime::Handle::current();
        // Sorting, encoding and compressing keep a core busy for a while; the proxy may share this runtime.
        let files = tokio::task::spawn_blocking(move || {
            let days = cut.days(table, new);
            if days.is_empty() {
                return Ok(Vec::new());
            }
            runtime.block_on(async {
                let adds = write_files(&delta, table, days).await?;
                digest::noted(&delta, table, adds).await
            })
        });
        files.await.map_err(|_| Error::CutShort(self.table.name()))?
    }

    async fn commit(&mut self, adds: Vec<Add>) -> Result<(), Error> {
        // INVARIANT: every commit carries the position of partition 0, so that any two collectors' commits conflict,
        // whichever partitions they read. Otherwise one could be carried past another's rows without noticing.
        let first = self.next.get(&0).copied().unwrap_or(0);
        self.pending.next.entry(0).or_insert(first);
        let txns = self.pending.txns(self.table.topic());
        self.put(adds, txns).await?;
        self.next.append(&mut self.pending.next);
        self.pending = Marks::default();
        self.committed = Instant::now();
        Ok(())
    }

    /// Commits files together with positions.
    pub(crate) async fn put(&mut self, adds: Vec<Add>, txns: Vec<(String, i64)>) -> Result<(), Error> {
        let fail = |source| failed("commit to", self.table, source);
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
        Ok(())
    }
}

/// Reads a table's positions as they stood at one version.
#[derive(Debug)]
pub(crate) struct Positions {
    table: Table,
    delta: DeltaTable,
}

impl Positions {
    /// The highest sequence of a spool that the table has of a partition.
    ///
    /// # Errors
    /// When the table's log cannot be read.
    pub(crate) async fn highest(&self, topic: Topic, partition: u32, spool: &str) -> Result<Option<u64>, Error> {
        version(&self.delta, self.table, &Txn::Highest { topic, partition, spool: spool.to_owned() }).await
    }
}

async fn version(delta: &DeltaTable, table: Table, txn: &Txn) -> Result<Option<u64>, Error> {
    let fail = |source| failed("read positions of", table, source);
    let snapshot = delta.snapshot().map_err(fail)?.snapshot();
    let version = snapshot.transaction_version(delta.log_store().as_ref(), txn.to_string()).await.map_err(fail)?;
    Ok(version.and_then(|version| u64::try_from(version).ok()))
}

fn failed(doing: &'static str, table: Table, source: DeltaTableError) -> Error {
    Error::Delta { doing, table: table.name(), source: Box::new(source) }
}

fn kernel(table: Table) -> Result<StructType, Error> {
    table
        .schema()
        .as_ref()
        .try_into_kernel()
        .map_err(|source| failed("describe", table, DeltaTableError::Arrow { source }))
}

async fn create(delta: &DeltaTable, table: Table, begin: &From) -> Result<DeltaTable, Error> {
    let fields = kernel(table)?;
    let setting = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    let known: Vec<&str> =
        STATISTICS.split(',').filter(|name| table.schema().column_with_name(name).is_some()).collect();
    let begin = Marks { next: begin.clone(), ..Marks::default() }.txns(table.topic());
    let begin = begin.into_iter().map(|(id, at)| Transaction::new(id, at)).collect();
    let made = CreateBuilder::new()
        .with_commit_properties(CommitProperties::default().with_application_transactions(begin))
        .with_log_store(delta.log_store())
        .with_table_name(table.name())
        .with_columns(fields.fields().cloned())
        .with_partition_columns([lake::PARTITION])
        .with_save_mode(SaveMode::Ignore)
        .with_configuration([
            setting("delta.checkpointInterval", &CHECKPOINT_INTERVAL.to_string()),
            setting("delta.logRetentionDuration", LOG_RETENTION),
            setting("delta.dataSkippingStatsColumns", &known.join(",")),
        ]);
    made.await.map_err(|source| failed("create", table, source))
}

fn schema(delta: &DeltaTable, table: Table) -> Result<SchemaRef, Error> {
    let fail = |source| failed("read the schema of", table, source);
    let snapshot = delta.snapshot().map_err(fail)?;
    let arrow: Schema =
        snapshot.schema().as_ref().try_into_arrow().map_err(|source| fail(DeltaTableError::Arrow { source }))?;
    Ok(Arc::new(arrow))
}

/// Adds the columns that this build knows and the table lacks.
async fn evolve(delta: DeltaTable, table: Table) -> Result<DeltaTable, Error> {
    let found = schema(&delta, table)?;
    let mismatch = |column: &str, found: String, expected: String| Error::Schema {
        table: table.name(),
        column: column.to_owned(),
        found,
        expected,
    };
    let mut missing = Vec::new();
    let wanted = kernel(table)?;
    for (field, column) in table.schema().fields().iter().zip(wanted.fields()) {
        match found.field_with_name(field.name()) {
            Ok(there) if there.data_type() == field.data_type() => {}
            Ok(there) => {
                let (there, ours) = (there.data_type().to_string(), field.data_type().to_string());
                return Err(mismatch(field.name(), there, ours));
            }
            Err(_) if field.is_nullable() => missing.push(column.clone()),
            Err(_) => return Err(mismatch(field.name(), "missing".into(), "a column that is never null".into())),
        }
    }
    for field in found.fields() {
        if !field.is_nullable() && table.schema().field_with_name(field.name()).is_err() {
            return Err(mismatch(field.name(), "a column that is never null".into(), "nothing".into()));
        }
    }
    if missing.is_empty() {
        return Ok(delta);
    }
    tracing::info!(table = table.name(), columns = missing.len(), "adding columns to a table of an older build");
    delta.add_columns().with_fields(missing).await.map_err(|source| failed("add columns to", table, source))
}

async fn write_files(
    delta: &DeltaTable,
    table: Table,
    days: Vec<Vec<&lake::Located<interdict_schemas::Message>>>,
) -> Result<Vec<Add>, Error> {
    let fail = |source| failed("write files of", table, source);
    let schema = schema(delta, table)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("interdict ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = RecordBatchWriter::for_table(delta).map_err(fail)?.with_writer_properties(properties);
    for day in days {
        let batch = lake::rows(table, day)?;
        let batch = conform(batch, &schema).map_err(|source| fail(DeltaTableError::Arrow { source }))?;
        writer.write(batch).await.map_err(fail)?;
    }
    writer.flush().await.map_err(fail)
}

/// The columns in the table's order, null where the table was made by a newer build and has more.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name()).cloned();
        column.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}
