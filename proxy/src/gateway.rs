//! The gateway as protocols see it, and its life: start, ready, serve, drain.

use crate::config::{Config, Target};
use crate::disclose::{self, Inventory};
use crate::emit::{self, Emit, Subject};
use crate::gate::Gate;
use crate::identity::{self, Authenticator, Verified};
use crate::mask::{self, Decoys};
use crate::policy::{self, Policies};
use crate::verdicts::Verdicts;
use crate::{clock, listen, tls};
use interdict_bus::{Log, Writer};
use interdict_schemas::{Account, Closed, DecoyUse, Event, Identity, Kind, Refused, Source};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The issuer's keys or its settings.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The policies.
    #[error(transparent)]
    Policy(#[from] policy::Error),
    /// The listeners' certificate.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The key of the decoys.
    #[error(transparent)]
    Decoys(#[from] mask::Error),
    /// The inventory.
    #[error(transparent)]
    Inventory(#[from] disclose::Error),
    /// A listener.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// The log.
    #[error("sessions left open by the process before cannot be recorded: {0}")]
    Emit(#[from] emit::Error),
}

/// Tells, once, that the gateway admits: each target's name and the address its listener is bound to.
pub type Ready = oneshot::Sender<Vec<(String, SocketAddr)>>;

/// What protocols build on.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    gate: Gate,
    authenticator: Authenticator,
    tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) decoys: Arc<Decoys>,
    pub(crate) emit: Emit,
}

impl Gateway {
    /// Loads policies, keys' settings and the certificate. Opens no listener and reads no verdict yet.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(config: Config, writer: Writer) -> Result<Arc<Self>, Error> {
        let emit = Emit::new(writer);
        let verdicts = Verdicts::new();
        let policies = Arc::new(Policies::load(&config.policy, &config.targets)?);
        let authenticator = Authenticator::new(&config.identity)?;
        let tls = config.tls.as_ref().map(|tls| tls::server(&tls.certificate, &tls.key)).transpose()?;
        let inventory = Arc::new(Inventory::new(config.inventory.iter().cloned())?);
        let decoys = Arc::new(Decoys::new(&config)?);
        for warning in inventory.warnings() {
            tracing::warn!("{warning}");
        }
        let gate = Gate::new(emit.clone(), Arc::clone(&policies), Arc::clone(&verdicts), config.barrier);
        Ok(Arc::new(Self { config, gate, authenticator, tls, verdicts, policies, inventory, decoys, emit }))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The listeners' TLS, if a certificate is configured.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<rustls::ServerConfig>> {
        self.tls.as_ref()
    }

    /// Follows the verdicts until `over`; until it has read them to their end, nobody is admitted.
    pub async fn follow(&self, log: Arc<dyn Log>, over: CancellationToken) {
        self.verdicts.follow(log, over).await;
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Records the end of every session that the process before left open. For whoever serves without [`run`], before
    /// anybody is admitted.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn bury(&self) -> Result<(), emit::Error> {
        bury(&self.emit)
    }

    /// Waits until everything recorded so far stands on the bus.
    ///
    /// # Errors
    /// When it cannot get there.
    pub async fn flushed(&self) -> Result<(), emit::Error> {
        self.emit.flushed().await
    }

    /// Waits until the verdicts have been read to their end.
    pub async fn ready(&self) {
        self.verdicts.ready().await;
    }

    /// Checks a bearer token.
    ///
    /// # Errors
    /// When it is not believed. The error's display is for the log; tell the client [`identity::Error::told`].
    pub async fn authenticate(&self, token: &str) -> Result<Verified, identity::Error> {
        self.authenticator.verify(token).await
    }

    /// Masks, and the decoys that stand for what they hide.
    #[must_use]
    pub fn decoys(&self) -> &Decoys {
        &self.decoys
    }

    /// Records that somebody who gets no session presented decoys: under the identity that was authenticated, if one
    /// was, or else as [`Decoys::suspect`] says. To be called before the refusal is told.
    pub fn caught(&self, identity: Option<Identity>, target: &Target, source: Source, presented: Vec<DecoyUse>) {
        let identity = identity.unwrap_or_else(|| self.decoys.suspect(&presented, &source));
        let subject = Subject {
            session: clock::id(),
            identity,
            source,
            target: target.named(None),
            account: Account { name: target.account.clone(), credential: None },
        };
        tracing::warn!(
            target = target.name, session = subject.session, identity = %subject.identity,
            source = subject.source.address.map(tracing::field::display), origin = presented.first().map(|used| &used.session),
            "a decoy was presented; refused"
        );
        let detail = mask::words(&presented);
        let refused = Kind::Refused(Refused { reason: "decoy".into(), detail, verdict: None });
        // It is refused either way.
        if let Err(error) = self.emit.presented(&subject, presented, refused) {
            tracing::error!(%error, session = subject.session, "the use of a decoy could not be recorded");
        }
    }

    /// Where a peer comes from; knows whether it runs on a protected system.
    #[must_use]
    pub fn source(&self, peer: SocketAddr) -> Source {
        let address = peer.ip().to_canonical();
        Source {
            address: Some(address),
            port: peer.port(),
            host: None,
            target: self.inventory.target_of_address(address).map(str::to_owned),
        }
    }
}

