//! The distinct texts of a column, each once, as they lie in its dictionary page (Parquet format, Encodings, "Plain":
//! the length in four bytes, then the bytes), and the distinct lists of them.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher as _, Hash};

/// Numbers by what they stand for. Each has its hash beside it: a table that grows does not look at all of them again.
#[derive(Default)]
struct Numbers {
    table: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl Numbers {
    /// The number of a value, `next` if it has none yet; and whether it had one.
    fn of<T: Hash + ?Sized>(&mut self, value: &T, next: usize, is_it: impl Fn(u32) -> bool) -> (u32, bool) {
        // The upper half is as good as the whole: its own uppermost bits tell neighbours in the table apart.
        let hash = (self.hasher.hash_one(value) >> 32) as u32;
        let spread = |hash: u32| u64::from(hash) << 32 | u64::from(hash);
        if let Some((_, number)) = self.table.find(spread(hash), |found| found.0 == hash && is_it(found.1)) {
            return (*number, true);
        }
        let number = u32::try_from(next).unwrap_or(u32::MAX);
        self.table.insert_unique(spread(hash), (hash, number), |found| spread(found.0));
        (number, false)
    }
}

/// Texts by number, in the order in which they came.
#[derive(Default)]
pub(super) struct Dictionary {
    numbers: Numbers,
    page: Vec<u8>,
    /// Where each begins in `page`, its length before it.
    starts: Vec<usize>,
}

/// Bytes of the length before a text.
const PREFIX: usize = 4;

impl Dictionary {
    /// The number of a text, which it gets if it has none.
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        let Self { numbers, page, starts } = self;
        let (number, is_known) = numbers.of(text, starts.len(), |number| at(page, starts, number) == text);
        if !is_known {
            starts.push(page.len());
            // Columns of a batch are below 2 GiB.
            page.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            page.extend_from_slice(text);
        }
        number
    }

    /// A text.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        at(&self.page, &self.starts, number)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.starts.len()
    }

    /// All of them.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }
}

fn at<'a>(page: &'a [u8], starts: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = starts.get(number).copied().unwrap_or(page.len());
    let end = starts.get(number + 1).copied().unwrap_or(page.len());
    page.get(start + PREFIX..end).unwrap_or_default()
}

/// Lists of numbers by number, in the order in which they came.
#[derive(Default)]
pub(super) struct Lists {
    numbers: Numbers,
    elements: Vec<u32>,
    ends: Vec<usize>,
}

impl Lists {
    /// The number of a list, which it gets if it has none.
    pub(super) fn number(&mut self, list: &[u32]) -> u32 {
        let Self { numbers, elements, ends } = self;
        let (number, is_known) = numbers.of(list, ends.len(), |number| slice(elements, ends, number) == list);
        if !is_known {
            elements.extend_from_slice(list);
            ends.push(elements.len());
        }
        number
    }

    /// A list.
    pub(super) fn list(&self, number: u32) -> &[u32] {
        slice(&self.elements, &self.ends, number)
    }
}

fn slice<'a>(elements: &'a [u32], ends: &[usize], number: u32) -> &'a [u32] {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    elements.get(start..ends.get(number).copied().unwrap_or(start)).unwrap_or_default()
}
