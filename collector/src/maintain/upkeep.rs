//! Maintenance that comes by itself, beside a collector: compaction now and then, retention and vacuum once a day.
//! What fails is said and tried at the next turn; collecting never waits for it.

use super::Keeper;
use crate::Error;
use crate::config::Config;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two retentions, and two vacuums.
const DAY: Duration = Duration::from_secs(86_400);

/// Runs until `shutdown`.
pub(crate) async fn run(config: &Config, shutdown: &CancellationToken) {
    let Some(every) = config.upkeep.every else { return };
    let mut cleaned: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let is_due = cleaned.is_none_or(|cleaned| cleaned.elapsed() >= DAY);
        for table in Table::ALL {
            let turn = turn(config, table, is_due);
            tokio::select! {
                () = shutdown.cancelled() => return,
                done = turn => if let Err(error) = done {
                    tracing::warn!(table = table.name(), %error, "maintenance failed; nothing is lost, it comes again");
                }
            }
        }
        if is_due {
            cleaned = Some(Instant::now());
        }
    }
}

async fn turn(config: &Config, table: Table, is_due: bool) -> Result<(), Error> {
    let Some(mut keeper) = Keeper::open(&config.lake, table).await? else { return Ok(()) };
    if is_due {
        if let Some(days) = config.upkeep.retention.get(&table) {
            let done = keeper.retain(*days, Time::from(jiff::Timestamp::now())).await?;
            tracing::info!(table = table.name(), files = done.files, rows = done.rows, held = done.held, "retention");
        }
        let removed = keeper.vacuum(false).await?;
        tracing::info!(table = table.name(), removed, "vacuum");
    }
    let done = keeper.compact(config.upkeep.least).await?;
    if done.taken > 0 {
        tracing::info!(table = table.name(), taken = done.taken, made = done.made, rows = done.rows, "compacted");
    }
    Ok(())
}
