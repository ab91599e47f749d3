//! A table's rows as the chain needs them, in the order of their logs and numbers. Files are read one by one, so that one
//! that is gone or broken does not keep the others from being looked at; what is sorted is narrow, and spills to disk
//! where it does not fit in the memory that the engine may use.

use super::bounds::Bounds;
use super::files::File;
use super::narrow::{self, Columns, Sorted};
use super::source::Source;
use super::tally::Tally;
use crate::{Error, Snapshot};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::col;
use deltalake::ObjectStore;
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use interdict_schemas::lake::{self, Table};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that are read at once: each time every column is begun anew, and a row is some hundred bytes.
const ROWS: usize = 8_192;

/// Names of logs and proxies, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, i32>,
    names: Vec<Arc<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> i32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = i32::try_from(self.names.len()).unwrap_or(i32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.into());
        number
    }
}

/// What all readers of a table share.
#[derive(Debug)]
struct Work {
    table: Table,
    store: Arc<dyn ObjectStore>,
    files: Mutex<VecDeque<File>>,
    names: Mutex<Names>,
    broken: Mutex<Vec<String>>,
    unnumbered: Mutex<u64>,
    tally: Mutex<Tally>,
    /// Only these numbers, by log; all where there are none.
    spans: Option<HashMap<String, RangeInclusive<u64>>>,
}

/// A sorted reading of a table.
pub(super) struct Scan {
    work: Arc<Work>,
    rows: SendableRecordBatchStream,
    memory: usize,
}

impl Scan {
    /// Starts reading these files of the table.
    pub(super) async fn open(
        lake: &Snapshot,
        table: Table,
        files: Vec<File>,
        spans: Option<HashMap<String, RangeInclusive<u64>>>,
    ) -> Result<Option<Self>, Error> {
        let Some(delta) = lake.delta(table) else { return Ok(None) };
        let work = Arc::new(Work {
            table,
            store: delta.object_store(),
            files: Mutex::new(files.into()),
            names: Mutex::default(),
            broken: Mutex::default(),
            unnumbered: Mutex::default(),
            tally: Mutex::default(),
            spans,
        });
        let readers = lake.context().state().config().target_partitions();
        let part = || Arc::new(Part(Arc::clone(&work))) as Arc<dyn PartitionStream>;
        let parts = (0..readers).map(|_| part()).collect();
        let source = StreamingTable::try_new(Arc::clone(&narrow::SCHEMA), parts).map_err(Error::planning)?;
        let order = vec![col(narrow::ORDER).sort(true, false)];
        let sorted = lake.context().read_table(Arc::new(source)).and_then(|frame| frame.sort(order));
        let memory = lake.memory();
        let rows = sorted.map_err(Error::planning)?.execute_stream().await;
        Ok(Some(Self { work, rows: rows.map_err(|error| Error::running(error, memory))?, memory }))
    }

    /// The next rows.
    pub(super) async fn next(&mut self) -> Result<Option<Sorted>, Error> {
        let batch = self.rows.next().await.transpose().map_err(|error| Error::running(error, self.memory))?;
        // Every row was read before the first one comes out of the sort, and named.
        Ok(batch.map(|batch| Sorted::new(&batch, lock(&self.work.names).names.clone())))
    }

    /// Once all is read: rows without a number, files that could not be read, and what the rows make in other tables.
    pub(super) fn end(self) -> (u64, Vec<String>, Tally) {
        let Work { unnumbered, broken, tally, .. } = &*self.work;
        (*lock(unnumbered), std::mem::take(&mut *lock(broken)), std::mem::take(&mut *lock(tally)))
    }
}

/// One of the readers.
#[derive(Debug)]
struct Part(Arc<Work>);

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &narrow::SCHEMA
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let work = Arc::clone(&self.0);
        let files = stream::unfold(work, |work| async move {
            let file = lock(&work.files).pop_front()?;
            let batches = read(Arc::clone(&work), file).await;
            Some((batches, work))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&narrow::SCHEMA), files.flatten()))
    }
}

