//! The collector as its users meet it: a log goes in, a lake stands, whatever happens between.

mod crash;
mod faulty;
mod full;
mod holds;
mod import;
mod killed;
mod lake;
mod left;
mod maintain;
mod memory;
mod s3;
mod say;
#[path = "../s3/server.rs"]
mod server;
mod steps;
mod tables;
mod upkeep;
mod versions;

use interdict_bus::Log;
use interdict_collector::config::{Limits, Patience, Upkeep};
use interdict_collector::{Config, Error, Lake};
use interdict_schemas::lake::Table;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Cuts by size only, so that tests decide.
fn patient(lake: &Path, rows: usize) -> Config {
    patient_at(lake.to_str().expect("a plain path"), rows)
}

fn patient_at(lake: &str, rows: usize) -> Config {
    let limits = Limits { age: Duration::from_secs(3_600), rows, bytes: 64 << 20, days: 256 };
    let lake = Lake::parse(Path::new(lake), Path::new("")).expect("a place");
    let patience = Patience { backoff: [Duration::from_millis(1); 2], ..Patience::default() };
    // Tests compact when they mean to.
    Config { lake, limits, patience, upkeep: Upkeep { every: None, ..Upkeep::default() } }
}

/// Collects what the log holds, and ends as on a plain shutdown.
async fn collect_from(config: Config, log: Arc<dyn Log>) -> Result<(), Error> {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    interdict_collector::run(config, log, shutdown).await
}

async fn collect(config: Config, log: memory::Shared) -> Result<(), Error> {
    collect_from(config, Arc::new(log)).await
}

/// Waits until a table has that many rows; the test runner's own limit is the bound.
async fn until_rows(lake: &Path, table: Table, rows: usize) {
    while lake::rows(lake, table).await < rows {
        tokio::task::yield_now().await;
    }
}
