//! What is written is read back, by a reader that knows nothing of how it was written.

use super::{Life, Writer};
use arrow::array::{Array, ArrayRef, AsArray as _, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use interdict_schemas::lake::Table;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;
use std::sync::Arc;

/// A text that is always there, one that may be missing, a list and a list that may be missing, and one of those texts
/// that seldom repeat. The first has a bloom filter and page statistics.
#[derive(Debug, Clone)]
struct Row {
    root: String,
    account: Option<String>,
    groups: Vec<String>,
    objects: Option<Vec<String>>,
    id: String,
}

fn schema() -> SchemaRef {
    let list = || DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
    Arc::new(Schema::new(vec![
        Field::new("root", DataType::Utf8, false),
        Field::new("account", DataType::Utf8, true),
        Field::new("groups", list(), false),
        Field::new("objects", list(), true),
        Field::new("id", DataType::Utf8, false),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let lists = |of: &dyn Fn(&Row) -> Option<Vec<String>>| -> ArrayRef {
        let mut lists =
            ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
        for row in rows {
            let list = of(row);
            let is_there = list.is_some();
            list.into_iter().flatten().for_each(|text| lists.values().append_value(text));
            lists.append(is_there);
        }
        Arc::new(lists.finish())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.root))),
        Arc::new(rows.iter().map(|row| row.account.as_deref()).collect::<StringArray>()),
        lists(&|row| Some(row.groups.clone())),
        lists(&|row| row.objects.clone()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.id))),
    ];
    RecordBatch::try_new(schema(), columns).expect("rows")
}

/// The same rows with texts run-end encoded.
fn encoded(batch: &RecordBatch) -> RecordBatch {
    let kind = DataType::RunEndEncoded(
        Arc::new(Field::new("run_ends", DataType::Int32, false)),
        Arc::new(Field::new("values", DataType::Utf8, true)),
    );
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| match field.name().as_str() {
            "root" | "account" => {
                let column = cast(column, &kind).expect("runs");
                (Field::new(field.name(), column.data_type().clone(), field.is_nullable()), column)
            }
            _ => (field.as_ref().clone(), Arc::clone(column)),
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("rows")
}

fn written<'a>(batches: impl IntoIterator<Item = &'a RecordBatch>) -> Bytes {
    written_for(Life::Long, batches)
}

fn written_for<'a>(life: Life, batches: impl IntoIterator<Item = &'a RecordBatch>) -> Bytes {
    let mut writer = Writer::new(Table::Events, life, &schema()).expect("writer");
    batches.into_iter().for_each(|batch| writer.write(batch).expect("written"));
    writer.close().expect("closed").0.into()
}

fn read(bytes: &Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options).expect("a file");
    let metadata = Arc::clone(reader.metadata());
    let batches: Vec<RecordBatch> = reader.build().expect("reader").map(|batch| batch.expect("rows")).collect();
    (concat_batches(&schema(), &batches).expect("one schema"), metadata)
}

/// Statistics and filters keep their word on what stands in the columns.
fn check(rows: &RecordBatch, bytes: &Bytes, metadata: &ParquetMetaData) {
    let root = rows.column(0).as_string::<i32>();
    let mut at = 0;
    let indexed = metadata.column_index().expect("indexed").iter().zip(metadata.offset_index().expect("offsets"));
    for (group, (index, indexes)) in metadata.row_groups().iter().zip(indexed) {
        let count = group.num_rows() as usize;
        let texts: Vec<&str> = (at..at + count).map(|at| root.value(at)).collect();
        let column = group.column(0);
        let Some(Statistics::ByteArray(found)) = column.statistics() else { panic!("no statistics") };
        let [least, most] = [texts.iter().min(), texts.iter().max()].map(|text| text.expect("rows").as_bytes());
        let [low, high] = [found.min_opt(), found.max_opt()].map(|bound| bound.expect("a bound").data());
        assert!(low <= least && high >= most, "{low:?} {least:?} {most:?} {high:?}");
        assert!(low.len() <= 64 && std::str::from_utf8(low).is_ok() && std::str::from_utf8(high).is_ok());
        assert_eq!(found.min_is_exact(), low == least);
        assert_eq!(found.max_is_exact(), high == most);
        assert_eq!(found.null_count_opt(), Some(0));
        let filter = Sbbf::read_from_column_chunk(column, bytes).expect("readable").expect("a filter");
        assert!(texts.iter().all(|text| filter.check(*text)), "what is there is never denied");
        let account = group.column(1).statistics().and_then(Statistics::null_count_opt).expect("nulls");
        let missing = (at..at + count).filter(|at| rows.column(1).is_null(*at)).count();
        assert_eq!(account, missing as u64);
        let pages = &indexes[0].page_locations;
        let starts = pages.iter().map(|page| page.first_row_index as usize);
        let ends = pages.iter().skip(1).map(|page| page.first_row_index as usize).chain([count]);
        let ColumnIndexMetaData::BYTE_ARRAY(index) = &index[0] else { panic!("no index of pages") };
        for (page, (start, end)) in starts.zip(ends).enumerate() {
            let (low, high) = (index.min_value(page).expect("low"), index.max_value(page).expect("high"));
            let within = |text: &&str| low <= text.as_bytes() && text.as_bytes() <= high;
            assert!(texts[start..end].iter().all(within), "page {page}");
        }
        at += count;
    }
    assert_eq!(at, rows.num_rows());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[abc]?", "[xyz]{60,70}", "ä{30,40}", "\u{7f}{66}", any::<String>()]
}

fn row() -> impl Strategy<Value = Row> {
    let few = || prop::collection::vec(text(), 0..4);
    (text(), prop::option::of(text()), few(), prop::option::of(few()), text())
        .prop_map(|(root, account, groups, objects, id)| Row { root, account, groups, objects, id })
}

