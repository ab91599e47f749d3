//! Files of a table, read one after another as if they were one. A reader of Parquet is set up for each file and for each of
//! its columns, which costs more than reading a file of some hundred rows; files of one schema need only one, of all their
//! row groups. Those that are not what was written, or cannot be read, are told and keep nobody else's rows back.

use super::sort::BATCH;
use crate::file;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions,
    ParquetMetaDataReader, ParquetStatisticsPolicy, RowGroupMetaData,
};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is said of a file that makes the library panic.
pub(super) const BREAKS: &str = "breaks the reader of Parquet";

/// A file as the storage gave it.
pub(super) struct Given {
    pub(super) bytes: Bytes,
    /// The digest that it had when it was written, if anybody said.
    pub(super) digest: Option<String>,
}

/// What was read.
#[derive(Default)]
pub(super) struct Found {
    /// Rows of the files that are what was written, with the columns of today's table.
    pub(super) rows: Vec<RecordBatch>,
    /// By their place among the files that were given: those that are not, and why.
    pub(super) wrong: BTreeMap<usize, String>,
}

/// Reads files. What is wrong with one is no other's harm.
///
/// INVARIANT: only files with the digest of what was written are read as one. Columns of different lengths, which others may
/// write and no footer tells, could be carried on into the next file's rows.
pub(super) fn decode(files: impl IntoIterator<Item = Given>, stored: &SchemaRef) -> Found {
    let (mut found, mut shelf) = (Found::default(), Vec::<File>::new());
    for (at, Given { bytes, digest }) in files.into_iter().enumerate() {
        let first = shelf.first().map(|first| first.metadata.file_metadata());
        match contained(|| opened(&bytes, digest.as_deref(), digest.as_ref().and(first))) {
            Ok(metadata) => {
                let file = File { at, bytes, metadata };
                if digest.is_none() {
                    found.take(vec![file], stored);
                    continue;
                }
                if shelf.first().is_some_and(|first| !first.stands_beside(&file)) {
                    found.take(std::mem::take(&mut shelf), stored);
                }
                shelf.push(file);
            }
            Err(reason) => drop(found.wrong.insert(at, reason)),
        }
    }
    found.take(shelf, stored);
    found
}

impl Found {
    /// Takes the rows of files of one schema.
    fn take(&mut self, shelf: Vec<File>, stored: &SchemaRef) {
        let bytes: Vec<(usize, Bytes)> = shelf.iter().map(|file| (file.at, file.bytes.clone())).collect();
        match contained(|| rows(shelf, stored)) {
            Ok(rows) => self.rows.extend(rows),
            // One of them is wrong.
            Err(_) if bytes.len() > 1 => {
                for (at, bytes) in bytes {
                    match contained(|| opened(&bytes, None, None)) {
                        Ok(metadata) => self.take(vec![File { at, bytes, metadata }], stored),
                        Err(reason) => drop(self.wrong.insert(at, reason)),
                    }
                }
            }
            Err(reason) => self.wrong.extend(bytes.into_iter().map(|(at, _)| (at, reason.clone()))),
        }
    }
}

/// A file whose footer was read.
struct File {
    at: usize,
    bytes: Bytes,
    metadata: ParquetMetaData,
}

impl File {
    /// Whether a reader of one reads the other.
    fn stands_beside(&self, other: &Self) -> bool {
        let (left, right) = (self.metadata.file_metadata(), other.metadata.file_metadata());
        // The very same is found out soon.
        (Arc::ptr_eq(&left.schema_descr_ptr(), &right.schema_descr_ptr())
            || left.schema_descr() == right.schema_descr())
            && left.key_value_metadata() == right.key_value_metadata()
    }
}

/// A file's footer, if the file is what was written; of the schema of `first` if both say that they are of one.
fn opened(bytes: &Bytes, wanted: Option<&str>, first: Option<&FileMetaData>) -> Result<ParquetMetaData, String> {
    if let Some(wanted) = wanted {
        let found = file::digest(bytes);
        if found != wanted {
            return Err(format!("has digest {found} and had {wanted}"));
        }
    }
    let options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let read = |options| {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        reader.with_metadata_options(Some(options)).parse_and_finish(bytes)
    };
    if let Some(first) = first
        && let Ok(found) = read(options.clone().with_schema(first.schema_descr_ptr()))
        && is_same_maker(first, found.file_metadata())
    {
        return Ok(found);
    }
    read(options).map_err(unreadable)
}

/// Whether one version wrote both, of one Arrow schema, which decides Parquet's.
fn is_same_maker(left: &FileMetaData, right: &FileMetaData) -> bool {
    left.created_by().is_some_and(|maker| maker == file::MAKER)
        && left.created_by() == right.created_by()
        && left.key_value_metadata().is_some_and(|metadata| !metadata.is_empty())
        && left.key_value_metadata() == right.key_value_metadata()
}

