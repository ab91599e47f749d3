//! From the target to the client. Owns what is understood of each answer: whose it is, how much it was, what it
//! taught. Rows and COPY data stream through without being copied or kept, but for rows with masked columns. A result
//! that could show a masked column is refused: an error takes its place, and nothing more goes through until the next
//! ReadyForQuery.
//!
//! INVARIANT: bytes are released only after what they teach was recorded. A word that may go on in bytes not read yet
//! is held back until it is known.

mod told;

use super::frame::{self, Fields, MAX_ANSWER, MAX_REQUEST};
use super::lane::Lane;
use super::link::{Fault, Link, Volume};
use super::mask::{Masks, Plan};
use super::message::{self, Backend, Report};
use super::reply::{self, Refusal, Severity};
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

/// SQLSTATE of a result that is refused: insufficient privilege.
const REFUSED: &str = "42501";

/// What takes the place of an error's words that may hold a masked value: `invalid input syntax for type integer:
/// "..."`.
const WITHHELD: &str = "the statement failed; what the target says of it may hold a masked value and is withheld";

/// Whether a message belongs to no request.
fn is_unasked(kind: Backend) -> bool {
    matches!(kind, Backend::ParameterStatus | Backend::Notice | Backend::Notification)
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
    /// What is done with the columns of the rows to come, where anything is masked.
    plan: Option<Plan>,
    /// Why nothing goes through until ReadyForQuery.
    refused: Option<String>,
    /// Bytes still to come of a message that does not go through.
    dropping: usize,
}

