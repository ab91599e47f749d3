//! One action while it happens: its recording, its volumes, what it teaches, and how it ended.

use super::asciicast;
use super::request::{Program, Request};
use crate::session::Session;
use crate::{clock, emit};
use interdict_schemas::{Class, Disclosure, Outcome, Status, Stream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::Instant;

/// How much of the output of a command without a terminal is recorded: `tar` over SSH is not a terminal session, and
/// must not fill the log. The result still counts every byte, and every byte is scanned. A terminal has no bound.
const MAX_RECORDED: u64 = 16 << 20;

/// An allowed action that is under way. Dropping it records that its outcome is unknown.
pub(super) struct Deed<'a> {
    session: &'a Session,
    action: String,
    class: Class,
    began: Instant,
    bounded: bool,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    over: AtomicBool,
}

impl<'a> Deed<'a> {
    /// Begins what was allowed, and its recording.
    ///
    /// # Errors
    /// When the log cannot take the recording: the action must not happen.
    pub(super) fn begin(
        session: &'a Session,
        action: String,
        class: Class,
        request: &Request,
    ) -> Result<Self, emit::Error> {
        let command = match &request.program {
            Program::Command(line) => Some(String::from_utf8_lossy(line)),
            Program::Shell | Program::Subsystem(_) => None,
        };
        let deed = Self {
            session,
            action,
            class,
            began: Instant::now(),
            bounded: request.tty.is_none(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            over: AtomicBool::new(false),
        };
        let header = asciicast::header(&request.terminal(), clock::now(), command.as_deref());
        session.record(Stream::Header, header.as_bytes())?;
        Ok(deed)
    }

    /// Counts bytes for the target. They are not recorded: what is typed without echo is a password, and what is
    /// echoed stands in the output.
    pub(super) fn typed(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.session.count(bytes as u64, 0);
    }

    /// Records output before it goes to the client.
    pub(super) fn printed(&self, data: &[u8]) -> Result<(), emit::Error> {
        let before = self.bytes_out.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.session.count(0, data.len() as u64);
        if !self.bounded {
            return self.session.record(Stream::Output, data);
        }
        let left = usize::try_from(MAX_RECORDED.saturating_sub(before)).unwrap_or(usize::MAX);
        self.session.record(Stream::Output, data.get(..left).unwrap_or(data))?;
        if left > 0 && left <= data.len() {
            let note = format!("\r\n[the recording of this output ends after {} MiB]\r\n", MAX_RECORDED >> 20);
            self.session.record(Stream::Output, note.as_bytes())?;
        }
        Ok(())
    }

    /// Records another size of the terminal.
    pub(super) fn resized(&self, columns: u32, rows: u32) -> Result<(), emit::Error> {
        self.session.record(Stream::Resize, asciicast::resize(columns, rows).as_bytes())
    }

    /// Records what the output teaches, before the bytes that teach it go to the client.
    pub(super) fn taught(&self, disclosures: Vec<Disclosure>) -> Result<(), emit::Error> {
        if disclosures.is_empty() {
            return Ok(());
        }
        self.session.result(&self.action, self.class, self.outcome(Status::Unknown, "", "under way"), disclosures)
    }

    /// Records how it ended.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub(super) fn finish(self, status: Status, code: &str, detail: &str) -> Result<(), emit::Error> {
        self.over.store(true, Ordering::Relaxed);
        if !code.is_empty() {
            self.session.record(Stream::Exit, code.as_bytes())?;
        }
        self.session.result(&self.action, self.class, self.outcome(status, code, detail), Vec::new())
    }

    fn outcome(&self, status: Status, code: &str, detail: &str) -> Outcome {
        Outcome {
            status,
            code: code.to_owned(),
            detail: detail.to_owned(),
            rows: 0,
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            duration_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Drop for Deed<'_> {
    fn drop(&mut self) {
        if *self.over.get_mut() {
            return;
        }
        let outcome = self.outcome(Status::Unknown, "", "the connection ended before the target said");
        if let Err(error) = self.session.result(&self.action, self.class, outcome, Vec::new()) {
            tracing::error!(%error, action = self.action, "an action's end could not be recorded");
        }
    }
}
