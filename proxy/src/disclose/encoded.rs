//! Base64 in a response, decoded as it flows: the data of a Kubernetes Secret, a kubeconfig, a header in a file. Owns
//! where a run of it begins and ends. Decodes once: what a run encodes is searched for words, not for runs.
//!
//! A run begins at the first character after any other byte or after an escape, and is decoded from there. So is what
//! no encoder wrote, such as a long identifier; in its bytes no word stands but by chance. A run ends before the first
//! byte that is neither a character nor part of the break after a full line. Holds of it what a text holds.

use super::alphabet::{may_tell, value};
use super::index::Index;
use super::rows::Rows;
use super::run::{Break, Run, Step};
use super::text::Text;

/// Characters decoded at once, and bytes searched at once; bounds the decoded text to twice as many.
const BLOCK: usize = 1024;

/// The runs of one response.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    place: Place,
    /// What the current run encodes.
    text: Text,
}

/// Where the next byte stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In no run.
    Outside(Escape),
    Run(Run),
    /// After a full line.
    Break(Run, Break),
}

/// What came of an escape such as `\n`, `\u003c` or `%2F`, whose characters are of no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// None, or all of it.
    None,
    Backslash,
    /// So many characters are to come.
    Open(u8),
}

impl Default for Place {
    fn default() -> Self {
        Self::Outside(Escape::None)
    }
}

impl Encoded {
    /// Takes the next bytes of the response.
    pub(super) fn feed(&mut self, bytes: &[u8], index: &Index, mut found: impl FnMut(usize, usize)) {
        let mut rest = bytes;
        while let Some(&next) = rest.first() {
            let (place, read) = match self.place {
                Place::Outside(escape) => match escape.step(next) {
                    Some(escape) => (Place::Outside(escape), 1),
                    None => self.outside(rest, index, &mut found),
                },
                Place::Run(run) => self.run(run, rest, index, &mut found),
                Place::Break(run, between) => match between.step(next) {
                    Step::Break(between) => (Place::Break(run, between), 1),
                    Step::Line => (Place::Run(run.next_line(between)), 0),
                    Step::End { escaped } => {
                        self.end(run, index, &mut found);
                        (Place::Outside(if escaped { Escape::Backslash } else { Escape::None }), 0)
                    }
                },
            };
            self.place = place;
            rest = rest.get(read..).unwrap_or_default();
            if self.text.pending() >= BLOCK {
                self.search(index, &mut found);
            }
        }
        self.search(index, found);
    }

    /// As [`Scan::pending`](super::Scan::pending).
    pub(super) fn pending(&self, index: &Index) -> usize {
        let (run, after) = match self.place {
            Place::Outside(_) => return 0,
            Place::Run(run) => (run, None),
            Place::Break(run, after) => (run, Some(after)),
        };
        let idle = !run.is_long() && self.text.is_idle(index);
        run.pending(if idle { 0 } else { self.text.pending() }, after, index.filter())
    }

    /// As [`Scan::settle`](super::Scan::settle).
    pub(super) fn settle(&self, index: &Index, found: impl FnMut(usize, usize)) {
        if let Place::Run(run) | Place::Break(run, _) = self.place
            && run.is_long()
        {
            self.text.settle(index, found);
        }
    }

    /// Decodes the runs that end here: where the next one stands, and after how many bytes.
    fn outside(&mut self, rest: &[u8], index: &Index, found: &mut impl FnMut(usize, usize)) -> (Place, usize) {
        let mut rows = Rows::of(rest);
        while let Some(start) = telling(&mut rows, rest, index.filter().shortest()) {
            let (before, row) = rest.split_at_checked(start).unwrap_or_default();
            let escape = Escape::after(before);
            let Some(passed) = escape.pass(row) else { return (Place::Outside(escape), start) };
            let run = row.get(passed..).unwrap_or_default();
            let (place, read) = self.run(Run::default(), run, index, &mut *found);
            if !matches!(place, Place::Outside(_)) {
                return (place, start + passed + read);
            }
        }
        (Place::Outside(Escape::after(rest)), rest.len())
    }

    /// Decodes more of a run: where it ends, and after how many bytes.
    fn run(
        &mut self,
        mut run: Run,
        rest: &[u8],
        index: &Index,
        found: &mut impl FnMut(usize, usize),
    ) -> (Place, usize) {
        let block = rest.get(..BLOCK).unwrap_or(rest);
        let read = run.decode(block, self.text.bytes());
        let place = match block.get(read) {
            None => Place::Run(run),
            Some(&next) if run.breaks(next) => Place::Break(run, Break::default()),
            Some(&next) => {
                self.end(if next == b'=' { run.padded() } else { run }, index, found);
                Place::default()
            }
        };
        (place, read)
    }

    /// What a run encodes is not searched before it is known to be one.
    fn search(&mut self, index: &Index, found: impl FnMut(usize, usize)) {
        if let Place::Run(run) | Place::Break(run, _) = self.place
            && run.is_long()
        {
            self.text.search(index, found);
        }
    }

    fn end(&mut self, run: Run, index: &Index, found: impl FnMut(usize, usize)) {
        if run.is_long() {
            self.text.settle(index, found);
        }
        self.text.clear();
    }
}

/// The next row that may encode a word, or begins with characters of an escape. In ordinary text few do.
fn telling(rows: &mut Rows<'_>, bytes: &[u8], shortest: Option<usize>) -> Option<usize> {
    let Some(shortest) = shortest else { return rows.next() };
    rows.find(|start| {
        let (before, row) = bytes.split_at_checked(*start).unwrap_or_default();
        may_tell(row, shortest) || Escape::after(before) != Escape::None
    })
}

impl Escape {
    /// What begins at the end of these bytes.
    const fn after(bytes: &[u8]) -> Self {
        match bytes {
            [.., b'\\'] => Self::Backslash,
            [.., b'%'] => Self::Open(2),
            _ => Self::None,
        }
    }

    /// Reads the next byte; none if that belongs to no escape.
    fn step(self, next: u8) -> Option<Self> {
        match (self, next) {
            (Self::Backslash, b'u') => Some(Self::Open(4)),
            (Self::Backslash, b'n' | b'r' | b't' | b'b' | b'f' | b'/') | (Self::Open(0 | 1), _) => {
                value(next).map(|_| Self::None)
            }
            (Self::Open(more), _) => value(next).map(|_| Self::Open(more - 1)),
            (Self::None | Self::Backslash, _) => None,
        }
    }

    /// How many bytes at the start belong to it; none if it goes on after them.
    fn pass(mut self, bytes: &[u8]) -> Option<usize> {
        for (passed, byte) in bytes.iter().enumerate() {
            match self.step(*byte) {
                Some(escape) => self = escape,
                None => return Some(passed),
            }
        }
        (self == Self::None).then_some(bytes.len())
    }
}
