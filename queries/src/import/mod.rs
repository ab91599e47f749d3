//! Other systems' logs as events. Owns how files are opened, cut into records and read one after the other, and the
//! list of formats; each format's own file owns what its records mean. The detector folds what comes out, and the
//! collector writes it: neither knows where it came from.
//!
//! Everything in a file is somebody else's: a record is at most [`MAX_LINE`] long, what is remembered between records is
//! bounded in bytes, nothing panics. A record that is none is reported with file and line number, counted by reason,
//! and passed over; a record that is sound and of no use is counted. A file that cannot be read any further is an end:
//! everything before it stands, and the reader is told.
//!
//! The same file gives the same events with the same ids in the same order, whichever files are read beside it. What
//! another file may add is who was behind an identity (`cloudtrail`) or a connection (`zeek`).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod bounded;
mod cloudtrail;
mod draft;
mod error;
mod frame;
mod kubernetes;
mod lanl_auth;
mod lanl_redteam;
mod lines;
mod look;
mod objects;
mod ocsf;
mod source;
mod sshd;
mod tar;
mod teleport;
mod value;
mod zeek;

pub use error::{Error, Looks, Skip, Tally};
pub use frame::{Framing, Place};
pub use interdict_schemas::ocsf::MAX_LINE;
pub use source::{Source, digest};

use frame::{Cut, Frame};
use interdict_schemas::Event;
use look::Look;
use source::{Input, Member};
use std::collections::VecDeque;
use std::path::PathBuf;

/// A format of logs. To add one: its file, and its line in [`ALL`].
pub trait Format: Sync + std::fmt::Debug {
    /// Its name on the command line and in the ids of its events.
    fn name(&self) -> &'static str;

    /// How its files are cut into records.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// Whether a file that begins like this is one of it.
    fn recognises(&self, head: &Head<'_>) -> bool;

    /// A reader that has read nothing yet.
    fn reader(&self) -> Box<dyn Reader>;
}

/// Every format, the surest to be recognised first.
pub static ALL: &[&dyn Format] = &[
    &ocsf::Ocsf,
    &kubernetes::Kubernetes,
    &cloudtrail::CloudTrail,
    &zeek::Zeek,
    &teleport::Teleport,
    &lanl_auth::LanlAuth,
    &lanl_redteam::LanlRedteam,
    &sshd::Sshd,
];

/// The format of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.name() == name)
}

/// Every format's name, for people.
#[must_use]
pub fn names() -> String {
    ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// The beginning of a file.
#[derive(Debug)]
pub struct Head<'a> {
    /// Its name without folders.
    pub name: &'a str,
    /// Its first lines that are not blank; the last may be cut short.
    pub lines: Vec<&'a [u8]>,
}

impl<'a> Head<'a> {
    fn of(name: &'a str, bytes: &'a [u8]) -> Self {
        /// A file may begin with lines that are not its format's.
        const LINES: usize = 64;
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        Self { name, lines: lines.take(LINES).collect() }
    }

    /// Whether one of the lines is like this.
    #[must_use]
    pub fn any(&self, like: impl Fn(&[u8]) -> bool) -> bool {
        self.lines.iter().any(|line| like(line))
    }
}

/// Reads the records of one format.
pub trait Reader: Send {
    /// A file begins, or the next one of an archive. What is remembered of the one before may be kept only if it
    /// changes neither how many events this one has nor their order.
    fn begin(&mut self, _start: &Start<'_>) {}

    /// Reads one record; what it means goes to `out`, now or later.
    ///
    /// # Errors
    /// When it means nothing: by its own fault or because it is of no use.
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip>;

    /// The file has ended: what was kept back goes to `out`.
    fn end(&mut self, _out: &mut VecDeque<Event>) {}
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Its name without folders.
    pub name: &'a str,
    /// Whether it is a further file of the same archive.
    pub continues: bool,
    /// When it was changed, in seconds since the epoch, if known.
    pub modified: Option<i64>,
    /// The year of times that have none, if the user gave it.
    pub year: Option<i16>,
}

/// One record as it stands in a file.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its bytes, not blank and no more than [`MAX_LINE`].
    pub text: &'a [u8],
    /// Where it stands.
    pub place: Place,
    /// The file's path in its archive; empty if it is in none.
    pub member: &'a str,
}

/// How files are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Their format; recognised by what they begin with if left out.
    pub format: Option<&'static dyn Format>,
    /// The year of times that have none; the file's own if left out.
    pub year: Option<i16>,
}

/// The events of some files, one file after the other, each in its own order.
///
/// Memory is bounded, however long the files. Records of no use are counted and not returned; records that are wrong
/// are returned as [`Error::Line`]; after any other error the iterator ends.
pub struct Events {
    files: std::vec::IntoIter<PathBuf>,
    opened: usize,
    options: Options,
    /// A format's reader stays for all files.
    readers: Vec<(&'static str, Box<dyn Reader>)>,
    current: Option<Open>,
    pending: VecDeque<Event>,
    progress: Source,
    tally: Tally,
    ended: bool,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("opened", &self.opened).field("tally", &self.tally).finish_non_exhaustive()
    }
}

