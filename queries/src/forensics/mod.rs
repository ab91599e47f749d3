//! Events from files, findings to a file. Only reading and writing: what is made of the events in between is the
//! detector's business, and the command's to join.
//!
//! A line that is no event is reported with file and line number, counted by reason, and passed over. A file that
//! cannot be read any further is an end: everything before it stands, and the reader is told.

mod findings;
mod lines;
mod source;

pub use findings::Findings;
pub use source::Source;

use interdict_schemas::{Event, ocsf};
use lines::{Line, Lines};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Why there is no event, or no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line is no event. The next one may be.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file as it was named.
        file: String,
        /// Its line, from 1.
        line: u64,
        /// Why.
        reason: ocsf::Error,
    },
    /// A file cannot be opened.
    #[error(
        "{file} cannot be opened: {source}; name files that exist and end in .jsonl, .gz or .zst, or - for stdin"
    )]
    Open {
        /// The file.
        file: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file cannot be read any further: it is damaged or cut off.
    #[error("{file}:{line}: cannot be read any further: {source}")]
    Read {
        /// The file.
        file: String,
        /// Lines read before.
        line: u64,
        /// The reader's words.
        source: std::io::Error,
    },
    /// Findings cannot be written.
    #[error("{file} cannot be written")]
    Write {
        /// The file.
        file: String,
        /// The system's words.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether reading goes on after it.
    #[must_use]
    pub const fn is_skipped(&self) -> bool {
        matches!(self, Self::Line { .. })
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines, empty ones among them.
    pub lines: u64,
    /// Events.
    pub events: u64,
    /// Lines passed over, by reason: `blank`, `class`, `activity` (neither a fault), `json`, `missing`, `wrong`, `long`.
    pub skipped: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Lines that were wrong, not merely of no use.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let harmless = ["blank", "class", "activity"];
        self.skipped.iter().filter(|(reason, _)| !harmless.contains(reason)).map(|(_, count)| count).sum()
    }
}

/// The events of some files, one file after the other, each in its own order.
///
/// Memory is bounded by one line, however long the files. Lines that say something of another class are counted and
/// not returned; lines that are wrong are returned as [`Error::Line`]; after any other error the iterator ends.
pub struct Events {
    files: std::vec::IntoIter<PathBuf>,
    current: Option<Lines>,
    progress: Source,
    tally: Tally,
    ended: bool,
}

impl Events {
    /// The events of these files; `-` is the standard input.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let progress = Source::of(&files);
        Self { files: files.into_iter(), current: None, progress, tally: Tally::default(), ended: false }
    }

    /// What was read so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How much of the files was read, for a progress bar.
    #[must_use]
    pub const fn progress(&self) -> &Source {
        &self.progress
    }

    fn step(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(lines) = &mut self.current else {
                let Some(file) = self.files.next() else { return Ok(None) };
                self.current = Some(Lines::open(&file, &self.progress)?);
                continue;
            };
            let (line, reason) = match lines.next()? {
                None => {
                    self.current = None;
                    continue;
                }
                Some(Line::Blank) => (0, None),
                Some(Line::Long { line, length }) => (line, Some(ocsf::Error::Long { length })),
                Some(Line::Text { line, text }) => match ocsf::read_event(text) {
                    Ok(event) => {
                        self.tally.lines += 1;
                        self.tally.events += 1;
                        return Ok(Some(event));
                    }
                    Err(reason) => (line, Some(reason)),
                },
            };
            self.tally.lines += 1;
            *self.tally.skipped.entry(reason.as_ref().map_or("blank", ocsf::Error::name)).or_default() += 1;
            if let Some(reason) = reason.filter(|reason| !reason.is_foreign()) {
                return Err(Error::Line { file: lines.name().to_owned(), line, reason });
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step().transpose();
        self.ended = match &item {
            None => true,
            Some(Err(error)) => !error.is_skipped(),
            Some(Ok(_)) => false,
        };
        item
    }
}