/// One file's rows. What fails in it is told at the end, and ends it.
async fn read(work: Arc<Work>, file: File) -> impl Stream<Item = Result<RecordBatch, DataFusionError>> + use<> {
    let opened = async {
        let mut source = Source::open(&work.store, &file).await?;
        let found = ArrowReaderMetadata::load_async(&mut source, ArrowReaderOptions::new()).await?;
        let groups = found.metadata().row_groups();
        let has_dictionary = |leaf: usize| {
            let mut columns = groups.iter().map(|group| group.columns().get(leaf));
            columns.all(|column| column.is_some_and(is_of_dictionary))
        };
        let schema = lake::read_as(work.table, found.schema(), has_dictionary);
        let schema = schema.map_err(|error| ParquetError::General(error.to_string()))?;
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let found = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)?;
        let bounds = Bounds::new(&file, Arc::clone(found.metadata()));
        let batches = ParquetRecordBatchStreamBuilder::new_with_metadata(source, found).with_batch_size(ROWS);
        Ok((batches.build()?, bounds))
    };
    let opened = contained(opened).await;
    let name = format!("{}/{}", work.table.name(), file.path);
    let opened = opened.map_err(|error| lock(&work.broken).push(format!("{name}: {error}"))).ok();
    stream::unfold((opened, work, name), |(opened, work, name)| async move {
        let (mut batches, mut bounds) = opened?;
        let fault = match contained(batches.try_next()).await {
            Ok(Some(batch)) => {
                bounds.see(&batch);
                let rows = narrowed(&work, &batch);
                return Some((rows, (Some((batches, bounds)), work, name)));
            }
            Ok(None) => bounds.finish(),
            Err(error) => Some(error.to_string()),
        };
        lock(&work.broken).extend(fault.map(|fault| format!("{name}: {fault}")));
        None
    })
}

/// Whether a column is best read as a dictionary: a text that many rows have is not copied for each. Where there is not
/// one text, the reader would make up a dictionary anew for every batch.
fn is_of_dictionary(column: &ColumnChunkMetaData) -> bool {
    let nulls = column.statistics().and_then(Statistics::null_count_opt).map(i64::try_from);
    column.dictionary_page_offset().is_some() && nulls != Some(Ok(column.num_values()))
}

/// Of some damage the reader does not make an error but a panic, which must not be the whole proof's.
async fn contained<T>(read: impl Future<Output = Result<T, ParquetError>>) -> Result<T, ParquetError> {
    let broke = |_| Err(ParquetError::General("breaks the reader of Parquet".to_owned()));
    AssertUnwindSafe(read).catch_unwind().await.unwrap_or_else(broke)
}

fn narrowed(work: &Work, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    if work.table == Table::Events {
        lock(&work.tally).see(batch);
    }
    let mut columns = Columns::with_room_for(batch.num_rows());
    let mut known = Known::default();
    let mut unnumbered = 0;
    lake::links(work.table, batch, |link| {
        let Some(stamp) = link.stamp else {
            unnumbered += 1;
            return;
        };
        if let Some(spans) = &work.spans
            && !spans.get(stamp.spool).is_some_and(|span| span.contains(&stamp.sequence))
        {
            return;
        }
        let spool = known.spool.number(stamp.spool, &work.names);
        let proxy = known.proxy.number(stamp.proxy, &work.names);
        columns.push(spool, proxy, &stamp, &link);
    });
    *lock(&work.unnumbered) += unnumbered;
    columns.finish()
}

/// The names that came last, and their numbers: rows beside each other mostly have the same.
#[derive(Default)]
struct Known {
    spool: Last,
    proxy: Last,
}

#[derive(Default)]
struct Last(Option<(String, i32)>);

impl Last {
    fn number(&mut self, name: &str, names: &Mutex<Names>) -> i32 {
        match &self.0 {
            Some((last, number)) if last == name => *number,
            _ => {
                let number = lock(names).number(name);
                self.0 = Some((name.to_owned(), number));
                number
            }
        }
    }
}

/// What is guarded is pushed to and counted; a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
