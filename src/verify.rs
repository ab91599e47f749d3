//! `interdict verify`: is everything that a proxy wrote in the lake, once?

use crate::{cli, lake};
use indicatif::{ProgressBar, ProgressStyle};
use interdict_queries::verify::{Options, verify};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(args: cli::Verify, config: &Path) -> anyhow::Result<bool> {
    let engine = lake::open(args.lake, config)?;
    let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    spinner.set_message("reading the lake");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let report = verify(&engine, &Options::default()).await;
    spinner.finish_and_clear();
    let report = report?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    if report.events.spools.is_empty() {
        writeln!(out, "no proxy wrote anything here, so there is nothing that could be proven")?;
        return Ok(false);
    }
    Ok(report.is_whole())
}
