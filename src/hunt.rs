//! `interdict hunt`: the questions that come with it.

use crate::cli::{self, HuntCommand};
use crate::grid::grid;
use crate::lake;
use interdict_queries::hunt::{self, Hunt};
use interdict_queries::{Error, Settings};
use interdict_schemas::Time;
use std::io::Write as _;
use std::path::Path;

/// How far back a hunt looks if nobody says.
const USUAL_DAYS: i64 = 30;

pub(crate) async fn run(command: HuntCommand, config: &Path) -> anyhow::Result<()> {
    match command {
        HuntCommand::List => list(),
        HuntCommand::Show { hunt } => show(hunt),
        HuntCommand::Run(args) => find(args, config).await,
    }
}

fn list() -> anyhow::Result<()> {
    let rows = hunt::ALL.iter().map(|hunt| [hunt.name.to_owned(), hunt.attack().to_owned(), hunt.summary()]);
    writeln!(std::io::stdout(), "{}", grid(["hunt", "ATT&CK", "what it finds"], rows))?;
    Ok(())
}

fn show(hunt: &Hunt) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{} ({})\n{}\n{}", hunt.name, hunt.attack(), hunt.summary(), hunt.reading())?;
    for param in hunt.params() {
        writeln!(out, "--param {}={}: {}", param.name, param.default, param.meaning)?;
    }
    let statement = hunt.sql.lines().skip_while(|line| line.starts_with("--"));
    writeln!(out, "\n{}", statement.collect::<Vec<_>>().join("\n"))?;
    Ok(())
}

async fn find(args: cli::HuntRun, config: &Path) -> anyhow::Result<()> {
    let skip_broken = args.broken.skip_broken;
    let settings =
        Settings { spill: args.spill_mib << 20, skip_broken, cluster: args.engine.engine, ..Settings::default() };
    let engine = lake::open_with(args.rows.lake, config, settings)?;
    let now = Time::from(jiff::Timestamp::now());
    let since = args.since.map_or(now.plus_seconds(-USUAL_DAYS * 86_400), |since| since.time(now));
    let snapshot = engine.snapshot().await?;
    lake::say_empty(&engine, &snapshot, false)?;
    let rows = args.hunt.run(&snapshot, since, &args.params).await;
    let rows = rows.map_err(|error| match error {
        Error::Param(unknown) => anyhow::Error::from(cli::Usage(unknown.to_string())),
        error => error.into(),
    })?;
    if lake::print(rows, args.rows.output).await? == 0 {
        writeln!(std::io::stderr(), "nothing since {since}; --since looks further back")?;
    }
    lake::say_left_out(&snapshot)
}
