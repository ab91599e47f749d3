//! One session's life: every action is decided and recorded before it may happen, every result after it. What a
//! protocol does between is its own business; it races [`Session::revoked`].

use crate::Gateway;
use crate::disclose;
use crate::emit::{self, Emit, MAX_CHUNK};
use crate::gate::{Permit, Revoked};
use crate::mask::{self, Decoys, Planter, Rule};
use crate::policy::Policies;
use interdict_schemas::{
    Action, Class, Closed, Decision, DecoyPlace, DecoyUse, Disclosure, Effect, Kind, Outcome, Stream,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// A stable word: `client`, `target`, `verdict`, `error`, `shutdown`.
    pub reason: &'static str,
    /// In words; empty if there is nothing to add.
    pub detail: String,
    /// The verdict that cut it, if one did.
    pub verdict: Option<String>,
}

impl End {
    /// An end that no verdict caused.
    #[must_use]
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), verdict: None }
    }
}

impl From<Revoked> for End {
    fn from(revoked: Revoked) -> Self {
        Self { reason: "verdict", detail: revoked.reason, verdict: Some(revoked.verdict) }
    }
}

/// A live session. Dropping it without [`Session::close`] records that it ended in error.
#[derive(Debug)]
pub struct Session {
    permit: Permit,
    emit: Emit,
    policies: Arc<Policies>,
    inventory: Arc<disclose::Inventory>,
    decoys: Arc<Decoys>,
    // Held while a chunk is appended, so that indexes and records have one order.
    chunks: Mutex<u64>,
    actions: AtomicU64,
    denied: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    closed: AtomicBool,
}

impl Session {
    /// Begins the session that `permit` allows.
    #[must_use]
    pub fn begin(permit: Permit, gateway: &Gateway) -> Self {
        Self {
            permit,
            emit: gateway.emit.clone(),
            policies: Arc::clone(&gateway.policies),
            inventory: Arc::clone(&gateway.inventory),
            decoys: Arc::clone(&gateway.decoys),
            chunks: Mutex::new(0),
            actions: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// What allows it; opens the way to the target.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Decides an action and records the decision. Only when this returns `Effect::Allow` may the action be
    /// forwarded.
    ///
    /// # Errors When the log cannot take it: the action must not happen.
    pub fn act(&self, action: Action) -> Result<Decision, emit::Error> {
        let subject = self.permit.subject();
        let decision = match self.permit.is_revoked() {
            Some(revoked) => Decision {
                effect: Effect::Deny,
                reason: revoked.to_string(),
                policies: vec![format!("verdict/{}", revoked.verdict)],
            },
            None => self.policies.action(&subject.identity, self.permit.target(), &subject.source, &action),
        };
        let acted = Kind::Acted { action, decision: decision.clone(), outcome: None };
        self.emit.event(subject, Vec::new(), acted)?;
        self.actions.fetch_add(1, Ordering::Relaxed);
        if decision.effect == Effect::Deny {
            self.denied.fetch_add(1, Ordering::Relaxed);
        }
        Ok(decision)
    }

    /// Records an action that the gateway itself does not serve, whatever policy says of it.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn refuse(&self, action: Action, reason: &str) -> Result<(), emit::Error> {
        let decision = Decision { effect: Effect::Deny, reason: reason.to_owned(), policies: Vec::new() };
        self.emit.event(self.permit.subject(), Vec::new(), Kind::Acted { action, decision, outcome: None })?;
        self.actions.fetch_add(1, Ordering::Relaxed);
        self.denied.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The decoys in what the session presents.
    #[must_use]
    pub fn recognise(&self, text: &[u8], place: DecoyPlace) -> Vec<DecoyUse> {
        self.decoys.recognise(text, place)
    }

    /// Records an action that presents decoys and so is refused; its text without them.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn caught(&self, action: Action, presented: Vec<DecoyUse>) -> Result<(), emit::Error> {
        let subject = self.permit.subject();
        let words = match presented.as_slice() {
            [] => "it holds a value that is masked".to_owned(),
            presented => mask::words(presented),
        };
        tracing::warn!(
            target = subject.target.name, session = subject.session, identity = %subject.identity, "{words}; refused"
        );
        let decision = Decision { effect: Effect::Deny, reason: words, policies: Vec::new() };
        let blotted = |text: &String| self.decoys.blotted(text);
        let action =
            Action { text: blotted(&action.text), objects: action.objects.iter().map(blotted).collect(), ..action };
        self.emit.presented(subject, presented, Kind::Acted { action, decision, outcome: None })?;
        self.actions.fetch_add(1, Ordering::Relaxed);
        self.denied.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What is masked of the session's target, if anything is.
    #[must_use]
    pub fn rules(&self) -> Option<Arc<[Rule]>> {
        self.decoys.rules(&self.permit.target().name)
    }

    /// What is planted in one answer.
    #[must_use]
    pub fn planter(&self) -> Planter {
        self.decoys.planter(self.permit.session(), self.permit.identity())
    }

    /// What was planted since the last call, to be recorded before the bytes that hold it are released.
    pub fn planted(&self, planter: &mut Planter) -> Vec<Disclosure> {
        let planted = planter.take();
        if !planted.is_empty() {
            self.decoys.remember(planter);
        }
        planted
    }

    /// Records what came of an action, and what its answer taught.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn result(
        &self,
        action: &str,
        class: Class,
        outcome: Outcome,
        disclosures: Vec<Disclosure>,
    ) -> Result<(), emit::Error> {
        let resulted = Kind::Resulted { action: action.to_owned(), class, outcome };
        self.emit.event(self.permit.subject(), disclosures, resulted).map(drop)
    }

    /// Records bytes of the session's recording. They stand in the log when this returns, in chunks of at most 64
    /// KiB; nothing is held back to be joined, because what is held back is lost with the process.
    ///
    /// # Errors When the log cannot take them.
    pub fn record(&self, stream: Stream, data: &[u8]) -> Result<(), emit::Error> {
        let mut index = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in data.chunks(MAX_CHUNK) {
            self.emit.chunk(self.permit.subject(), *index, stream, piece)?;
            *index += 1;
        }
        Ok(())
    }

    /// A scan for disclosures over one response.
    #[must_use]
    pub fn scanner(&self) -> disclose::Scan {
        self.inventory.scan()
    }

    /// Counts bytes from and to the client.
    pub fn count(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    /// Waits until a verdict cuts the session; at once if one has. Cancel safe.
    pub async fn revoked(&self) -> Revoked {
        self.permit.revoked().await
    }

    /// Records the end. Only the first call counts.
    pub fn close(&self, end: End) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let subject = self.permit.subject();
        let closed = Closed {
            reason: end.reason.into(),
            detail: end.detail,
            verdict: end.verdict,
            opened: self.permit.opened(),
            actions: self.actions.load(Ordering::Relaxed),
            denied: self.denied.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        };
        // A session whose end is not recorded is still open in the log, and is recorded as lost at the next start.
        if let Err(error) = self.emit.event(subject, Vec::new(), Kind::Closed(closed)) {
            tracing::error!(%error, session = subject.session, "a session's end could not be recorded");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close(match self.permit.is_revoked() {
            Some(revoked) => revoked.into(),
            None => End::new("error", "the connection ended without saying why"),
        });
    }
}
