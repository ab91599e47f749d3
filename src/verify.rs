//! `interdict verify`: is the lake what the proxies wrote, all of it, once and unchanged?

use crate::settings::{self, Settings};
use crate::when::Span;
use crate::{cli, lake, serve};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use interdict_queries::verify::{Options, Part, Progress, Report, Written, verify};
use interdict_schemas::{Digest, Time, Topic};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// So long what was signed may be on its way into the lake.
const SETTLES: i64 = 60;

/// The logs of this gateway, and of the lake's server where it runs alone; and the public keys beside each.
const LOGS: [&str; 2] = [settings::LOG, serve::SPOOL];
const KEYS: &str = "chain_key.pub";

pub(crate) async fn run(args: cli::Verify, config: &Path) -> anyhow::Result<bool> {
    let options = options(&args, config)?;
    let engine = lake::open(args.lake, config)?;
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let watch = tokio::spawn(watch(bar.clone(), Arc::clone(&options.progress)));
    let report = verify(&engine, &options).await;
    watch.abort();
    bar.finish_and_clear();
    let report = report?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    if report.absent.is_none() && report.events.spools.is_empty() {
        let what =
            if options.part == Part::All { "no proxy wrote anything here" } else { "nothing of it is chained" };
        writeln!(std::io::stderr(), "{what}, so there is nothing that could be proven")?;
        return Ok(false);
    }
    Ok(report.is_whole())
}

/// What is asked when nothing is said: all of the lake as it is now.
pub(crate) fn now() -> Options {
    let now = Time::from(jiff::Timestamp::now());
    Options { settled: Some(now.plus_seconds(-SETTLES)), ..Options::default() }
}

fn options(args: &cli::Verify, config: &Path) -> anyhow::Result<Options> {
    let part = match (&args.session, args.from.is_some() || args.to.is_some()) {
        (Some(session), _) => Part::Session(session.clone()),
        (None, true) => {
            let Span { from, to } = Span::between(args.from, args.to, ["--from", "--to"])?;
            Part::Between(from, to)
        }
        (None, false) => Part::All,
    };
    let mut trusted = args.keys.clone();
    if trusted.is_empty() && args.lake.is_none() {
        trusted = believed(Some(config))?.trusted;
    }
    let written = match &args.after {
        Some(file) => earlier(file)?,
        None => Vec::new(),
    };
    let (only_trusted, head_may_be_gone) = (!args.keys.is_empty(), args.head_may_be_gone);
    Ok(Options { part, head_may_be_gone, written, trusted, only_trusted, ..now() })
}

/// What is asked when nothing is said, with the keys of the configuration's own logs as those that are trusted.
pub(crate) fn believed(config: Option<&Path>) -> anyhow::Result<Options> {
    let mut trusted = Vec::new();
    if let Some(config) = config {
        let data = Settings::load(config)?.data;
        for log in LOGS {
            trusted.extend(keys(&data.join(log).join(KEYS))?);
        }
    }
    Ok(Options { trusted, ..now() })
}

/// The keys of the gateway that has its log here; none where it runs elsewhere.
fn keys(file: &Path) -> anyhow::Result<Vec<[u8; 32]>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key = |line| cli::key(line).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()));
    text.lines().map(key).collect()
}

/// What an earlier proof saw.
fn earlier(file: &Path) -> anyhow::Result<Vec<Written>> {
    #[derive(serde::Deserialize)]
    struct Seen {
        events: Table,
        recordings: Table,
    }
    #[derive(serde::Deserialize)]
    struct Table {
        spools: Vec<Spool>,
    }
    #[derive(serde::Deserialize)]
    struct Spool {
        spool: String,
        last: u64,
        head: Option<String>,
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let seen: Seen = serde_json::from_str(&text)
        .with_context(|| format!("{} is no report; make one with `interdict verify --json`", file.display()))?;
    let mut written = Vec::new();
    for (topic, table) in [(Topic::Events, seen.events), (Topic::Recordings, seen.recordings)] {
        for Spool { spool, last, head } in table.spools {
            let head = match head.as_deref().map(cli::key) {
                None => None,
                Some(Ok(head)) => Some(Digest(head)),
                Some(Err(error)) => bail!("{}: the head of log {spool}: {error}", file.display()),
            };
            written.push(Written { topic, spool, last, head });
        }
    }
    Ok(written)
}

async fn watch(bar: ProgressBar, progress: Arc<Progress>) {
    loop {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (done, total, records) = (read(&progress.done), read(&progress.total), read(&progress.records));
        let (done, total) = (indicatif::HumanBytes(done), indicatif::HumanBytes(total));
        bar.set_message(format!("{done} of {total} of files, {} records", indicatif::HumanCount(records)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether the whole lake is sound, without asking for more.
pub(crate) async fn whole(engine: &interdict_queries::Engine) -> anyhow::Result<Report> {
    Ok(verify(engine, &now()).await?)
}
