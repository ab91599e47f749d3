//! Rows of any number of files into the table's order, in bounded memory: sorted runs, spilled to this machine's
//! temporary folder when there is more than one, and merged.

use crate::Error;
use crate::file::{Life, Writer};
use crate::table::failed;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{SortColumn, concat, concat_batches, interleave_record_batch, lexsort_to_indices, take};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::row::{Row, RowConverter, Rows, SortField};
use deltalake::DeltaTableError;
use interdict_schemas::lake::Table;
use parquet::file::metadata::ParquetMetaData;
use std::fs::File;
use std::io::BufReader;

/// Rows of a batch.
pub(super) const BATCH: usize = 2_048;

/// Bytes of rows that are held before they are sorted and spilled. Sorting needs as much again.
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
    pub(super) fn add(&mut self, rows: Vec<RecordBatch>) -> Result<(), Error> {
        self.bytes += rows.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        self.held.extend(rows);
        if self.bytes < BUDGET { Ok(()) } else { self.spill().map_err(|source| fail(self.table, source)) }
    }

    /// What is held, in order. A column at a time, which the processor's caches hold, and each is freed once it is moved.
    fn sorted(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let key = |key: &usize| {
            let parts: Vec<ArrayRef> = held.iter().map(|batch| ArrayRef::clone(batch.column(*key))).collect();
            Ok(SortColumn { values: whole(&parts)?, options: None })
        };
        let order = lexsort_to_indices(&self.keys.iter().map(key).collect::<Result<Vec<_>, ArrowError>>()?, None)?;
        let mut columns: Vec<_> = held.into_iter().map(|batch| batch.into_parts().1.into_iter()).collect();
        let column = |_| {
            let parts: Vec<ArrayRef> = columns.iter_mut().filter_map(Iterator::next).collect();
            take(&whole(&parts)?, &order, None)
        };
        let columns = (0..self.schema.fields().len()).map(column).collect::<Result<_, ArrowError>>()?;
        let all = RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?;
        let slices = (0..all.num_rows()).step_by(BATCH);
        Ok(slices.map(|at| all.slice(at, BATCH.min(all.num_rows() - at))).collect())
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

impl Run {
    fn head(&self) -> Row<'_> {
        self.rows.row(self.at)
    }
}

/// Rows of a run that follow each other in the order of all.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    run: usize,
    from: usize,
    count: usize,
}

/// Rows that stretches have on average from which copying each stretch is cheaper than picking rows.
const LONG: usize = 32;

struct Merge {
    schema: SchemaRef,
    keys: Vec<usize>,
    converter: RowConverter,
    runs: Vec<Run>,
    /// Runs by their heads, the least last.
    heads: Vec<usize>,
}

