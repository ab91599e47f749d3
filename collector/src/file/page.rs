//! The rows of a page, from what they say to its bytes.

use super::bounds::Bounds;
use super::delta::Deltas;
use super::hybrid::Hybrid;
use super::repeated::{NONE, Repeated};
use parquet::schema::types::ColumnDescPtr;

/// Bytes that a reader makes at most of a page of texts, but of a single row of more; how many rows, the file says.
const PAGE_BYTES: usize = 1 << 20;

/// Bytes below which a page is small.
const SMALL: usize = 1 << 10;

/// The rows of a page.
pub(super) struct Rows<'a> {
    column: &'a Repeated,
    pub(super) number: u32,
    repetition: Hybrid,
    definition: Hybrid,
    values: Values<'a>,
    pub(super) rows: usize,
    /// Rows since the last step, or a whole one.
    stepped: usize,
    /// Values, and what stands for none.
    pub(super) levels: usize,
    pub(super) nulls: usize,
    pub(super) bounds: Bounds<'a>,
}

enum Values<'a> {
    Numbers(Hybrid, u8),
    Texts(Deltas<'a>),
}

impl<'a> Rows<'a> {
    pub(super) fn new(column: &'a Repeated, is_dictionary: bool, number: u32) -> Self {
        let width = bits(column.dictionary.len().saturating_sub(1));
        let values = if is_dictionary {
            Values::Numbers(Hybrid::new(width, Vec::new()), width)
        } else {
            Values::Texts(Deltas::default())
        };
        let level = |most: i16| Hybrid::new(bits(most.unsigned_abs().into()), Vec::new());
        Self {
            repetition: level(column.of.max_rep_level()),
            definition: level(column.of.max_def_level()),
            column,
            number,
            values,
            rows: 0,
            stepped: 0,
            levels: 0,
            nulls: 0,
            bounds: Bounds::default(),
        }
    }

    /// How many rows that say this still belong into the page: at least one.
    pub(super) fn room(&self, says: u32) -> usize {
        let rows = self.column.page_step - if self.is_step() { 0 } else { self.stepped };
        let Values::Texts(texts) = &self.values else { return rows };
        let (_, each) = self.column.measure(says);
        rows.min(PAGE_BYTES.saturating_sub(texts.whole) / each.max(1)).max(1)
    }

    pub(super) fn is_full(&self) -> bool {
        if matches!(&self.values, Values::Texts(texts) if texts.whole >= PAGE_BYTES) {
            return true;
        }
        self.is_step() && (self.rows >= self.column.page_rows || self.size() >= SMALL)
    }

    const fn is_step(&self) -> bool {
        self.stepped == self.column.page_step
    }

    /// Bytes so far, about.
    fn size(&self) -> usize {
        let values = match &self.values {
            Values::Numbers(numbers, _) => numbers.size(),
            Values::Texts(texts) => texts.size(),
        };
        self.repetition.size() + self.definition.size() + values
    }

    pub(super) fn put(&mut self, says: u32, rows: usize, seen: &mut [u32]) {
        let column = self.column;
        let most = column.of.max_def_level().unsigned_abs().into();
        self.rows += rows;
        self.stepped = rows + if self.is_step() { 0 } else { self.stepped };
        let Some(lists) = &column.lists else {
            if says == NONE {
                self.none(0, rows);
            } else {
                self.repetition.put(0, rows);
                self.definition.put(most, rows);
                self.value(says, rows, seen);
            }
            return;
        };
        if says == NONE {
            return self.none(0, rows);
        }
        match lists.list(says) {
            // Of the levels above an empty list's one is for the element, and one for that the element may be null.
            [] => self.none(most.saturating_sub(1 + u32::from(may_be_null(&column.of))), rows),
            [one] => {
                self.repetition.put(0, rows);
                self.definition.put(most, rows);
                self.value(*one, rows, seen);
            }
            many => {
                for _ in 0..rows {
                    self.repetition.put(0, 1);
                    self.repetition.put(1, many.len() - 1);
                    self.definition.put(most, many.len());
                    many.iter().for_each(|number| self.value(*number, 1, seen));
                }
            }
        }
    }

    fn none(&mut self, level: u32, rows: usize) {
        self.repetition.put(0, rows);
        self.definition.put(level, rows);
        self.levels += rows;
        self.nulls += rows;
    }

    fn value(&mut self, number: u32, times: usize, seen: &mut [u32]) {
        self.levels += times;
        let dictionary = &self.column.dictionary;
        if let Some(seen) = seen.get_mut(number as usize)
            && *seen != self.number
        {
            *seen = self.number;
            self.bounds.add(dictionary.text(number));
        }
        match &mut self.values {
            Values::Numbers(numbers, _) => numbers.put(number, times),
            Values::Texts(texts) => texts.put(dictionary.text(number), times),
        }
    }

    /// Whether values stand there as their places in the dictionary.
    pub(super) const fn is_of_dictionary(&self) -> bool {
        matches!(self.values, Values::Numbers(..))
    }

    /// The page's bytes (Parquet format, "Data Pages", version 1).
    pub(super) fn body(self) -> Vec<u8> {
        let mut body = Vec::new();
        let (repeats, is_optional) = (self.column.of.max_rep_level() > 0, self.column.of.max_def_level() > 0);
        for (levels, is_there) in [(self.repetition, repeats), (self.definition, is_optional)] {
            if is_there {
                let levels = levels.finish();
                body.extend_from_slice(&u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes());
                body.extend_from_slice(&levels);
            }
        }
        match self.values {
            Values::Numbers(numbers, width) => {
                body.push(width);
                body.extend_from_slice(&numbers.finish());
            }
            Values::Texts(texts) => body.extend_from_slice(&texts.finish()),
        }
        body
    }
}

/// Bits that numbers up to this one take.
fn bits(most: usize) -> u8 {
    (usize::BITS - most.leading_zeros()) as u8
}

/// Whether an element of a list may be null.
fn may_be_null(of: &ColumnDescPtr) -> bool {
    of.self_type().is_optional()
}
