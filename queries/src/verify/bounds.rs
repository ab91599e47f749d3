//! What a table's log and a file's end say of its rows, against the rows: questions pass over files and row groups by it,
//! so whoever makes it too narrow hides rows without touching them. Pure.

use super::files::File;
use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use interdict_schemas::Time;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The least and the most of a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scalar {
    Number(i64),
    Text(Vec<u8>),
}

/// What a column holds.
#[derive(Debug, Clone, Default)]
struct Column {
    bounds: Option<[Scalar; 2]>,
    nulls: u64,
}

impl Column {
    fn join(&mut self, other: &Self) {
        self.nulls += other.nulls;
        self.bounds = match (self.bounds.take(), other.bounds.clone()) {
            (Some([low, high]), Some([least, most])) => Some([low.min(least), high.max(most)]),
            (one, other) => one.or(other),
        };
    }

    /// Whether somebody who says this of the column speaks of fewer values than it has.
    fn is_narrowed(&self, low: Option<&Scalar>, high: Option<&Scalar>) -> bool {
        let Some([least, most]) = &self.bounds else { return false };
        low.is_some_and(|low| low > least) || high.is_some_and(|high| high < most)
    }
}

/// Rows that are told of together.
#[derive(Debug, Default)]
struct Rows {
    count: u64,
    columns: BTreeMap<String, Column>,
}

impl Rows {
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        for (name, column) in &other.columns {
            self.columns.entry(name.clone()).or_default().join(column);
        }
    }
}

/// A file's rows so far, and what is said of them.
pub(super) struct Bounds {
    day: Option<String>,
    said: Option<Value>,
    groups: Arc<ParquetMetaData>,
    group: usize,
    of_group: Rows,
    of_file: Rows,
    /// The dictionary that a column's rows came in last, and its bounds: some thousand batches have the same.
    dictionaries: BTreeMap<String, (ArrayRef, Option<[Scalar; 2]>)>,
    fault: Option<String>,
}

impl Bounds {
    pub(super) fn new(file: &File, groups: Arc<ParquetMetaData>) -> Self {
        Self {
            day: file.day.clone(),
            said: file.stats.as_deref().map(|stats| serde_json::from_str(stats).unwrap_or_default()),
            groups,
            group: 0,
            of_group: Rows::default(),
            of_file: Rows::default(),
            dictionaries: BTreeMap::new(),
            fault: None,
        }
    }

    /// Looks at the next rows, which are of one row group.
    pub(super) fn see(&mut self, batch: &RecordBatch) {
        let mut rows = Rows { count: batch.num_rows() as u64, ..Rows::default() };
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if let Some(bounds) = self.bounds_of(field.name(), array) {
                let nulls = array.logical_null_count() as u64;
                rows.columns.insert(field.name().clone(), Column { bounds, nulls });
            }
        }
        self.of_group.join(&rows);
        let group = self.groups.row_groups().get(self.group);
        if group.is_some_and(|group| self.of_group.count >= group.num_rows().unsigned_abs()) {
            self.end_of_group();
        }
    }

    /// The bounds of a column's values, if it is of a kind by which files are passed over.
    fn bounds_of(&mut self, name: &str, array: &ArrayRef) -> Option<Option<[Scalar; 2]>> {
        let numbers =
            |low: Option<i64>, high: Option<i64>| low.zip(high).map(|(low, high)| [low, high].map(Scalar::Number));
        Some(match array.data_type() {
            DataType::Int32 => {
                let array = array.as_primitive::<Int32Type>();
                numbers(min(array).map(i64::from), max(array).map(i64::from))
            }
            DataType::Int64 => {
                let array = array.as_primitive::<Int64Type>();
                numbers(min(array), max(array))
            }
            DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
                let array = array.as_primitive::<TimestampMicrosecondType>();
                numbers(min(array), max(array))
            }
            DataType::Utf8 => texts(array),
            DataType::Dictionary(_, of) if **of == DataType::Utf8 => {
                let values = array.as_any_dictionary().values();
                match self.dictionaries.get(name) {
                    Some((known, bounds)) if is_same(known, values) => bounds.clone(),
                    _ => {
                        let bounds = texts(values);
                        self.dictionaries.insert(name.to_owned(), (Arc::clone(values), bounds.clone()));
                        bounds
                    }
                }
            }
            _ => return None,
        })
    }

    fn end_of_group(&mut self) {
        let rows = std::mem::take(&mut self.of_group);
        self.dictionaries.clear();
        if let Some(group) = self.groups.row_groups().get(self.group)
            && let Some(column) = narrowed(group, &rows)
        {
            self.fault.get_or_insert(format!("what it says of its rows leaves out some, by {column}"));
        }
        self.group += 1;
        self.of_file.join(&rows);
    }

    /// What is wrong with what is said, once all rows were seen.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.of_group.count > 0 {
            self.end_of_group();
        }
        self.fault.or_else(|| of_log(self.said.as_ref()?, &self.of_file)).or_else(|| {
            let times = self.of_file.columns.get("time").and_then(|column| column.bounds.as_ref());
            let day = self.day?;
            let is_of = |time: &Scalar| match time {
                Scalar::Number(micros) => Time(*micros).to_string().get(..10) == Some(day.as_str()),
                Scalar::Text(_) => false,
            };
            let is_of_day = times.is_none_or(|times| times.iter().all(is_of));
            (!is_of_day).then(|| format!("the log has it under {day}, which is not the day of its rows"))
        })
    }
}

