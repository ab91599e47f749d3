//! A member's records where each is a line: numbered and bounded.

use super::frame::{Cut, Place};
use interdict_schemas::ocsf::MAX_LINE;
use std::io::{self, BufRead, Read as _};

#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    line: u64,
}

impl Lines {
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn next(&mut self, reader: &mut dyn BufRead) -> io::Result<Option<Cut<'_>>> {
        let length = match read(reader, &mut self.buffer)? {
            0 => return Ok(None),
            length => length,
        };
        self.line += 1;
        let place = Place { line: self.line, part: 0 };
        if length > self.buffer.len() {
            return Ok(Some(Cut::Long { place, length }));
        }
        // A line of tabs may have an empty first or last column.
        let text = match self.buffer.as_slice() {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
            text => text,
        };
        Ok(Some(if text.trim_ascii().is_empty() { Cut::Blank } else { Cut::Text { place, text } }))
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
