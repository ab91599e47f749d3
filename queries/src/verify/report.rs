//! What the proof found, for people and for programs.

use crate::neutral;
use serde::Serialize;

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The table `events`.
    pub events: TableReport,
    /// The table `recordings`.
    pub recordings: TableReport,
    /// The chunks within each recording.
    pub chunks: Chunks,
    /// Tables that are fed from the same events and must agree.
    pub counts: Vec<Count>,
}

/// One table's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// Its logs.
    pub spools: Vec<Spool>,
    /// Where numbers are missing or stand twice, at most [`super::MAX_BREAKS`] of them.
    pub breaks: Vec<Break>,
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
    /// Rows whose number was there already.
    pub doubled: u64,
}

/// A place where the numbers break off or stand still.
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
    /// Whether these stand twice; otherwise they are missing.
    pub doubled: bool,
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
    /// Whether nothing is missing and nothing stands twice.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let sound = |table: &TableReport| table.missing() == 0 && table.doubled() == 0;
        sound(&self.events)
            && sound(&self.recordings)
            && (self.chunks.missing, self.chunks.doubled) == (0, 0)
            && self.counts.iter().all(|count| count.expected == count.found)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for table in [&self.events, &self.recordings] {
            let (rows, logs) = (table.rows(), table.spools.len());
            let (missing, doubled) = (table.missing(), table.doubled());
            writeln!(f, "{}: {rows} records of {logs} logs, {missing} lost, {doubled} doubled", table.table)?;
            for gap in &table.breaks {
                let what = if gap.doubled { "doubled" } else { "lost" };
                let (proxy, spool) = (neutral(&gap.proxy), neutral(&gap.spool));
                let after = gap.after.as_deref().unwrap_or("the beginning");
                let before = gap.before.as_deref().unwrap_or("the end");
                let (from, to) = (gap.from, gap.to);
                writeln!(f, "  {what} {from} to {to} of proxy {proxy}, log {spool}, between {after} and {before}")?;
            }
            if table.unnumbered > 0 {
                writeln!(f, "  {} more have no number: no proxy wrote them", table.unnumbered)?;
            }
        }
        let Chunks { sessions, missing, doubled, broken } = &self.chunks;
        writeln!(f, "chunks: {sessions} recorded sessions, {missing} lost, {doubled} doubled")?;
        for session in broken {
            writeln!(f, "  session {}", neutral(session))?;
        }
        for count in &self.counts {
            let Count { table, expected, found } = count;
            let word = if expected == found { "agrees" } else { "does not agree" };
            writeln!(f, "{table}: {found} rows, {expected} by the events: {word}")?;
        }
        writeln!(f, "{}", if self.is_whole() { "the lake is whole" } else { "the lake is NOT whole" })
    }
}
