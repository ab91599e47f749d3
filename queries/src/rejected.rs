//! What the collector could not read, as a table: the files that it keeps as they were beside the tables. Nothing is
//! stored about them but themselves: why a record is none is found by trying to read it again, each time it is asked, so
//! that a build which can read it says so. Its bytes are not told, since nobody knows what is in them; where they are is.

use crate::snapshot::Snapshot;
use crate::view::Column;
use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use deltalake::{ObjectStore, ObjectStoreError, Path};
use futures::{StreamExt as _, TryStreamExt as _};
use interdict_schemas::lake::Table;
use interdict_schemas::{Digest, Envelope, Topic};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, LazyLock};

/// Its name in SQL.
pub(crate) const NAME: &str = "rejected";

/// The folder beside a table's files.
const FOLDER: &str = "_rejected";

/// What is longer is not read: no bus carries it.
const MAX: u64 = 64 << 20;

/// Its columns; the second of each says where its value comes from.
pub(crate) static COLUMNS: [Column; 8] = [
    ("topic", "the folder", "the topic it was read from"),
    ("bus_partition", "the file's name", "partition of the topic"),
    ("bus_offset", "the file's name", "offset there"),
    ("kept", "the file's time", "when it was last set aside"),
    ("bytes", "the file's size", "how long it is"),
    ("reason", "the file", "why it is no record of this topic, found by reading it now"),
    ("digest", "the file", "SHA-256 of it, in hexadecimal digits"),
    ("file", "the file's name", "where it is, below the lake's folder"),
];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int32, Int64, Utf8};
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let kinds = [Utf8, Int32, Int64, time, Int64, Utf8, Utf8, Utf8];
    let field = |((name, ..), kind): (&Column, DataType)| Field::new(*name, kind, *name == "digest");
    Arc::new(Schema::new(COLUMNS.iter().zip(kinds).map(field).collect::<Vec<_>>()))
});

/// The table over the folders of these tables.
pub(crate) fn table(stores: Vec<(Table, Arc<dyn ObjectStore>)>) -> Result<Arc<dyn TableProvider>> {
    let part = |(table, store)| Arc::new(Part { table, store }) as Arc<dyn PartitionStream>;
    let mut parts: Vec<_> = stores.into_iter().map(part).collect();
    if parts.is_empty() {
        parts.push(Arc::new(Nothing));
    }
    Ok(Arc::new(StreamingTable::try_new(Arc::clone(&SCHEMA), parts)?))
}

impl Snapshot {
    /// The tables beside which records are set aside: the first of each topic.
    pub(crate) fn keepers() -> impl Iterator<Item = Table> {
        Topic::ALL.into_iter().filter_map(|topic| Table::ALL.into_iter().find(|table| table.topic() == topic))
    }
}

#[derive(Debug)]
struct Part {
    table: Table,
    store: Arc<dyn ObjectStore>,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &SCHEMA
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (table, store) = (self.table, Arc::clone(&self.store));
        let listed = self.store.list(Some(&Path::from(FOLDER)));
        let rows = listed.map_err(failed).try_filter_map(move |meta| {
            let store = Arc::clone(&store);
            async move {
                let Some((partition, offset)) = place(&meta.location) else { return Ok(None) };
                let read = if meta.size > MAX {
                    None
                } else {
                    match store.get_opts(&meta.location, Default::default()).await {
                        Ok(found) => Some(found.bytes().await.map_err(failed)?),
                        // Somebody saw to it since it was listed.
                        Err(ObjectStoreError::NotFound { .. }) => return Ok(None),
                        Err(error) => return Err(failed(error)),
                    }
                };
                let reason = read.as_ref().map_or_else(|| "longer than any record".to_owned(), |b| reason(table, b));
                let digest = read.map(|bytes| Digest(Sha256::digest(&bytes).into()).to_string());
                let size = i64::try_from(meta.size).unwrap_or(i64::MAX);
                let kept = meta.last_modified.timestamp_micros();
                Ok(Some(RecordBatch::try_new(
                    Arc::clone(&SCHEMA),
                    vec![
                        Arc::new(StringArray::from(vec![table.topic().name()])),
                        Arc::new(Int32Array::from(vec![partition])),
                        Arc::new(Int64Array::from(vec![offset])),
                        Arc::new(TimestampMicrosecondArray::from(vec![kept]).with_timezone("UTC")),
                        Arc::new(Int64Array::from(vec![size])),
                        Arc::new(StringArray::from(vec![reason])),
                        Arc::new(StringArray::from(vec![digest])),
                        Arc::new(StringArray::from(vec![format!("{}/{}", table.name(), meta.location)])),
                    ],
                )?))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), rows.boxed()))
    }
}

/// A lake without tables has nothing set aside.
#[derive(Debug)]
struct Nothing;

impl PartitionStream for Nothing {
    fn schema(&self) -> &SchemaRef {
        &SCHEMA
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), futures::stream::empty()))
    }
}

fn failed(error: ObjectStoreError) -> DataFusionError {
    DataFusionError::ObjectStore(Box::new(error))
}

/// `3-17` is offset 17 of partition 3; another file is nobody's record.
fn place(path: &Path) -> Option<(i32, i64)> {
    let (partition, offset) = path.filename()?.split_once('-')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

fn reason(table: Table, bytes: &[u8]) -> String {
    match Envelope::decode(bytes) {
        Err(error) => error.to_string(),
        Ok(envelope) if envelope.message.topic() != table.topic() => {
            format!("it belongs on {}", envelope.message.topic())
        }
        Ok(_) => "this build can read it; the one that set it aside could not".to_owned(),
    }
}
