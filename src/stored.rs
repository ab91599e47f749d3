//! What happened, from files or from the lake, one fact after the other, oldest first, with a progress bar. Memory does
//! not grow with how much there is.

use crate::cli;
use crate::import::Logs;
use crate::lake;
use crate::when::Span;
use indicatif::{ProgressBar, ProgressStyle};
use interdict_detector::{Fact, Past, Settings};
use interdict_queries::import::Events;
use std::path::Path;
use tokio::runtime::Handle;

/// The facts, not yet read.
pub(crate) enum Stored {
    /// Of files.
    Files(Box<Events>),
    /// Of the lake.
    Lake(Box<Past>),
}

impl Stored {
    /// The files named, or what the lake holds of `span` and of the detector's horizon before it, by which habit is
    /// known.
    pub(crate) async fn open(
        stored: cli::Stored,
        config: &Path,
        settings: &Settings,
        span: Span,
    ) -> anyhow::Result<Self> {
        if !stored.events.is_empty() {
            return Ok(Self::Files(Box::new(Events::new(stored.events, stored.logs.options()))));
        }
        let place = lake::place(stored.lake, config)?;
        let since = span.from.plus_seconds(-i64::from(settings.horizon_days) * 86_400);
        let past = Past::open_on(stored.engine.engine, &place.display().to_string(), since, span.to).await?;
        Ok(Self::Lake(Box::new(past)))
    }

    /// Hands every fact to `take`; says what was read, in words. Blocks: not for a thread of the runtime.
    pub(crate) fn read(self, take: impl FnMut(Fact) -> anyhow::Result<()>) -> anyhow::Result<String> {
        match self {
            Self::Files(events) => files(*events, take),
            Self::Lake(past) => lake_facts(*past, take),
        }
    }
}

fn files(events: Events, mut take: impl FnMut(Fact) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut logs = Logs::new(events)?;
    while let Some(event) = logs.next()? {
        take(Fact::Event(event))?;
    }
    Ok(logs.finish()?.to_string())
}

fn lake_facts(mut past: Past, mut take: impl FnMut(Fact) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let bar = ProgressBar::new(past.events())
        .with_style(ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} events, {per_sec}, {eta} left")?);
    let (runtime, mut read) = (Handle::current(), 0_u64);
    while let Some(facts) = runtime.block_on(past.next())? {
        for fact in facts {
            read += u64::from(matches!(fact, Fact::Event(_)));
            take(fact)?;
        }
        bar.set_position(read);
    }
    bar.finish_and_clear();
    let unreadable = past.unreadable();
    let unreadable = if unreadable == 0 { String::new() } else { format!(", {unreadable} rows unreadable") };
    Ok(format!("{read} events{unreadable}"))
}
