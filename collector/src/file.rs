//! One Parquet file of a table: how it is encoded, and what Delta's log says of it. Pure but for the file's name.
//!
//! A file holds one day, sorted as its table is. What is not tiny, and not as good as random, is compressed with zstd. It
//! has page statistics and a page index, dictionaries where values repeat, and bloom filters on the columns by which people
//! look for one thing.

mod bounds;
mod chunk;
mod delta;
mod dictionary;
mod hybrid;
mod page;
mod repeated;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use writer::Writer;

use crate::Error;
use arrow::array::{ArrayRef, Date32Array, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use deltalake::kernel::Add;
use interdict_schemas::lake::{self, Table};
use interdict_schemas::{Digest, Time};
use parquet::basic::{Compression, Encoding, LogicalType, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The columns with statistics in the log, by which engines pass over files.
pub(crate) const STATISTICS: [&str; 13] = [
    "time",
    "session",
    "root",
    "actor",
    "target",
    "id",
    "event",
    "detection",
    "spool",
    "sequence",
    "bus_partition",
    "bus_offset",
    "index",
];

/// What a file says wrote it. Readers in Java look for a version here, and take a file without one for one of those whose
/// texts cannot be read page by page (PARQUET-246).
pub(crate) const MAKER: &str = concat!("interdict version ", env!("CARGO_PKG_VERSION"));

/// The least effort: most of what repeats is gone before.
const ZSTD: i32 = 1;

/// Bytes of a column of a small file below which it is left as it is: whoever reads it would set up a decompressor, which
/// costs more.
const TINY: usize = 4 << 10;

/// The same in a file for years, of which mostly some rows are read, and for which a few more bytes are no matter.
const TINY_OF_LARGE: usize = 64 << 10;

/// Records of whose rows a column of numbers is tiny, and most others are.
const FEW: usize = TINY / size_of::<i64>();

/// Texts that seldom repeat: a dictionary of them would be built and thrown away.
const DISTINCT: [&str; 2] = ["id", "action"];

/// Digests and signatures, of which no compressor makes less.
const RANDOM: [&str; 3] = ["previous", "head", "signature"];

/// Numbers that are as good as random once their differences are packed: compression would take a fifth of their bytes,
/// a hundredth of the file's, and costs whoever writes and whoever reads.
const VARIED: [&str; 7] = ["rows", "duration_us", "bytes_in", "bytes_out", "opened", "actions", "denied"];

/// Columns that mostly say nothing, or the same: a few bytes whatever is done.
const SCANT: [&str; 2] = ["bus_partition", "presented"];

/// For how long a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until compaction, with the rows of so many records.
    Short { records: usize },
    /// For years: one identity's rows, some hundred a day, are to be read without the others.
    Long,
}

impl Life {
    /// Rows of a page, which are skipped or read at once. Small ones cost the collector a tenth of its speed.
    const fn page_rows(self) -> usize {
        match self {
            Self::Short { .. } => 20_000,
            Self::Long => 2_048,
        }
    }

    /// Bytes of the largest dictionary. Whoever reads one page of a column reads all of its dictionary too; whoever reads
    /// all pages likes a large one.
    const fn dictionary(self) -> usize {
        match self {
            Self::Short { .. } => 1 << 20,
            Self::Long => 128 << 10,
        }
    }

    /// How texts are written that seldom repeat: in a file for years neighbours begin alike.
    const fn distinct(self) -> Encoding {
        match self {
            Self::Short { .. } => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Self::Long => Encoding::DELTA_BYTE_ARRAY,
        }
    }

    /// Rows of a row group. For each, every column is begun anew, with a decompressor and a dictionary of its own, which
    /// costs whoever reads all of them; what is skipped are pages.
    const fn group_rows(self) -> usize {
        match self {
            Self::Short { .. } => 131_072,
            Self::Long => 524_288,
        }
    }

    /// Bytes of a column below which it is not compressed.
    const fn tiny(self) -> usize {
        match self {
            Self::Short { .. } => TINY,
            Self::Long => TINY_OF_LARGE,
        }
    }

    /// How columns are compressed that are written by the library. Those whose texts repeat are written by `Repeated`, which
    /// knows how many bytes they became.
    fn compression(self) -> Compression {
        match self {
            Self::Short { records } if records < FEW => Compression::UNCOMPRESSED,
            _ => zstd(),
        }
    }
}

fn zstd() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(ZSTD).unwrap_or_default())
}

