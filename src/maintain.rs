//! `interdict lake`: how the lake stands, and its maintenance by hand.

use crate::cli::{Output, Usage};
use crate::feed::{Ends, Feed};
use crate::settings::Settings;
use crate::{grid, lake, verdicts};
use anyhow::bail;
use clap::{Args, Subcommand};
use interdict_collector::Lake;
use interdict_collector::maintain::{Hold, HoldKind, Keeper, Left};
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use serde_json::{Map, Value};
use std::io::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The lake's folder or URL; the configuration's if left out.
    #[arg(long, global = true)]
    lake: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show each table's files, rows, bytes and days; its newest row and how long that took from its event to its commit
    /// (lag_s); how many records of the bus it has not yet read (behind) and how many were set aside because nobody could
    /// read them (rejected); since when nothing came (idle_s); and what should be done.
    Status {
        /// How it is printed.
        #[arg(long, short, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Rewrite small files of a day into big sorted ones. May run beside everything. Files that are not what was written
    /// are left and named; the exit code is 3 then.
    Compact {
        /// One table; all if left out.
        #[arg(long)]
        table: Option<String>,
    },
    /// Remove files that no version of the last seven days names.
    Vacuum {
        /// Only say how many.
        #[arg(long)]
        dry_run: bool,
    },
    /// Take old days out of a table, but for rows on hold, and for rows that came within the days that are kept.
    Retain {
        /// Which table.
        #[arg(long)]
        table: String,
        /// How many days are kept.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        days: u32,
        /// Take also what came within these days, as an import does, or the records of a clock that was wrong.
        #[arg(long)]
        late: bool,
        /// Only say how much.
        #[arg(long)]
        dry_run: bool,
    },
    /// Keep the rows of a session or an identity from retention and vacuum; without either, list what is held.
    Hold(Holding),
}

#[derive(Debug, Args)]
struct Holding {
    /// A session.
    #[arg(long, conflicts_with = "identity")]
    session: Option<String>,
    /// An identity, wherever it stands in a chain.
    #[arg(long)]
    identity: Option<String>,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    /// Who asks for it; the name of the user that runs this command if left out.
    #[arg(long)]
    by: Option<String>,
    /// Release it instead.
    #[arg(long)]
    release: bool,
}

/// Runs it; `Ok(false)` when files were left because they are not what was written.
pub(crate) async fn run(args: Arguments, config: &Path) -> anyhow::Result<bool> {
    let named = args.lake.is_some();
    let place = lake::place(args.lake, config)?;
    match args.command {
        Command::Status { output } => status(&place, output, &ends(named, config).await).await?,
        Command::Compact { table } => return compact(&place, table.as_deref()).await,
        Command::Vacuum { dry_run } => vacuum(&place, dry_run).await?,
        Command::Retain { table, days, late, dry_run } => {
            return retain(&place, &table, days, late, dry_run).await;
        }
        Command::Hold(holding) => hold(&place, holding).await?,
    }
    Ok(true)
}

