//! The lake as commands open it, and rows as they print them.

use crate::cli::{Output, Rows as Arguments};
use crate::settings::Settings;
use anyhow::bail;
use interdict_collector::Lake;
use interdict_queries::output::{self, Format};
use interdict_queries::{Engine, Rows};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

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

/// Prints rows to standard output.
pub(crate) async fn print(rows: Rows, output: Output) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    // A table is folded to the terminal; into a pipe it is as wide as its rows.
    let width = if std::io::stdout().is_terminal() { terminal_width() } else { None };
    output::write(rows, output.into(), width, &mut out).await?;
    Ok(())
}

fn terminal_width() -> Option<u16> {
    console::Term::stdout().size_checked().map(|(_, columns)| columns)
}

/// Asks the lake and prints the answer.
pub(crate) async fn ask(arguments: Arguments, config: &Path, query: &str) -> anyhow::Result<()> {
    let engine = open(arguments.lake, config)?;
    print(engine.sql(query).await?, arguments.output).await
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