/// How the files of a table are written.
#[must_use]
pub(crate) fn properties(table: Table, life: Life) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(life.compression())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(life.page_rows())
        .set_dictionary_page_size_limit(life.dictionary())
        .set_created_by(MAKER.to_owned());
    for field in table.schema().fields() {
        let (name, path) = (field.name().as_str(), ColumnPath::from(field.name().as_str()));
        match field.data_type() {
            // Numbers that rise, differ or stay: their differences are small.
            DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => {
                let is_left = VARIED.contains(&name) || SCANT.contains(&name);
                let compression = if is_left { Compression::UNCOMPRESSED } else { life.compression() };
                properties = properties
                    .set_column_compression(path.clone(), compression)
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
            }
            DataType::List(element) if SCANT.contains(&name) => {
                if let DataType::Struct(fields) = element.data_type() {
                    for field in fields {
                        let leaf = [name, "list", "element", field.name()].map(str::to_owned).to_vec();
                        properties = properties.set_column_compression(leaf.into(), Compression::UNCOMPRESSED);
                    }
                }
            }
            DataType::Utf8 if DISTINCT.contains(&name) => {
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), life.distinct());
            }
            DataType::Binary if name == "data" || RANDOM.contains(&name) => {
                // Few recordings are many bytes.
                let compression = if name == "data" { zstd() } else { Compression::UNCOMPRESSED };
                properties = properties
                    .set_column_compression(path.clone(), compression)
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
            }
            _ => {}
        }
        if STATISTICS.contains(&name) || lake::SOUGHT.contains(&name) {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Page);
        }
    }
    properties.build()
}

/// The columns of a table's files: all but the one that the folder says.
#[must_use]
pub(crate) fn stored(schema: &Schema) -> SchemaRef {
    let fields: Vec<_> =
        schema.fields().iter().filter(|field| field.name() != lake::PARTITION).map(Arc::clone).collect();
    Arc::new(Schema::new(fields))
}

/// Encodes all rows of a file at once: of one day, without the column of the day.
///
/// # Errors
/// When Parquet does not take them.
pub(crate) fn encode(table: Table, life: Life, rows: &RecordBatch) -> Result<(Vec<u8>, ParquetMetaData), Error> {
    let mut writer = Writer::new(table, life, &rows.schema())?;
    writer.write(rows)?;
    writer.close()
}

/// A day as the folder of its files is named.
#[must_use]
pub(crate) fn date(day: i32) -> String {
    let day: ArrayRef = Arc::new(Date32Array::from(vec![day]));
    arrow::util::display::array_value_to_string(&day, 0).unwrap_or_default()
}

/// A name that no other file has, under the day's folder.
#[must_use]
pub(crate) fn name(day: &str) -> String {
    format!("{}={day}/part-{}.zstd.parquet", lake::PARTITION, uuid::Uuid::new_v4())
}

/// The digest that stands in the log of a file of these bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest(Sha256::digest(bytes).into()).to_string()
}

