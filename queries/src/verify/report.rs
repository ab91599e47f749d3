//! What the proof found, for people and for programs.

use crate::neutral;
use serde::Serialize;

/// What can be wrong with consecutive numbers of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// They are missing.
    Lost,
    /// They stand twice.
    Doubled,
    /// What they say, or say that was before them, is not what was written.
    Altered,
    /// The chain begins or ends here, and must not.
    Cut,
    /// They agree with each other and not with what was signed: somebody wrote them anew.
    Forged,
    /// A signature does not hold, or nobody has vouched for its key.
    Signature,
    /// No signature covers them, or none can any more because what follows is missing.
    Unproven,
    /// They stand on the bus before what was written earlier.
    Moved,
    /// They stand on the bus behind all that the collector has read: another put them in.
    Ahead,
}

impl Fault {
    const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Altered => "altered",
            Self::Cut => "cut from the chain",
            Self::Forged => "written anew, against the signature",
            Self::Signature => "signed wrongly",
            Self::Unproven => "without proof",
            Self::Moved => "moved",
            Self::Ahead => "put in before the bus was read so far",
        }
    }
}

/// The lake's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Files {
    /// Looked at.
    pub checked: u64,
    /// Of them, written by a build or by an engine that took no digest.
    pub without_digest: u64,
    /// Missing.
    pub missing: u64,
    /// Of another size or digest, or not to be read.
    pub altered: u64,
    /// Those missing, at most [`super::MAX_BREAKS`].
    pub gone: Vec<String>,
    /// Those altered, with what is wrong, at most [`super::MAX_BREAKS`].
    pub changed: Vec<String>,
}

impl Files {
    /// Whether a file that a message begins with is told already.
    pub(super) fn tells(&self, message: &str) -> bool {
        let file = message.split(": ").next().unwrap_or_default();
        let begins = |line: &String| line.strip_prefix(file).is_some_and(|rest| rest.starts_with(": "));
        self.gone.iter().any(|name| name == file) || self.changed.iter().any(begins)
    }
}

/// A key that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The public key, in hexadecimal digits.
    pub key: String,
    /// The proxy that it signed for.
    pub proxy: String,
    /// Whether somebody said that it is to be trusted, or a trusted one handed over to it. Otherwise it is believed
    /// because it was the proxy's first.
    pub vouched: bool,
}

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The files of all tables.
    pub files: Files,
    /// The session that is asked for, if no event of it is there. Then nothing of it is proven.
    pub absent: Option<String>,
    /// The keys that signed.
    pub keys: Vec<Key>,
    /// The table `events`.
    pub events: TableReport,
    /// The table `recordings`.
    pub recordings: TableReport,
    /// The chunks within each recording; not counted where only a part was asked for, or files are missing.
    pub chunks: Option<Chunks>,
    /// Tables that are fed from the same events and must agree; not counted in the same cases.
    pub counts: Vec<Count>,
}

/// One table's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// Its logs.
    pub spools: Vec<Spool>,
    /// What is wrong, at most [`super::MAX_BREAKS`] of it.
    pub breaks: Vec<Break>,
    /// How much is wrong.
    pub faults: u64,
    /// Numbers that are missing because retention took them.
    pub retired: u64,
    /// The day up to which they were written, about: no gateway signs what retention takes.
    pub retired_until: Option<String>,
    /// Rows that no proxy wrote, which have no number.
    pub unnumbered: u64,
}

/// One log's numbers in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spool {
    /// The proxy that wrote it.
    pub proxy: String,
    /// Its id.
    pub spool: String,
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
    /// Rows.
    pub rows: u64,
    /// Numbers that are missing, at the end too if it is known.
    pub missing: u64,
    /// Numbers that are missing because retention took them; not among `missing`.
    pub retired: u64,
    /// Rows that retention left, on hold, without the signature that covered them: only their file's digest is there.
    pub bare: u64,
    /// Rows whose number was there already.
    pub doubled: u64,
    /// Rows that are part of the chain: all but those that a build without chains wrote.
    pub chained: u64,
    /// The last number that a signature covers.
    pub signed: u64,
    /// Numbers that were signed a moment ago and are still on their way.
    pub late: u64,
    /// The chain's head after the last row, in hexadecimal digits.
    pub head: Option<String>,
}

/// A place where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The proxy.
    pub proxy: String,
    /// The log.
    pub spool: String,
    /// The first number concerned.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// What is wrong with these.
    pub fault: Fault,
    /// Day of the row before, if there is one.
    pub after: Option<String>,
    /// Day of the row after, if there is one.
    pub before: Option<String>,
}