/// Whether two arrays of texts are the same ones in memory, which `known` keeps from becoming another's.
fn is_same(known: &ArrayRef, other: &ArrayRef) -> bool {
    let (known, other) = (known.as_string::<i32>(), other.as_string::<i32>());
    known.len() == other.len() && known.values().ptr_eq(other.values()) && known.offsets().ptr_eq(other.offsets())
}

fn texts(array: &ArrayRef) -> Option<[Scalar; 2]> {
    let mut texts = array.as_string::<i32>().iter().flatten().map(Text::new);
    let first = texts.next()?;
    let [mut low, mut high] = [first, first];
    for text in texts {
        if text < low {
            low = text;
        } else if text > high {
            high = text;
        }
    }
    Some([low, high].map(|text| Scalar::Text(text.whole.to_vec())))
}

/// A text, by whose head most are told apart: compared as one number, that takes half as long as all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a> {
    head: u128,
    whole: &'a [u8],
}

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        let whole = text.as_bytes();
        // Nothing comes before a byte of zero, as in the text: what is cut off decides then.
        let head = whole.first_chunk().copied().unwrap_or_else(|| {
            let mut head = [0; 16];
            head.iter_mut().zip(whole).for_each(|(place, byte)| *place = *byte);
            head
        });
        Self { head: u128::from_be_bytes(head), whole }
    }
}

/// The first column of which a row group's own word leaves out values.
fn narrowed<'a>(group: &'a RowGroupMetaData, rows: &Rows) -> Option<&'a str> {
    let told = group.columns().iter().filter(|column| column.column_path().parts().len() == 1);
    told.filter_map(|column| Some((column.column_descr().name(), column.statistics()?)))
        .find(|(name, said)| {
            let Some(column) = rows.columns.get(*name) else { return false };
            let (low, high) = match said {
                Statistics::Int32(of) => (
                    of.min_opt().map(|value| Scalar::Number(i64::from(*value))),
                    of.max_opt().map(|value| Scalar::Number(i64::from(*value))),
                ),
                Statistics::Int64(of) => (
                    of.min_opt().map(|value| Scalar::Number(*value)),
                    of.max_opt().map(|value| Scalar::Number(*value)),
                ),
                Statistics::ByteArray(of) => (
                    of.min_opt().map(|value| Scalar::Text(value.data().to_vec())),
                    of.max_opt().map(|value| Scalar::Text(value.data().to_vec())),
                ),
                _ => (None, None),
            };
            let is_null = said.null_count_opt().is_some_and(|nulls| nulls != column.nulls);
            is_null || column.is_narrowed(low.as_ref(), high.as_ref())
        })
        .map(|(name, _)| name)
}