/// What the log says of a file. `data_change` is false where the same rows stood in other files before.
#[must_use]
pub(crate) fn add(
    path: String,
    day: &str,
    bytes: &[u8],
    found: &ParquetMetaData,
    now: Time,
    data_change: bool,
) -> Add {
    Add {
        path,
        partition_values: HashMap::from([(lake::PARTITION.to_owned(), Some(day.to_owned()))]),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        modification_time: now.0 / 1_000,
        data_change,
        stats: Some(statistics(found)),
        // Whatever changes the file afterwards is found by `interdict verify`.
        tags: Some(HashMap::from([(lake::FILE_DIGEST.to_owned(), Some(digest(bytes)))])),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// Bounds and nulls by column, as Delta's log has them. A bound that is not exact is left out: a file that might be
/// wanted is read.
fn statistics(found: &ParquetMetaData) -> String {
    let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (index, column) in found.file_metadata().schema_descr().columns().iter().enumerate() {
        let name = column.name();
        if column.path().parts().len() != 1 || !STATISTICS.contains(&name) {
            continue;
        }
        let (mut low, mut high, mut missing) = (Bound::Unset, Bound::Unset, Some(0_u64));
        for group in found.row_groups() {
            let Some(stats) = group.columns().get(index).and_then(|chunk| chunk.statistics()) else {
                (low, high, missing) = (Bound::Unknown, Bound::Unknown, None);
                continue;
            };
            missing = missing.zip(stats.null_count_opt()).map(|(sum, more)| sum + more);
            // A group of nulls alone has no bounds, and needs none.
            let is_empty = stats.null_count_opt() == u64::try_from(group.num_rows()).ok();
            let (here, there) = scalars(stats, column.logical_type_ref());
            low = low.join(here, is_empty, |old, new| new < old);
            high = high.join(there, is_empty, |old, new| new > old);
        }
        if let Bound::Known(scalar) = low {
            least.insert(name.to_owned(), scalar.json(false));
        }
        if let Bound::Known(scalar) = high {
            most.insert(name.to_owned(), scalar.json(true));
        }
        if let Some(missing) = missing {
            nulls.insert(name.to_owned(), missing.into());
        }
    }
    serde_json::json!({
        "numRecords": found.file_metadata().num_rows(),
        "minValues": least,
        "maxValues": most,
        "nullCount": nulls,
    })
    .to_string()
}

enum Bound {
    Unset,
    Known(Scalar),
    Unknown,
}

impl Bound {
    fn join(self, found: Option<Scalar>, is_empty: bool, better: impl Fn(&Scalar, &Scalar) -> bool) -> Self {
        match (self, found) {
            (bound, _) if is_empty => bound,
            (Self::Unknown, _) | (_, None) => Self::Unknown,
            (Self::Unset, Some(new)) => Self::Known(new),
            (Self::Known(old), Some(new)) => Self::Known(if better(&old, &new) { new } else { old }),
        }
    }
}

#[derive(PartialEq, PartialOrd)]
enum Scalar {
    Number(i64),
    Moment(jiff::Timestamp),
    Text(String),
}

impl Scalar {
    /// Moments have milliseconds in the log: the least is cut off, the most is rounded up.
    fn json(self, up: bool) -> Value {
        match self {
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Moment(moment) => {
                let whole = moment.as_microsecond().rem_euclid(1_000);
                let move_by = if whole == 0 {
                    0
                } else if up {
                    1_000 - whole
                } else {
                    -whole
                };
                let moved = jiff::Timestamp::from_microsecond(moment.as_microsecond() + move_by).unwrap_or(moment);
                format!("{moved:.3}").into()
            }
        }
    }
}

fn scalars(stats: &Statistics, kind: Option<&LogicalType>) -> (Option<Scalar>, Option<Scalar>) {
    match stats {
        Statistics::Int32(of) => {
            let number = |value: Option<&i32>| value.map(|value| Scalar::Number(i64::from(*value)));
            (number(of.min_opt()), number(of.max_opt()))
        }
        Statistics::Int64(of) if matches!(kind, Some(LogicalType::Timestamp(_))) => {
            // What no calendar has, has no place in the log either.
            let moment = |value: Option<&i64>| Some(Scalar::Moment(jiff::Timestamp::from_microsecond(*value?).ok()?));
            (moment(of.min_opt()), moment(of.max_opt()))
        }
        Statistics::Int64(of) => {
            let number = |value: Option<&i64>| value.map(|value| Scalar::Number(*value));
            (number(of.min_opt()), number(of.max_opt()))
        }
        Statistics::ByteArray(of) => {
            let text = |value: Option<&parquet::data_type::ByteArray>, exact: bool| {
                let value = value.filter(|_| exact)?;
                value.as_utf8().ok().map(|text| Scalar::Text(text.to_owned()))
            };
            (text(of.min_opt(), stats.min_is_exact()), text(of.max_opt(), stats.max_is_exact()))
        }
        _ => (None, None),
    }
}

/// The columns in the table's order, null where the table was made by a newer build and has more. Those that are run-end
/// encoded remain so.
pub(crate) fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let of = |field: &FieldRef| match batch.schema_ref().column_with_name(field.name()) {
        Some((at, _)) => Arc::clone(batch.column(at)),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    let columns: Vec<ArrayRef> = schema.fields().iter().map(of).collect();
    let fields = schema.fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<Field>>())), columns)
}