impl Merge {
    fn new(sorter: &Sorter) -> Result<Self, ArrowError> {
        use std::io::Seek as _;
        let fields = sorter.keys.iter().map(|key| SortField::new(sorter.schema.field(*key).data_type().clone()));
        let mut merge = Self {
            schema: SchemaRef::clone(&sorter.schema),
            keys: sorter.keys.clone(),
            converter: RowConverter::new(fields.collect())?,
            runs: Vec::new(),
            heads: Vec::new(),
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

    /// Puts a run in its place among the heads.
    fn lift(&mut self, run: usize) {
        let Self { runs, heads, .. } = self;
        if let Some(found) = runs.get(run) {
            let key = (found.head(), run);
            let place =
                heads.partition_point(|other| runs.get(*other).is_some_and(|found| (found.head(), *other) > key));
            heads.insert(place, run);
        }
    }

    /// The next rows of the run with the least one: as many as come before any other's, `most` at most.
    fn stretch(&mut self, most: usize) -> Option<Stretch> {
        let run = self.heads.pop()?;
        let (before, rest) = self.runs.split_at_mut_checked(run)?;
        let (found, behind) = rest.split_first_mut()?;
        let second = self.heads.last().copied();
        let other = second.and_then(|other| match other.checked_sub(run + 1) {
            Some(at) => behind.get(at),
            None => before.get(other),
        });
        let bound = other.map(Run::head).zip(second);
        let (from, end) = (found.at, found.batch.num_rows().min(found.at + most));
        found.at += 1;
        while found.at < end && bound.is_none_or(|bound| (found.head(), run) < bound) {
            found.at += 1;
        }
        Some(Stretch { run, from, count: found.at - from })
    }

    /// The next rows in order: until there are enough, or a run needs its next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let (mut taken, mut count, mut dry) = (Vec::new(), 0, None);
        while count < BATCH {
            let Some(stretch) = self.stretch(BATCH - count) else { break };
            let run = stretch.run;
            count += stretch.count;
            taken.push(stretch);
            if self.runs.get(run).is_some_and(|found| found.at == found.batch.num_rows()) {
                dry = Some(run);
                break;
            }
            self.lift(run);
        }
        if taken.is_empty() {
            return Ok(None);
        }
        let merged = self.merged(&taken, count)?;
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

    fn merged(&self, taken: &[Stretch], count: usize) -> Result<RecordBatch, ArrowError> {
        if taken.len() * LONG <= count {
            let slice =
                |stretch: &Stretch| Some(self.runs.get(stretch.run)?.batch.slice(stretch.from, stretch.count));
            return concat_batches(&self.schema, &taken.iter().filter_map(slice).collect::<Vec<_>>());
        }
        let each = |&Stretch { run, from, count }: &Stretch| (from..from + count).map(move |row| (run, row));
        let rows: Vec<(usize, usize)> = taken.iter().flat_map(each).collect();
        let batches: Vec<&RecordBatch> = self.runs.iter().map(|run| &run.batch).collect();
        interleave_record_batch(&batches, &rows)
    }
}

fn whole(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use arrow::array::{AsArray as _, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// What recordings are sorted by.
    pub(in crate::maintain) fn schema() -> SchemaRef {
        let number = |name| Field::new(name, DataType::Int64, false);
        let session = Field::new("session", DataType::Utf8, false);
        Arc::new(Schema::new(vec![session, number("index"), number("bus_partition"), number("bus_offset")]))
    }

    /// Rows by session and index, whose offsets begin at `from`.
    pub(in crate::maintain) fn batch(rows: &[(u8, i64)], from: i64) -> RecordBatch {
        let sessions = StringArray::from_iter_values(rows.iter().map(|(session, _)| format!("s{session}")));
        let index = Int64Array::from_iter_values(rows.iter().map(|(_, index)| *index));
        let partition = Int64Array::from_iter_values(rows.iter().map(|_| 0));
        let offset = Int64Array::from_iter_values((from..).take(rows.len()));
        let columns: Vec<ArrayRef> = vec![Arc::new(sessions), Arc::new(index), Arc::new(partition), Arc::new(offset)];
        RecordBatch::try_new(schema(), columns).expect("of one length")
    }

    type Key = (String, i64, i64);

    fn read(files: Vec<Vec<u8>>) -> Vec<Key> {
        let batches = files.into_iter().flat_map(|file| {
            let rows = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).expect("a file");
            rows.build().expect("a reader").map(|rows| rows.expect("rows"))
        });
        let keys = batches.flat_map(|batch| {
            let (session, index) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
            let offset = batch.column(3).as_primitive::<Int64Type>();
            (0..batch.num_rows())
                .map(|row| (session.value(row).to_owned(), index.value(row), offset.value(row)))
                .collect::<Vec<_>>()
        });
        keys.collect()
    }

    proptest! {
        /// Whatever lies in which run, and however long its stretches are: all rows come out once, in order.
        #[test]
        fn rows_come_out_in_order_of_however_many_runs(
            runs in proptest::collection::vec(
                proptest::collection::vec((0..4_u8, prop_oneof![0..3_i64, 0..1_000_i64]), 0..3_000), 1..6),
            spills in any::<bool>(),
        ) {
            let mut sorter = Sorter::new(Table::Recordings, schema()).expect("keys");
            let (mut wanted, mut from) = (Vec::new(), 0);
            for run in &runs {
                wanted.extend((from..).zip(run).map(|(at, (session, index))| (format!("s{session}"), *index, at)));
                sorter.add(vec![batch(run, from)]).expect("added");
                from += i64::try_from(run.len()).expect("few");
                if spills {
                    sorter.spill().expect("spilled");
                }
            }
            let mut files = Vec::new();
            write(sorter, u64::MAX, |(file, _)| {
                files.push(file);
                true
            })
            .expect("written");
            wanted.sort();
            prop_assert_eq!(read(files), wanted);
        }
    }
}
