//! `interdict simulate`: days with attacks in them, through a detector of our own or onto the bus; then what it came to.

mod bus;
mod drawing;
mod markup;
mod page;
mod plot;
mod terminal;

use crate::cli;
use crate::settings::Settings;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use interdict_detector::Detector;
use interdict_detector::simulation::{Plan, Report, Tally};
use interdict_queries::Outfile;
use interdict_schemas::{Time, ocsf};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// Plays and reports. `Ok(false)` when less was caught than was asked for.
pub(crate) async fn run(args: cli::Simulate, config: &Path) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(|| if args.bus { u64::from(rand::random::<u32>()) } else { 1 });
    let mut plan = Plan {
        seed,
        days: args.days,
        identities: args.identities,
        sessions_per_day: args.sessions_per_day,
        attacks: args.attacks,
        kinds: args.kinds,
        ..Plan::default()
    };
    let report = if args.bus {
        // The last day is yesterday.
        plan.start = Time::from(jiff::Timestamp::now()).plus_seconds(-86_400 * i64::from(plan.days));
        bus::play(&plan, args.speed, &Settings::load(config)?).await?
    } else {
        // No gateway is needed: the detector's settings are the configuration's if there is one.
        let settings = if config.exists() { Settings::load(config)?.detector.settings } else { Default::default() };
        let plan = plan.clone();
        let events = args.events.as_deref().map(Outfile::create).transpose()?;
        tokio::task::spawn_blocking(move || fold(&plan, settings, events))
            .await
            .context("the simulation panicked")??
    };
    if let Some(path) = &args.json {
        Outfile::write_whole(path, format!("{}\n", serde_json::to_string_pretty(&report)?).as_bytes())?;
    }
    if let Some(path) = &args.html {
        Outfile::write_whole(path, page::render(&plan, &report).as_bytes())?;
    }
    // Last: whoever reads it may go away, as `head` does.
    terminal::print(&plan, &report, &mut std::io::stdout().lock())?;
    Ok(args.fail_below.is_none_or(|least| report.percent() >= least))
}

/// Through a detector of our own, as fast as it goes, and into a file.
fn fold(plan: &Plan, settings: interdict_detector::Settings, mut events: Option<Outfile>) -> anyhow::Result<Report> {
    let bar = progress(plan)?;
    let begun = Instant::now();
    let mut stream = plan.stream();
    let mut tally = Tally::of(&stream);
    let mut detector = Detector::new(settings);
    let (start, mut day) = (stream.start().day(), -1);
    while let Some((label, event)) = stream.next_labelled() {
        if let Some(file) = &mut events {
            writeln!(file, "{}", ocsf::event(&event))?;
        }
        let outputs = detector.observe(&event);
        tally.event(label, &event, &outputs);
        if event.time.day() - start != day {
            day = event.time.day() - start;
            bar.set_position(u64::try_from(day).unwrap_or_default());
        }
    }
    bar.finish_and_clear();
    events.map(Outfile::finish).transpose()?;
    let report = tally.finish();
    let seconds = begun.elapsed().as_secs_f64();
    let rate = report.events as f64 / seconds.max(1e-9);
    writeln!(std::io::stderr(), "{} events in {seconds:.1} s ({rate:.0} events/s)", report.events)?;
    Ok(report)
}

/// A bar of days.
fn progress(plan: &Plan) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} day {pos} of {len}, {eta} left")?;
    Ok(ProgressBar::new(u64::from(plan.days)).with_style(style))
}
