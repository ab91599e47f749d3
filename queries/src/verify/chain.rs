//! One log's records in one table, walked in the order of their numbers: what is missing, doubled, changed, or joined to
//! something else than what was signed. Pure: rows and checkpoints in, faults out; memory for one row.
//!
//! Each row carries the chain's head before it, and its own hash can be taken again from what it holds. So a row whose
//! content was changed disagrees with the next row, one whose own `previous` was changed disagrees with both its
//! neighbours, and somebody who computes all that follows anew ends at another head than the signed one.

use super::report::Fault;
use interdict_schemas::{Checkpoint, Digest, Time, Topic, chain};

/// The most time that may lie between the first and the last of the newest records that nobody has signed: a gateway
/// signs every few seconds, and once more when it starts again.
const UNSIGNED: i64 = 60_000_000;

/// A row, as far as the chain is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) proxy: &'a str,
    pub(super) sequence: u64,
    pub(super) time: Time,
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) previous: Option<Digest>,
    /// The digest of what it says; absent where it says nothing that interdict writes.
    pub(super) record: Option<Digest>,
}

/// Which numbers must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    /// The first one; unknown where older ones were deleted.
    pub(super) first: Option<u64>,
    /// The last one, where it is known.
    pub(super) last: Option<u64>,
}

/// A fault among consecutive numbers, with the times of the rows around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) fault: Fault,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) after: Option<Time>,
    pub(super) before: Option<Time>,
}

/// The row before.
#[derive(Debug, Clone)]
struct Last {
    sequence: u64,
    time: Time,
    partition: u32,
    offset: u64,
    /// Whether it is part of a chain.
    is_chained: bool,
    /// The head after it; unknown if it could not be read.
    head: Option<Digest>,
}

/// Two neighbours that disagree: the first has changed, or the second's `previous` has.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    first: u64,
    /// The head after the second, had it the `previous` that the first gives.
    otherwise: Option<Digest>,
}

/// What the walk came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Walked {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) doubled: u64,
    /// Rows that are part of a chain.
    pub(super) chained: u64,
    /// The last number that a signature covers without a break.
    pub(super) signed: u64,
    /// Numbers that were signed just now and have not arrived.
    pub(super) late: u64,
    /// The head after the last row.
    pub(super) head: Option<Digest>,
}