impl Down {
    /// Before the first answer.
    pub(super) fn new() -> Self {
        Self {
            stream: Stream::Row,
            rows: Rows::new(),
            text: Vec::new(),
            scan: None,
            fatal: None,
            plan: None,
            refused: None,
            dropping: 0,
        }
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
            if self.dropping > 0 {
                let count = lane.rest().len().min(self.dropping);
                if count == 0 {
                    return Ok(());
                }
                lane.replace(count, &[]);
                self.dropping -= count;
                continue;
            }
            let Some(header) = frame::header(lane.rest()).map_err(Fault::target)? else { return Ok(()) };
            let Some(kind) = Backend::of(header.kind) else {
                return Err(Fault::Target(format!("there is no message of type {:?}", char::from(header.kind))));
            };
            match kind {
                Backend::DataRow if link.state.takes_row() && self.refused.is_some() => {
                    link.volume.rows += 1;
                    self.dropping = header.total;
                    continue;
                }
                Backend::CopyData if link.state.takes_copy() && self.refused.is_some() => {
                    self.dropping = header.total;
                    continue;
                }
                Backend::DataRow if link.state.takes_row() && !self.is_plain(link) => {
                    if !self.masked(link, lane)? {
                        return Ok(());
                    }
                    continue;
                }
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
            let silent = self.refused.is_some();
            let mut instead = self.answer(link, kind, body)?;
            if kind == Backend::Ready {
                self.refused = None;
            } else if silent && self.fatal.is_none() && !is_unasked(kind) {
                // The client was told already, and waits for ReadyForQuery.
                self.text.clear();
                instead = Some(BytesMut::new());
            }
            match instead {
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
                let (described, hidden) = self.describe(link, kind, body)?;
                let answer = link.state.answer(kind)?;
                if let Some(why) = described {
                    return Ok(Some(self.refuse(&why)));
                }
                if hidden {
                    return Ok(Some(BytesMut::new()));
                }
                if let Some(ticket) = answer.ended {
                    self.plan = None;
                    if let Some(why) = self.refused.clone() {
                        link.end(ticket, Status::Failure, REFUSED, &why, Vec::new())?;
                        return Ok(None);
                    }
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

    /// Whether the rows that come now go through as they are.
    fn is_plain(&self, link: &Link<'_>) -> bool {
        link.masks.is_none() || self.plan.as_ref().is_some_and(Plan::is_plain)
    }

    /// Masks the row that stands next; whether all of it was there.
    fn masked(&mut self, link: &mut Link<'_>, lane: &mut Lane) -> Result<bool, Fault> {
        let (Some(masks), Some(plan)) = (link.masks.as_mut(), self.plan.as_ref()) else {
            return Err(Fault::Target("rows came without a description, so that nothing could be masked".into()));
        };
        let Some((header, body)) = frame::message(lane.rest(), MAX_REQUEST).map_err(Fault::target)? else {
            if let Some(header) = frame::header(lane.rest()).map_err(Fault::target)? {
                lane.need(header.total);
            }
            return Ok(false);
        };
        let row = masks.row(plan, body).map_err(Fault::target)?;
        self.rows.begin();
        self.rows.read(row.get(frame::HEADER..).unwrap_or_default(), &mut self.text)?;
        self.rows.end()?;
        self.text.push(BETWEEN);
        link.volume.rows += 1;
        link.volume.bytes += row.len() as u64;
        lane.replace(header.total, &row);
        Ok(true)
    }

    /// Looks at an answer that says which columns come, where anything is masked: why the result is refused, if it
    /// is, and whether the answer is for the gateway alone.
    fn describe(&mut self, link: &Link<'_>, kind: Backend, body: &[u8]) -> Result<(Option<String>, bool), Fault> {
        let Some(masks) = &link.masks else { return Ok((None, false)) };
        let looks = link.state.looks();
        match kind {
            Backend::RowDescription if !link.state.describes() => {
                // What belongs to no action is looked at the harder.
                let watch = looks.or_else(|| link.state.current().map(|ticket| ticket.watch)).unwrap_or(true);
                match masks.plan(body, watch).map_err(Fault::target)? {
                    Ok(plan) => {
                        self.plan = Some(plan);
                        Ok((None, looks.is_some()))
                    }
                    Err(why) => Ok((Some(why), false)),
                }
            }
            Backend::CopyOut if link.state.current().is_none_or(|ticket| ticket.watch) => {
                Ok((Some("is copied, and so cannot be masked; use SELECT".into()), false))
            }
            Backend::NoData => Ok((None, looks.is_some())),
            _ => Ok((None, false)),
        }
    }

    /// What the client is told in a result's place.
    fn refuse(&mut self, why: &str) -> BytesMut {
        let words = format!("interdict refused this result: {why}");
        self.text.clear();
        self.plan = None;
        let mut out = BytesMut::new();
        // One that is refused already was told.
        if self.refused.is_none() {
            reply::error(&mut out, Severity::Error, &Refusal::new(REFUSED, words.as_str()));
            self.refused = Some(words);
        }
        out
    }

    fn error(&mut self, link: &mut Link<'_>, body: &[u8]) -> Result<Option<BytesMut>, Fault> {
        let mut report = message::report(b'E', body).map_err(Fault::target)?;
        let watched = link.masks.is_some() && link.state.current().is_some_and(|ticket| ticket.watch);
        let withheld = watched && !report.is_fatal() && Masks::tells(&report.code);
        if withheld {
            WITHHELD.clone_into(&mut report.message);
        } else {
            self.said(body)?;
        }
        let answer = link.state.failed();
        self.plan = None;
        let mut instead = None;
        if let Some(refusal) = answer.refusal {
            // What the target says of the request that stands in a denied one's place is no answer to anything.
            self.text.clear();
            let mut message = BytesMut::new();
            reply::error(&mut message, Severity::Error, &refusal);
            instead = Some(message);
        }
        if withheld && instead.is_none() {
            let code = if report.code.starts_with("23") { "23000" } else { "22000" };
            let mut message = BytesMut::new();
            reply::error(&mut message, Severity::Error, &Refusal::new(code, WITHHELD));
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

    /// What the current answer taught, which is over.
    fn finish(&mut self, link: &mut Link<'_>) -> Vec<Disclosure> {
        let planted = link.planted();
        if self.text.is_empty() && self.scan.is_none() {
            return planted;
        }
        let mut scan = self.scan.take().unwrap_or_else(|| link.session.scanner());
        scan.feed(&self.text);
        self.text.clear();
        let mut disclosures = scan.finish();
        disclosures.extend(planted);
        disclosures
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
        let mut disclosures = scan.take();
        disclosures.extend(link.planted());
        if !disclosures.is_empty() {
            link.taught(disclosures)?;
        }
        Ok(held)
    }
}
