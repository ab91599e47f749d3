//! From what borrows to what owns, and back.

use super::{
    AccountRef, ActionRef, DecisionRef, DecoyUseRef, DisclosureRef, EndRef, EventRef, IdentityRef, KindRef,
    OutcomeRef, PrincipalRef, SourceRef, TargetRef, Totals,
};
use crate::list::List;
use crate::{
    Account, Action, Closed, Decision, DecoyUse, Delegation, Disclosure, Event, Identity, Kind, Outcome, Principal,
    Refused, Source, Target,
};
use std::rc::Rc;

impl From<EventRef<'_>> for Event {
    fn from(event: EventRef<'_>) -> Self {
        let EventRef { id, time, session, identity, source, target, account, disclosures, presented, kind } = event;
        Self {
            id: id.to_owned(),
            time,
            session: session.to_owned(),
            identity: (&*identity).into(),
            source: Source {
                address: source.address.as_ref().map(|address| address.ip),
                port: source.port,
                host: owned(source.host),
                target: owned(source.target),
            },
            target: Target {
                name: target.name.to_owned(),
                protocol: target.protocol,
                host: owned(target.host),
                address: target.address.as_ref().map(|address| address.ip),
                port: target.port,
                alias: owned(target.alias),
            },
            account: Account { name: account.name.to_owned(), credential: owned(account.credential) },
            disclosures: disclosures
                .into_iter()
                .map(|learnt| Disclosure {
                    kind: learnt.kind,
                    value: learnt.value.to_owned(),
                    target: owned(learnt.target),
                })
                .collect(),
            presented: presented
                .into_iter()
                .map(|used| DecoyUse {
                    session: used.session.to_owned(),
                    field: used.field.to_owned(),
                    target: used.target.to_owned(),
                    place: used.place,
                })
                .collect(),
            kind: kind.into(),
        }
    }
}

impl From<&IdentityRef<'_>> for Identity {
    fn from(identity: &IdentityRef<'_>) -> Self {
        let own = |principal: &PrincipalRef<'_>| Principal { id: principal.id.to_owned(), kind: principal.kind };
        let delegates = identity.chain.iter().skip(1).map(own).collect();
        let mut owned = Self::rooted(identity.issuer, own(&identity.root), delegates);
        owned.groups = all_owned(&identity.groups);
        owned.delegation =
            identity.delegation.map(|(id, parent)| Delegation { id: id.to_owned(), parent: parent.to_owned() });
        owned
    }
}

impl From<KindRef<'_>> for Kind {
    fn from(kind: KindRef<'_>) -> Self {
        match kind {
            KindRef::Opened => Self::Opened,
            KindRef::Refused(end) => Self::Refused(Refused {
                reason: end.reason.to_owned(),
                detail: end.detail.to_owned(),
                verdict: owned(end.verdict),
            }),
            KindRef::Closed(end, totals) => Self::Closed(Closed {
                reason: end.reason.to_owned(),
                detail: end.detail.to_owned(),
                verdict: owned(end.verdict),
                opened: totals.opened,
                actions: totals.actions,
                denied: totals.denied,
                bytes_in: totals.bytes_in,
                bytes_out: totals.bytes_out,
            }),
            KindRef::Acted { action, decision, outcome } => Self::Acted {
                action: Action {
                    id: action.id.to_owned(),
                    class: action.class,
                    verb: action.verb,
                    text: action.text.to_owned(),
                    objects: all_owned(&action.objects),
                    parameters_digest: owned(action.parameters_digest),
                    database: owned(action.database),
                },
                decision: Decision {
                    effect: decision.effect,
                    reason: decision.reason.to_owned(),
                    policies: all_owned(&decision.policies),
                },
                outcome: outcome.map(Into::into),
            },
            KindRef::Resulted { action, class, outcome } => {
                Self::Resulted { action: action.to_owned(), class, outcome: outcome.into() }
            }
        }
    }
}

