//! From the target to the client. Owns what is understood of each answer: whose it is, how much it was, what it taught.
//! Rows and COPY data stream through without being copied or kept.
//!
//! INVARIANT: bytes are released only after what they teach was recorded. A word that may go on in bytes not read yet
//! is held back until it is known.

use super::frame::{self, Fields, MAX_ANSWER};
use super::lane::Lane;
use super::link::{Fault, Link, Volume};
use super::message::{self, Backend, Report};
use super::reply::{self, Severity};
use super::rows::{BETWEEN, Rows};
use crate::disclose::Scan;
use bytes::BytesMut;
use interdict_schemas::{Disclosure, Status};

/// What streams through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Row,
    Copy,
}

/// The reader of a target's answers.
#[derive(Debug)]
pub(super) struct Down {
    stream: Stream,
    rows: Rows,
    /// Values that were not scanned yet.
    text: Vec<u8>,
    scan: Option<Scan>,
    /// What the target ended the session with.
    fatal: Option<Report>,
}

impl Down {
    /// Before the first answer.
    pub(super) fn new() -> Self {
        Self { stream: Stream::Row, rows: Rows::new(), text: Vec::new(), scan: None, fatal: None }
    }

    /// What the target ended the session with, if it said so.
    pub(super) fn fatal(&self) -> Option<&Report> {
        self.fatal.as_ref()
    }

    /// Understands as many answers as possible and releases them.
    ///
    /// # Errors
    /// When the session cannot go on; then nothing new is released.
    pub(super) fn forward(&mut self, link: &mut Link<'_>, lane: &mut Lane) -> Result<(), Fault> {
        self.answers(link, lane)?;
        let held = self.record(link, lane.passing() > 0)?;
        lane.release(held);
        Ok(())
    }

    fn answers(&mut self, link: &mut Link<'_>, lane: &mut Lane) -> Result<(), Fault> {
        loop {
            if lane.passing() > 0 {
                let piece = lane.streamed();
                let count = piece.len();
                if count == 0 {
                    return Ok(());
                }
                link.volume.bytes += count as u64;
                match self.stream {
                    Stream::Row => self.rows.read(piece, &mut self.text)?,
                    Stream::Copy => self.text.extend_from_slice(piece),
                }
                lane.pass(count);
                if lane.passing() == 0 && self.stream == Stream::Row {
                    self.rows.end()?;
                    self.text.push(BETWEEN);
                }
                continue;
            }
            let Some(header) = frame::header(lane.rest()).map_err(Fault::target)? else { return Ok(()) };
            let Some(kind) = Backend::of(header.kind) else {
                return Err(Fault::Target(format!("there is no message of type {:?}", char::from(header.kind))));
            };
            match kind {
                Backend::DataRow if link.state.takes_row() => {
                    self.rows.begin();
                    self.stream = Stream::Row;
                    link.volume.rows += 1;
                    link.volume.bytes += frame::HEADER as u64;
                    lane.stream(header.total - frame::HEADER);
                    continue;
                }
                Backend::CopyData if link.state.takes_copy() => {
                    self.stream = Stream::Copy;
                    link.volume.bytes += frame::HEADER as u64;
                    lane.stream(header.total - frame::HEADER);
                    continue;
                }
                _ => {}
            }
            let Some((header, body)) = frame::message(lane.rest(), MAX_ANSWER).map_err(Fault::target)? else {
                lane.need(header.total);
                return Ok(());
            };
            link.volume.bytes += header.total as u64;
            match self.answer(link, kind, body)? {
                Some(instead) => lane.replace(header.total, &instead),
                None => lane.accept(header.total),
            }
        }
    }

