//! What was made of a file: whether anything in it could be read as what it was taken for, and what it looks like if not.
//! A log that is sound and says nothing here is no mistake; one of another format is.

use super::error::{Looks, Tally};
use super::{Error, Format, Head, recognise};
use crate::neutral;

/// So much of a file's first line is shown, in characters.
const SHOWN: usize = 60;

/// A file that is being read, and the tally when it began.
#[derive(Debug)]
pub(super) struct Look {
    events: u64,
    records: u64,
    faults: u64,
    tried: Option<&'static str>,
    /// Whether any of its members begins like that.
    is_like: bool,
    looks: Option<Looks>,
}

impl Look {
    pub(super) fn begin(tally: &Tally) -> Self {
        let (events, records, faults) = (tally.events, records(tally), tally.faults());
        Self { events, records, faults, tried: None, is_like: false, looks: None }
    }

    /// A member is read as `tried`.
    pub(super) fn at(&mut self, tried: &'static dyn Format, head: &Head<'_>) {
        self.is_like |= tried.recognises(head);
        if self.tried.is_none() {
            let begin = || {
                let line = String::from_utf8_lossy(head.lines.first().copied().unwrap_or_default());
                neutral(&line.chars().take(SHOWN).collect::<String>()).into_owned()
            };
            self.tried = Some(tried.name());
            self.looks =
                Some(recognise(head).map_or_else(|| Looks::Unlike(begin()), |like| Looks::Like(like.name())));
        }
    }

    /// What is to be told of the file now that it has ended and `waiting` events are still to come.
    pub(super) fn end(self, file: &str, tally: &Tally, waiting: usize) -> Option<Error> {
        let records = records(tally) - self.records;
        if waiting > 0 || tally.events > self.events || records == 0 {
            return None;
        }
        let is_wrong = tally.faults() - self.faults == records;
        let (Some(tried), Some(looks)) = (self.tried, self.looks) else { return None };
        let looks = if self.is_like { Looks::Like(tried) } else { looks };
        (is_wrong || !self.is_like).then(|| Error::Foreign { file: neutral(file).into_owned(), tried, looks })
    }
}

/// Lines and records that are not blank.
fn records(tally: &Tally) -> u64 {
    tally.lines - tally.skipped.get("blank").copied().unwrap_or(0)
}
