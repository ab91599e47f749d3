//! Rows of any number of files into the table's order, in bounded memory: sorted runs, spilled to this machine's
//! temporary folder when there is more than one, and merged.

use crate::Error;
use crate::file::{Life, Writer};
use crate::table::failed;
use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, concat_batches, interleave_record_batch, lexsort_to_indices, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use deltalake::DeltaTableError;
use interdict_schemas::lake::Table;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufReader;

/// Rows of a batch.
pub(super) const BATCH: usize = 2_048;

/// Bytes of rows that are held before they are sorted and spilled. Sorting needs as much again, twice.
const BUDGET: usize = 48 << 20;

/// Gathers rows.
pub(super) struct Sorter {
    table: Table,
    schema: SchemaRef,
    keys: Vec<usize>,
    held: Vec<RecordBatch>,
    bytes: usize,
    runs: Vec<File>,
}

impl Sorter {
    pub(super) fn new(table: Table, schema: SchemaRef) -> Result<Self, Error> {
        let keys = order(table).iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>();
        let keys = keys.map_err(|source| fail(table, source))?;
        Ok(Self { table, schema, keys, held: Vec::new(), bytes: 0, runs: Vec::new() })
    }

    /// Adds rows; spills when there are too many.
    pub(super) async fn add(mut self, rows: Vec<RecordBatch>) -> Result<Self, Error> {
        self.bytes += rows.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        self.held.extend(rows);
        // Thousands of tiny batches weigh more than what is in them.
        if self.bytes < BUDGET && self.held.len() < 4_096 {
            return Ok(self);
        }
        let table = self.table;
        let spill = tokio::task::spawn_blocking(move || {
            self.spill().map_err(|source| fail(table, source))?;
            Ok(self)
        });
        spill.await.map_err(|_| Error::CutShort(table.name()))?
    }

    /// What is held, in order.
    fn sorted(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let all = concat_batches(&self.schema, &held)?;
        drop(held);
        let column = |key: &usize| SortColumn { values: all.column(*key).clone(), options: None };
        let order = lexsort_to_indices(&self.keys.iter().map(column).collect::<Vec<_>>(), None)?;
        let slices = (0..order.len()).step_by(BATCH);
        slices.map(|at| take_record_batch(&all, &order.slice(at, BATCH.min(order.len() - at)))).collect()
    }

    fn spill(&mut self) -> Result<(), ArrowError> {
        let rows = self.sorted()?;
        let file = tempfile::tempfile()?;
        let mut writer = FileWriter::try_new(std::io::BufWriter::new(file.try_clone()?), &self.schema)?;
        for batch in &rows {
            writer.write(batch)?;
        }
        writer.finish()?;
        drop(writer);
        self.runs.push(file);
        Ok(())
    }
}

fn fail(table: Table, source: ArrowError) -> Error {
    failed("sort", table, DeltaTableError::Arrow { source })
}

/// The columns that a table's files are sorted by.
const fn order(table: Table) -> &'static [&'static str] {
    match table {
        Table::Events | Table::Sessions | Table::Disclosures => &["root", "time", "bus_partition", "bus_offset"],
        Table::Recordings => &["session", "index", "bus_partition", "bus_offset"],
        Table::Alerts | Table::Verdicts | Table::Resolutions | Table::Checkpoints => {
            &["time", "bus_partition", "bus_offset"]
        }
    }
}

/// Merges everything and hands on encoded files of about `target` bytes, as long as `take` wants them.
pub(super) fn write(
    mut sorter: Sorter,
    target: u64,
    mut take: impl FnMut((Vec<u8>, ParquetMetaData)) -> bool,
) -> Result<(), Error> {
    let (table, schema) = (sorter.table, SchemaRef::clone(&sorter.schema));
    let mut writer: Option<Writer> = None;
    let mut end = |writer: Writer| -> Result<bool, Error> { Ok(take(writer.close()?)) };
    let mut each = |batch: RecordBatch| -> Result<bool, Error> {
        let mut current = match writer.take() {
            Some(current) => current,
            None => Writer::new(table, Life::Long, &schema)?,
        };
        current.write(&batch)?;
        if current.size() as u64 >= target {
            return end(current);
        }
        writer = Some(current);
        Ok(true)
    };
    if sorter.runs.is_empty() {
        for batch in sorter.sorted().map_err(|source| fail(table, source))? {
            if !each(batch)? {
                return Ok(());
            }
        }
    } else {
        sorter.spill().map_err(|source| fail(table, source))?;
        let mut merge = Merge::new(&sorter).map_err(|source| fail(table, source))?;
        drop(sorter);
        while let Some(batch) = merge.next().map_err(|source| fail(table, source))? {
            if !each(batch)? {
                return Ok(());
            }
        }
    }
    if let Some(last) = writer {
        end(last)?;
    }
    Ok(())
}

/// A run that is being read.
struct Run {
    reader: FileReader<BufReader<File>>,
    batch: RecordBatch,
    rows: Rows,
    at: usize,
}

/// The head of a run, the least first out of a heap.
#[derive(PartialEq, Eq)]
struct Head {
    key: OwnedRow,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.key.row(), other.run).cmp(&(self.key.row(), self.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Merge {
    keys: Vec<usize>,
    converter: RowConverter,
    runs: Vec<Run>,
    heads: BinaryHeap<Head>,
}

impl Merge {
    fn new(sorter: &Sorter) -> Result<Self, ArrowError> {
        use std::io::Seek as _;
        let fields = sorter.keys.iter().map(|key| SortField::new(sorter.schema.field(*key).data_type().clone()));
        let mut merge = Self {
            keys: sorter.keys.clone(),
            converter: RowConverter::new(fields.collect())?,
            runs: Vec::new(),
            heads: BinaryHeap::new(),
        };
        for file in &sorter.runs {
            let mut file = file.try_clone()?;
            file.rewind()?;
            let mut reader = FileReader::try_new_buffered(file, None)?;
            if let Some(batch) = reader.next().transpose()? {
                let rows = merge.convert(&batch)?;
                merge.runs.push(Run { reader, batch, rows, at: 0 });
                merge.lift(merge.runs.len() - 1);
            }
        }
        Ok(merge)
    }

    fn convert(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<_> = self.keys.iter().map(|key| batch.column(*key).clone()).collect();
        self.converter.convert_columns(&columns)
    }

    fn lift(&mut self, run: usize) {
        if let Some(found) = self.runs.get(run) {
            self.heads.push(Head { key: found.rows.row(found.at).owned(), run });
        }
    }

    /// The next rows in order: until there are enough, or a run needs its next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut taken: Vec<(usize, usize)> = Vec::with_capacity(BATCH);
        let mut dry = None;
        while taken.len() < BATCH {
            let Some(Head { run, .. }) = self.heads.pop() else { break };
            let Some(found) = self.runs.get_mut(run) else { break };
            taken.push((run, found.at));
            found.at += 1;
            if found.at == found.batch.num_rows() {
                dry = Some(run);
                break;
            }
            self.lift(run);
        }
        if taken.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.runs.iter().map(|run| &run.batch).collect();
        let merged = interleave_record_batch(&batches, &taken)?;
        if let Some(run) = dry
            && let Some(found) = self.runs.get_mut(run)
            && let Some(batch) = found.reader.next().transpose()?
        {
            let rows = self.convert(&batch)?;
            if let Some(found) = self.runs.get_mut(run) {
                (found.batch, found.rows, found.at) = (batch, rows, 0);
            }
            self.lift(run);
        }
        Ok(Some(merged))
    }
}
