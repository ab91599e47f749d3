//! One file's lines, numbered and bounded.

use super::{Error, Source};
use interdict_schemas::ocsf::MAX_LINE;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// One line.
pub(super) enum Line<'a> {
    /// Nothing in it.
    Blank,
    /// Longer than may be; it was passed over without being kept.
    Long { line: u64, length: usize },
    /// Without its end.
    Text { line: u64, text: &'a [u8] },
}

pub(super) struct Lines {
    name: String,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
}

impl Lines {
    pub(super) fn open(file: &Path, source: &Source) -> Result<Self, Error> {
        let name = file.display().to_string();
        match source.open(file) {
            Ok(reader) => Ok(Self { name, reader, buffer: Vec::new(), line: 0 }),
            Err(source) => Err(Error::Open { file: name, source }),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        let length = match read(&mut self.reader, &mut self.buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => length,
            Err(source) => return Err(Error::Read { file: self.name.clone(), line: self.line, source }),
        };
        self.line += 1;
        let line = self.line;
        if length > self.buffer.len() {
            return Ok(Some(Line::Long { line, length }));
        }
        let text = self.buffer.trim_ascii();
        if text.is_empty() {
            return Ok(Some(Line::Blank));
        }
        Ok(Some(Line::Text { line, text }))
    }
}

/// Reads one line into `buffer`, no more of it than may be; returns how long it is with its end.
fn read(reader: &mut dyn BufRead, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.clear();
    // The line, its end (maybe two bytes), and one byte by which a longer one shows.
    let limit = MAX_LINE + 3;
    let mut length = reader.take(limit as u64).read_until(b'\n', buffer)?;
    if length < limit || buffer.last() == Some(&b'\n') {
        return Ok(length);
    }
    loop {
        let (skipped, ended) = {
            let found = reader.fill_buf()?;
            let end = found.iter().position(|byte| *byte == b'\n');
            (end.map_or(found.len(), |end| end + 1), end.is_some() || found.is_empty())
        };
        reader.consume(skipped);
        length = length.saturating_add(skipped);
        if ended {
            // One more than was kept, even where the file ended right here.
            return Ok(length.max(limit + 1));
        }
    }
}
