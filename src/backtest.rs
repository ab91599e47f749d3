//! `interdict backtest`: what other settings of the detector would have found, and whom they would have stopped.

use crate::cli;
use crate::grid::grid;
use crate::settings::{self, Settings};
use crate::stored::Stored;
use crate::when::Span;
use anyhow::Context as _;
use interdict_detector::backtest::{Backtest, Comparison, Hit, Summary};
use interdict_schemas::Stop;
use std::io::Write as _;
use std::path::Path;

/// Stops and holds that a table shows of each settings; JSON has all.
const SHOWN: usize = 20;

pub(crate) async fn run(args: cli::Backtest, config: &Path) -> anyhow::Result<()> {
    let span = Span::between(args.from, args.to, ["--from", "--to"])?;
    let new = settings::rules(&args.rules)?;
    let old = match &args.against {
        Some(file) => settings::rules(file)?,
        None => Settings::detector(config)?,
    };
    // Whoever remembers longer decides how far back is read.
    let longer = if old.horizon_days > new.horizon_days { &old } else { &new };
    let stored = Stored::open(args.stored, config, longer, span).await?;
    let pass = move || {
        let mut backtest = Backtest::new(old, new, span.from, span.to);
        let read = stored.read(|fact| {
            backtest.observe(&fact);
            Ok(())
        })?;
        anyhow::Ok((backtest.compare(), read))
    };
    let (comparison, read) = tokio::task::spawn_blocking(pass).await.context("the pass panicked")??;
    let mut out = std::io::stdout();
    match args.output {
        cli::Shown::Json => writeln!(out, "{}", serde_json::to_string_pretty(&comparison)?)?,
        cli::Shown::Table => write!(out, "{}", tables(&comparison))?,
    }
    writeln!(std::io::stderr(), "{read}")?;
    Ok(())
}

fn tables(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut add = |title: String, table: String| text.push_str(&format!("{title}\n{table}\n"));
    let detections = comparison.detections.iter().map(|one| {
        [
            one.detection.clone(),
            one.old.alerts.to_string(),
            one.new.alerts.to_string(),
            one.old.stops.to_string(),
            one.new.stops.to_string(),
            one.old.holds.to_string(),
            one.new.holds.to_string(),
        ]
    });
    let columns = ["detection", "alerts old", "alerts new", "stops old", "stops new", "holds old", "holds new"];
    add(format!("By detection; {} alerts are the same under both", comparison.same), grid(columns, detections));
    let old = |alert: &Summary| differs("only old", Some(alert), None);
    let new = |alert: &Summary| differs("only new", None, Some(alert));
    let rows: Vec<_> = comparison
        .only_old
        .iter()
        .map(old)
        .chain(comparison.only_new.iter().map(new))
        .chain(comparison.changed.iter().map(|one| differs("changed", Some(&one.old), Some(&one.new))))
        .collect();
    let columns = ["", "time", "detection", "root", "actor", "title", "risk", "severity", "verdict"];
    add(format!("Alerts that differ: {}", rows.len()), grid(columns, rows));
    for (name, blocks) in [("old", &comparison.old_blocks), ("new", &comparison.new_blocks)] {
        let hit: u64 = blocks.iter().map(|block| block.collateral).sum();
        let mut worst: Vec<_> = blocks.iter().collect();
        worst.sort_by_key(|block| std::cmp::Reverse(block.collateral));
        let shown = worst.len().min(SHOWN);
        let stops = blocks.iter().filter(|block| block.effect == Stop::Stop).count();
        let title = format!(
            "Under the {name} settings: {stops} stops, {} holds; sessions they would hit beside the chains they were given \
             on: {hit}; the {shown} that hit most",
            blocks.len() - stops
        );
        let columns = ["given", "until", "effect", "detection", "scope", "collateral", "cut", "for example"];
        add(title, grid(columns, worst.into_iter().take(shown).map(block)));
    }
    text
}

fn differs(how: &str, old: Option<&Summary>, new: Option<&Summary>) -> [String; 9] {
    let both = |of: fn(&Summary) -> String| match (old.map(of), new.map(of)) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
        (old, new) => new.or(old).unwrap_or_default(),
    };
    [
        how.to_owned(),
        both(|alert| alert.time.to_string()),
        both(|alert| alert.detection.clone()),
        both(|alert| alert.root.clone()),
        both(|alert| alert.actor.clone()),
        both(|alert| alert.title.clone()),
        both(|alert| alert.risk.to_string()),
        both(|alert| alert.severity.to_string()),
        both(|alert| alert.verdict.clone().unwrap_or_else(|| "none".into())),
    ]
}

fn block(hit: &Hit) -> [String; 8] {
    let samples = hit.samples.iter().take(3).map(|sample| format!("{} to {}", sample.identity, sample.target));
    [
        hit.time.to_string(),
        hit.until.to_string(),
        hit.effect.to_string(),
        hit.detection.clone(),
        hit.scope.clone(),
        hit.collateral.to_string(),
        hit.cut.to_string(),
        samples.collect::<Vec<_>>().join("; "),
    ]
}
