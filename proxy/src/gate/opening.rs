//! A session that stands in the log and is not admitted yet.

use super::{Denied, Permit};
use crate::config::Target;
use crate::emit::{self, Emit, Placing, Subject};
use crate::verdicts::Live;
use interdict_schemas::{Closed, Kind, Time};
use std::sync::Arc;

/// A session between its `Opened` and its permit.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) live: Live,
    record: Record,
}

/// The `Opened` in the log.
// INVARIANT: each becomes a permit, or a `Closed` follows, also when whoever waits for it goes away.
#[derive(Debug)]
struct Record {
    emit: Emit,
    subject: Arc<Subject>,
    opened: Time,
    settled: bool,
}

impl Opening {
    /// Records that the session is opened; what is returned beside it tells where on the bus that comes to stand.
    pub(super) fn record(emit: &Emit, live: Live) -> Result<(Self, Placing), emit::Error> {
        let subject = Arc::clone(live.subject());
        let (opened, placing) = emit.open(&subject)?;
        let record = Record { emit: emit.clone(), subject, opened, settled: false };
        Ok((Self { live, record }, placing))
    }

    /// Makes the permit.
    pub(super) fn admit(self, target: Arc<Target>) -> Permit {
        let Self { live, mut record } = self;
        record.settled = true;
        Permit { live, target, opened: record.opened }
    }

    /// Records why there is none.
    pub(super) fn refuse(mut self, denied: &Denied) {
        self.record.close(denied.reason, &denied.detail, denied.verdict.clone());
    }
}

impl Record {
    fn close(&mut self, reason: &str, detail: &str, verdict: Option<String>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let closed = Closed {
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            verdict,
            opened: self.opened,
            actions: 0,
            denied: 0,
            bytes_in: 0,
            bytes_out: 0,
        };
        // A session whose end is not recorded is still open in the log, and is recorded as lost at the next start.
        if let Err(error) = self.emit.event(&self.subject, Vec::new(), Kind::Closed(closed)) {
            tracing::error!(%error, session = self.subject.session, "a session's end could not be recorded");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.close("client", "the client did not wait until the session was admitted", None);
    }
}