/// The walk through one log.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    spool: &'a str,
    chain: Topic,
    span: Span,
    last: Option<Last>,
    suspect: Option<Suspect>,
    /// A signed head that the row at this number does not lead to; with the first number that it covers.
    doubt: Option<(u64, u64)>,
    /// The last checkpoint beyond the last row.
    beyond: Option<(u64, Digest, Time)>,
    /// The first chained row that no signature covers, and when it was.
    open: Option<(u64, Time)>,
    walked: Walked,
    found: Vec<Found>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(spool: &'a str, chain: Topic, span: Span) -> Self {
        let walked = Walked::default();
        let (last, suspect, doubt, beyond, open, found) = (None, None, None, None, None, Vec::new());
        Self { spool, chain, span, last, suspect, doubt, beyond, open, walked, found }
    }

    /// What was found since the last call.
    pub(super) fn take(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.found)
    }

    /// The next row; its number is not below the one before.
    pub(super) fn row(&mut self, row: &Row<'_>) {
        self.walked.rows += 1;
        if let Some(last) = &self.last
            && row.sequence <= last.sequence
        {
            self.walked.doubled += 1;
            let time = Some(last.time);
            self.tell(Fault::Doubled, (row.sequence, row.sequence), time, Some(row.time));
            return;
        }
        let is_next = self.gap(row);
        // Whoever is in no chain has nothing before it that could be compared.
        let expected = row.previous.and_then(|_| self.expected(row, is_next));
        if row.record.is_none() {
            self.altered(row.sequence, row.sequence);
        }
        let was_chained = self.last.as_ref().is_some_and(|last| last.is_chained);
        match (row.previous, expected) {
            (None, _) if was_chained => {
                self.settle();
                self.resolve(None);
                self.unproven();
                let after = self.last.as_ref().map(|last| last.time);
                self.tell(Fault::Cut, (row.sequence, row.sequence), after, Some(row.time));
            }
            (Some(previous), Some(expected)) if !was_chained && is_next => {
                if previous != expected {
                    // The one before may have been part of the chain.
                    let from = self.last.as_ref().map_or(row.sequence, |last| last.sequence);
                    self.tell(Fault::Cut, (from, row.sequence), None, Some(row.time));
                }
            }
            (Some(previous), expected) => self.compare(row, previous, expected),
            (None, _) => {}
        }
        let is_chained = row.previous.is_some();
        if is_chained {
            self.walked.chained += 1;
            self.open.get_or_insert((row.sequence, row.time));
        }
        if let Some(last) = &self.last
            && (last.partition, is_chained) == (row.partition, true)
            && row.offset <= last.offset
        {
            self.tell(Fault::Moved, (row.sequence, row.sequence), Some(last.time), Some(row.time));
        }
        if self.walked.first == 0 {
            self.walked.first = row.sequence;
        }
        self.walked.last = row.sequence;
        self.last = Some(Last {
            sequence: row.sequence,
            time: row.time,
            partition: row.partition,
            offset: row.offset,
            is_chained,
            head: head(row, row.previous),
        });
        self.beyond = None;
    }

    /// A checkpoint whose signature was checked; it comes after the row that it covers last.
    pub(super) fn checkpoint(&mut self, checkpoint: &Checkpoint, holds: bool) {
        let Checkpoint { sequence, head, time, .. } = checkpoint;
        if !holds {
            self.tell(Fault::Signature, (*sequence, *sequence), Some(*time), None);
            return;
        }
        let Some(last) = &mut self.last else {
            if *sequence > 0 {
                self.beyond = Some((*sequence, *head, *time));
            }
            return;
        };
        if last.sequence < *sequence {
            self.beyond = Some((*sequence, *head, *time));
            return;
        }
        if last.sequence > *sequence {
            return;
        }
        let at = last.sequence;
        if !last.is_chained {
            // The first word after builds without chains says where the chain begins.
            if *head != chain::genesis(self.spool, self.chain, at) {
                let time = Some(last.time);
                self.tell(Fault::Cut, (at, at), time, None);
            }
            return;
        }
        let leads_there = last.head == Some(*head);
        let was_unread = last.head.is_none();
        last.head = Some(*head);
        let suspect = self.suspect.take();
        if leads_there {
            if let Some(suspect) = suspect {
                self.altered(suspect.first, suspect.first);
            }
        } else if let Some(suspect) = suspect.filter(|suspect| suspect.otherwise == Some(*head)) {
            self.altered(suspect.first + 1, suspect.first + 1);
        } else {
            if let Some(suspect) = suspect {
                self.altered(suspect.first, suspect.first);
            }
            if !was_unread && self.doubt.is_none() {
                self.doubt = Some((self.open.map_or(at, |(first, _)| first), at));
            }
        }
        self.walked.signed = at;
        self.open = None;
    }

    /// The end. What was signed after `settled` may still be on its way.
    pub(super) fn finish(mut self, settled: Time) -> (Walked, Vec<Found>) {
        if let Some(Suspect { first, .. }) = self.suspect.take() {
            self.altered(first, first + 1);
        }
        self.resolve(None);
        let before = self.span.first.map_or(0, |first| first.saturating_sub(1));
        let reached = self.last.as_ref().map_or(before, |last| last.sequence);
        let after = self.last.as_ref().map(|last| last.time);
        let signed = self.beyond.map(|(sequence, _, time)| (sequence, time <= settled));
        let told = self.span.last.map(|last| (last, true));
        let end = [signed, told].into_iter().flatten().max();
        match end {
            Some((end, true)) if end > reached => {
                self.unproven();
                self.walked.missing += end - reached;
                let before = self.beyond.map(|(_, _, time)| time);
                self.tell(Fault::Lost, (reached + 1, end), after, before);
            }
            Some((end, false)) if end > reached => self.walked.late = end - reached,
            _ => {}
        }
        // What nobody has signed by now, anybody can have written.
        let is_old = |since: Time| settled != Time(i64::MAX) && since < settled;
        if let (Some((first, since)), Some(last)) = (self.open, &self.last)
            && (last.time.micros_since(since) > UNSIGNED || is_old(since))
        {
            let to = last.sequence;
            self.tell(Fault::Unproven, (first, to), Some(since), None);
        }
        self.walked.head = self.last.and_then(|last| last.head);
        (self.walked, self.found)
    }

    /// Whether the row follows the one before, or is the first of all; tells what is missing between.
    fn gap(&mut self, row: &Row<'_>) -> bool {
        let (before, after) = match (&self.last, self.span.first) {
            (Some(last), _) => (last.sequence, Some(last.time)),
            (None, Some(first)) => (first.saturating_sub(1), None),
            (None, None) => return row.sequence == 1,
        };
        if row.sequence <= before + 1 {
            // What stands before a span that is asked for is none of its business.
            return self.last.is_some() || row.sequence == 1;
        }
        self.settle();
        self.resolve(None);
        self.unproven();
        self.walked.missing += row.sequence - before - 1;
        self.tell(Fault::Lost, (before + 1, row.sequence - 1), after, Some(row.time));
        false
    }

    /// What the row must have before it, as far as that is known.
    fn expected(&self, row: &Row<'_>, is_next: bool) -> Option<Digest> {
        if let Some((sequence, head, _)) = self.beyond
            && sequence + 1 == row.sequence
        {
            return Some(head);
        }
        match &self.last {
            Some(last) if is_next && last.is_chained => last.head,
            Some(_) if is_next => Some(chain::genesis(self.spool, self.chain, row.sequence - 1)),
            None if is_next => Some(chain::genesis(self.spool, self.chain, 0)),
            _ => None,
        }
    }

    /// Compares what a row has before it with what it must have.
    fn compare(&mut self, row: &Row<'_>, previous: Digest, expected: Option<Digest>) {
        let agrees = expected.is_none_or(|expected| expected == previous);
        if self.doubt.is_some() {
            self.resolve(Some(agrees));
            return;
        }
        let suspect = self.suspect.take();
        if let Some(suspect) = suspect {
            if !agrees && suspect.otherwise == Some(previous) {
                self.altered(suspect.first + 1, suspect.first + 1);
                return;
            }
            self.altered(suspect.first, suspect.first);
        }
        if agrees {
            return;
        }
        match &self.last {
            Some(last) if last.sequence + 1 == row.sequence => {
                self.suspect = Some(Suspect { first: last.sequence, otherwise: head(row, expected) });
            }
            // The signed head before a gap's end is what this row does not join.
            _ => self.altered(row.sequence, row.sequence),
        }
    }

    /// Settles which rows a signed head speaks against: the one it stands at, if the next row knows that head; else all
    /// that it covers were made anew.
    fn resolve(&mut self, next_agrees: Option<bool>) {
        let Some((first, at)) = self.doubt.take() else { return };
        match next_agrees {
            Some(true) => self.altered(at, at),
            _ if first == at => self.altered(at, at),
            _ => self.tell(Fault::Forged, (first, at), None, None),
        }
    }

    fn settle(&mut self) {
        if let Some(Suspect { first, .. }) = self.suspect.take() {
            self.altered(first, first + 1);
        }
    }

    /// The chain breaks off: what was not signed until here can be signed no more.
    fn unproven(&mut self) {
        if let (Some((first, since)), Some(last)) = (self.open.take(), &self.last) {
            let to = last.sequence;
            self.tell(Fault::Unproven, (first, to), Some(since), None);
        }
    }

    fn altered(&mut self, from: u64, to: u64) {
        let time = self.last.as_ref().map(|last| last.time);
        self.tell(Fault::Altered, (from, to), time, None);
    }

    fn tell(&mut self, fault: Fault, (from, to): (u64, u64), after: Option<Time>, before: Option<Time>) {
        self.found.push(Found { fault, from, to, after, before });
    }
}

fn head(row: &Row<'_>, previous: Option<Digest>) -> Option<Digest> {
    Some(chain::link(&previous?, row.sequence, row.proxy, row.record.as_ref()?))
}

#[cfg(test)]
mod tests;
