//! One response, scanned as it flows. Owns what is not decided yet, and what was told already. Holds no more of a
//! response than the longest word and its neighbours.

use super::MAX_DISCLOSURES;
use super::bound::LEFT;
use super::index::Index;
use interdict_schemas::Disclosure;
use std::collections::HashSet;
use std::sync::Arc;

/// Bytes copied and searched at once; large enough to amortise the copy, small enough for the second cache level.
const PIECE: usize = 64 * 1024;

/// The scan of one response.
///
/// Whoever must record a disclosure before the bytes that teach it are passed on passes on all but the last
/// [`pending`](Scan::pending) bytes of what was fed, or calls [`settle`](Scan::settle) first.
#[derive(Debug)]
pub struct Scan {
    index: Arc<Index>,
    /// A few decided bytes, then what is undecided.
    text: Vec<u8>,
    /// Where in `text` the undecided bytes begin.
    undecided: usize,
    told: HashSet<(usize, usize)>,
    new: Vec<Disclosure>,
}

impl Scan {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self { index, text: Vec::new(), undecided: 0, told: HashSet::new(), new: Vec::new() }
    }

    /// Takes the next bytes of the response.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.index.is_empty() || self.is_full() {
            return;
        }
        for piece in bytes.chunks(PIECE) {
            self.text.extend_from_slice(piece);
            self.undecided = self.search(self.undecided, false);
            let keep = self.undecided.saturating_sub(LEFT);
            self.text.drain(..keep);
            self.undecided -= keep;
        }
    }

    /// How many of the bytes fed last may belong to a disclosure that is not told yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.is_full() { 0 } else { self.text.len() - self.undecided }
    }

    /// Tells of what stands complete at the end of what was fed, as though nothing followed; the scan may go on. To be
    /// called before undecided bytes are passed on. May tell of `10.0.0.5` where `10.0.0.55` comes to stand.
    pub fn settle(&mut self) {
        if self.pending() > 0 {
            self.search(self.undecided, true);
        }
    }

    /// The disclosures found since the last call.
    pub fn take(&mut self) -> Vec<Disclosure> {
        std::mem::take(&mut self.new)
    }

    /// Whether more may have been disclosed than is told.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.told.len() >= MAX_DISCLOSURES
    }

    /// The response is over: the disclosures found since the last [`take`](Scan::take).
    #[must_use]
    pub fn finish(mut self) -> Vec<Disclosure> {
        self.settle();
        self.new
    }

    fn search(&mut self, from: usize, end: bool) -> usize {
        let Self { index, text, told, new, .. } = self;
        index.search(text, from, end, |pattern, owner| {
            if told.len() < MAX_DISCLOSURES && told.insert((pattern, owner)) {
                new.extend(index.disclosure(pattern, owner).cloned());
            }
        })
    }
}
