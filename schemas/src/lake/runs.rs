//! Which rows say the same as the one before: most do of who acts, where from and where to. Columns are compared one after
//! the other, and of dictionaries the numbers, many at once. Of two rows that say the same it may say that they do not.

use super::view::{Column, Texts};
use super::words::Words;
use arrow::array::{Array as _, Int32Array};

/// For each row of a batch, whether it says the same as the one before; the first one has none.
#[derive(Default)]
pub(super) struct Runs(Vec<bool>);

impl Runs {
    /// Of so many rows, of which nothing is known to differ yet.
    pub(super) fn of(rows: usize) -> Self {
        let mut runs = vec![true; rows];
        runs.iter_mut().take(1).for_each(|first| *first = false);
        Self(runs)
    }

    pub(super) fn goes_on(&self, row: usize) -> bool {
        self.0.get(row).copied().unwrap_or_default()
    }

    /// As long as this column too says the same.
    pub(super) fn by(self, column: &Column<Words>) -> Self {
        match column.held() {
            Words::None => self,
            Words::Numbered(numbers, _) => self.by_array(numbers),
            texts @ Words::Plain(_) => self.by_each(|row| texts.is_same(row - 1, row)),
        }
    }

    /// The same of lists.
    pub(super) fn by_texts(self, column: &Texts) -> Self {
        self.by_each(|row| column.is_same(row - 1, row))
    }

    /// The same of numbers.
    pub(super) fn by_numbers(self, column: &Column<Int32Array>) -> Self {
        self.by_array(column.held())
    }

    fn by_array(mut self, numbers: &Int32Array) -> Self {
        let after = self.0.iter_mut().skip(1);
        if numbers.null_count() == 0 {
            let pairs = numbers.values().iter().zip(numbers.values().iter().skip(1));
            after.zip(pairs).for_each(|(runs, (one, other))| *runs &= one == other);
        } else {
            let pairs = numbers.iter().zip(numbers.iter().skip(1));
            after.zip(pairs).for_each(|(runs, (one, other))| *runs &= one == other);
        }
        self
    }

    /// `is_same` is asked of rows that have one before.
    fn by_each(mut self, is_same: impl Fn(usize) -> bool) -> Self {
        self.0.iter_mut().enumerate().skip(1).for_each(|(row, runs)| *runs = *runs && is_same(row));
        self
    }
}
