//! Admission: the sole maker of a [`Permit`]. Refuses whenever it cannot know: no policy that permits, no verdict
//! table, a past not yet judged, a log that takes nothing.

use crate::config::{Barrier, OnTimeout, Target};
use crate::emit::{Emit, Subject};
use crate::policy::Policies;
use crate::verdicts::{Live, Verdicts};
use crate::{clock, emit};
use interdict_bus::Log;
use interdict_schemas::{Account, Effect, Identity, Kind, Refused, Source, Time, Topic};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

pub use crate::verdicts::Revoked;

/// Who wants to go where.
#[derive(Debug)]
pub struct Request<'a> {
    /// Who, verified.
    pub identity: Identity,
    /// Where to.
    pub target: &'a Arc<Target>,
    /// From where.
    pub source: Source,
    /// As which account there.
    pub account: Account,
    /// The name the client dialled, if the protocol tells.
    pub alias: Option<String>,
}

/// Why a session is not admitted. Its display is what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access denied ({reason}): {detail}")]
pub struct Denied {
    /// A stable word: `policy`, `verdict`, `barrier`, `no_verdict_table`, `log`.
    pub reason: &'static str,
    /// In words.
    pub detail: String,
    /// The verdict that refused it, if one did.
    pub verdict: Option<String>,
}

/// Proof that this identity may open this target now. It can be revoked while it lives; its session's `Opened` stands
/// in the log.
// INVARIANT: only `Gate::admit` makes one.
#[derive(Debug)]
pub struct Permit {
    live: Live,
    target: Arc<Target>,
    opened: Time,
}

impl Permit {
    /// The session's id.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.live.subject().session
    }

    /// Who.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.live.subject().identity
    }

    /// Where to.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Waits until a verdict takes the permit back; at once if one has. Cancel safe; may be called any number of times.
    pub async fn revoked(&self) -> Revoked {
        self.live.revoked().await
    }

    /// What took the permit back, if anything has.
    #[must_use]
    pub fn is_revoked(&self) -> Option<Revoked> {
        self.live.cut()
    }

    pub(crate) fn subject(&self) -> &Arc<Subject> {
        self.live.subject()
    }

    pub(crate) fn opened(&self) -> Time {
        self.opened
    }
}

/// The gate.
#[derive(Debug)]
pub struct Gate {
    emit: Emit,
    log: Arc<dyn Log>,
    policies: Arc<Policies>,
    verdicts: Arc<Verdicts>,
    barrier: Barrier,
}

impl Gate {
    /// A gate that decides by `policies` and `verdicts`, and records through `emit` onto `log`.
    #[must_use]
    pub fn new(
        emit: Emit,
        log: Arc<dyn Log>,
        policies: Arc<Policies>,
        verdicts: Arc<Verdicts>,
        barrier: Barrier,
    ) -> Self {
        Self { emit, log, policies, verdicts, barrier }
    }

    /// Admits a session or says why not, and records which.
    ///
    /// # Errors
    /// When it is not admitted; the refusal has been recorded, if the log took it.
    pub async fn admit(&self, request: Request<'_>) -> Result<Permit, Denied> {
        let target = Arc::clone(request.target);
        let subject = Arc::new(Subject {
            session: clock::id(),
            identity: request.identity,
            source: request.source,
            target: target.named(request.alias),
            account: request.account,
        });
        let admitted = self.decide(&subject, &target).await;
        if let Err(denied) = &admitted {
            self.refuse(&subject, denied);
        }
        admitted
    }

    async fn decide(&self, subject: &Arc<Subject>, target: &Arc<Target>) -> Result<Permit, Denied> {
        self.emit.health().map_err(|error| unrecorded(&error))?;
        let decision = self.policies.admission(&subject.identity, target, &subject.source);
        if decision.effect == Effect::Deny {
            return Err(Denied { reason: "policy", detail: decision.reason, verdict: None });
        }
        let waived = match self.judged(&subject.identity).await {
            Ok(()) => None,
            Err(denied) if target.fail_open => Some(denied),
            Err(denied) => return Err(denied),
        };
        if let Some(denied) = waived {
            tracing::warn!(
                target = target.name,
                session = subject.session,
                root = subject.identity.root().id,
                reason = denied.reason,
                "admitted although {}, because the target fails open",
                denied.detail
            );
        }
        // From here on a verdict finds the session, whenever it comes.
        let live = self.verdicts.enter(Arc::clone(subject)).map_err(|revoked| Denied {
            reason: "verdict",
            detail: revoked.to_string(),
            verdict: Some(revoked.verdict),
        })?;
        let opened = self.emit.event(subject, Vec::new(), Kind::Opened).map_err(|error| unrecorded(&error))?;
        Ok(Permit { live, target: Arc::clone(target), opened })
    }

    /// The barrier: everything the root did so far has been judged, and the verdicts that came of it stand in the
    /// table.
    async fn judged(&self, identity: &Identity) -> Result<(), Denied> {
        let deadline = Instant::now() + self.barrier.bound;
        if timeout_at(deadline, self.verdicts.ready()).await.is_err() {
            return Err(Denied {
                reason: "no_verdict_table",
                detail: "the gateway has not read the verdicts; try again shortly".into(),
                verdict: None,
            });
        }
        let passed = timeout_at(deadline, self.past(identity, deadline)).await;
        let late = match passed {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) | Err(_) => {
                format!("the detector has not judged earlier actions within {} ms", self.barrier.bound.as_millis())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, root = identity.root().id, "the barrier cannot look at the bus");
                "the gateway cannot reach its bus".to_owned()
            }
        };
        match self.barrier.on_timeout {
            OnTimeout::Refuse => {
                Err(Denied { reason: "barrier", detail: format!("{late}; try again shortly"), verdict: None })
            }
            OnTimeout::Admit => {
                tracing::warn!(root = identity.root().id, "admitted although {late}");
                Ok(())
            }
        }
    }

    async fn past(&self, identity: &Identity, deadline: Instant) -> Result<bool, emit::Error> {
        self.emit.flushed().await?;
        let partitions = self.log.partitions(Topic::Events).await?;
        let partition = interdict_bus::partition_of(&identity.root().id, partitions);
        let end = self.log.end(Topic::Events, partition).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(self.verdicts.judged(partition, end, left).await)
    }

    fn refuse(&self, subject: &Subject, denied: &Denied) {
        tracing::info!(
            target = subject.target.name, session = subject.session, identity = %subject.identity,
            source = subject.source.address.map(tracing::field::display), reason = denied.reason, detail = denied.detail,
            "session refused"
        );
        let refused =
            Refused { reason: denied.reason.into(), detail: denied.detail.clone(), verdict: denied.verdict.clone() };
        // Nothing is admitted either way, so a log that takes no records makes a refusal no less safe.
        if let Err(error) = self.emit.event(subject, Vec::new(), Kind::Refused(refused)) {
            tracing::error!(%error, session = subject.session, "a refusal could not be recorded");
        }
    }
}

fn unrecorded(error: &emit::Error) -> Denied {
    tracing::error!(%error, "nobody is admitted");
    Denied { reason: "log", detail: "the gateway cannot record sessions now".into(), verdict: None }
}

#[cfg(test)]
mod tests;
