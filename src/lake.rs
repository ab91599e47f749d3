//! The lake as commands open it, and rows as they print them.

use crate::cli::{Output, Rows as Arguments};
use crate::settings::Settings;
use anyhow::bail;
use interdict_collector::Lake;
use interdict_queries::output::{self, Format};
use interdict_queries::{Engine, Rows, Snapshot, neutral};
use interdict_schemas::lake::Table;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

impl From<Output> for Format {
    fn from(output: Output) -> Self {
        match output {
            Output::Table => Self::Table,
            Output::Json => Self::Json,
            Output::Csv => Self::Csv,
        }
    }
}

/// Where the lake is that is named on the command line, or the configuration's.
pub(crate) fn place(lake: Option<PathBuf>, config: &Path) -> anyhow::Result<Lake> {
    let lake = match lake {
        Some(lake) => Lake::parse(&lake, Path::new(""))?,
        None => Settings::load(config)?.collector.lake,
    };
    if lake.folder().is_some_and(|folder| !folder.is_dir()) {
        bail!("there is no lake at {}; it is made when the collector first runs", lake.display());
    }
    Ok(lake)
}

/// Opens it.
pub(crate) fn open(lake: Option<PathBuf>, config: &Path) -> anyhow::Result<Engine> {
    open_with(lake, config, interdict_queries::Settings::default())
}

/// Opens it, with bounds on what a query may use.
pub(crate) fn open_with(
    lake: Option<PathBuf>,
    config: &Path,
    mut settings: interdict_queries::Settings,
) -> anyhow::Result<Engine> {
    if lake.is_none() {
        settings.replay = Settings::load(config)?.replay.unwrap_or(settings.replay);
    }
    let lake = place(lake, config)?;
    Ok(Engine::open(&lake.display().to_string(), settings)?)
}

/// What is said of a lake where nothing was ever written.
pub(crate) const NO_TABLE: &str = "has no table yet; the collector, or an import, makes them when it first writes";

/// Says so if nothing was ever written there: an answer without rows would look like one, and who follows would wait
/// without knowing for what.
pub(crate) fn say_empty(engine: &Engine, snapshot: &Snapshot, follows: bool) -> anyhow::Result<()> {
    if snapshot.is_empty() {
        let then = if follows { "; waiting for it" } else { "" };
        writeln!(std::io::stderr(), "the lake at {} {NO_TABLE}{then}", engine.lake())?;
    }
    Ok(())
}

/// Names the files that were left out, and fails if there are any: what was printed is not all there is.
pub(crate) fn say_left_out(snapshot: &Snapshot) -> anyhow::Result<()> {
    let files = snapshot.left_out();
    for (file, detail) in &files {
        writeln!(std::io::stderr(), "left out: {}: {}", neutral(file), neutral(detail))?;
    }
    match files.len() {
        0 => Ok(()),
        many => bail!("the answer is without the rows of {many} files that cannot be read"),
    }
}

/// Says so if no session in the lake is like this, where there is a lake to look at: `who` may be meant for later, and may
/// be a slip of the pen.
pub(crate) async fn say_unknown(lake: &Lake, who: &str, column: Column) -> anyhow::Result<()> {
    let is_known = tokio::time::timeout(PATIENCE, is_known(lake, who, column)).await;
    // What was asked for is done; that nobody can say is no failure of it.
    if matches!(is_known, Ok(Ok(false))) {
        let of = if column == Column::Session { "" } else { "of " };
        writeln!(std::io::stderr(), "no session {of}{} is in the lake; check the spelling", neutral(who))?;
    }
    Ok(())
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// At the root.
    Root,
    /// Anywhere in the chain.
    Chain,
    /// It is the session itself.
    Session,
}

/// How long a lake is looked at for what is only good to know.
const PATIENCE: Duration = Duration::from_secs(10);

async fn is_known(lake: &Lake, who: &str, column: Column) -> anyhow::Result<bool> {
    if lake.folder().is_some_and(|folder| !folder.is_dir()) {
        return Ok(true);
    }
    let engine = Engine::open(&lake.display().to_string(), interdict_queries::Settings::default())?;
    let snapshot = engine.snapshot().await?;
    if snapshot.version(Table::Sessions).is_none() {
        return Ok(true);
    }
    let who = literal(who);
    let condition = match column {
        Column::Root => format!("root = {who}"),
        Column::Chain => format!("array_has(chain, {who})"),
        Column::Session => format!("session = {who}"),
    };
    let query = format!("select 1 from session_facts where {condition} limit 1");
    let rows = snapshot.sql(&query).await?.collect().await?;
    Ok(rows.iter().any(|batch| batch.num_rows() > 0))
}

/// Prints rows to standard output; how many there are.
pub(crate) async fn print(rows: Rows, output: Output) -> anyhow::Result<usize> {
    let mut out = std::io::stdout().lock();
    // A table is folded to the terminal; into a pipe it is as wide as its rows.
    let width = if std::io::stdout().is_terminal() { terminal_width() } else { None };
    Ok(output::write(rows, output.into(), width, &mut out).await?)
}

fn terminal_width() -> Option<u16> {
    console::Term::stdout().size_checked().map(|(_, columns)| columns)
}

/// Asks the lake and prints the answer; how many rows it has.
pub(crate) async fn ask(arguments: Arguments, config: &Path, query: &str) -> anyhow::Result<usize> {
    let engine = open(arguments.lake, config)?;
    let snapshot = engine.snapshot().await?;
    say_empty(&engine, &snapshot, false)?;
    print(snapshot.sql(query).await?, arguments.output).await
}

/// A text as a SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One line of CSV (RFC 4180), every value quoted.
pub(crate) fn csv<T: AsRef<str>>(cells: &[T]) -> String {
    let quoted: Vec<_> = cells.iter().map(|cell| format!("\"{}\"", cell.as_ref().replace('"', "\"\""))).collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_quotes() {
        assert_eq!(csv(&["a", "b,\"c\""]), "\"a\",\"b,\"\"c\"\"\"");
    }
}
