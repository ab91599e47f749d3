//! One response, scanned as it flows. Owns what was told already. Holds no more of a response than the longest word
//! and its neighbours, once as it stands and once decoded.

use super::MAX_DISCLOSURES;
use super::encoded::Encoded;
use super::index::Index;
use super::text::Text;
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
    plain: Text,
    encoded: Encoded,
    told: Told,
}

#[derive(Debug, Default)]
struct Told {
    all: HashSet<(usize, usize)>,
    /// Those that were not taken yet.
    new: Vec<Disclosure>,
}

impl Scan {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self { index, plain: Text::default(), encoded: Encoded::default(), told: Told::default() }
    }

    /// Takes the next bytes of the response.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.index.is_empty() || self.is_full() {
            return;
        }
        let Self { index, plain, encoded, told } = self;
        for piece in bytes.chunks(PIECE) {
            plain.bytes().extend_from_slice(piece);
            plain.search(index, |pattern, owner| told.tell(index, pattern, owner));
            encoded.feed(piece, index, |pattern, owner| told.tell(index, pattern, owner));
        }
    }

    /// How many of the bytes fed last may belong to a disclosure that is not told yet, or somewhat more.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.is_full() { 0 } else { self.plain.pending().max(self.encoded.pending(&self.index)) }
    }

    /// Tells of what stands complete at the end of what was fed, as though nothing followed; the scan may go on. To be
    /// called before undecided bytes are passed on. May tell of `10.0.0.5` where `10.0.0.55` comes to stand.
    pub fn settle(&mut self) {
        let Self { index, plain, encoded, told } = self;
        plain.settle(index, |pattern, owner| told.tell(index, pattern, owner));
        encoded.settle(index, |pattern, owner| told.tell(index, pattern, owner));
    }

    /// The disclosures found since the last call.
    pub fn take(&mut self) -> Vec<Disclosure> {
        std::mem::take(&mut self.told.new)
    }

    /// Whether more may have been disclosed than is told.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.told.is_full()
    }

    /// The response is over: the disclosures found since the last [`take`](Scan::take).
    #[must_use]
    pub fn finish(mut self) -> Vec<Disclosure> {
        self.settle();
        self.told.new
    }
}

impl Told {
    fn is_full(&self) -> bool {
        self.all.len() >= MAX_DISCLOSURES
    }

    fn tell(&mut self, index: &Index, pattern: usize, owner: usize) {
        if !self.is_full() && self.all.insert((pattern, owner)) {
            self.new.extend(index.disclosure(pattern, owner).cloned());
        }
    }
}
