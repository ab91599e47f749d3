//! `interdict forensics`: the detector over stored events.

use crate::cli;
use crate::settings::Settings;
use anyhow::Context as _;
use interdict_detector::{Detector, Output};
use interdict_queries::forensics::Findings;
use interdict_queries::import::Events;
use interdict_schemas::{Alert, Verdict};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

pub(crate) async fn run(args: cli::Forensics, config: &Path) -> anyhow::Result<()> {
    // Forensics needs no gateway: the detector's settings are the configuration's if there is one.
    let settings = if config.exists() { Settings::load(config)?.detector.settings } else { Default::default() };
    tokio::task::spawn_blocking(move || judge(args, settings)).await.context("forensics panicked")?
}

fn judge(args: cli::Forensics, settings: interdict_detector::Settings) -> anyhow::Result<()> {
    let events = Events::new(args.events, args.logs.options());
    let mut logs = crate::import::Logs::new(events)?;
    let mut detector = Detector::new(settings);
    let mut findings = Findings::create(&args.alerts)?;
    while let Some(event) = logs.next()? {
        let outputs = detector.observe(&event);
        for (alert, verdict) in paired(&outputs) {
            findings.write(alert, verdict)?;
        }
    }
    let tally = logs.finish()?;
    let count = findings.finish()?;
    let counts = detector.counts();
    writeln!(std::io::stderr(), "{tally}; {} doubled, {} late; {count} findings", counts.duplicates, counts.late)?;
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