fn table(name: &str) -> anyhow::Result<Table> {
    let names = || Table::ALL.map(Table::name).join(", ");
    match Table::ALL.into_iter().find(|table| table.name() == name) {
        Some(table) => Ok(table),
        None => Err(Usage(format!("no table is called `{name}`; there are {}", names())).into()),
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// How far the bus goes that the lake is fed from; nothing of it where a lake is named that need not be the
/// configuration's, or where the bus cannot be reached, which is said.
async fn ends(named: bool, config: &Path) -> Ends {
    if named {
        return Ends::new();
    }
    let look = async { Feed::open(&Settings::load(config)?).await?.ends().await };
    look.await.unwrap_or_else(|error| {
        let words = "the bus cannot be reached, so that nobody can say what is not yet in the lake";
        // Standard error may be closed; the status itself matters more.
        let _ = writeln!(std::io::stderr(), "{words}: {error:#}");
        Ends::new()
    })
}

async fn status(place: &Lake, output: Output, ends: &Ends) -> anyhow::Result<()> {
    let now = Time::from(jiff::Timestamp::now());
    let mut rows = Vec::new();
    for table in Table::ALL {
        let Some(keeper) = Keeper::open(place, table).await? else { continue };
        let found = keeper.status()?;
        let (first, last) = found.days.clone().unwrap_or_default();
        let seconds = |seconds: Option<i64>| seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        let behind = match ends.get(table.topic().name()) {
            Some(ends) => keeper.behind(ends).await?.to_string(),
            None => String::new(),
        };
        let left = keeper.left().await?;
        for (file, reason) in &left.named {
            writeln!(std::io::stderr(), "{}: {file} {reason}", table.name())?;
        }
        let left = (left.files > 0)
            .then(|| format!("{} files are not what was written: run `interdict verify`", left.files));
        let gone = match keeper.gone().await? {
            0 => None,
            gone => Some(format!("{gone} files are gone or of another size: run `interdict verify`")),
        };
        let troubles: Vec<_> = left.into_iter().chain(gone).chain(found.trouble()).collect();
        rows.push([
            table.name().to_owned(),
            found.version.to_string(),
            found.files.to_string(),
            found.small.to_string(),
            found.rows.to_string(),
            found.bytes.to_string(),
            first,
            last,
            found.newest.map(|(newest, _)| newest.to_string()).unwrap_or_default(),
            seconds(found.lag_s()),
            behind,
            keeper.rejected().await?.to_string(),
            seconds(found.idle_s(now)),
            if troubles.is_empty() { "ok".to_owned() } else { troubles.join("; ") },
        ]);
    }
    if rows.is_empty() {
        writeln!(std::io::stderr(), "the lake at {} {}", place.display(), lake::NO_TABLE)?;
    }
    let columns = [
        "table",
        "version",
        "files",
        "small",
        "rows",
        "bytes",
        "first_day",
        "last_day",
        "newest",
        "lag_s",
        "behind",
        "rejected",
        "idle_s",
        "health",
    ];
    match output {
        Output::Table => say(&grid::grid(columns, rows)),
        Output::Csv => {
            say(&lake::csv(&columns))?;
            rows.iter().try_for_each(|row| say(&lake::csv(row)))
        }
        Output::Json => rows.into_iter().try_for_each(|row| {
            let value = |text: String| match text.parse::<i64>() {
                Ok(number) => Value::from(number),
                Err(_) if text.is_empty() => Value::Null,
                Err(_) => text.into(),
            };
            let line: Map<_, _> = columns.iter().map(|name| (*name).to_owned()).zip(row.map(value)).collect();
            say(&Value::from(line).to_string())
        }),
    }
}

/// Says which files were left; whether there were none.
fn say_left(table: Table, left: &Left) -> anyhow::Result<bool> {
    for (file, reason) in &left.named {
        say(&format!("{}: left as it is: {file} {reason}", table.name()))?;
    }
    if left.files > left.named.len() {
        say(&format!("{}: {} files are left in all", table.name(), left.files))?;
    }
    Ok(left.files == 0)
}

async fn compact(place: &Lake, only: Option<&str>) -> anyhow::Result<bool> {
    let (only, mut is_whole) = (only.map(table).transpose()?, true);
    for table in Table::ALL.into_iter().filter(|table| only.is_none_or(|only| only == *table)) {
        let Some(mut keeper) = Keeper::open(place, table).await? else { continue };
        let done = keeper.compact(2).await?;
        let (taken, made, rows) = (done.taken, done.made, done.rows);
        say(&format!("{}: {taken} files of {rows} rows became {made}", table.name()))?;
        if done.passed > 0 {
            say(&format!("{}: {} days were changed by another meanwhile; run it again", table.name(), done.passed))?;
        }
        is_whole &= say_left(table, &done.left)?;
    }
    Ok(is_whole)
}

async fn vacuum(place: &Lake, dry_run: bool) -> anyhow::Result<()> {
    for table in Table::ALL {
        let Some(mut keeper) = Keeper::open(place, table).await? else { continue };
        let files = keeper.vacuum(dry_run).await?;
        say(&format!("{}: {files} files {}removed", table.name(), if dry_run { "would be " } else { "" }))?;
    }
    Ok(())
}

async fn retain(place: &Lake, name: &str, days: u32, late: bool, dry_run: bool) -> anyhow::Result<bool> {
    let table = table(name)?;
    let Some(mut keeper) = Keeper::open(place, table).await? else { bail!("the lake has no table `{name}` yet") };
    let now = Time::from(jiff::Timestamp::now());
    let done = match (dry_run, late) {
        (true, late) => keeper.due(days, now, late).await?,
        (false, true) => keeper.retain(days, now).await?,
        (false, false) => keeper.expire(days, now).await?,
    };
    let words = if dry_run { "would go" } else { "are gone" };
    say(&format!("{name}: {} rows in {} files {words}, {} rows are on hold", done.rows, done.files, done.held))?;
    if done.late > 0 {
        say(&format!("{name}: {} rows came within {days} days and stay; --late takes them too", done.late))?;
    }
    say_left(table, &done.left)
}

async fn hold(place: &Lake, holding: Holding) -> anyhow::Result<()> {
    let (kind, value) = match (holding.session, holding.identity) {
        (Some(session), _) => (HoldKind::Session, session),
        (None, Some(identity)) => (HoldKind::Identity, identity),
        (None, None) => {
            let rows = Hold::all(place).await?.into_iter().map(|hold| {
                let kind = if hold.kind == HoldKind::Session { "session" } else { "identity" };
                [kind.to_owned(), hold.value, hold.reason, hold.by, hold.since]
            });
            return say(&grid::grid(["kind", "value", "reason", "by", "since"], rows));
        }
    };
    if holding.release {
        if !Hold::release(place, kind, &value).await? {
            bail!("`{value}` is not on hold; `interdict lake hold` lists what is");
        }
        return say(&format!("`{value}` is released"));
    }
    let by = holding.by.unwrap_or_else(verdicts::person);
    let since = jiff::Timestamp::now().to_string();
    Hold { kind, value: value.clone(), reason: holding.reason, by, since }.place(place).await?;
    say(&format!("`{value}` is on hold"))?;
    let column = if kind == HoldKind::Identity { lake::Column::Chain } else { lake::Column::Session };
    lake::say_unknown(place, &value, column).await
}
