//! `interdict forensics`: the detector over stored events.

use crate::cli::{self, Format};
use crate::settings::Settings;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use interdict_detector::{Detector, Output};
use interdict_queries::forensics::{Error, Events, Findings};
use interdict_schemas::{Alert, Verdict};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

/// How many wrong lines are named; all are counted.
const NAMED: u64 = 20;

pub(crate) async fn run(args: cli::Forensics, config: &Path) -> anyhow::Result<()> {
    // Forensics needs no gateway: the detector's settings are the configuration's if there is one.
    let settings = if config.exists() { Settings::load(config)?.detector.settings } else { Default::default() };
    tokio::task::spawn_blocking(move || judge(args, settings)).await.context("forensics panicked")?
}

fn judge(args: cli::Forensics, settings: interdict_detector::Settings) -> anyhow::Result<()> {
    let Format::Ocsf = args.format;
    let mut events = Events::new(args.events);
    let bar = match events.progress().size() {
        Some(size) => ProgressBar::new(size).with_style(ProgressStyle::with_template(
            "{bar:40} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left",
        )?),
        None => ProgressBar::new_spinner(),
    };
    let progress = events.progress().clone();
    let mut detector = Detector::new(settings);
    let mut findings = Findings::create(&args.alerts)?;
    let (mut errors, mut wrong) = (std::io::stderr(), 0_u64);
    while let Some(event) = events.next() {
        match event {
            Ok(event) => {
                let outputs = detector.observe(&event);
                for (alert, verdict) in paired(&outputs) {
                    findings.write(alert, verdict)?;
                }
            }
            Err(error @ Error::Line { .. }) => {
                wrong += 1;
                if wrong <= NAMED {
                    bar.suspend(|| writeln!(errors, "{error}"))?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        if events.tally().lines.is_multiple_of(4096) {
            bar.set_position(progress.read());
        }
    }
    bar.finish_and_clear();
    let count = findings.finish()?;
    let tally = events.tally();
    let skipped: u64 = tally.skipped.values().sum();
    let reasons: Vec<_> = tally.skipped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let counts = detector.counts();
    writeln!(
        errors,
        "{} lines, {} events, {skipped} skipped{}; {} doubled, {} late; {count} findings",
        tally.lines,
        tally.events,
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) },
        counts.duplicates,
        counts.late,
    )?;
    if tally.lines > 0 && tally.events == 0 {
        bail!("none of {} lines is an event; is --format right?", tally.lines);
    }
    Ok(())
}

/// Each alert with the verdict that was given on it.
fn paired(outputs: &[Output]) -> impl Iterator<Item = (&Alert, Option<&Verdict>)> {
    let verdicts: HashMap<&str, &Verdict> = outputs
        .iter()
        .filter_map(
            |output| if let Output::Verdict(verdict) = output { Some((verdict.id.as_str(), verdict)) } else { None },
        )
        .collect();
    outputs.iter().filter_map(move |output| match output {
        Output::Alert(alert) => {
            let verdict = alert.verdict.as_deref().and_then(|id| verdicts.get(id)).copied();
            Some((alert, verdict))
        }
        Output::Verdict(_) => None,
    })
}