/// What is wrong with what a table's log says of a file (Delta's protocol, "Per-file Statistics").
fn of_log(said: &Value, rows: &Rows) -> Option<String> {
    if let Some(count) = said.get("numRecords")
        && count.as_u64() != Some(rows.count)
    {
        return Some(format!("the log says that it has {count} rows, and it has {}", rows.count));
    }
    let of = |key: &str| said.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let [low, high, nulls]: [Map<String, Value>; 3] = ["minValues", "maxValues", "nullCount"].map(of);
    let wrong = |(name, column): &(&String, &Column)| {
        let scalar = |said: Option<&Value>| said.and_then(|said| scalar(said, column));
        let is_null = nulls.get(*name).is_some_and(|said| said.as_u64() != Some(column.nulls));
        is_null || column.is_narrowed(scalar(low.get(*name)).as_ref(), scalar(high.get(*name)).as_ref())
    };
    let (name, _) = rows.columns.iter().find(wrong)?;
    Some(format!("what the log says of its rows leaves out some, by {name}"))
}

/// A bound as the log has it: moments are texts there, of milliseconds, rounded outwards.
fn scalar(said: &Value, column: &Column) -> Option<Scalar> {
    match (said, &column.bounds) {
        (Value::Number(number), _) => number.as_i64().map(Scalar::Number),
        (Value::String(text), Some([Scalar::Number(_), _])) => {
            Some(Scalar::Number(text.parse::<jiff::Timestamp>().ok()?.as_microsecond()))
        }
        (Value::String(text), _) => Some(Scalar::Text(text.clone().into_bytes())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use proptest::prelude::*;

    fn rows(texts: &[Option<&str>]) -> RecordBatch {
        let numbers = (0..texts.len()).map(|number| number as i64).collect::<Int64Array>();
        let texts = texts.iter().copied().collect::<StringArray>();
        RecordBatch::try_from_iter_with_nullable([
            ("root", Arc::new(texts) as ArrayRef, true),
            ("number", Arc::new(numbers) as ArrayRef, false),
        ])
        .expect("a batch")
    }

    proptest! {
        #[test]
        fn texts_are_bounded_as_bytes_are(all in proptest::collection::vec(proptest::option::of("[\\x00ab]{0,18}"), 0..9)) {
            let array = Arc::new(all.iter().map(Option::as_deref).collect::<StringArray>()) as ArrayRef;
            let sorted = all.iter().flatten().map(|text| text.as_bytes()).collect::<std::collections::BTreeSet<_>>();
            let bounds = sorted.first().zip(sorted.last()).map(|(low, high)| [*low, *high]);
            prop_assert_eq!(texts(&array), bounds.map(|bounds| bounds.map(|text| Scalar::Text(text.to_vec()))));
        }
    }

    #[test]
    fn rows_that_a_row_group_denies_are_found() {
        let said = rows(&[Some("b"), None, Some("d")]);
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, said.schema(), None).expect("a writer");
        writer.write(&said).expect("writes");
        writer.close().expect("closes");
        let found =
            ArrowReaderMetadata::load(&bytes::Bytes::from(file), ArrowReaderOptions::new()).expect("a footer");
        let check = |texts: &[Option<&str>], is_denied: bool| {
            let mut held = Rows { count: texts.len() as u64, ..Rows::default() };
            let batch = rows(texts);
            let column = Column { bounds: super::texts(batch.column(0)), nulls: batch.column(0).null_count() as u64 };
            held.columns.insert("root".to_owned(), column);
            let group = found.metadata().row_group(0);
            assert_eq!(narrowed(group, &held), is_denied.then_some("root"), "{texts:?}");
        };
        check(&[Some("b"), None, Some("d")], false);
        check(&[Some("c"), None, Some("c")], false);
        check(&[Some("a"), None, Some("d")], true);
        check(&[Some("b"), None, Some("e")], true);
        check(&[Some("b"), Some("c"), Some("d")], true);
    }
}
