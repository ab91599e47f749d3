//! What the ends of files say, kept between questions: where the pages of each column are, and of which columns a file
//! says the same in every row. Those are not read: in most days some columns are empty or of one value.

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Schema, TimeUnit as Unit};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::{CachedParquetFileReaderFactory, CachedParquetMetaData};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::basic::{LogicalType, TimeUnit};
use datafusion::parquet::errors::Result as Read;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use datafusion::parquet::file::statistics::Statistics as Bounds;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::scalar::ScalarValue;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The ends of the files that this process reads.
pub(crate) struct Footers {
    store: Arc<dyn ObjectStore>,
    known: Arc<FileMetadataCache>,
}

impl Footers {
    pub(crate) const fn new(store: Arc<dyn ObjectStore>, known: Arc<FileMetadataCache>) -> Self {
        Self { store, known }
    }

    /// Readers of files that keep their footers. `whole`: with the places of all pages, for who reads some of them. The
    /// library's own leaves those out of what it keeps, and reads them anew each time.
    pub(crate) fn readers(&self, whole: bool) -> Arc<dyn ParquetFileReaderFactory> {
        let kept = CachedParquetFileReaderFactory::new(Arc::clone(&self.store), Arc::clone(&self.known));
        if whole { Arc::new(Whole(kept)) } else { Arc::new(kept) }
    }

    /// What is the same in every row of a file with columns of `schema`, as far as its footer is known; nothing if that is
    /// nothing.
    pub(crate) fn constants(&self, file: &ObjectMeta, schema: &Schema) -> Option<Arc<Statistics>> {
        let known = self.known.get(&file.location).filter(|known| known.is_valid_for(file))?;
        let footer = known.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()?;
        constants(footer.parquet_metadata(), schema).map(Arc::new)
    }
}

fn constants(footer: &ParquetMetaData, schema: &Schema) -> Option<Statistics> {
    let mut found = Statistics::new_unknown(schema);
    found.num_rows = usize::try_from(footer.file_metadata().num_rows()).map_or(Precision::Absent, Precision::Exact);
    // A column of the table is one of the file unless it is a list or a structure.
    let columns = footer.file_metadata().schema_descr().columns().iter().enumerate();
    let plain = columns.filter(|(_, column)| column.path().parts().len() == 1 && column.max_rep_level() == 0);
    let places: HashMap<&str, usize> = plain.map(|(place, column)| (column.name(), place)).collect();
    let mut is_any = false;
    for (field, statistics) in schema.fields().iter().zip(&mut found.column_statistics) {
        let place = places.get(field.name().as_str());
        if let Some(of) = place.and_then(|place| constant(footer, *place, field.data_type())) {
            (*statistics, is_any) = (of, true);
        }
    }
    is_any.then_some(found)
}

/// A column of which all rows are null, or one value.
fn constant(footer: &ParquetMetaData, place: usize, kind: &DataType) -> Option<ColumnStatistics> {
    let columns = footer.file_metadata().schema_descr().columns();
    let means = columns.get(place)?.logical_type_ref();
    let (mut rows, mut nulls, mut value) = (0, 0, None);
    for group in footer.row_groups() {
        let bounds = group.columns().get(place)?.statistics()?;
        let here = bounds.null_count_opt()?;
        rows += u64::try_from(group.num_rows()).ok()?;
        nulls += here;
        if here == u64::try_from(group.num_rows()).ok()? {
            continue;
        }
        let one = single(bounds, kind, means)?;
        if value.get_or_insert_with(|| one.clone()) != &one {
            return None;
        }
    }
    let nulls = match (nulls, &value) {
        (0, Some(_)) => 0,
        (all, None) if all == rows => usize::try_from(all).ok()?,
        _ => return None,
    };
    let bound = value.map_or(Precision::Absent, Precision::Exact);
    Some(ColumnStatistics {
        null_count: Precision::Exact(nulls),
        min_value: bound.clone(),
        max_value: bound,
        ..ColumnStatistics::new_unknown()
    })
}

