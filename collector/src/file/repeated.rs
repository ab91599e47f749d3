//! A column of texts, or of lists of them, of which neighbours are alike, as Parquet. What a run of rows says is looked
//! up once, and counted, compared and put into the bloom filter once; a library that is given rows does all that for each
//! of them. Pages, dictionary and statistics are those that any reader knows.

use super::chunk::Chunk;
use super::dictionary::{Dictionary, Lists};
use super::page::Rows;
use arrow::array::{Array, ArrayRef, AsArray as _, ListArray, RunArray, StringArray};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// The most steps of a small page: each page is told of where all pages begin, which a question about few rows reads too.
const STEPS: usize = 10;

/// A row without a value.
pub(super) const NONE: u32 = u32::MAX;

/// A column of a row group.
pub(super) struct Repeated {
    pub(super) of: ColumnDescPtr,
    pub(super) statistics: EnabledStatistics,
    /// People look for one value in it, so it has a bloom filter.
    pub(super) is_sought: bool,
    /// A page that is not cut for its bytes ends behind a multiple of so many rows,
    pub(super) page_step: usize,
    /// once it has so many, or is not small.
    pub(super) page_rows: usize,
    /// Bytes of a dictionary at most. One that is larger is none: of each text stands there what it does not share with the
    /// one before.
    dictionary_bytes: usize,
    /// Bytes below which it is not compressed.
    tiny: usize,
    pub(super) dictionary: Dictionary,
    pub(super) lists: Option<Lists>,
    pub(super) rows: usize,
    /// Texts of all rows' lists, each of which stands in the pages by itself.
    elements: usize,
    /// Bytes of the texts that stand in the pages where there is no dictionary, of which neighbours may share some.
    bytes: usize,
    runs: Vec<Run>,
    scratch: Vec<u32>,
}

/// So many rows say the same: the number of a text or of a list.
#[derive(Clone, Copy)]
struct Run {
    says: u32,
    rows: u32,
}

impl Repeated {
    pub(super) fn new(of: ColumnDescPtr, properties: &WriterProperties, is_sought: bool, tiny: usize) -> Self {
        let statistics = properties.statistics_enabled(of.path());
        let page_step = properties.data_page_row_count_limit().max(1);
        // Rows are skipped by what is known of these pages.
        let is_skipped_by = statistics == EnabledStatistics::Page;
        Self {
            statistics,
            is_sought,
            page_step,
            page_rows: if is_skipped_by { page_step } else { page_step.saturating_mul(STEPS) },
            dictionary_bytes: properties.column_dictionary_page_size_limit(of.path()),
            tiny,
            dictionary: Dictionary::default(),
            lists: (of.max_rep_level() > 0).then(Lists::default),
            runs: Vec::new(),
            rows: 0,
            elements: 0,
            bytes: 0,
            scratch: Vec::new(),
            of,
        }
    }

    /// Bytes that it will take, at most about.
    pub(super) fn size(&self) -> usize {
        let texts = if self.is_dictionary() { self.dictionary.page().len() } else { self.bytes };
        texts + self.runs.len() * 3 + self.elements
    }

    fn is_dictionary(&self) -> bool {
        self.dictionary.page().len() <= self.dictionary_bytes
    }

    /// Appends rows: texts or lists of them, run-end encoded or as they are.
    pub(super) fn append(&mut self, array: &ArrayRef) -> Result<()> {
        let Some(runs) = array.as_any().downcast_ref::<RunArray<Int32Type>>() else {
            return self.append_each(array, None);
        };
        let ends = runs.run_ends().values();
        // A slice may begin or end within a run.
        let is_whole = ends.last().is_none_or(|end| usize::try_from(*end).is_ok_and(|end| end == runs.len()));
        if runs.offset() != 0 || !is_whole {
            let flat = arrow::compute::cast(array, runs.values().data_type())?;
            return self.append_each(&flat, None);
        }
        self.append_each(runs.values(), Some(ends))
    }