/// Rows of files of one schema.
fn rows(shelf: Vec<File>, stored: &SchemaRef) -> Result<Vec<RecordBatch>, String> {
    let read = || {
        let Some((bytes, metadata)) = joined(shelf)? else { return Ok(Vec::new()) };
        let count = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add);
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?;
        let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
        let rows = rows.with_batch_size(BATCH).build()?;
        let rows = rows.map(|rows| Ok(file::conform(rows?, stored)?)).collect::<Result<Vec<_>, ParquetError>>()?;
        let found = rows.iter().map(RecordBatch::num_rows).sum::<usize>();
        if i64::try_from(found) == Ok(count) {
            return Ok(rows);
        }
        Err(ParquetError::General(format!("{found} rows are there, and its end says {count}")))
    };
    read().map_err(unreadable)
}

/// Files of one schema as one; nothing if there are none.
fn joined(shelf: Vec<File>) -> Result<Option<(Bytes, ParquetMetaData)>, ParquetError> {
    let size = shelf.iter().map(|file| file.bytes.len()).sum();
    let mut files = shelf.into_iter();
    let Some(File { bytes: first, metadata, .. }) = files.next() else { return Ok(None) };
    if files.len() == 0 {
        return Ok(Some((first, metadata)));
    }
    let of_first = metadata.file_metadata().clone();
    let mut groups = metadata.into_builder().take_row_groups();
    groups.iter_mut().try_for_each(|group| moved(group, first.len(), 0))?;
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&first);
    for file in files {
        for mut group in file.metadata.into_builder().take_row_groups() {
            moved(&mut group, file.bytes.len(), bytes.len())?;
            groups.push(group);
        }
        bytes.extend_from_slice(&file.bytes);
    }
    let of_all = FileMetaData::new(
        of_first.version(),
        // The reader makes no batch of more rows than these.
        groups.iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add),
        of_first.created_by().map(str::to_owned),
        of_first.key_value_metadata().cloned(),
        of_first.schema_descr_ptr(),
        of_first.column_orders().cloned(),
    );
    Ok(Some((bytes.into(), ParquetMetaData::new(of_all, groups))))
}

/// A row group of a file of `size` bytes, behind `before` bytes of others.
fn moved(group: &mut RowGroupMetaData, size: usize, before: usize) -> Result<(), ParquetError> {
    let beyond = |column: &ColumnChunkMetaData| {
        ParquetError::EOF(format!("the column {} lies beyond the file's end", column.column_path()))
    };
    for column in group.columns_mut() {
        let (begin, length) = column.byte_range();
        if begin.checked_add(length).is_none_or(|end| end > size as u64) {
            return Err(beyond(column));
        }
        let by = |offset: i64| {
            i64::try_from(before).ok().and_then(|before| offset.checked_add(before)).ok_or_else(|| beyond(column))
        };
        let (data, dictionary) =
            (by(column.data_page_offset())?, column.dictionary_page_offset().map(by).transpose()?);
        let builder = column.clone().into_builder();
        *column = builder.set_data_page_offset(data).set_dictionary_page_offset(dictionary).build()?;
    }
    Ok(())
}

/// Of some damage the library does not make an error but a panic.
fn contained<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(BREAKS.to_owned()))
}

