//! `interdict import`: other systems' logs into the lake; and the reading of logs as commands show it.

use crate::cli::{self, Usage};
use crate::settings::Settings;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use interdict_collector::config::{Raw, RawLake};
use interdict_collector::{Config, Import, Lake};
use interdict_queries::import::{self, Error, Events, Tally};
use interdict_queries::neutral;
use interdict_schemas::Event;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// How many wrong lines are named; all are counted.
const NAMED: u64 = 20;

/// Events on their way to the lake.
const WAITING: usize = 1024;

pub(crate) async fn run(args: cli::Import, config: &Path) -> anyhow::Result<()> {
    let config = match args.lake {
        // The lake alone needs no gateway.
        Some(lake) if !config.exists() => {
            Raw::default().resolve(RawLake { path: Some(lake), ..RawLake::default() }, Path::new(""))?
        }
        Some(lake) => Config { lake: Lake::parse(&lake, Path::new(""))?, ..Settings::load(config)?.collector },
        None => Settings::load(config)?.collector,
    };
    if args.files.iter().any(|file| file == Path::new("-")) {
        let words = "a file is imported once by what it holds, so it is read twice; name a file instead of -";
        return Err(Usage(words.to_owned()).into());
    }
    if let Some(file) = args.files.iter().find(|file| file.exists() && !file.is_file()) {
        let words = "what is imported is read twice, so a pipe or a folder will not do";
        return Err(Usage(format!("{} is no file: {words}", file.display())).into());
    }
    let mut lake = Import::open(&config).await?;
    let options = args.logs.options();
    let (events, mut read) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || send(args.files, options, &events));
    let mut failed = None;
    while let Some((digest, sequence, event)) = read.recv().await {
        if let Err(error) = lake.add(&digest, sequence, event).await {
            failed = Some(error);
            break;
        }
    }
    // Whoever reads files ends when nobody takes what they hold.
    drop(read);
    let tally = reading.await.context("reading the files panicked")?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    // What was read before a file broke off stands, as it does in every command.
    let imported = lake.finish().await?;
    let added = format!("{} added, {} were there already", imported.added, imported.known);
    let unread = match tally {
        Ok((tally, unread)) => {
            writeln!(std::io::stderr(), "{tally}; {added}")?;
            unread
        }
        Err(error) => {
            writeln!(std::io::stderr(), "{added}")?;
            return Err(error);
        }
    };
    if unread > 0 {
        bail!(
            "{unread} of the files cannot be read; nothing of them was imported: mend and import them by themselves"
        );
    }
    Ok(())
}

/// Sends every event with its file's digest and its number there; says how many of the files cannot be read.
fn send(
    files: Vec<PathBuf>,
    options: import::Options,
    to: &mpsc::Sender<(String, u64, Event)>,
) -> anyhow::Result<(Tally, usize)> {
    let count = files.len();
    let (mut readable, mut digests) = (Vec::new(), Vec::new());
    for file in files {
        match import::digest(&file) {
            Ok(digest) => {
                digests.push(digest);
                readable.push(file);
            }
            Err(error) => {
                let told = format!("{} cannot be read, and is passed over: {error}", file.display());
                writeln!(std::io::stderr(), "{}", neutral(&told))?;
            }
        }
    }
    let unread = count - readable.len();
    if unread > 0 && readable.is_empty() {
        bail!("no file can be read; nothing was imported");
    }
    let names = readable.clone();
    let mut logs = Logs::new(Events::new(readable, options))?;
    let (mut file, mut sequence, mut fruitful) = (0, 0, BTreeSet::new());
    while let Some(event) = logs.next()? {
        if logs.file() != file {
            (file, sequence) = (logs.file(), 0);
        }
        fruitful.insert(file);
        sequence += 1;
        let Some(digest) = digests.get(file) else { bail!("more files were read than were named") };
        if to.blocking_send((digest.clone(), sequence, event)).is_err() {
            break;
        }
    }
    let tally = logs.finish()?;
    for (_, file) in names.iter().enumerate().filter(|(at, _)| !fruitful.contains(at)) {
        let told = format!("{} has no line that is an event", file.display());
        writeln!(std::io::stderr(), "{}", neutral(&told))?;
    }
    Ok((tally, unread))
}

/// Events with a progress bar, wrong lines named on standard error.
pub(crate) struct Logs {
    events: Events,
    bar: ProgressBar,
    wrong: u64,
    shown: u64,
}

impl Logs {
    pub(crate) fn new(events: Events) -> anyhow::Result<Self> {
        let bar = match events.progress().size() {
            Some(size) => ProgressBar::new(size).with_style(ProgressStyle::with_template(
                "{bar:40} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left",
            )?),
            None => ProgressBar::new_spinner(),
        };
        Ok(Self { events, bar, wrong: 0, shown: 0 })
    }

    /// Which of the files the last event came from.
    pub(crate) const fn file(&self) -> usize {
        self.events.file()
    }

    /// The next event; what is none is told and passed over.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            let next = self.events.next();
            let lines = self.events.tally().lines;
            if lines / 4096 > self.shown {
                self.shown = lines / 4096;
                self.bar.set_position(self.events.progress().read());
            }
            match next {
                None => return Ok(None),
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(error @ Error::Line { .. })) => {
                    self.wrong += 1;
                    if self.wrong <= NAMED {
                        self.bar.suspend(|| writeln!(std::io::stderr(), "{error}"))?;
                    }
                }
                Some(Err(error)) if error.is_skipped() => {
                    self.bar.suspend(|| writeln!(std::io::stderr(), "{error}"))?;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// What was read in all.
    pub(crate) fn finish(self) -> anyhow::Result<Tally> {
        self.bar.finish_and_clear();
        let tally = self.events.tally().clone();
        if tally.foreign > 0 {
            bail!("nothing could be read of {} of the files ({tally}); is --format right?", tally.foreign);
        }
        // Lines that say nothing here are no mistake; that not one of many is sound is one.
        if tally.lines > 0 && tally.events == 0 && tally.faults() > 0 {
            bail!("none of {} lines is an event ({tally}); is --format right?", tally.lines);
        }
        Ok(tally)
    }
}
