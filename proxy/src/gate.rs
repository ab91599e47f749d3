//! Admission: the sole maker of a [`Permit`]. Refuses whenever it cannot know: no policy that permits, no verdict
//! table, a session not yet judged, a log that takes nothing.
//!
//! A session is judged before it is admitted: its `Opened` is recorded, the detector's judged mark passes that record,
//! and the verdicts are looked at once more. So the session that completes a chain is itself the one that is refused,
//! and nothing was dialled for it.

mod opening;

use crate::config::{Barrier, OnTimeout, Target};
use crate::emit::{Emit, Placing, Subject};
use crate::policy::Policies;
use crate::verdicts::{Live, Verdicts};
use crate::{clock, emit};
use interdict_bus::Position;
use interdict_schemas::{Account, Effect, Identity, Kind, Refused, Source, Time};
use opening::Opening;
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

impl From<Revoked> for Denied {
    fn from(revoked: Revoked) -> Self {
        Self { reason: "verdict", detail: revoked.to_string(), verdict: Some(revoked.verdict) }
    }
}

/// Proof that this identity may open this target now. It can be revoked while it lives; its session's `Opened` stands
/// in the log and has been judged.
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
    policies: Arc<Policies>,
    verdicts: Arc<Verdicts>,
    barrier: Barrier,
}

impl Gate {
    /// A gate that decides by `policies` and `verdicts`, and records through `emit`.
    #[must_use]
    pub const fn new(emit: Emit, policies: Arc<Policies>, verdicts: Arc<Verdicts>, barrier: Barrier) -> Self {
        Self { emit, policies, verdicts, barrier }
    }

    /// Admits a session or says why not, and records which.
    ///
    /// # Errors
    /// When it is not admitted; that has been recorded, if the log took it: as `Refused` if the session never stood in
    /// the log, as `Closed` if it did.
    pub async fn admit(&self, request: Request<'_>) -> Result<Permit, Denied> {
        let target = Arc::clone(request.target);
        let subject = Arc::new(Subject {
            session: clock::id(),
            identity: request.identity,
            source: request.source,
            target: target.named(request.alias),
            account: request.account,
        });
        let deadline = Instant::now() + self.barrier.bound;
        let opened = self.open(&subject, &target, deadline).await;
        let (opening, placing) = opened.inspect_err(|denied| self.refuse(&subject, denied))?;
        match self.judge(&opening.live, placing, &target, deadline).await {
            Ok(()) => Ok(opening.admit(target)),
            Err(denied) => {
                tell(&subject, &denied);
                opening.refuse(&denied);
                Err(denied)
            }
        }
    }

    /// What can be known without the session: policy, and the verdicts there are. The session then stands in the log.
    async fn open(
        &self,
        subject: &Arc<Subject>,
        target: &Arc<Target>,
        deadline: Instant,
    ) -> Result<(Opening, Placing), Denied> {
        self.emit.health().map_err(|error| unrecorded(&error))?;
        let decision = self.policies.admission(&subject.identity, target, &subject.source);
        if decision.effect == Effect::Deny {
            return Err(Denied { reason: "policy", detail: decision.reason, verdict: None });
        }
        if timeout_at(deadline, self.verdicts.ready()).await.is_err() {
            let denied = Denied {
                reason: "no_verdict_table",
                detail: "the gateway has not read the verdicts; try again shortly".into(),
                verdict: None,
            };
            waive(subject, target, denied)?;
        }
        // From here on a verdict finds the session, whenever it comes.
        let live = self.verdicts.enter(Arc::clone(subject))?;
        Opening::record(&self.emit, live).map_err(|error| unrecorded(&error))
    }

    /// The barrier: the session itself, and so everything the root did before it, has been judged, and the verdicts
    /// that came of it stand in the table.
    async fn judge(&self, live: &Live, placing: Placing, target: &Target, deadline: Instant) -> Result<(), Denied> {
        let subject = live.subject();
        let judged = async {
            let Position { partition, offset } = placing.await?;
            self.verdicts.judged(partition, offset.saturating_add(1)).await;
            Ok::<_, emit::Error>(())
        };
        let late = match timeout_at(deadline, judged).await {
            Ok(Ok(())) => None,
            Err(_) => Some(format!("the detector has not judged it within {} ms", self.barrier.bound.as_millis())),
            Ok(Err(error)) => {
                tracing::warn!(%error, session = subject.session, "the barrier cannot look at the bus");
                Some("the gateway cannot reach its bus".to_owned())
            }
        };
        if let Some(late) = late {
            let denied = Denied { reason: "barrier", detail: format!("{late}; try again shortly"), verdict: None };
            match self.barrier.on_timeout {
                OnTimeout::Refuse => waive(subject, target, denied)?,
                OnTimeout::Admit => {
                    tracing::warn!(
                        session = subject.session,
                        root = subject.identity.root().id,
                        "admitted although {late}"
                    );
                }
            }
        }
        Ok(self.verdicts.again(live)?)
    }

    fn refuse(&self, subject: &Subject, denied: &Denied) {
        tell(subject, denied);
        let refused =
            Refused { reason: denied.reason.into(), detail: denied.detail.clone(), verdict: denied.verdict.clone() };
        // Nothing is admitted either way, so a log that takes no records makes a refusal no less safe.
        if let Err(error) = self.emit.event(subject, Vec::new(), Kind::Refused(refused)) {
            tracing::error!(%error, session = subject.session, "a refusal could not be recorded");
        }
    }
}

fn tell(subject: &Subject, denied: &Denied) {
    tracing::info!(
        target = subject.target.name, session = subject.session, identity = %subject.identity,
        source = subject.source.address.map(tracing::field::display), reason = denied.reason, detail = denied.detail,
        "session refused"
    );
}

/// Lets a target that fails open do without what could not be known.
fn waive(subject: &Subject, target: &Target, denied: Denied) -> Result<(), Denied> {
    if !target.fail_open {
        return Err(denied);
    }
    tracing::warn!(
        target = target.name,
        session = subject.session,
        root = subject.identity.root().id,
        reason = denied.reason,
        "admitted although {}, because the target fails open",
        denied.detail
    );
    Ok(())
}

fn unrecorded(error: &emit::Error) -> Denied {
    tracing::error!(%error, "nobody is admitted");
    Denied { reason: "log", detail: "the gateway cannot record sessions now".into(), verdict: None }
}

#[cfg(test)]
mod tests;
