//! Events and what happened in them.

use super::{Error, Result, option, pb, present, text};
use crate::{Account, Closed, Decision, DecoyUse, Disclosure, Event, Kind, Refused, Time};

impl From<&Kind> for pb::event::Kind {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::Opened => Self::Opened(pb::Opened {}),
            Kind::Refused(refused) => Self::Refused(pb::Refused {
                reason: refused.reason.clone(),
                detail: refused.detail.clone(),
                verdict: text(&refused.verdict),
            }),
            Kind::Closed(closed) => Self::Closed(pb::Closed {
                reason: closed.reason.clone(),
                detail: closed.detail.clone(),
                verdict: text(&closed.verdict),
                opened_us: closed.opened.0,
                actions: closed.actions,
                denied: closed.denied,
                bytes_in: closed.bytes_in,
                bytes_out: closed.bytes_out,
            }),
            Kind::Acted { action, decision, outcome } => Self::Acted(pb::Acted {
                action: Some(action.into()),
                decision: Some(pb::Decision {
                    effect: decision.effect.into(),
                    reason: decision.reason.clone(),
                    policies: decision.policies.clone(),
                }),
                outcome: outcome.as_ref().map(Into::into),
            }),
            Kind::Resulted { action, class, outcome } => Self::Resulted(pb::Resulted {
                action: action.clone(),
                class: (*class).into(),
                outcome: Some(outcome.into()),
            }),
        }
    }
}

impl TryFrom<pb::event::Kind> for Kind {
    type Error = Error;

    fn try_from(kind: pb::event::Kind) -> Result<Self> {
        Ok(match kind {
            pb::event::Kind::Opened(pb::Opened {}) => Self::Opened,
            pb::event::Kind::Refused(refused) => Self::Refused(Refused {
                reason: refused.reason,
                detail: refused.detail,
                verdict: option(refused.verdict),
            }),
            pb::event::Kind::Closed(closed) => Self::Closed(Closed {
                reason: closed.reason,
                detail: closed.detail,
                verdict: option(closed.verdict),
                opened: Time(closed.opened_us),
                actions: closed.actions,
                denied: closed.denied,
                bytes_in: closed.bytes_in,
                bytes_out: closed.bytes_out,
            }),
            pb::event::Kind::Acted(acted) => {
                let decision = acted.decision.ok_or(Error::Missing("acted.decision"))?;
                Self::Acted {
                    action: acted.action.ok_or(Error::Missing("acted.action"))?.try_into()?,
                    decision: Decision {
                        effect: decision.effect.try_into()?,
                        reason: decision.reason,
                        policies: decision.policies,
                    },
                    outcome: acted.outcome.map(TryInto::try_into).transpose()?,
                }
            }
            pb::event::Kind::Resulted(resulted) => Self::Resulted {
                action: present(resulted.action, "resulted.action")?,
                class: resulted.class.try_into()?,
                outcome: resulted.outcome.ok_or(Error::Missing("resulted.outcome"))?.try_into()?,
            },
        })
    }
}

impl From<&DecoyUse> for pb::DecoyUse {
    fn from(used: &DecoyUse) -> Self {
        Self {
            session: used.session.clone(),
            field: used.field.clone(),
            target: used.target.clone(),
            place: used.place.into(),
        }
    }
}

impl TryFrom<pb::DecoyUse> for DecoyUse {
    type Error = Error;

    fn try_from(used: pb::DecoyUse) -> Result<Self> {
        Ok(Self {
            session: present(used.session, "presented.session")?,
            field: used.field,
            target: used.target,
            place: used.place.try_into()?,
        })
    }
}

impl From<&Event> for pb::Event {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.clone(),
            time_us: event.time.0,
            session: event.session.clone(),
            identity: Some((&event.identity).into()),
            source: Some((&event.source).into()),
            target: Some((&event.target).into()),
            account: Some(pb::Account {
                name: event.account.name.clone(),
                credential: text(&event.account.credential),
            }),
            disclosures: event
                .disclosures
                .iter()
                .map(|d| pb::Disclosure { kind: d.kind.into(), value: d.value.clone(), target: text(&d.target) })
                .collect(),
            presented: event.presented.iter().map(Into::into).collect(),
            kind: Some((&event.kind).into()),
        }
    }
}

impl TryFrom<pb::Event> for Event {
    type Error = Error;

    fn try_from(event: pb::Event) -> Result<Self> {
        let account = event.account.unwrap_or_default();
        Ok(Self {
            id: present(event.id, "event.id")?,
            time: Time(event.time_us),
            session: present(event.session, "event.session")?,
            identity: event.identity.ok_or(Error::Missing("event.identity"))?.try_into()?,
            source: event.source.unwrap_or_default().try_into()?,
            target: event.target.ok_or(Error::Missing("event.target"))?.try_into()?,
            account: Account { name: account.name, credential: option(account.credential) },
            disclosures: event
                .disclosures
                .into_iter()
                .map(|d| Ok(Disclosure { kind: d.kind.try_into()?, value: d.value, target: option(d.target) }))
                .collect::<Result<_>>()?,
            presented: event.presented.into_iter().map(TryInto::try_into).collect::<Result<_>>()?,
            kind: event.kind.ok_or(Error::Missing("event.kind"))?.try_into()?,
        })
    }
}
