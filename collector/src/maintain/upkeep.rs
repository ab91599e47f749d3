//! Maintenance that comes by itself, beside a collector: compaction now and then, retention and vacuum once a day.
//! What fails is said and tried at the next turn; collecting never waits for it.

use super::{Keeper, Left};
use crate::Error;
use crate::config::Config;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two retentions, and two vacuums.
const DAY: Duration = Duration::from_secs(86_400);

/// Runs until `shutdown`.
pub(crate) async fn run(config: &Config, shutdown: &CancellationToken) {
    let mut cleaned: BTreeMap<Table, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(config.upkeep.every.unwrap_or(config.upkeep.look)) => {}
        }
        for table in Table::ALL {
            let is_due = cleaned.get(&table).is_none_or(|cleaned| cleaned.elapsed() >= DAY);
            let turn = turn(config, table, is_due);
            tokio::select! {
                () = shutdown.cancelled() => return,
                done = turn => match done {
                    Ok(()) if is_due => { cleaned.insert(table, Instant::now()); }
                    Ok(()) => {}
                    Err(error) => {
                        let table = table.name();
                        tracing::warn!(table, %error, "maintenance failed; nothing is lost, it comes again");
                    }
                }
            }
        }
    }
}

async fn turn(config: &Config, table: Table, is_due: bool) -> Result<(), Error> {
    let Some(mut keeper) = Keeper::open(&config.lake, table).await? else { return Ok(()) };
    // A hold that nobody can read is no reason to leave small files.
    let cleaned = if is_due { clean(config, &mut keeper).await } else { Ok(()) };
    if config.upkeep.every.is_some() {
        let done = keeper.compact(config.upkeep.least).await?;
        tell(table, done.left);
        if done.taken > 0 {
            tracing::info!(table = table.name(), taken = done.taken, made = done.made, rows = done.rows, "compacted");
        }
    }
    cleaned
}

async fn clean(config: &Config, keeper: &mut Keeper) -> Result<(), Error> {
    let table = keeper.table;
    if let Some(days) = config.upkeep.retention.get(&table) {
        let done = keeper.expire(*days, Time::from(jiff::Timestamp::now())).await?;
        let (files, rows, held, late) = (done.files, done.rows, done.held, done.late);
        tracing::info!(table = table.name(), files, rows, held, late, "retention");
        tell(table, done.left);
    }
    let removed = keeper.vacuum(false).await?;
    tracing::info!(table = table.name(), removed, "vacuum");
    Ok(())
}

/// Names the files that were left.
fn tell(table: Table, left: Left) {
    let table = table.name();
    for (file, reason) in left.named {
        let error = Error::Unread { table, file, reason };
        tracing::error!(table, %error, "a file of the lake is not what was written");
    }
}