/// A file that is being read.
struct Open {
    file: String,
    base: String,
    input: Input,
    continues: bool,
    member: Option<Reading>,
    look: Look,
}

/// A member of it.
struct Reading {
    member: String,
    name: String,
    frame: Frame,
    reader: usize,
}

impl Events {
    /// The events of these files; `-` is the standard input.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, options: Options) -> Self {
        let progress = Source::of(&files);
        Self {
            files: files.into_iter(),
            opened: 0,
            options,
            readers: Vec::new(),
            current: None,
            pending: VecDeque::new(),
            progress,
            tally: Tally::default(),
            ended: false,
        }
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

    /// Which of the files the last event came from, from 0.
    #[must_use]
    pub const fn file(&self) -> usize {
        self.opened.saturating_sub(1)
    }

    fn step(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.tally.events += 1;
                return Ok(Some(event));
            }
            let Some(open) = &mut self.current else {
                let Some(file) = self.files.next() else { return Ok(None) };
                self.opened += 1;
                self.current = Some(open(&file, &self.progress, Look::begin(&self.tally))?);
                continue;
            };
            let Some(reading) = &mut open.member else {
                self.advance()?;
                continue;
            };
            let cut = match reading.frame.next(&mut open.input) {
                Ok(cut) => cut,
                Err(source) => {
                    let line = reading.frame.line();
                    return Err(Error::Read { file: reading.name.clone(), line, source });
                }
            };
            let Some(cut) = cut else {
                open.member = None;
                continue;
            };
            self.tally.lines += 1;
            let (place, skip) = match cut {
                Cut::Blank => (Place { line: 0, part: 0 }, Skip::Foreign("blank")),
                Cut::Long { place, length } => (place, Skip::long(length)),
                Cut::Text { place, text } => {
                    let Some((_, reader)) = self.readers.get_mut(reading.reader) else { continue };
                    let record = Record { text, place, member: &reading.member };
                    match reader.read(&record, &mut self.pending) {
                        Ok(()) => continue,
                        Err(skip) => (place, skip),
                    }
                }
            };
            if let Some(error) = self.tally.skip(skip, &reading.name, place) {
                return Err(error);
            }
        }
    }

    /// Goes to the next member of the file, or ends it.
    fn advance(&mut self) -> Result<(), Error> {
        let Some(open) = &mut self.current else { return Ok(()) };
        let member = open.input.advance();
        match member.map_err(|source| Error::Read { file: open.file.clone(), line: 0, source })? {
            Some(member) => self.begin(member),
            None => {
                self.readers.iter_mut().for_each(|(_, reader)| reader.end(&mut self.pending));
                let Some(Open { file, look, .. }) = self.current.take() else { return Ok(()) };
                let error = look.end(&file, &self.tally, self.pending.len());
                self.tally.foreign += u64::from(error.is_some());
                error.map_or(Ok(()), Err)
            }
        }
    }

    fn begin(&mut self, member: Member) -> Result<(), Error> {
        let Some(open) = &mut self.current else { return Ok(()) };
        let base =
            if member.name.is_empty() { &open.base } else { member.name.rsplit('/').next().unwrap_or_default() };
        let head = Head::of(base, open.input.peek());
        let format = self.options.format.or_else(|| recognise(&head));
        if let Some(format) = format {
            open.look.at(format, &head);
        }
        let name = if member.name.is_empty() { open.file.clone() } else { format!("{}:{}", open.file, member.name) };
        let Some(format) = format else {
            if member.name.is_empty() {
                // The other files are read all the same.
                self.tally.foreign += 1;
                self.current = None;
                return Err(Error::Unknown { file: name });
            }
            self.tally.lines += 1;
            let skip = Skip::fault("format", "this member's format is not recognised; name it with --format");
            return self.tally.skip(skip, &name, Place { line: 1, part: 0 }).map_or(Ok(()), Err);
        };
        let reader = match self.readers.iter().position(|(name, _)| *name == format.name()) {
            Some(reader) => reader,
            None => {
                self.readers.push((format.name(), format.reader()));
                self.readers.len() - 1
            }
        };
        let (continues, year) = (open.continues, self.options.year);
        if let Some((_, reader)) = self.readers.get_mut(reader) {
            reader.begin(&Start { name: base, continues, modified: member.modified, year });
        }
        open.continues = true;
        open.member = Some(Reading { member: member.name, name, frame: Frame::new(format.framing()), reader });
        Ok(())
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

fn open(file: &std::path::Path, progress: &Source, look: Look) -> Result<Open, Error> {
    let shown = file.display().to_string();
    let base = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match progress.open(file) {
        Ok(input) => Ok(Open { file: shown, base, input, continues: false, member: None, look }),
        Err(source) => Err(Error::Open { file: shown, source }),
    }
}

/// The format of what begins like this. Nothing at all is of any format.
fn recognise(head: &Head<'_>) -> Option<&'static dyn Format> {
    if head.lines.is_empty() {
        return ALL.first().copied();
    }
    ALL.iter().copied().find(|format| format.recognises(head))
}

/// Whether `line` has `mark` in it.
fn contains(line: &[u8], mark: &[u8]) -> bool {
    line.windows(mark.len()).any(|window| window == mark)
}
