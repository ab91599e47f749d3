//! Bytes searched as they come: a response's own, or those that a run of it encodes. Owns which of them are decided.
//! Holds no more than the longest word and its neighbours, besides what came last.

use super::bound::LEFT;
use super::index::Index;

/// A stretch of text that goes on.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// A few decided bytes, then what is undecided.
    bytes: Vec<u8>,
    /// Where in `bytes` the undecided ones begin.
    undecided: usize,
}

impl Text {
    /// The bytes, to append to.
    pub(super) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Finds what the bytes so far decide, and forgets what no word needs any more.
    pub(super) fn search(&mut self, index: &Index, found: impl FnMut(usize, usize)) {
        self.undecided = index.search(&self.bytes, self.undecided, false, found);
        let keep = self.undecided.saturating_sub(LEFT);
        self.bytes.drain(..keep);
        self.undecided -= keep;
    }

    /// Finds what stands complete at the end, as though nothing followed. The text may go on.
    pub(super) fn settle(&self, index: &Index, found: impl FnMut(usize, usize)) {
        if self.pending() > 0 {
            index.search(&self.bytes, self.undecided, true, found);
        }
    }

    /// How many bytes at the end may belong to a word that is not found yet.
    pub(super) fn pending(&self) -> usize {
        self.bytes.len() - self.undecided
    }

    /// Whether no word stands in the undecided bytes, nor begins there.
    pub(super) fn is_idle(&self, index: &Index) -> bool {
        let mut idle = true;
        let undecided = index.search(&self.bytes, self.undecided, false, |_, _| idle = false);
        idle && undecided == self.bytes.len()
    }

    /// The text is over, and another one begins.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.undecided = 0;
    }
}