/// The one value that lies between bounds, if the file means by it what the table does.
fn single(bounds: &Bounds, kind: &DataType, means: Option<&LogicalType>) -> Option<ScalarValue> {
    fn same<T: PartialEq + Clone>(least: Option<&T>, most: Option<&T>) -> Option<T> {
        least.filter(|least| Some(*least) == most).cloned()
    }
    if !(bounds.min_is_exact() && bounds.max_is_exact()) {
        return None;
    }
    let is_micros = matches!(means, Some(LogicalType::Timestamp(of)) if of.unit == TimeUnit::MICROS);
    Some(match (bounds, kind, means) {
        (Bounds::Int32(of), DataType::Int32, None) => ScalarValue::Int32(Some(same(of.min_opt(), of.max_opt())?)),
        (Bounds::Int64(of), DataType::Int64, None) => ScalarValue::Int64(Some(same(of.min_opt(), of.max_opt())?)),
        (Bounds::Int64(of), DataType::Timestamp(Unit::Microsecond, zone), _) if is_micros => {
            ScalarValue::TimestampMicrosecond(Some(same(of.min_opt(), of.max_opt())?), zone.clone())
        }
        (Bounds::Boolean(of), DataType::Boolean, None) => {
            ScalarValue::Boolean(Some(same(of.min_opt(), of.max_opt())?))
        }
        (Bounds::ByteArray(of), DataType::Utf8View | DataType::Utf8, Some(LogicalType::String)) => {
            let text = same(of.min_opt(), of.max_opt())?.as_utf8().ok()?.to_owned();
            if *kind == DataType::Utf8 { ScalarValue::Utf8(Some(text)) } else { ScalarValue::Utf8View(Some(text)) }
        }
        _ => return None,
    })
}

/// Readers that read the places of all pages with the footer.
#[derive(Debug)]
struct Whole(CachedParquetFileReaderFactory);

impl ParquetFileReaderFactory for Whole {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        Ok(Box::new(WholeFile(self.0.create_reader(partition, file, hint, metrics)?)))
    }
}

struct WholeFile(Box<dyn AsyncFileReader + Send>);

impl AsyncFileReader for WholeFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Read<Bytes>> {
        self.0.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Read<Vec<Bytes>>> {
        self.0.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Read<Arc<ParquetMetaData>>> {
        let options = options.cloned().unwrap_or_default().with_page_index_policy(PageIndexPolicy::Optional);
        async move { self.0.get_metadata(Some(&options)).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{
        ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        TimestampMillisecondArray,
    };
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::arrow::arrow_reader::ArrowReaderMetadata;
    use datafusion::parquet::file::properties::WriterProperties;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("a batch")
    }

    /// Two row groups of two rows.
    fn footer(rows: &RecordBatch) -> Arc<ParquetMetaData> {
        let mut file = Vec::new();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), Some(properties)).expect("a writer");
        writer.write(rows).expect("written");
        writer.close().expect("closed");
        let found = ArrowReaderMetadata::load(&Bytes::from(file), ArrowReaderOptions::new()).expect("a footer");
        assert_eq!(found.metadata().num_row_groups(), 2);
        Arc::clone(found.metadata())
    }

    #[test]
    fn only_what_all_rows_say_is_constant() {
        let texts = |texts: [Option<&str>; 4]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let long = "x".repeat(500);
        let zoned = TimestampMicrosecondArray::from(vec![7; 4]).with_timezone("UTC");
        let rows = batch(vec![
            ("text", texts([Some("a"); 4])),
            ("nothing", texts([None; 4])),
            ("number", Arc::new(Int32Array::from(vec![3; 4]))),
            ("is_so", Arc::new(BooleanArray::from(vec![true; 4]))),
            ("time", Arc::new(zoned)),
            ("in_one_group", texts([Some("a"), Some("a"), Some("b"), Some("b")])),
            ("in_one_row", texts([Some("a"), Some("a"), Some("a"), None])),
            ("half", texts([None, None, Some("a"), Some("a")])),
            ("long", texts([Some(&long); 4])),
            ("millis", Arc::new(TimestampMillisecondArray::from(vec![7; 4]))),
            ("other", Arc::new(Int64Array::from(vec![3; 4]))),
        ]);
        let mut fields: Vec<_> = rows.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        // As the table has them, of which a foreign file has another idea.
        for field in fields.iter_mut().filter(|field| ["millis", "other"].contains(&field.name().as_str())) {
            *field = field.clone().with_data_type(DataType::Timestamp(Unit::Microsecond, None));
        }
        let schema = Schema::new(fields);
        let found = constants(&footer(&rows), &schema).expect("some");
        let said = schema.fields().iter().zip(&found.column_statistics).filter_map(|(field, of)| {
            let value = of.min_value.get_value().map_or("null".to_owned(), ToString::to_string);
            assert_eq!(of.min_value, of.max_value);
            of.null_count.get_value().map(|nulls| format!("{} {value} {nulls}", field.name()))
        });
        let said: Vec<_> = said.collect();
        assert_eq!(said, ["text a 0", "nothing null 4", "number 3 0", "is_so true 0", "time 7 0"]);
        let differing = batch(vec![("text", texts([Some("a"), Some("b"), Some("c"), None]))]);
        assert!(constants(&footer(&differing), &differing.schema()).is_none());
    }
}
