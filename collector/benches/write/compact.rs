//! A day of many tiny files becomes few sorted ones.

use crate::made::rows;
use crate::meter::peak_mib;
use arrow::compute::concat_batches;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{self, Add, StructType};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use interdict_collector::maintain::Keeper;
use interdict_schemas::lake::Table;
use parquet::arrow::ArrowWriter;
use std::path::Path;
use std::time::Instant;

/// In a process of its own, for its memory.
pub(crate) fn compact() {
    const FILES: usize = 10_000;
    const ROWS: usize = 60;
    let folder = tempfile::tempdir().expect("folder");
    let place = interdict_collector::Lake::parse(folder.path(), Path::new("")).expect("a place");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let schema: StructType = Table::Events.schema().as_ref().try_into_kernel().expect("a schema");
    std::fs::create_dir_all(folder.path().join("events/date=2026-03-02")).expect("folder");
    runtime.block_on(async {
        let table = CreateBuilder::new()
            .with_location(folder.path().join("events").to_str().expect("plain"))
            .with_columns(schema.fields().cloned())
            .with_partition_columns(["date"])
            .await
            .expect("a table");
        let mut adds = Vec::with_capacity(FILES);
        for file in 0..FILES {
            let rows = concat_batches(&Table::Events.schema(), &rows(file * ROWS, ROWS)).expect("one batch");
            let rows = rows.project(&(1..Table::Events.schema().fields().len()).collect::<Vec<_>>());
            let rows = rows.expect("without the day");
            let path = format!("date=2026-03-02/{file}.parquet");
            let out = std::fs::File::create(folder.path().join("events").join(&path)).expect("file");
            let mut writer = ArrowWriter::try_new(out, rows.schema(), None).expect("writer");
            writer.write(&rows).expect("written");
            writer.close().expect("closed");
            let size = std::fs::metadata(folder.path().join("events").join(&path)).expect("size").len();
            adds.push(kernel::Action::Add(Add {
                path,
                size: i64::try_from(size).expect("small"),
                partition_values: [("date".to_owned(), Some("2026-03-02".to_owned()))].into(),
                data_change: true,
                ..Add::default()
            }));
        }
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let snapshot = table.snapshot().expect("state");
        let commit = CommitBuilder::default().with_actions(adds).build(Some(snapshot), table.log_store(), operation);
        commit.await.expect("committed");
        let before = peak_mib();
        let began = Instant::now();
        let mut keeper = Keeper::open(&place, Table::Events).await.expect("opens").expect("is there");
        let done = keeper.compact(2).await.expect("compacted");
        assert_eq!((done.taken, done.rows), (FILES, (FILES * ROWS) as u64));
        let rate = f64::from(u32::try_from(FILES * ROWS).expect("small")) / began.elapsed().as_secs_f64();
        println!(
            "compaction: {} files of one day became {}, {} rows, {rate:.0} rows/s, peak {} MiB (before it {before})",
            done.taken,
            done.made,
            done.rows,
            peak_mib()
        );
    });
}