impl From<OutcomeRef<'_>> for Outcome {
    fn from(outcome: OutcomeRef<'_>) -> Self {
        let OutcomeRef { status, code, detail, rows, bytes_in, bytes_out, duration_us } = outcome;
        Self { status, code: code.to_owned(), detail: detail.to_owned(), rows, bytes_in, bytes_out, duration_us }
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        let Event { id, time, session, identity, source, target, account, disclosures, presented, kind } = event;
        Self {
            id,
            time: *time,
            session,
            identity: Rc::new(identity.into()),
            source: Rc::new(SourceRef {
                address: source.address.map(Into::into),
                port: source.port,
                host: source.host.as_deref(),
                target: source.target.as_deref(),
            }),
            target: Rc::new(TargetRef {
                name: &target.name,
                protocol: target.protocol,
                host: target.host.as_deref(),
                address: target.address.map(Into::into),
                port: target.port,
                alias: target.alias.as_deref(),
            }),
            account: AccountRef { name: &account.name, credential: account.credential.as_deref() },
            disclosures: disclosures
                .iter()
                .map(|learnt| DisclosureRef {
                    kind: learnt.kind,
                    value: &learnt.value,
                    target: learnt.target.as_deref(),
                })
                .collect(),
            presented: presented
                .iter()
                .map(|used| DecoyUseRef {
                    session: &used.session,
                    field: &used.field,
                    target: &used.target,
                    place: used.place,
                })
                .collect(),
            kind: kind.into(),
        }
    }
}

impl<'a> From<&'a Identity> for IdentityRef<'a> {
    fn from(identity: &'a Identity) -> Self {
        let borrow = |principal: &'a Principal| PrincipalRef { id: &principal.id, kind: principal.kind };
        Self {
            issuer: &identity.issuer,
            groups: all_borrowed(&identity.groups),
            delegation: identity.delegation.as_ref().map(|grant| (grant.id.as_str(), grant.parent.as_str())),
            root: borrow(identity.root()),
            actor: borrow(identity.actor()),
            chain: identity.chain().iter().map(borrow).collect(),
        }
    }
}

impl<'a> From<&'a Kind> for KindRef<'a> {
    fn from(kind: &'a Kind) -> Self {
        match kind {
            Kind::Opened => Self::Opened,
            Kind::Refused(Refused { reason, detail, verdict }) => {
                Self::Refused(EndRef { reason, detail, verdict: verdict.as_deref() })
            }
            Kind::Closed(closed) => Self::Closed(
                EndRef { reason: &closed.reason, detail: &closed.detail, verdict: closed.verdict.as_deref() },
                Totals {
                    opened: closed.opened,
                    actions: closed.actions,
                    denied: closed.denied,
                    bytes_in: closed.bytes_in,
                    bytes_out: closed.bytes_out,
                },
            ),
            Kind::Acted { action, decision, outcome } => Self::Acted {
                action: ActionRef {
                    id: &action.id,
                    class: action.class,
                    verb: action.verb,
                    text: &action.text,
                    objects: all_borrowed(&action.objects),
                    parameters_digest: action.parameters_digest.as_deref(),
                    database: action.database.as_deref(),
                },
                decision: DecisionRef {
                    effect: decision.effect,
                    reason: &decision.reason,
                    policies: all_borrowed(&decision.policies),
                },
                outcome: outcome.as_ref().map(Into::into),
            },
            Kind::Resulted { action, class, outcome } => {
                Self::Resulted { action, class: *class, outcome: outcome.into() }
            }
        }
    }
}

impl<'a> From<&'a Outcome> for OutcomeRef<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let Outcome { status, code, detail, rows, bytes_in, bytes_out, duration_us } = outcome;
        let (rows, bytes_in, bytes_out, duration_us) = (*rows, *bytes_in, *bytes_out, *duration_us);
        Self { status: *status, code, detail, rows, bytes_in, bytes_out, duration_us }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn all_owned(texts: &List<&str>) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn all_borrowed(texts: &[String]) -> List<&str> {
    texts.iter().map(String::as_str).collect()
}
