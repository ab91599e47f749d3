//! Alerts and their chains.

use super::{Error, Result, option, pb, present, text};
use crate::{Alert, Hop, Technique, Time};

impl From<&Alert> for pb::Alert {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id.clone(),
            time_us: alert.time.0,
            detection: alert.detection.clone(),
            root: alert.root.clone(),
            actor: alert.actor.clone(),
            title: alert.title.clone(),
            explanation: alert.explanation.clone(),
            severity: alert.severity.into(),
            risk: alert.risk,
            confidence: alert.confidence,
            chain: alert
                .chain
                .iter()
                .map(|hop| pb::Hop {
                    time_us: hop.time.0,
                    session: hop.session.clone(),
                    actor: hop.actor.clone(),
                    source: hop.source.clone(),
                    target: hop.target.clone(),
                    protocol: hop.protocol.clone(),
                    account: hop.account.clone(),
                    cause: hop.cause.clone(),
                    evidence: hop.evidence.clone(),
                    events: hop.events.clone(),
                })
                .collect(),
            techniques: alert
                .techniques
                .iter()
                .map(|t| pb::Technique { tactic: t.tactic.clone(), id: t.id.clone(), name: t.name.clone() })
                .collect(),
            verdict: text(&alert.verdict),
            revision: alert.revision,
        }
    }
}

impl TryFrom<pb::Alert> for Alert {
    type Error = Error;

    fn try_from(alert: pb::Alert) -> Result<Self> {
        Ok(Self {
            id: present(alert.id, "alert.id")?,
            time: Time(alert.time_us),
            detection: alert.detection,
            root: present(alert.root, "alert.root")?,
            actor: alert.actor,
            title: alert.title,
            explanation: alert.explanation,
            severity: alert.severity.try_into()?,
            risk: alert.risk,
            confidence: alert.confidence,
            chain: alert
                .chain
                .into_iter()
                .map(|hop| Hop {
                    time: Time(hop.time_us),
                    session: hop.session,
                    actor: hop.actor,
                    source: hop.source,
                    target: hop.target,
                    protocol: hop.protocol,
                    account: hop.account,
                    cause: hop.cause,
                    evidence: hop.evidence,
                    events: hop.events,
                })
                .collect(),
            techniques: alert
                .techniques
                .into_iter()
                .map(|t| Technique { tactic: t.tactic, id: t.id, name: t.name })
                .collect(),
            verdict: option(alert.verdict),
            revision: alert.revision,
        })
    }
}
