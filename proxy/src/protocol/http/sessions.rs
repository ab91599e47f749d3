//! The sessions of one connection: one per token, admitted once, cut together with what flows in them.

use super::pool::Pool;
use super::refusal::Refusal;
use super::{MAX_TOKENS, headers};
use crate::clock;
use crate::config::Target;
use crate::gate::Request;
use crate::session::{End, Session};
use crate::{Gateway, identity};
use http::StatusCode;
use http::request::Parts;
use interdict_schemas::{Account, DecoyUse, Source, Time};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One admitted session and its connections to the target.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    pub(super) pool: Pool,
    /// Cancelled when the session is revoked, or over: whatever flows in it ends.
    pub(super) cut: CancellationToken,
    /// The tasks of its connection, which end before the session does.
    pub(super) tasks: TaskTracker,
    expires: Time,
}

/// One token's place. Held while it is being admitted, so that requests that come together admit once.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Live>>>>;

/// All sessions of one connection.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) gateway: Arc<Gateway>,
    pub(super) target: Arc<Target>,
    source: Source,
    slots: Mutex<HashMap<[u8; 32], Slot>>,
    lives: Mutex<Vec<Arc<Live>>>,
    /// Cancelled when every session of the connection is revoked.
    revoked: CancellationToken,
    /// Cancelled when the connection is over; every session's `cut` is its child, whenever that is admitted.
    over: CancellationToken,
    tasks: TaskTracker,
}

impl Sessions {
    pub(super) fn new(gateway: Arc<Gateway>, target: Arc<Target>, source: Source, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self {
            gateway,
            target,
            source,
            slots: Mutex::default(),
            lives: Mutex::default(),
            revoked: CancellationToken::new(),
            over: CancellationToken::new(),
            tasks,
        })
    }

    /// The session of a token, admitted if it is new on this connection.
    pub(super) async fn live(self: &Arc<Self>, token: &str, alias: Option<String>) -> Result<Arc<Live>, Refusal> {
        let slot = self.slot(Sha256::digest(token.as_bytes()).into())?;
        let mut slot = slot.lock().await;
        if let Some(live) = slot.as_ref() {
            if let Some(revoked) = live.session.permit().is_revoked() {
                return Err(Refusal::revoked(&revoked, live.session.permit().session()));
            }
            if clock::now() < live.expires {
                return Ok(Arc::clone(live));
            }
            // What flows may end; the session takes no new request.
            *slot = None;
        }
        let live = self.admit(token, alias).await?;
        *slot = Some(Arc::clone(&live));
        Ok(live)
    }

    /// Waits until nothing on this connection may go on.
    pub(super) async fn revoked(&self) {
        self.revoked.cancelled().await;
    }

    /// The connection is over: cuts what still flows, waits for it, and records the end of every session.
    pub(super) async fn close(&self, end: &End) {
        self.over.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let lives = std::mem::take(&mut *self.lives.lock().unwrap_or_else(PoisonError::into_inner));
        for live in lives {
            let revoked = live.session.permit().is_revoked();
            live.session.close(revoked.map_or_else(|| end.clone(), End::from));
        }
    }

    fn slot(&self, digest: [u8; 32]) -> Result<Slot, Refusal> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let full = slots.len() >= MAX_TOKENS;
        match slots.entry(digest) {
            Entry::Occupied(slot) => Ok(Arc::clone(slot.get())),
            Entry::Vacant(_) if full => Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "refused",
                format!("more than {MAX_TOKENS} tokens on one connection; open another"),
            )
            .closing()),
            Entry::Vacant(place) => Ok(Arc::clone(place.insert(Slot::default()))),
        }
    }

    async fn admit(self: &Arc<Self>, token: &str, alias: Option<String>) -> Result<Arc<Live>, Refusal> {
        let verified = self.gateway.authenticate(token).await.map_err(|error| self.unbelieved(&error))?;
        let request = Request {
            identity: verified.identity,
            target: &self.target,
            source: self.source.clone(),
            account: Account { name: self.target.account.clone(), credential: None },
            alias,
        };
        let permit = self.gateway.gate().admit(request).await?;
        let live = Arc::new(Live {
            session: Session::begin(permit, &self.gateway),
            pool: Pool::default(),
            cut: self.over.child_token(),
            tasks: self.tasks.clone(),
            expires: verified.expires,
        });
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&live));
        self.tasks.spawn({
            let (sessions, live) = (Arc::clone(self), Arc::clone(&live));
            async move {
                tokio::select! {
                    revoked = live.session.revoked() => sessions.cut(&live, &revoked.verdict),
                    () = live.cut.cancelled() => {}
                }
            }
        });
        Ok(live)
    }

    fn cut(&self, live: &Live, verdict: &str) {
        tracing::info!(session = live.session.permit().session(), verdict, "session cut");
        live.cut.cancel();
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        if lives.iter().all(|live| live.session.permit().is_revoked().is_some()) {
            self.revoked.cancel();
        }
    }

    fn unbelieved(&self, error: &identity::Error) -> Refusal {
        let source = self.source.address.map(tracing::field::display);
        tracing::info!(target = self.target.name, source, %error, "token refused");
        Refusal::from(error)
    }

    /// The decoys in a request's head.
    pub(super) fn recognise(&self, parts: &Parts) -> Vec<DecoyUse> {
        let decoys = self.gateway.decoys();
        headers::presented(parts).flat_map(|(text, place)| decoys.recognise(&text, place)).collect()
    }

    /// Records decoys presented by somebody who gets no session.
    pub(super) fn caught(&self, presented: Vec<DecoyUse>) {
        self.gateway.caught(None, &self.target, self.source.clone(), presented);
    }

    /// Says in the log why a request was refused before it was anybody's.
    pub(super) fn refused(&self, error: headers::Error) -> Refusal {
        let source = self.source.address.map(tracing::field::display);
        tracing::info!(target = self.target.name, source, %error, "request refused");
        Refusal::from(error)
    }
}
