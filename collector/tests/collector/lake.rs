//! Reading a lake as any other engine would: the files that Delta's log names.

use crate::faulty::World;
use arrow::array::RecordBatch;
use deltalake::{DeltaTable, DeltaTableBuilder};
use interdict_collector::Lake;
use interdict_schemas::lake::{self, Located, Table};
use interdict_schemas::{Alert, Chunk, Event, Verdict};
use object_store::ObjectStoreExt as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) async fn open(lake: &Path, table: Table) -> Option<DeltaTable> {
    let folder = lake.join(table.name());
    if !folder.join("_delta_log").exists() {
        return None;
    }
    let url = deltalake::ensure_table_uri(folder.to_str().expect("a plain path")).expect("url");
    DeltaTableBuilder::from_url(url).expect("builder").load().await.ok()
}

/// Says otherwise in the table's log what it says of each file that was added.
pub(crate) fn rewrite_adds(lake: &Path, table: Table, rewrite: impl Fn(&mut serde_json::Value)) {
    for commit in std::fs::read_dir(lake.join(table.name()).join("_delta_log")).expect("a log") {
        let commit = commit.expect("a commit").path();
        let lines = std::fs::read_to_string(&commit).expect("text");
        let lines = lines.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line.get_mut("add").into_iter().for_each(&rewrite);
            line.to_string()
        });
        std::fs::write(&commit, lines.collect::<Vec<_>>().join("\n")).expect("writes");
    }
}

/// One batch a file.
pub(crate) async fn files(lake: &Path, table: Table) -> Vec<RecordBatch> {
    match open(lake, table).await {
        Some(delta) => batches(&delta).await,
        None => Vec::new(),
    }
}

async fn batches(delta: &DeltaTable) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for uri in delta.get_file_uris().expect("files") {
        let at = uri.find("date=").expect("partitioned by date");
        let file = delta.object_store().get(&deltalake::Path::from(&uri[at..])).await.expect("the file stands");
        let bytes = file.bytes().await.expect("bytes");
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("parquet").with_batch_size(1 << 20);
        batches.extend(reader.build().expect("reader").map(|batch| batch.expect("batch")));
    }
    batches
}

/// As [`files`], without the faults.
async fn files_at(world: &World, table: Table) -> Vec<RecordBatch> {
    let url = world.url.join(&format!("{}/", table.name())).expect("url");
    let builder = DeltaTableBuilder::from_url(url.clone()).expect("builder");
    match builder.with_storage_backend(world.store(), url).load().await {
        Ok(delta) => batches(&delta).await,
        Err(error) => panic!("table {} does not open: {error}", table.name()),
    }
}

pub(crate) async fn events_at(world: &World) -> Vec<Located<Event>> {
    files_at(world, Table::Events).await.iter().flat_map(|batch| lake::events(batch).expect("events")).collect()
}

pub(crate) async fn rows_at(world: &World, table: Table) -> usize {
    files_at(world, table).await.iter().map(RecordBatch::num_rows).sum()
}

/// Each row as text, without its day, by which files are, and its offset, which is that of whichever sending came first.
pub(crate) fn values(batch: &RecordBatch) -> Vec<String> {
    let left_out = ["date", "bus_partition", "bus_offset"];
    let schema = batch.schema();
    let fields = schema.fields().iter().enumerate();
    let kept: Vec<_> =
        fields.filter(|(_, field)| !left_out.contains(&field.name().as_str())).map(|(at, _)| at).collect();
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(&batch.project(&kept).expect("columns")).expect("rows");
    writer.finish().expect("rows");
    String::from_utf8(writer.into_inner()).expect("text").lines().map(str::to_owned).collect()
}

/// How often each row stands in a table.
pub(crate) async fn values_at(world: &World, table: Table) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for row in files_at(world, table).await.iter().flat_map(values) {
        *found.entry(row).or_default() += 1;
    }
    found
}

/// As [`files`], wherever the lake is.
async fn files_of(lake: &Lake, table: Table) -> Vec<RecordBatch> {
    match DeltaTableBuilder::from_url(lake.table(table)).expect("builder").load().await {
        Ok(delta) => batches(&delta).await,
        Err(_) => Vec::new(),
    }
}

pub(crate) async fn events_of(lake: &Lake) -> Vec<Located<Event>> {
    files_of(lake, Table::Events).await.iter().flat_map(|batch| lake::events(batch).expect("events")).collect()
}

pub(crate) async fn rows_of(lake: &Lake, table: Table) -> usize {
    files_of(lake, table).await.iter().map(RecordBatch::num_rows).sum()
}

pub(crate) async fn rows(lake: &Path, table: Table) -> usize {
    files(lake, table).await.iter().map(RecordBatch::num_rows).sum()
}

pub(crate) async fn events(lake: &Path) -> Vec<Located<Event>> {
    files(lake, Table::Events).await.iter().flat_map(|batch| lake::events(batch).expect("events")).collect()
}

pub(crate) async fn chunks(lake: &Path) -> Vec<Located<Chunk>> {
    files(lake, Table::Recordings).await.iter().flat_map(|batch| lake::recordings(batch).expect("chunks")).collect()
}

pub(crate) async fn alerts(lake: &Path) -> Vec<Located<Alert>> {
    files(lake, Table::Alerts).await.iter().flat_map(|batch| lake::alerts(batch).expect("alerts")).collect()
}

pub(crate) async fn verdicts(lake: &Path) -> Vec<Located<Verdict>> {
    files(lake, Table::Verdicts).await.iter().flat_map(|batch| lake::verdicts(batch).expect("verdicts")).collect()
}
