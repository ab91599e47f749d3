//! A member's records where each is a JSON object, however they are laid out: one a line, over several lines, in a
//! list, or in the list `Records` of a document that is one line of many megabytes.
//!
//! Only brackets and strings are told apart here; whether an object is JSON is its reader's to say. What was cut off
//! ends at the next line that begins with `{`, so that one broken record costs no other.

use super::frame::{Cut, Place};
use interdict_schemas::ocsf::MAX_LINE;
use std::io::{self, BufRead};

/// How a document begins whose records stand in a list.
const RECORDS: &[u8] = b"{\"Records\":[";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between records.
    Between,
    /// In a record.
    Object,
    /// In something that is none.
    Garbage,
    /// Behind the list of a document, before its end.
    Tail,
}

#[derive(Debug)]
pub(super) struct Objects {
    buffer: Vec<u8>,
    /// How long the record is, however much of it was kept.
    length: usize,
    state: State,
    in_records: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Whether the last byte ended a line.
    line_began: bool,
    place: Place,
    line: u64,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            length: 0,
            state: State::Between,
            in_records: false,
            depth: 0,
            in_string: false,
            escaped: false,
            line_began: true,
            place: Place { line: 1, part: 0 },
            line: 1,
        }
    }
}

impl Objects {
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn next(&mut self, reader: &mut dyn BufRead) -> io::Result<Option<Cut<'_>>> {
        self.buffer.clear();
        self.length = 0;
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                let state = std::mem::replace(&mut self.state, State::Between);
                if matches!(state, State::Object | State::Garbage) {
                    return Ok(Some(self.cut()));
                }
                if std::mem::take(&mut self.in_records) || state == State::Tail {
                    let words = "the document breaks off within its list of records";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
                }
                return Ok(None);
            }
            let (mut used, mut whole) = (0, false);
            for byte in bytes {
                match self.step(*byte) {
                    Step::On => used += 1,
                    Step::After => {
                        used += 1;
                        whole = true;
                    }
                    Step::Before => whole = true,
                }
                if whole {
                    break;
                }
            }
            reader.consume(used);
            if whole {
                return Ok(Some(self.cut()));
            }
        }
    }

    fn cut(&self) -> Cut<'_> {
        let (place, length) = (self.place, self.length);
        if length > self.buffer.len() { Cut::Long { place, length } } else { Cut::Text { place, text: &self.buffer } }
    }

    fn keep(&mut self, byte: u8) {
        self.length = self.length.saturating_add(1);
        if self.buffer.len() < MAX_LINE {
            self.buffer.push(byte);
        }
    }

    fn begin(&mut self, state: State) {
        (self.state, self.depth, self.in_string, self.escaped) = (state, 0, false, false);
        self.place = Place { line: self.line, part: self.place.part.saturating_add(1) };
    }

    fn step(&mut self, byte: u8) -> Step {
        let line_began = self.line_began;
        let step = match self.state {
            State::Between => {
                self.between(byte);
                Step::On
            }
            State::Garbage => self.garbage(byte),
            State::Object if byte == b'{' && line_began && !self.in_records && self.length > 0 => {
                self.state = State::Between;
                Step::Before
            }
            State::Object => self.object(byte),
            State::Tail => {
                if self.nest(byte) {
                    self.state = State::Between;
                }
                Step::On
            }
        };
        if !matches!(step, Step::Before) {
            self.line_began = byte == b'\n';
            self.line = self.line.saturating_add(u64::from(self.line_began));
        }
        step
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.begin(State::Object);
                self.keep(byte);
                self.nest(byte);
            }
            b']' if self.in_records => {
                self.in_records = false;
                (self.state, self.depth) = (State::Tail, 1);
            }
            b',' | b'[' | b']' => {}
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                self.begin(State::Garbage);
                self.keep(byte);
            }
        }
    }

    /// Garbage ends with its line, or where a record may begin.
    fn garbage(&mut self, byte: u8) -> Step {
        match byte {
            b'{' => {
                self.state = State::Between;
                Step::Before
            }
            b'\n' => {
                self.state = State::Between;
                Step::After
            }
            byte => {
                self.keep(byte);
                Step::On
            }
        }
    }

    fn object(&mut self, byte: u8) -> Step {
        self.keep(byte);
        // JSON has no end of a line in a string: the record was cut off.
        if (self.in_string && byte == b'\n') || self.nest(byte) {
            self.state = State::Between;
            return Step::After;
        }
        if byte == b'[' && self.depth == 2 && !self.in_records && !self.in_string && self.is_document() {
            self.in_records = true;
            self.state = State::Between;
            self.place.part = 0;
            self.buffer.clear();
            self.length = 0;
        }
        Step::On
    }

    fn is_document(&self) -> bool {
        // A document begins with its list; whitespace is all that may stand between.
        self.length < 256 && self.buffer.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(RECORDS)
    }

    /// Follows brackets and strings; true when the outermost bracket was closed.
    fn nest(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// What a byte means for the record that is being gathered.
enum Step {
    /// It goes on.
    On,
    /// It ends with this byte.
    After,
    /// It ended before this byte.
    Before,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(text: &[u8], chunk: usize) -> Vec<String> {
        let mut reader = io::BufReader::with_capacity(chunk, text);
        let mut objects = Objects::default();
        let mut found = Vec::new();
        while let Some(cut) = objects.next(&mut reader).expect("memory reads") {
            found.push(match cut {
                Cut::Blank => "blank".to_owned(),
                Cut::Long { place, .. } => format!("{}:{} long", place.line, place.part),
                Cut::Text { place, text } => {
                    format!("{}:{} {}", place.line, place.part, String::from_utf8_lossy(text).replace('\n', "~"))
                }
            });
        }
        found
    }

    #[test]
    fn objects_are_found_however_they_are_laid_out() {
        let check = |text: &str, expected: &[&str]| {
            for chunk in [1, 2, 3, 7, 4096] {
                assert_eq!(cuts(text.as_bytes(), chunk), expected, "{text} by {chunk}");
            }
        };
        check("", &[]);
        check("{\"a\":1}\n{\"b\":\"}{\"}\n", &["1:1 {\"a\":1}", "2:2 {\"b\":\"}{\"}"]);
        check("[{\"a\":[1]},\n{\"b\":\"\\\"]\"}]", &["1:1 {\"a\":[1]}", "2:2 {\"b\":\"\\\"]\"}"]);
        check("{\"Records\":[{\"a\":{}},{\"b\":2}]}\n", &["1:1 {\"a\":{}}", "1:2 {\"b\":2}"]);
        check("{ \"Records\" : [\n {\n \"a\": 1\n },{}\n]\n}\n", &["2:1 {~ \"a\": 1~ }", "4:2 {}"]);
        check("{\"Records\":[{}],\"x\":\"}\",\"y\":{}}{\"b\":1}", &["1:1 {}", "1:2 {\"b\":1}"]);
        check("{\"Records\":[]}", &[]);
        // What was cut off costs only itself.
        check("{\"a\":{\"b\":1\n{\"c\":2}\n", &["1:1 {\"a\":{\"b\":1~", "2:2 {\"c\":2}"]);
        check("{\"a\":\"cut\n{\"c\":2}\n", &["1:1 {\"a\":\"cut~", "2:2 {\"c\":2}"]);
        check("garbage\n{\"c\":2}junk{}", &["1:1 garbage", "2:2 {\"c\":2}", "2:3 junk", "2:4 {}"]);
        check("{\"a\":", &["1:1 {\"a\":"]);
    }

    #[test]
    fn a_document_that_breaks_off_is_no_document() {
        for text in ["{\"Records\":[", "{\"Records\":[{\"a\":1},", "{\"Records\":[{\"a\":1", "{\"Records\":[] "] {
            let (mut reader, mut objects) = (text.as_bytes(), Objects::default());
            let ended = loop {
                match objects.next(&mut reader) {
                    Ok(Some(_)) => {}
                    ended => break ended.map(|cut| cut.is_none()),
                }
            };
            assert_eq!(ended.map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof), "{text}");
        }
    }

    #[test]
    fn object_that_is_too_long_is_passed_over_without_being_kept() {
        let text = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(MAX_LINE));
        assert_eq!(cuts(text.as_bytes(), 4096), ["1:1 long", "2:2 {}"]);
    }
}
