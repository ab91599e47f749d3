//! How a member is cut into records, and where each stands.

use super::lines::Lines;
use super::objects::Objects;
use std::io::{self, BufRead};

/// How a format's files are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A record is a line.
    Lines,
    /// A record is a JSON object: one after the other, in a list, or in the list `Records` of a document.
    Objects,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its number in the member, from 1, where several may stand on one line; otherwise 0.
    pub part: u64,
}

/// One piece of a member.
pub(super) enum Cut<'a> {
    /// Nothing in it.
    Blank,
    /// Longer than may be; it was passed over without being kept.
    Long { place: Place, length: usize },
    /// A record, without its end.
    Text { place: Place, text: &'a [u8] },
}

/// A member on its way into records.
#[derive(Debug)]
pub(super) enum Frame {
    Lines(Lines),
    Objects(Objects),
}

impl Frame {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Lines => Self::Lines(Lines::default()),
            Framing::Objects => Self::Objects(Objects::default()),
        }
    }

    /// The line that was read last.
    pub(super) const fn line(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.line(),
            Self::Objects(objects) => objects.line(),
        }
    }

    pub(super) fn next(&mut self, reader: &mut dyn BufRead) -> io::Result<Option<Cut<'_>>> {
        match self {
            Self::Lines(lines) => lines.next(reader),
            Self::Objects(objects) => objects.next(reader),
        }
    }
}
