//! A column of words of which there are few: each is parsed once for a batch, and not for each row that has it.

use super::Error;
use super::view::Column;
use super::words::Words;

/// A column's words, and what they mean.
pub(super) struct Parsed<T> {
    words: Column<Words>,
    parse: fn(&str) -> Option<T>,
    /// What each text of the dictionary means, if there is one that has no more texts than there are rows.
    meant: Vec<Option<T>>,
}

impl<T: Copy> Parsed<T> {
    /// Of a column of a batch of so many rows.
    pub(super) fn new(words: Column<Words>, rows: usize, parse: fn(&str) -> Option<T>) -> Self {
        let meant = match words.held() {
            Words::Numbered(_, texts) if texts.iter().len() <= rows => {
                texts.iter().map(|text| parse(text?)).collect()
            }
            _ => Vec::new(),
        };
        Self { words, parse, meant }
    }

    pub(super) fn is_absent(&self, row: usize) -> bool {
        self.words.text(row).is_none()
    }

    pub(super) fn get(&self, row: usize) -> Result<T, Error> {
        let meant = self.words.held().number(row).and_then(|number| self.meant.get(number).copied());
        match meant {
            Some(meant) => meant.ok_or_else(|| self.words.invalid(row)),
            None => self.words.parsed(row, self.parse),
        }
    }
}