/// The chunks within each recording: 0, 1, 2, ...
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Chunks {
    /// Recordings.
    pub sessions: u64,
    /// Chunks missing.
    pub missing: u64,
    /// Chunks that were there already.
    pub doubled: u64,
    /// Sessions with either, at most [`super::MAX_BREAKS`].
    pub broken: Vec<String>,
}

/// How many rows a table should have by the events, and has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The table.
    pub table: &'static str,
    /// By the table `events`.
    pub expected: u64,
    /// In it.
    pub found: u64,
}

impl TableReport {
    pub(super) const fn of(table: &'static str) -> Self {
        Self {
            table,
            spools: Vec::new(),
            breaks: Vec::new(),
            faults: 0,
            retired: 0,
            retired_until: None,
            unnumbered: 0,
        }
    }

    /// Numbers missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.spools.iter().map(|spool| spool.missing).sum()
    }

    /// Rows too many.
    #[must_use]
    pub fn doubled(&self) -> u64 {
        self.spools.iter().map(|spool| spool.doubled).sum()
    }

    /// Rows with a number.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.spools.iter().map(|spool| spool.rows).sum()
    }
}

impl Report {
    /// Whether nothing is missing, doubled or altered, and what was asked for is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_sound() && self.absent.is_none()
    }

    fn is_sound(&self) -> bool {
        let chunks = self.chunks.as_ref().map_or((0, 0), |chunks| (chunks.missing, chunks.doubled));
        self.events.faults + self.recordings.faults == 0
            && chunks == (0, 0)
            && (self.files.missing, self.files.altered) == (0, 0)
            && self.counts.iter().all(|count| count.expected == count.found)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Files { checked, without_digest, missing, altered, gone, changed } = &self.files;
        writeln!(
            f,
            "files: {checked} read, {missing} missing, {altered} altered, {without_digest} without a digest"
        )?;
        for name in gone {
            writeln!(f, "  missing {}", neutral(name))?;
        }
        for name in changed {
            writeln!(f, "  altered {}", neutral(name))?;
        }
        for table in [&self.events, &self.recordings] {
            write!(f, "{table}")?;
        }
        for Key { key, proxy, vouched } in &self.keys {
            let word = if *vouched { "vouched for" } else { "believed because it was the first; compare it" };
            writeln!(f, "key {key} of proxy {}: {word}", neutral(proxy))?;
        }
        if let Some(Chunks { sessions, missing, doubled, broken }) = &self.chunks {
            writeln!(f, "chunks: {sessions} recorded sessions, {missing} lost, {doubled} doubled")?;
            for session in broken {
                writeln!(f, "  session {}", neutral(session))?;
            }
        }
        for count in &self.counts {
            let Count { table, expected, found } = count;
            let word = if expected == found { "agrees" } else { "does not agree" };
            writeln!(f, "{table}: {found} rows, {expected} by the events: {word}")?;
        }
        if let Some(session) = &self.absent {
            writeln!(f, "session {}: no event of it is in the lake, so nothing of it is proven", neutral(session))?;
        }
        match (self.is_sound(), &self.absent) {
            (false, _) => writeln!(f, "the lake is NOT whole"),
            (true, None) => writeln!(f, "the lake is whole"),
            (true, Some(_)) => Ok(()),
        }
    }
}

impl std::fmt::Display for TableReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, logs) = (self.rows(), self.spools.len());
        let (missing, doubled) = (self.missing(), self.doubled());
        let sum = |of: fn(&Spool) -> u64| self.spools.iter().map(of).sum::<u64>();
        let (chained, late, bare) = (sum(|spool| spool.chained), sum(|spool| spool.late), sum(|spool| spool.bare));
        writeln!(
            f,
            "{}: {rows} records of {logs} logs, {chained} of them chained, {missing} lost, {doubled} doubled",
            self.table
        )?;
        if self.retired > 0 {
            let until = self.retired_until.as_deref().map_or(String::new(), |day| format!(", up to {day}"));
            writeln!(f, "  {} more were taken by retention{until}", self.retired)?;
        }
        if bare > 0 {
            writeln!(
                f,
                "  {bare} that it left have lost their signature to it: their files' digests are what speaks for them"
            )?;
        }
        for Break { proxy, spool, from, to, fault, after, before } in &self.breaks {
            let (proxy, spool, what) = (neutral(proxy), neutral(spool), fault.word());
            let after = after.as_deref().unwrap_or("the beginning");
            let before = before.as_deref().unwrap_or("the end");
            writeln!(f, "  {what}: {from} to {to} of proxy {proxy}, log {spool}, between {after} and {before}")?;
        }
        if late > 0 {
            writeln!(f, "  {late} were signed a moment ago and have not arrived yet")?;
        }
        if self.unnumbered > 0 {
            writeln!(f, "  {} more have no number: no proxy wrote them", self.unnumbered)?;
        }
        Ok(())
    }
}
