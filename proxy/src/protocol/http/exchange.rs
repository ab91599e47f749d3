//! One request's outcome: counted while it flows, recorded once, whatever ends it. Owns that nothing a target
//! answered goes unrecorded, even when the client vanishes.

use super::progress::UnderWay;
use super::sessions::Live;
use crate::disclose::Scan;
use crate::emit;
use http::StatusCode;
use interdict_schemas::{Class, Disclosure, Outcome, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// A request between its record and its outcome.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) live: Arc<Live>,
    action: String,
    started: Instant,
    /// Bytes of the request's body, counted where they flow.
    pub(super) bytes_in: Arc<AtomicU64>,
    bytes_out: u64,
    code: Option<StatusCode>,
    detail: String,
    over: bool,
    _under_way: UnderWay,
}

impl Exchange {
    pub(super) fn new(live: Arc<Live>, action: String, under_way: UnderWay) -> Self {
        Self {
            live,
            action,
            started: Instant::now(),
            bytes_in: Arc::default(),
            bytes_out: 0,
            code: None,
            detail: String::new(),
            over: false,
            _under_way: under_way,
        }
    }

    /// The answer's head came; `encoding` names one that its body cannot be scanned in.
    pub(super) fn answered(&mut self, code: StatusCode, encoding: Option<String>) {
        self.code = Some(code);
        if let Some(encoding) = encoding {
            self.detail = format!("the body is encoded ({encoding}) and could not be scanned for disclosures");
        }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
    }

    /// Records what the answer taught so far.
    pub(super) fn taught(&mut self, disclosures: Vec<Disclosure>) -> Result<(), emit::Error> {
        if disclosures.is_empty() {
            return Ok(());
        }
        let outcome = self.outcome(Status::Unknown, "the answer still flows");
        self.live.session.result(&self.action, Class::Request, outcome, disclosures)
    }

    /// The answer is complete.
    pub(super) fn finish(&mut self, scan: Option<Scan>) -> Result<(), emit::Error> {
        let full = scan.as_ref().is_some_and(Scan::is_full);
        let disclosures = scan.map(Scan::finish).unwrap_or_default();
        let succeeded = self.code.is_some_and(|code| !code.is_client_error() && !code.is_server_error());
        let status = if succeeded { Status::Success } else { Status::Failure };
        self.end(status, if full { "more was disclosed than is recorded" } else { "" }, disclosures)
    }

    /// The gateway answers in the target's place.
    pub(super) fn fail(&mut self, code: StatusCode, detail: &str) -> Result<(), emit::Error> {
        self.code = Some(code);
        self.end(Status::Failure, detail, Vec::new())
    }

    /// The answer ended before it was complete.
    pub(super) fn broken(&mut self, detail: &str) {
        if self.over {
            return;
        }
        if let Err(error) = self.end(Status::Unknown, detail, Vec::new()) {
            let session = self.live.session.permit().session();
            tracing::error!(%error, session, action = self.action, "an outcome could not be recorded");
        }
    }

    fn end(&mut self, status: Status, detail: &str, disclosures: Vec<Disclosure>) -> Result<(), emit::Error> {
        self.over = true;
        let outcome = self.outcome(status, detail);
        self.live.session.count(outcome.bytes_in, outcome.bytes_out);
        self.live.session.result(&self.action, Class::Request, outcome, disclosures)
    }

    fn outcome(&self, status: Status, detail: &str) -> Outcome {
        let details = [self.detail.as_str(), detail];
        let details: Vec<_> = details.into_iter().filter(|detail| !detail.is_empty()).collect();
        Outcome {
            status,
            code: self.code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
            detail: details.join("; "),
            rows: 0,
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out,
            duration_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let revoked = self.live.session.permit().is_revoked();
        let detail = revoked.map_or_else(|| "the client went away".to_owned(), |revoked| revoked.to_string());
        self.broken(&detail);
    }
}
