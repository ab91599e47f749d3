//! A table's rows as the chain needs them, in the order of their logs and numbers. Files are read one by one, so that one
//! that is gone or broken does not keep the others from being looked at; what is sorted is narrow, and spills to disk
//! where it does not fit in the memory that the engine may use.

use super::chain::Row;
use super::files::File;
use super::source::Source;
use crate::{Error, Snapshot};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, Int32Array, Int64Array, RecordBatch,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::col;
use deltalake::ObjectStore;
use futures::{Stream, StreamExt as _, stream};
use interdict_schemas::lake::{self, Table};
use interdict_schemas::{Digest, Time};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

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
    /// Only these numbers, by log; all where there are none.
    spans: Option<HashMap<String, RangeInclusive<u64>>>,
}

/// Rows as they come out of the sort, some at once.
pub(super) struct Sorted {
    names: Vec<Arc<str>>,
    spool: Int32Array,
    proxy: Int32Array,
    sequence: Int64Array,
    partition: Int32Array,
    offset: Int64Array,
    time: Int64Array,
    previous: FixedSizeBinaryArray,
    record: FixedSizeBinaryArray,
}

impl Sorted {
    fn new(batch: &RecordBatch, names: Vec<Arc<str>>) -> Self {
        let [spool, proxy, partition] = [0, 1, 3].map(|at| batch.column(at).as_primitive::<Int32Type>().clone());
        let [sequence, offset, time] = [2, 4, 5].map(|at| batch.column(at).as_primitive::<Int64Type>().clone());
        let [previous, record] = [6, 7].map(|at| batch.column(at).as_fixed_size_binary().clone());
        Self { names, spool, proxy, sequence, partition, offset, time, previous, record }
    }

    pub(super) fn len(&self) -> usize {
        self.spool.len()
    }

    /// The log that a row is of.
    pub(super) fn spool(&self, row: usize) -> Arc<str> {
        self.name(&self.spool, row).cloned().unwrap_or_else(|| "".into())
    }

    /// How many of the rows from `row` on are of the same log as it.
    pub(super) fn alike(&self, row: usize) -> usize {
        let rest = self.spool.values().get(row..).unwrap_or_default();
        rest.iter().take_while(|spool| Some(*spool) == rest.first()).count()
    }

    pub(super) fn row(&self, row: usize) -> Row<'_> {
        let digest =
            |array: &FixedSizeBinaryArray| array.is_valid(row).then(|| Digest::read(array.value(row))).flatten();
        let count = |array: &Int64Array| u64::try_from(array.value(row)).unwrap_or_default();
        Row {
            proxy: self.name(&self.proxy, row).map_or("", |name| name),
            sequence: count(&self.sequence),
            time: Time(self.time.value(row)),
            partition: u32::try_from(self.partition.value(row)).unwrap_or_default(),
            offset: count(&self.offset),
            previous: digest(&self.previous),
            record: digest(&self.record),
        }
    }

    fn name(&self, numbers: &Int32Array, row: usize) -> Option<&Arc<str>> {
        self.names.get(usize::try_from(numbers.value(row)).ok()?)
    }
}

/// A sorted reading of a table.
pub(super) struct Scan {
    work: Arc<Work>,
    rows: SendableRecordBatchStream,
    memory: usize,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{FixedSizeBinary, Int32, Int64};
    Arc::new(Schema::new(vec![
        Field::new("spool", Int32, false),
        Field::new("proxy", Int32, false),
        Field::new("sequence", Int64, false),
        Field::new("partition", Int32, false),
        Field::new("offset", Int64, false),
        Field::new("time", Int64, false),
        Field::new("previous", FixedSizeBinary(32), true),
        Field::new("record", FixedSizeBinary(32), true),
    ]))
});

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
            spans,
        });
        let readers = lake.context().state().config().target_partitions();
        let part = || Arc::new(Part(Arc::clone(&work))) as Arc<dyn PartitionStream>;
        let parts = (0..readers).map(|_| part()).collect();
        let source = StreamingTable::try_new(Arc::clone(&SCHEMA), parts).map_err(Error::planning)?;
        let order = ["spool", "sequence", "offset"].map(|name| col(name).sort(true, false)).to_vec();
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

    /// Once all is read: rows without a number, and files that could not be read.
    pub(super) fn end(self) -> (u64, Vec<String>) {
        (*lock(&self.work.unnumbered), std::mem::take(&mut *lock(&self.work.broken)))
    }
}

/// One of the readers.
#[derive(Debug)]
struct Part(Arc<Work>);

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &SCHEMA
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let work = Arc::clone(&self.0);
        let files = stream::unfold(work, |work| async move {
            let file = lock(&work.files).pop_front()?;
            let batches = read(Arc::clone(&work), file).await;
            Some((batches, work))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), files.flatten()))
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
            columns.all(|column| column.is_some_and(|column| column.dictionary_page_offset().is_some()))
        };
        // As the file has them: a text that many rows have is not copied for each.
        let schema = lake::as_dictionaries(found.schema(), has_dictionary);
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let found = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)?;
        ParquetRecordBatchStreamBuilder::new_with_metadata(source, found).with_batch_size(ROWS).build()
    };
    let opened = opened.await;
    let name = format!("{}/{}", work.table.name(), file.path);
    let opened = opened.map_err(|error| lock(&work.broken).push(format!("{name}: {error}"))).ok();
    stream::unfold((opened, work, name), |(rows, work, name)| async move {
        let mut rows = rows?;
        match rows.next().await? {
            Ok(batch) => {
                let narrow = narrow(&work, &batch);
                Some((narrow, (Some(rows), work, name)))
            }
            Err(error) => {
                lock(&work.broken).push(format!("{name}: {error}"));
                None
            }
        }
    })
}

fn narrow(work: &Work, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let mut columns = Columns::default();
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
        columns.spool.push(known.spool.number(stamp.spool, &work.names));
        columns.proxy.push(known.proxy.number(stamp.proxy, &work.names));
        columns.sequence.push(signed(stamp.sequence));
        columns.partition.push(i32::try_from(link.partition).unwrap_or(i32::MAX));
        columns.offset.push(signed(link.offset));
        columns.time.push(link.time.0);
        columns.previous.push(stamp.previous);
        columns.record.push(link.record);
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

#[derive(Default)]
struct Columns {
    spool: Vec<i32>,
    proxy: Vec<i32>,
    sequence: Vec<i64>,
    partition: Vec<i32>,
    offset: Vec<i64>,
    time: Vec<i64>,
    previous: Vec<Option<Digest>>,
    record: Vec<Option<Digest>>,
}

impl Columns {
    fn finish(self) -> Result<RecordBatch, DataFusionError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(self.spool)),
            Arc::new(Int32Array::from(self.proxy)),
            Arc::new(Int64Array::from(self.sequence)),
            Arc::new(Int32Array::from(self.partition)),
            Arc::new(Int64Array::from(self.offset)),
            Arc::new(Int64Array::from(self.time)),
            digests(&self.previous)?,
            digests(&self.record)?,
        ];
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}

fn digests(digests: &[Option<Digest>]) -> Result<ArrayRef, DataFusionError> {
    let mut column = FixedSizeBinaryBuilder::with_capacity(digests.len(), 32);
    for digest in digests {
        match digest {
            Some(digest) => column.append_value(digest.0)?,
            None => column.append_null(),
        }
    }
    Ok(Arc::new(column.finish()))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What is guarded is pushed to and counted; a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
