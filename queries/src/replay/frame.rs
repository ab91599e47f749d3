//! A recording as frames: chunks in order, decoded, each with the time since the one before.

use super::Days;
use super::utf8::Utf8;
use crate::{Error, Rows, Snapshot};
use interdict_schemas::{Chunk, Stream, Time, lake};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::time::Duration;

/// What a frame shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// What the target printed.
    Output(String),
    /// What the client typed.
    Input(String),
    /// The window's new size, columns and rows.
    Resize(u32, u32),
    /// The exit status.
    Exit(String),
}

/// One moment of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Time since the frame before; since the beginning for the first.
    pub after: Duration,
    /// What it shows.
    pub shown: Shown,
}

/// A recording as it is read.
pub struct Frames {
    rows: Rows,
    waiting: VecDeque<Chunk>,
    header: Map<String, Value>,
    began: Time,
    last: Time,
    output: Utf8,
    input: Utf8,
}

impl Frames {
    /// The recording of a session.
    ///
    /// # Errors
    /// When the lake knows no such session or has no recording of it.
    pub async fn open(lake: &Snapshot, session: &str) -> Result<Self, Error> {
        let days = Days::of(lake, session).await?;
        let sql = "select * from recordings where session = $1 and date between $2 and $3 order by \"index\"";
        let rows = lake.ask(sql, days.values(session)).await?;
        let mut frames = Self {
            rows,
            waiting: VecDeque::new(),
            header: Map::new(),
            began: Time::default(),
            last: Time::default(),
            output: Utf8::default(),
            input: Utf8::default(),
        };
        frames.fill().await?;
        let Some(first) = frames.waiting.front() else {
            return Err(Error::NoRecording { session: session.to_owned() });
        };
        (frames.began, frames.last) = (first.time, first.time);
        // A header that is not JSON is as good as none: the recording still plays.
        if first.stream == Stream::Header
            && let Ok(header) = serde_json::from_slice(&first.data)
        {
            frames.header = header;
        }
        Ok(frames)
    }

    /// The asciicast v3 header as it was recorded; empty if there was none.
    #[must_use]
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// When the recording began.
    #[must_use]
    pub fn began(&self) -> Time {
        self.began
    }

    /// The window's size at the beginning: columns and rows.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        let term = |key: &str, or: u32| {
            let found = self.header.get("term").and_then(|term| term.get(key)).and_then(Value::as_u64);
            found.and_then(|size| u32::try_from(size).ok()).filter(|size| (1..=10_000).contains(size)).unwrap_or(or)
        };
        (term("cols", 80), term("rows", 24))
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if self.waiting.is_empty() {
                self.fill().await?;
            }
            let Some(chunk) = self.waiting.pop_front() else {
                let rest = [Shown::Output(self.output.finish()), Shown::Input(self.input.finish())];
                let rest = rest.into_iter().find(|shown| !shown.is_empty());
                return Ok(rest.map(|shown| Frame { after: Duration::ZERO, shown }));
            };
            let Some(shown) = self.decode(&chunk) else { continue };
            // A clock that was set back must not make time negative.
            let micros = chunk.time.micros_since(self.last).max(0);
            self.last = self.last.max(chunk.time);
            return Ok(Some(Frame { after: Duration::from_micros(micros.unsigned_abs()), shown }));
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        while self.waiting.is_empty() {
            let Some(batch) = self.rows.next().await? else { return Ok(()) };
            self.waiting.extend(lake::recordings(&batch)?.into_iter().map(|located| located.value));
        }
        Ok(())
    }

    fn decode(&mut self, chunk: &Chunk) -> Option<Shown> {
        let shown = match chunk.stream {
            Stream::Header => return None,
            Stream::Output => Shown::Output(self.output.push(&chunk.data)),
            Stream::Input => Shown::Input(self.input.push(&chunk.data)),
            Stream::Resize => {
                let (columns, rows) = std::str::from_utf8(&chunk.data).ok()?.split_once('x')?;
                Shown::Resize(columns.parse().ok()?, rows.parse().ok()?)
            }
            Stream::Exit => Shown::Exit(String::from_utf8_lossy(&chunk.data).into_owned()),
        };
        (!shown.is_empty()).then_some(shown)
    }
}

impl Shown {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Output(text) | Self::Input(text) if text.is_empty())
    }
}
