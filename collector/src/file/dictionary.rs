//! The distinct texts of a column, each once, as they lie in its dictionary page (Parquet format, Encodings, "Plain":
//! the length in four bytes, then the bytes), and the distinct lists of them.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

/// Texts by number, in the order in which they came.
#[derive(Default)]
pub(super) struct Dictionary {
    numbers: HashTable<u32>,
    hasher: RandomState,
    page: Vec<u8>,
    /// Where each begins in `page`, its length before it.
    starts: Vec<usize>,
}

/// Bytes of the length before a text.
const PREFIX: usize = 4;

impl Dictionary {
    /// The number of a text, which it gets if it has none.
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        let Self { numbers, hasher, page, starts } = self;
        let hash = hasher.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| at(page, starts, *number) == text) {
            return *number;
        }
        let number = u32::try_from(starts.len()).unwrap_or(u32::MAX);
        starts.push(page.len());
        // Columns of a batch are below 2 GiB.
        page.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        page.extend_from_slice(text);
        numbers.insert_unique(hash, number, |number| hasher.hash_one(at(page, starts, *number)));
        number
    }

    /// A text.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        at(&self.page, &self.starts, number)
    }

    /// A text with its length before it.
    pub(super) fn entry(&self, number: u32) -> &[u8] {
        entry(&self.page, &self.starts, number)
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

fn entry<'a>(page: &'a [u8], starts: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = starts.get(number).copied().unwrap_or(page.len());
    let end = starts.get(number + 1).copied().unwrap_or(page.len());
    page.get(start..end).unwrap_or_default()
}

fn at<'a>(page: &'a [u8], starts: &[usize], number: u32) -> &'a [u8] {
    entry(page, starts, number).get(PREFIX..).unwrap_or_default()
}

/// Lists of numbers by number, in the order in which they came.
#[derive(Default)]
pub(super) struct Lists {
    numbers: HashTable<u32>,
    hasher: RandomState,
    elements: Vec<u32>,
    ends: Vec<usize>,
}

impl Lists {
    /// The number of a list, which it gets if it has none.
    pub(super) fn number(&mut self, list: &[u32]) -> u32 {
        let Self { numbers, hasher, elements, ends } = self;
        let hash = hasher.hash_one(list);
        if let Some(number) = numbers.find(hash, |number| slice(elements, ends, *number) == list) {
            return *number;
        }
        let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        elements.extend_from_slice(list);
        ends.push(elements.len());
        numbers.insert_unique(hash, number, |number| hasher.hash_one(slice(elements, ends, *number)));
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