    /// Takes one answer; what the client is sent instead, if anything.
    fn answer(&mut self, link: &mut Link<'_>, kind: Backend, body: &[u8]) -> Result<Option<BytesMut>, Fault> {
        match kind {
            Backend::ParameterStatus => {
                let (name, value) = message::parameter(body).map_err(Fault::target)?;
                // A setting can be set to what a query found.
                self.text.push(BETWEEN);
                self.text.extend_from_slice(value.as_ref());
                self.text.push(BETWEEN);
                link.setting(name, value);
            }
            Backend::Notice => self.said(body)?,
            Backend::Notification => self.notified(body)?,
            Backend::Error => return self.error(link, body),
            Backend::Ready => {
                let answer = link.state.ready(message::ready(body).map_err(Fault::target)?)?;
                link.skip(answer.skipped, "not run: the target was ready without having run it")?;
                self.rest(link)?;
                link.volume = Volume::default();
            }
            _ => {
                if kind == Backend::RowDescription {
                    self.headings(body)?;
                }
                let answer = link.state.answer(kind)?;
                if let Some(ticket) = answer.ended {
                    let tag = if kind == Backend::CommandComplete {
                        message::tag(body).map_err(Fault::target)?
                    } else {
                        ""
                    };
                    link.volume.rows = message::tag_rows(tag).unwrap_or(link.volume.rows);
                    let detail = if kind == Backend::PortalSuspended { "more rows are to be had" } else { tag };
                    let disclosures = self.finish(link);
                    link.end(ticket, Status::Success, "00000", detail, disclosures)?;
                }
            }
        }
        Ok(None)
    }

    fn error(&mut self, link: &mut Link<'_>, body: &[u8]) -> Result<Option<BytesMut>, Fault> {
        let report = message::report(b'E', body).map_err(Fault::target)?;
        self.said(body)?;
        let answer = link.state.failed();
        let mut instead = None;
        if let Some(refusal) = answer.refusal {
            // What the target says of the request that stands in a denied one's place is no answer to anything.
            self.text.clear();
            let mut message = BytesMut::new();
            reply::error(&mut message, Severity::Error, &refusal);
            instead = Some(message);
        }
        if let Some(ticket) = answer.ended {
            let disclosures = self.finish(link);
            link.end(ticket, Status::Failure, &report.code, &report.message, disclosures)?;
        }
        link.skip(answer.skipped, "not run: an earlier statement failed")?;
        if report.is_fatal() {
            self.fatal = Some(report);
            instead = None;
        }
        Ok(instead)
    }

    /// Gathers what an ErrorResponse or NoticeResponse says.
    fn said(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::new(b'N', body);
        while fields.u8().map_err(Fault::target)? != 0 {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
        }
        self.text.push(BETWEEN);
        Ok(())
    }

    fn notified(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::new(b'A', body);
        fields.u32().map_err(Fault::target)?;
        for _ in 0..2 {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
        }
        self.text.push(BETWEEN);
        Ok(())
    }

    /// The names of columns: a view can be given one that is data.
    fn headings(&mut self, body: &[u8]) -> Result<(), Fault> {
        /// Bytes of a column's description after its name.
        const REST: usize = 18;
        let mut fields = Fields::new(b'T', body);
        for _ in 0..fields.u16().map_err(Fault::target)? {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
            fields.take(REST).map_err(Fault::target)?;
        }
        self.text.push(BETWEEN);
        Ok(())
    }

    /// What the current answer taught, which is over.
    fn finish(&mut self, link: &Link<'_>) -> Vec<Disclosure> {
        if self.text.is_empty() && self.scan.is_none() {
            return Vec::new();
        }
        let mut scan = self.scan.take().unwrap_or_else(|| link.session.scanner());
        scan.feed(&self.text);
        self.text.clear();
        scan.finish()
    }

    /// Records what was taught outside any action's answer.
    fn rest(&mut self, link: &mut Link<'_>) -> Result<(), Fault> {
        let disclosures = self.finish(link);
        if disclosures.is_empty() { Ok(()) } else { link.taught(disclosures) }
    }

    /// Records what was taught so far by an answer that goes on; how many bytes must be held back.
    fn record(&mut self, link: &mut Link<'_>, within: bool) -> Result<usize, Fault> {
        if self.text.is_empty() {
            return Ok(0);
        }
        if link.state.current().is_none() {
            self.rest(link)?;
            return Ok(0);
        }
        let scan = self.scan.get_or_insert_with(|| link.session.scanner());
        scan.feed(&self.text);
        self.text.clear();
        let held = if within && self.stream == Stream::Row {
            scan.pending().min(self.rows.within())
        } else {
            scan.settle();
            0
        };
        let disclosures = scan.take();
        if !disclosures.is_empty() {
            link.taught(disclosures)?;
        }
        Ok(held)
    }
}
