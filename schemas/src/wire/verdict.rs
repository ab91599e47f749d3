//! Verdicts and their scopes.

use super::{Error, Result, option, pb, present, text};
use crate::{Scope, Time, Verdict};

impl From<&Verdict> for pb::Verdict {
    fn from(verdict: &Verdict) -> Self {
        Self {
            id: verdict.id.clone(),
            time_us: verdict.time.0,
            scope: Some(pb::Scope {
                root: text(&verdict.scope.root),
                actor: text(&verdict.scope.actor),
                session: text(&verdict.scope.session),
                source: text(&verdict.scope.source),
                target: text(&verdict.scope.target),
            }),
            effect: verdict.effect.into(),
            mode: verdict.mode.into(),
            until_us: verdict.until.0,
            reason: verdict.reason.clone(),
            evidence: verdict.evidence.clone(),
            alert: text(&verdict.alert),
            by: verdict.by.clone(),
            revoked: verdict.revoked,
        }
    }
}

impl TryFrom<pb::Verdict> for Verdict {
    type Error = Error;

    fn try_from(verdict: pb::Verdict) -> Result<Self> {
        let scope = verdict.scope.ok_or(Error::Missing("verdict.scope"))?;
        let scope = Scope {
            root: option(scope.root),
            actor: option(scope.actor),
            session: option(scope.session),
            source: option(scope.source),
            target: option(scope.target),
        };
        if scope.is_empty() {
            return Err(Error::Missing("verdict.scope"));
        }
        Ok(Self {
            id: present(verdict.id, "verdict.id")?,
            time: Time(verdict.time_us),
            scope,
            effect: verdict.effect.try_into()?,
            mode: verdict.mode.try_into()?,
            until: Time(verdict.until_us),
            reason: verdict.reason,
            evidence: verdict.evidence,
            alert: option(verdict.alert),
            by: verdict.by,
            revoked: verdict.revoked,
        })
    }
}