/// Rows, each so many times.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let runs = prop::collection::vec((row(), 1..40_usize), 1..12);
    runs.prop_map(|runs| runs.into_iter().flat_map(|(row, times)| std::iter::repeat_n(row, times)).collect())
}

proptest! {
    #[test]
    fn rows_are_read_back_however_they_are_given(rows in rows(), cut in any::<prop::sample::Index>()) {
        let (whole, cut) = (batch(&rows), cut.index(rows.len()));
        let parts = [whole.slice(0, cut), whole.slice(cut, rows.len() - cut)];
        let runs = encoded(&whole);
        let sliced = [runs.slice(0, cut), runs.slice(cut, rows.len() - cut)];
        let short = written_for(Life::Short { records: rows.len() }, [&whole]);
        for bytes in [written([&whole]), written(&parts), written([&runs]), written(&sliced), short] {
            let (found, metadata) = read(&bytes);
            prop_assert_eq!(&found, &whole);
            check(&found, &bytes, &metadata);
        }
    }
}

/// Rows of which so many in a row say the same.
fn many(count: usize, alike: usize, text: impl Fn(usize) -> String) -> Vec<Row> {
    let row = |at: usize| Row {
        root: text(at / alike),
        account: (!at.is_multiple_of(3)).then(|| text(at)),
        groups: (0..at / alike % 4).map(&text).collect(),
        objects: (!at.is_multiple_of(5)).then(|| (0..at % 3).map(&text).collect()),
        id: format!("{at}"),
    };
    (0..count).map(row).collect()
}

#[test]
fn many_pages_and_row_groups_are_read_back() {
    let count = Life::Short { records: 0 }.group_rows() + 50_000;
    let rows = batch(&many(count, 7, |at| format!("name-{:05}", at % 3_000)));
    let bytes = written_for(Life::Short { records: count }, [&rows]);
    let (found, metadata) = read(&bytes);
    assert_eq!(found, rows);
    assert_eq!(metadata.num_row_groups(), 2);
    check(&found, &bytes, &metadata);
}

#[test]
fn texts_that_no_dictionary_holds_are_read_back_and_cut_into_pages() {
    let rows = batch(&many(30_000, 2, |at| format!("{at:08}{}", "long".repeat(40))));
    let bytes = written([&rows]);
    let (found, metadata) = read(&bytes);
    assert_eq!(found, rows);
    check(&found, &bytes, &metadata);
    let column = metadata.row_group(0).column(0);
    assert_eq!(column.dictionary_page_offset(), None, "{} distinct texts", 15_000);
    let pages = &metadata.offset_index().expect("offsets")[0][0].page_locations;
    assert!(pages.len() > 4, "{} pages", pages.len());
    // They share what they like with the one before, none at all, or stand in no row of a page.
    let mut rows = many(20_000, 3, |at| format!("{}{at:05}", "häuser".repeat(at % 11)));
    rows.iter_mut().for_each(|row| row.groups = vec![row.root.clone(), row.root.to_uppercase()]);
    rows.iter_mut().skip(5_000).for_each(|row| (row.account, row.groups) = (None, Vec::new()));
    let rows = batch(&rows);
    let bytes = written([&rows]);
    let (found, metadata) = read(&bytes);
    assert_eq!(found, rows);
    check(&found, &bytes, &metadata);
    let without = (0..3).filter(|column| metadata.row_group(0).column(*column).dictionary_page_offset().is_none());
    assert_eq!(without.collect::<Vec<_>>(), [0, 1, 2], "columns without a dictionary");
    // One text in many rows is cut too.
    let rows = batch(
        &[many(2, 1, |at| format!("{at}{}", "x".repeat(1 << 20))), many(9, 9, |_| "y".repeat(1 << 19))].concat(),
    );
    let bytes = written([&rows]);
    let (found, metadata) = read(&bytes);
    assert_eq!(found, rows);
    check(&found, &bytes, &metadata);
    let pages = &metadata.offset_index().expect("offsets")[0][0].page_locations;
    assert!(pages.len() > 5, "{} pages", pages.len());
}

#[test]
fn texts_that_alternate_count_each_time_where_no_dictionary_holds_them() {
    let long = |at: usize| char::from(b'a' + (at % 3) as u8).to_string().repeat(60_000);
    let rows = batch(&many(300, 1, long));
    let mut writer = Writer::new(Table::Events, Life::Long, &schema()).expect("a writer");
    writer.write(&rows).expect("written");
    // Whoever cuts files by their size would hold all of it otherwise.
    assert!(writer.size() > 300 * 60_000, "{}", writer.size());
    let (bytes, _) = writer.close().expect("a file");
    assert_eq!(read(&bytes.into()).0, rows);
}

#[test]
fn few_records_of_much_text_are_read_back() {
    // Fewer than make the library compress, and more bytes than are left as they are.
    let rows = batch(&many(300, 1, |at| format!("{at:040}")));
    let bytes = written_for(Life::Short { records: 300 }, [&rows]);
    let (found, metadata) = read(&bytes);
    assert_eq!(found, rows);
    check(&found, &bytes, &metadata);
    let compression = |column: usize| metadata.row_group(0).column(column).compression();
    assert_eq!([0, 4].map(|column| matches!(compression(column), Compression::ZSTD(_))), [true, false]);
}

#[test]
fn columns_that_say_nothing_are_read_back() {
    let empty = Row { root: String::new(), account: None, groups: vec![], objects: None, id: String::new() };
    let rows = batch(&vec![empty; 3]);
    let (found, _) = read(&written([&rows]));
    assert_eq!(found, rows);
    let none = written([]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(none).expect("a file");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}
