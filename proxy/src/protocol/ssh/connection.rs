//! One client's connection: whether it is admitted, its session, and what its channels share. All channels of a
//! connection (OpenSSH's ControlMaster) are one session under one permit; each command of theirs is an action.

use super::action::{self, Forward};
use super::target::Upstreams;
use super::wire::Valve;
use crate::config::Target;
use crate::gate::Request;
use crate::session::Session;
use crate::{Gateway, clock};
use interdict_schemas::{Account, DecoyPlace, DecoyUse, Identity};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest token looked at.
const MAX_TOKEN: usize = 64 << 10;

/// What the gate said.
pub(super) enum Admission {
    /// The session.
    Granted(Session),
    /// Why not, in words for the client. It is let in as far as a channel, where `ssh` prints what it is told;
    /// "Permission denied" would send people to look for a wrong password.
    Denied(String),
}

/// What all parts of one client's connection share.
pub(super) struct Connection {
    pub(super) gateway: Arc<Gateway>,
    pub(super) target: Arc<Target>,
    pub(super) peer: SocketAddr,
    pub(super) valve: Arc<Valve>,
    pub(super) upstreams: Upstreams,
    pub(super) channels: TaskTracker,
    admission: OnceLock<Admission>,
    decided: CancellationToken,
    severed: CancellationToken,
    farewell: OnceLock<String>,
    fault: OnceLock<String>,
    /// What the client was caught with, and whose identity it had then.
    caught: Mutex<HashSet<(Option<Identity>, Vec<DecoyUse>)>>,
}

impl Connection {
    pub(super) fn new(gateway: Arc<Gateway>, target: Arc<Target>, peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            gateway,
            target,
            peer,
            valve: Valve::new(),
            upstreams: Upstreams::default(),
            channels: TaskTracker::new(),
            admission: OnceLock::new(),
            decided: CancellationToken::new(),
            severed: CancellationToken::new(),
            farewell: OnceLock::new(),
            fault: OnceLock::new(),
            caught: Mutex::default(),
        })
    }

    /// Checks a token and asks the gate; whether the client is authenticated. `user` is what the client calls itself:
    /// it stands in the log and counts for nothing, since who it is says the token, and the account is the credential's.
    pub(super) async fn authenticate(&self, user: &str, token: &str) -> bool {
        let target = self.target.name.as_str();
        if self.admission.get().is_some() {
            return false;
        }
        if token.len() > MAX_TOKEN {
            tracing::info!(target, peer = %self.peer, user, bytes = token.len(), "token refused: longer than 64 KiB");
            return false;
        }
        let verified = self.gateway.authenticate(token.trim()).await;
        let identity = verified.as_ref().ok().map(|verified| verified.identity.clone());
        if self.caught(identity, user, token) {
            return false;
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                tracing::info!(target, peer = %self.peer, user, %error, "token refused");
                return false;
            }
        };
        tracing::debug!(target, peer = %self.peer, user, identity = %verified.identity, "authenticated");
        let request = Request {
            identity: verified.identity,
            target: &self.target,
            source: self.gateway.source(self.peer),
            account: Account { name: self.target.account.clone(), credential: None },
            alias: None,
        };
        let admission = match self.gateway.gate().admit(request).await {
            Ok(permit) => Admission::Granted(Session::begin(permit, &self.gateway)),
            Err(denied) => Admission::Denied(denied.to_string()),
        };
        let first = self.admission.set(admission).is_ok();
        self.decided.cancel();
        first
    }

    /// The client calls itself so, and shows nothing for it yet.
    pub(super) fn called(&self, user: &str) {
        self.caught(None, user, "");
    }

    /// Whether a user's name or a password is a decoy; then that is recorded.
    fn caught(&self, identity: Option<Identity>, user: &str, password: &str) -> bool {
        let decoys = self.gateway.decoys();
        let mut presented = decoys.recognise(user.as_bytes(), DecoyPlace::User);
        presented.extend(decoys.recognise(password.as_bytes(), DecoyPlace::Password));
        if presented.is_empty() {
            return false;
        }
        // A client tries one method after the other; that is one attempt until something new is known.
        let attempt = (identity.clone(), presented.clone());
        if self.caught.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt) {
            self.gateway.caught(identity, &self.target, self.gateway.source(self.peer), presented);
        }
        true
    }

    /// What the gate said, once it was asked.
    pub(super) fn admission(&self) -> Option<&Admission> {
        self.admission.get()
    }

    /// Waits until the gate has been asked.
    pub(super) async fn decided(&self) {
        self.decided.cancelled().await;
    }

    /// Records a forward that is refused.
    pub(super) fn refuse_forward(&self, forward: Forward<'_>) {
        let Some(Admission::Granted(session)) = self.admission() else { return };
        let action = action::forward(clock::id(), forward);
        let presented = session.recognise(action.text.as_bytes(), DecoyPlace::Destination);
        if !presented.is_empty() {
            if let Err(error) = session.caught(action, presented) {
                tracing::error!(%error, target = self.target.name, "a refused forward could not be recorded");
            }
            return;
        }
        tracing::info!(target = self.target.name, peer = %self.peer, text = action.text, "forward refused");
        if let Err(error) = session.refuse(action, "the gateway serves no forwards") {
            // It is refused either way.
            tracing::error!(%error, target = self.target.name, "a refused forward could not be recorded");
        }
    }

    /// Notes that the target failed, for the record of the session's end. The first failure counts.
    pub(super) fn blame(&self, detail: &str) {
        let _first = self.fault.set(detail.to_owned());
    }

    /// How the target failed, if it did.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// Ends every channel now, telling their clients why.
    pub(super) fn sever(&self, farewell: &str) {
        let _first = self.farewell.set(farewell.to_owned());
        self.severed.cancel();
        self.upstreams.clear();
    }

    /// Waits until every channel must end; why.
    pub(super) async fn severed(&self) -> &str {
        self.severed.cancelled().await;
        self.farewell.get().map_or("the connection ended", String::as_str)
    }
}
