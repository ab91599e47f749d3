//! Why there is no event, or no more, and how often.

use super::{MAX_LINE, Place};
use crate::neutral;
use std::collections::BTreeMap;

/// Why a record is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// It is sound and of no use here; a stable word, for counting.
    Foreign(&'static str),
    /// It is wrong.
    Fault {
        /// A stable word, for counting.
        name: &'static str,
        /// In words.
        words: String,
    },
}

impl Skip {
    /// A record that is wrong.
    pub(super) fn fault(name: &'static str, words: impl Into<String>) -> Self {
        Self::Fault { name, words: words.into() }
    }

    pub(super) fn long(length: usize) -> Self {
        Self::fault("long", format!("line of {length} bytes is longer than {MAX_LINE}"))
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::fault("json", format!("not JSON: {error}"))
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::fault("missing", format!("{path} is missing"))
    }

    /// The same, of a part of the record.
    pub(super) fn under(self, part: &str) -> Self {
        match self {
            Self::Fault { name, words } => Self::Fault { name, words: format!("{part}.{words}") },
            foreign @ Self::Foreign(_) => foreign,
        }
    }

    pub(super) fn wrong(path: &str, expected: &str) -> Self {
        Self::fault("wrong", format!("{path} must be {expected}"))
    }
}

/// Why there is no event, or no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record is no event. The next one may be.
    #[error("{file}:{line}: {words}")]
    Line {
        /// The file as it was named, and the member of it.
        file: String,
        /// Its line, from 1.
        line: u64,
        /// Why.
        words: String,
    },
    /// A file of no known format.
    #[error("{file}: the format is not recognised; name it with --format ({})", super::names())]
    Unknown {
        /// The file.
        file: String,
    },
    /// Nothing in a file could be read as what it was taken for. The next file may be sound.
    #[error("{file}: nothing in it could be read as {tried}; {}", advice(tried, looks))]
    Foreign {
        /// The file.
        file: String,
        /// The format that was tried.
        tried: &'static str,
        /// The format that it begins like, or how it begins.
        looks: Looks,
    },
    /// A file cannot be opened.
    #[error(
        "{file} cannot be opened: {source}; name files that exist (.gz, .zst and .tar are unpacked), or - for stdin"
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
}

impl Error {
    /// Whether reading goes on after it.
    #[must_use]
    pub const fn is_skipped(&self) -> bool {
        matches!(self, Self::Line { .. } | Self::Foreign { .. } | Self::Unknown { .. })
    }
}

/// What a file looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looks {
    /// One of the formats.
    Like(&'static str),
    /// None of them; its first line, safe to print and not all of it.
    Unlike(String),
}

/// What to do about a file that was taken for something else.
fn advice(tried: &str, looks: &Looks) -> String {
    match looks {
        Looks::Like(format) if *format == tried => "it looks like it, and every record is wrong".to_owned(),
        Looks::Like(format) => format!("it looks like {format}: leave --format out, or name that"),
        Looks::Unlike(begin) => {
            format!("it looks like none of {}, and begins with `{begin}`", super::names())
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines or records, empty ones among them.
    pub lines: u64,
    /// Events.
    pub events: u64,
    /// Records passed over, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Files of which nothing could be read.
    pub foreign: u64,
    faults: u64,
}

impl Tally {
    /// Records that were wrong, not merely of no use.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.faults
    }

    /// Counts a record that is no event; what is to be told of it, if it was wrong.
    pub(super) fn skip(&mut self, skip: Skip, file: &str, place: Place) -> Option<Error> {
        let (name, words) = match skip {
            Skip::Foreign(name) => (name, None),
            Skip::Fault { name, words } => (name, Some(words)),
        };
        *self.skipped.entry(name).or_default() += 1;
        let words = words?;
        self.faults += 1;
        let words = neutral(&words);
        let words = if place.part > 1 { format!("record {}: {words}", place.part) } else { words.into_owned() };
        Some(Error::Line { file: neutral(file).into_owned(), line: place.line, words })
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let skipped: u64 = self.skipped.values().sum();
        write!(f, "{} lines, {} events, {skipped} skipped", self.lines, self.events)?;
        for (index, (reason, count)) in self.skipped.iter().enumerate() {
            write!(f, "{}{count} {reason}", if index == 0 { " (" } else { ", " })?;
        }
        if self.skipped.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}