fn unreadable(error: ParquetError) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    fn schema(names: &[&str]) -> SchemaRef {
        let kind = |name: &str| if name == "text" { DataType::Utf8 } else { DataType::Int64 };
        Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, kind(name), true)).collect::<Vec<_>>()))
    }

    /// A file of numbers and texts of them.
    fn file(names: &[&str], numbers: &[i64], group: usize) -> Bytes {
        let column = |name: &&str| -> ArrayRef {
            if *name == "text" {
                Arc::new(StringArray::from_iter_values(numbers.iter().map(|number| format!("t{number}"))))
            } else {
                Arc::new(Int64Array::from_iter_values(numbers.iter().copied()))
            }
        };
        let schema = schema(names);
        let rows =
            RecordBatch::try_new(Arc::clone(&schema), names.iter().map(column).collect()).expect("of one length");
        let properties = WriterProperties::builder()
            .set_created_by(file::MAKER.to_owned())
            .set_max_row_group_row_count(Some(group));
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties.build())).expect("a writer");
        writer.write(&rows).expect("written");
        writer.close().expect("closed");
        bytes.into()
    }

    fn proved(bytes: Bytes) -> Given {
        Given { digest: Some(file::digest(&bytes)), bytes }
    }

    /// Numbers and texts of the rows that were found.
    fn said(found: &Found) -> Vec<(Option<i64>, Option<String>)> {
        let rows = found.rows.iter().flat_map(|batch| {
            let (number, text) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
            number.iter().zip(text.iter().map(|text| text.map(str::to_owned))).collect::<Vec<_>>()
        });
        rows.collect()
    }

    fn rows_of(numbers: impl IntoIterator<Item = i64>) -> Vec<(Option<i64>, Option<String>)> {
        numbers.into_iter().map(|number| (Some(number), Some(format!("t{number}")))).collect()
    }

    const WHOLE: [&str; 2] = ["number", "text"];

    #[test]
    fn files_of_whatever_schema_come_out_in_today_s() {
        let files = [
            proved(file(&WHOLE, &[1, 2, 3], 2)),
            proved(file(&WHOLE, &[4], 10)),
            proved(file(&["text", "number"], &[5, 6], 10)),
            proved(file(&["number"], &[7], 10)),
            proved(file(&WHOLE, &[8, 9], 1)),
            Given { bytes: file(&WHOLE, &[10], 10), digest: None },
        ];
        let found = decode(files, &schema(&WHOLE));
        assert!(found.wrong.is_empty(), "{:?}", found.wrong);
        let mut said = said(&found);
        said.sort();
        let mut wanted = rows_of((1..=6).chain(8..=10));
        wanted.push((Some(7), None));
        wanted.sort();
        assert_eq!(said, wanted);
    }

    #[test]
    fn neighbours_are_read_as_one() {
        let files = (0..100).map(|number| proved(file(&WHOLE, &[number], 10)));
        let found = decode(files, &schema(&WHOLE));
        assert_eq!((found.rows.len(), said(&found)), (1, rows_of(0..100)));
    }

    #[test]
    fn a_column_that_reaches_into_the_next_file_is_refused() {
        let bytes = file(&WHOLE, &[1, 2], 10);
        let metadata = opened(&bytes, None, None).expect("whole");
        let [group] = metadata.row_groups() else { panic!("one group") };
        assert!(moved(&mut group.clone(), bytes.len(), 7).is_ok());
        let (begin, length) = group.columns()[1].byte_range();
        let end = usize::try_from(begin + length).expect("small");
        assert!(moved(&mut group.clone(), end, 7).is_ok());
        assert!(moved(&mut group.clone(), end - 1, 7).is_err());
    }

    #[test]
    fn one_that_was_proved_and_cannot_be_read_is_told_and_the_others_are_there() {
        let mut broken = file(&WHOLE, &[3, 4], 10).to_vec();
        // The header of its first page.
        broken[4..12].fill(0xff);
        let files = [file(&WHOLE, &[1, 2], 10), broken.into(), file(&WHOLE, &[5, 6], 10)].map(proved);
        let found = decode(files, &schema(&WHOLE));
        assert_eq!(found.wrong.keys().collect::<Vec<_>>(), [&1], "{:?}", found.wrong);
        assert_eq!(said(&found), rows_of([1, 2, 5, 6]));
    }

    #[test]
    fn a_file_without_rows_is_no_harm() {
        for at in 0..3 {
            let mut numbers = vec![vec![1, 2], vec![3]];
            numbers.insert(at, Vec::new());
            let files = numbers.iter().map(|numbers| proved(file(&WHOLE, numbers, 10)));
            let found = decode(files, &schema(&WHOLE));
            assert_eq!((said(&found), found.wrong.len()), (rows_of([1, 2, 3]), 0), "{at}");
        }
        let found = decode([proved(file(&WHOLE, &[], 10))], &schema(&WHOLE));
        assert_eq!((said(&found), found.wrong.len()), (Vec::new(), 0));
    }

    proptest! {
        /// Whatever happens to one file, with a digest or without: all rows of the others are there, and it is told or read.
        #[test]
        fn what_is_wrong_with_one_is_no_others_harm(at in any::<prop::sample::Index>(), bit in 0..8_u32, cut in any::<bool>(),
            is_proved in any::<bool>()) {
            let whole = file(&WHOLE, &[3, 4], 10);
            let mut bytes = whole.to_vec();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
            let digest = is_proved.then(|| file::digest(&whole));
            let files = [proved(file(&WHOLE, &[1, 2], 10)), Given { bytes: bytes.into(), digest }, proved(file(&WHOLE, &[5, 6], 10))];
            let found = decode(files, &schema(&WHOLE));
            let said = said(&found);
            for row in rows_of([1, 2, 5, 6]) {
                prop_assert!(said.contains(&row), "{row:?} of {said:?}");
            }
            prop_assert!(found.wrong.keys().all(|at| *at == 1), "{:?}", found.wrong);
            prop_assert!(!is_proved || (found.wrong.contains_key(&1) && said.len() == 4), "{said:?}");
        }
    }
}
