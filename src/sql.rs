//! `interdict sql`: one query to the lake, once or for as long as somebody watches.

use crate::cli::{self, Output, Usage};
use crate::lake;
use anyhow::{Context as _, bail};
use interdict_queries::{Settings, follow, too_deep};
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest query read from a file or a pipe.
const MAX_QUERY: u64 = 1 << 20;

/// Between two looks at a lake that is followed.
const EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: cli::Sql, config: &Path) -> anyhow::Result<()> {
    let query = match (args.query, args.file) {
        (Some(query), _) => query,
        (_, Some(file)) => {
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?
        }
        _ if std::io::stdin().is_terminal() => bail!("give a query, --file, or pipe one in"),
        _ => {
            let mut query = String::new();
            std::io::stdin().take(MAX_QUERY).read_to_string(&mut query)?;
            query
        }
    };
    if let Some(words) = too_deep(&query) {
        return Err(Usage(words).into());
    }
    let time = args.timeout.map(Duration::from_secs);
    let cluster = args.engine.engine;
    let settings = Settings {
        memory: args.memory_mib << 20,
        spill: args.spill_mib.unwrap_or(8 * args.memory_mib as u64) << 20,
        time,
        skip_broken: args.broken.skip_broken,
        cluster,
        ..Settings::default()
    };
    let engine = lake::open_with(args.rows.lake, config, settings)?;
    let snapshot = engine.snapshot().await?;
    lake::say_empty(&engine, &snapshot, args.follow)?;
    if !args.follow {
        lake::print(snapshot.sql(&query).await?, args.rows.output).await?;
        return lake::say_left_out(&snapshot);
    }
    if matches!(args.rows.output, Output::Table) {
        return Err(
            Usage("--follow prints no table, which needs all its rows: add -o json or -o csv".to_owned()).into()
        );
    }
    let rows = follow(Arc::new(engine), query, EVERY).await?;
    tokio::select! {
        printed = lake::print(rows, args.rows.output) => printed.map(drop),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