/// Runs the gateway until `shutdown`: records what the process before left open, reads the verdicts, opens the
/// listeners, tells `ready`, serves, and lets live sessions end within `config.drain`.
///
/// # Errors
/// When it cannot start; never while it runs.
pub async fn run(
    config: Config,
    log: Arc<dyn Log>,
    writer: Writer,
    ready: Ready,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let gateway = Gateway::new(config, writer)?;
    bury(&gateway.emit)?;
    let listeners = listen::bind(&gateway.config).await?;
    let bound = listeners.iter().map(|listener| (listener.target().name.clone(), listener.address())).collect();
    // Verdicts are followed until the last session is over: a verdict cuts sessions that drain, too.
    let served = shutdown.child_token();
    let over = CancellationToken::new();
    let follower = tokio::spawn({
        let (gateway, over) = (Arc::clone(&gateway), over.clone());
        async move { gateway.follow(log, over).await }
    });
    // A fail-open target must be reachable although verdicts are not, so listeners do not wait for the verdicts; the
    // gate does. Only `ready` waits.
    let announce = async {
        tokio::select! {
            () = gateway.ready() => {
                tracing::info!(gateway = gateway.config.name, targets = gateway.config.targets.len(), "ready");
                // Nobody may be listening.
                let _told = ready.send(bound);
            }
            () = shutdown.cancelled() => {}
        }
    };
    let warm = async {
        // Logged where it fails; the first token asks again.
        tokio::select! {
            _logged = gateway.authenticator.warm() => {}
            () = shutdown.cancelled() => {}
        }
    };
    tokio::join!(listen::serve(Arc::clone(&gateway), listeners, served), announce, warm);
    over.cancel();
    if follower.await.is_err() {
        tracing::error!("the task that follows verdicts panicked");
    }
    if let Err(error) = gateway.emit.flushed().await {
        tracing::warn!(%error, "the last records stand in the local log only; they are shipped at the next start");
    }
    Ok(())
}

/// Records the end of every session that the process before left open.
pub(crate) fn bury(emit: &Emit) -> Result<(), emit::Error> {
    for opened in emit.orphans()? {
        let closed = Closed {
            reason: "lost".into(),
            detail: "the gateway's process ended while the session lived; its totals are unknown".into(),
            verdict: None,
            opened: opened.time,
            actions: 0,
            denied: 0,
            bytes_in: 0,
            bytes_out: 0,
        };
        tracing::warn!(session = opened.session, target = opened.target.name, "session lost by the process before");
        emit.ready(Event {
            id: clock::id(),
            time: clock::now(),
            kind: Kind::Closed(closed),
            disclosures: Vec::new(),
            presented: Vec::new(),
            ..opened
        })?;
    }
    Ok(())
}
