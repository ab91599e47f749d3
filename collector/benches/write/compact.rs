//! A day of many tiny files, as the collector writes them for few events, becomes few sorted ones.

use crate::meter::{Meter, peak_mib};
use crate::{fill, written};
use deltalake::DeltaTableBuilder;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, Add};
use deltalake::protocol::{DeltaOperation, SaveMode};
use interdict_bus::Log;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_collector::config::{Raw, RawLake};
use interdict_collector::maintain::Keeper;
use interdict_collector::{Config, Lake};
use interdict_schemas::lake::Table;
use std::path::Path;
use std::sync::Arc;

const FILES: usize = 10_000;
/// Files that the collector writes, a commit each; the others have the same rows.
const MADE: usize = 500;
const ROWS: usize = 60;

/// In a process of its own, for its memory.
pub(crate) fn compact(folder: &Path) {
    let place = folder.join("log");
    fill(place.to_str().expect("plain"), folder, MADE * ROWS);
    let runtime = crate::runtime();
    let log: Arc<dyn Log> = Embedded::open(&place, Settings::default()).expect("log");
    let raw = Raw { max_rows: Some(ROWS), compact_every_s: Some(0), ..Raw::default() };
    let config = raw.resolve(RawLake::default(), folder).expect("settings");
    runtime.block_on(async {
        written(config.clone(), log, MADE * ROWS, |_| ()).await.end().await;
        multiply(&config.lake, &folder.join("lake").join(Table::Events.name())).await;
        let before = peak_mib();
        measure(&config, before).await;
    });
}

/// Adds each file again and again, under other names, in one commit.
async fn multiply(lake: &Lake, folder: &Path) {
    let mut adds = Vec::with_capacity(FILES - MADE);
    for log in std::fs::read_dir(folder.join("_delta_log")).expect("a log") {
        let log = log.expect("a log").path();
        if log.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for line in std::fs::read_to_string(log).expect("a commit").lines() {
            if let Action::Add(add) = serde_json::from_str(line).expect("an action") {
                for copy in 1..FILES / MADE {
                    let path = add.path.replace(".parquet", &format!("-{copy}.parquet"));
                    std::fs::copy(folder.join(&add.path), folder.join(&path)).expect("copied");
                    adds.push(Action::Add(Add { path, ..add.clone() }));
                }
            }
        }
    }
    let table = DeltaTableBuilder::from_url(lake.table(Table::Events)).and_then(DeltaTableBuilder::build);
    let mut table = table.expect("a table");
    table.load().await.expect("its state");
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    let snapshot = table.snapshot().expect("state");
    let commit = CommitBuilder::default().with_actions(adds).build(Some(snapshot), table.log_store(), operation);
    commit.await.expect("committed");
}

async fn measure(config: &Config, before: u64) {
    let mut keeper = Keeper::open(&config.lake, Table::Events).await.expect("opens").expect("is there");
    let bytes = keeper.status().expect("status").bytes;
    let meter = Meter::start();
    let done = keeper.compact(2).await.expect("compacted");
    let [clock, processor] = meter.read();
    assert_eq!((done.taken, done.rows), (FILES, (FILES * ROWS) as u64));
    let number = |count: u64| f64::from(u32::try_from(count).expect("small"));
    println!(
        "compaction of {}: {} files of one day, {} rows, became {}: {:.0} MB a second of processor time ({:.0} by the \
         clock), {:.0} rows, peak {} MiB (before it {before})",
        Table::Events.name(),
        done.taken,
        done.rows,
        done.made,
        number(bytes) / 1e6 / processor,
        number(bytes) / 1e6 / clock,
        number(done.rows) / processor,
        peak_mib()
    );
}