    /// Appends values, each up to its end, or one row each.
    fn append_each(&mut self, values: &ArrayRef, ends: Option<&[i32]>) -> Result<()> {
        if let Some(texts) = values.as_string_opt::<i32>() {
            self.append_with(texts.len(), ends, |this, at| this.text(texts, at), |at| is_like_before(texts, at));
        } else if let Some(lists) = values.as_list_opt::<i32>()
            && let Some(texts) = lists.values().as_string_opt::<i32>()
        {
            self.append_with(lists.len(), ends, |this, at| this.list(lists, texts, at), |_| false);
        } else {
            return Err(ParquetError::General(format!("{} is no column of texts", values.data_type())));
        }
        Ok(())
    }

    fn append_with(
        &mut self,
        count: usize,
        ends: Option<&[i32]>,
        look: impl Fn(&mut Self, usize) -> u32,
        is_like_before: impl Fn(usize) -> bool,
    ) {
        let mut begin = 0;
        for at in 0..count {
            let end = ends.map_or(at + 1, |ends| ends.get(at).map_or(begin, |end| end.unsigned_abs() as usize));
            let rows = u32::try_from(end.saturating_sub(begin)).unwrap_or(u32::MAX);
            (begin, self.rows) = (end, self.rows + rows as usize);
            if at > 0
                && is_like_before(at)
                && let Some(last) = self.runs.last_mut()
            {
                last.rows += rows;
                continue;
            }
            let says = look(self, at);
            let (elements, bytes) = self.measure(says);
            self.elements += elements * rows as usize;
            // Of the same text nothing is written twice in a row.
            self.bytes += bytes * if elements > 1 { rows as usize } else { 1 };
            match self.runs.last_mut() {
                Some(last) if last.says == says => last.rows += rows,
                _ => self.runs.push(Run { says, rows }),
            }
        }
    }

    /// How many elements of lists a row has that says this, and the bytes of its texts.
    pub(super) fn measure(&self, says: u32) -> (usize, usize) {
        let size = |number: &u32| self.dictionary.text(*number).len();
        match &self.lists {
            _ if says == NONE => (0, 0),
            None => (0, size(&says)),
            Some(lists) => (lists.list(says).len(), lists.list(says).iter().map(size).sum()),
        }
    }

    fn text(&mut self, texts: &StringArray, at: usize) -> u32 {
        if texts.is_null(at) { NONE } else { self.dictionary.number(texts.value(at).as_bytes()) }
    }

    fn list(&mut self, lists: &ListArray, texts: &StringArray, at: usize) -> u32 {
        if lists.is_null(at) {
            return NONE;
        }
        let [from, to] =
            [at, at + 1].map(|at| lists.value_offsets().get(at).map_or(0, |end| end.unsigned_abs() as usize));
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        list.extend((from..to).map(|at| self.text(texts, at)));
        let number = self.lists.as_mut().map_or(NONE, |lists| lists.number(&list));
        self.scratch = list;
        number
    }

    /// The column's bytes and what the file says of them.
    pub(super) fn finish(&self, zstd: &mut Compressor<'_>) -> Result<(Bytes, ColumnCloseResult)> {
        let is_dictionary = self.is_dictionary();
        let mut sink = TrackedWrite::new(Vec::new());
        let zstd = (self.size() >= self.tiny).then_some(zstd);
        let mut chunk = Chunk::new(self, SerializedPageWriter::new(&mut sink), zstd);
        if is_dictionary {
            chunk.dictionary()?;
        }
        let (mut seen, mut page) = (vec![0; self.dictionary.len()], Rows::new(self, is_dictionary, 1));
        for run in &self.runs {
            let mut rest = run.rows as usize;
            while rest > 0 {
                let rows = rest.min(page.room(run.says));
                page.put(run.says, rows, &mut seen);
                rest -= rows;
                if page.is_full() {
                    let next = Rows::new(self, is_dictionary, page.number + 1);
                    chunk.page(std::mem::replace(&mut page, next))?;
                }
            }
        }
        if page.rows > 0 {
            chunk.page(page)?;
        }
        let close = chunk.close(is_dictionary)?;
        Ok((Bytes::from(sink.into_inner()?), close))
    }
}

fn is_like_before(texts: &StringArray, at: usize) -> bool {
    match (texts.is_null(at - 1), texts.is_null(at)) {
        (false, false) => texts.value(at - 1) == texts.value(at),
        (before, here) => before && here,
    }
}
