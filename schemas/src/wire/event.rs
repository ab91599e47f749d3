//! Events: from how they lie in the bytes to what they mean. The way back is `written.rs`.

use super::field::{Fault, Message, Part};
use super::{Error, Result, layout, option, present};
use crate::borrowed::{
    AccountRef, ActionRef, Address, DecisionRef, DecoyUseRef, DisclosureRef, EndRef, EventRef, IdentityRef, KindRef,
    OutcomeRef, PrincipalRef, SourceRef, TargetRef, Totals,
};
use crate::list::List;
use crate::{Protocol, Time, Verb};
use std::rc::Rc;

/// What was read last of that which stays the same from event to event of a session. Whoever reads records of one root
/// in the order of time reads most of it once.
#[derive(Debug, Default)]
pub(crate) struct Memo<'a> {
    identity: Seen<'a, Rc<IdentityRef<'a>>>,
    source: Seen<'a, Rc<SourceRef<'a>>>,
    target: Seen<'a, Rc<TargetRef<'a>>>,
    account: Seen<'a, AccountRef<'a>>,
}

/// What bytes meant.
#[derive(Debug)]
struct Seen<'a, T>(Option<(&'a [u8], T)>);

impl<T> Default for Seen<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, T: Clone> Seen<'a, T> {
    /// What a part means. The outer error is of bytes that are no message, the inner one of a message that means nothing.
    fn read<M: Message<'a> + Clone>(
        &mut self,
        part: &Part<'a, M>,
        make: impl FnOnce(Option<M>) -> Result<T>,
    ) -> std::result::Result<Result<T>, Fault> {
        let bytes = part.bytes();
        if let Some((seen, value)) = &self.0
            && bytes.is_some_and(|bytes| bytes == *seen)
        {
            return Ok(Ok(value.clone()));
        }
        let value = make(part.read()?);
        self.0 = bytes.zip(value.as_ref().ok().cloned());
        Ok(value)
    }
}

/// What the parts of an event that its neighbours may share mean.
pub(super) struct Parts<'a> {
    identity: Result<Rc<IdentityRef<'a>>>,
    source: Result<Rc<SourceRef<'a>>>,
    target: Result<Rc<TargetRef<'a>>>,
    account: Result<AccountRef<'a>>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(event: &layout::Event<'a>, memo: &mut Memo<'a>) -> std::result::Result<Self, Fault> {
        let Memo { identity, source, target, account } = memo;
        Ok(Self {
            identity: identity.read(&event.identity, |identity| {
                identity.ok_or(Error::Missing("event.identity"))?.try_into().map(Rc::new)
            })?,
            source: source.read(&event.source, |source| source.unwrap_or_default().try_into().map(Rc::new))?,
            target: target.read(&event.target, |target| {
                target.ok_or(Error::Missing("event.target"))?.try_into().map(Rc::new)
            })?,
            account: account.read(&event.account, |account| {
                let layout::Account { name, credential, .. } = account.unwrap_or_default();
                Ok(AccountRef { name, credential: option(credential) })
            })?,
        })
    }

    /// What the event means that they are of.
    pub(super) fn of(self, event: layout::Event<'a>) -> Result<EventRef<'a>> {
        let Self { identity, source, target, account } = self;
        Ok(EventRef {
            id: present(event.id, "event.id")?,
            time: Time(event.time_us),
            session: present(event.session, "event.session")?,
            identity: identity?,
            source: source?,
            target: target?,
            account: account?,
            disclosures: event
                .disclosures
                .iter()
                .map(|learnt| {
                    let (value, target) = (learnt.value, option(learnt.target));
                    Ok(DisclosureRef { kind: learnt.kind.try_into()?, value, target })
                })
                .collect::<Result<_>>()?,
            presented: event
                .presented
                .iter()
                .map(|used| {
                    Ok(DecoyUseRef {
                        session: present(used.session, "presented.session")?,
                        field: used.field,
                        target: used.target,
                        place: used.place.try_into()?,
                    })
                })
                .collect::<Result<_>>()?,
            kind: event.kind.ok_or(Error::Missing("event.kind"))?.try_into()?,
        })
    }
}

impl<'a> TryFrom<layout::Identity<'a>> for IdentityRef<'a> {
    type Error = Error;

    fn try_from(identity: layout::Identity<'a>) -> Result<Self> {
        let mut chain = List::default();
        for link in identity.chain.iter() {
            chain.push(PrincipalRef { id: present(link.id, "principal.id")?, kind: link.kind.try_into()? });
        }
        let delegation = option(identity.delegation).map(|id| (id, identity.parent_delegation));
        Self::new(identity.issuer, chain, identity.groups, delegation).ok_or(Error::Missing("identity.chain"))
    }
}

impl<'a> TryFrom<layout::Source<'a>> for SourceRef<'a> {
    type Error = Error;

    fn try_from(source: layout::Source<'a>) -> Result<Self> {
        Ok(Self {
            address: address(source.address, "source.address")?,
            port: port(source.port, "source.port")?,
            host: option(source.host),
            target: option(source.target),
        })
    }
}

impl<'a> TryFrom<layout::Target<'a>> for TargetRef<'a> {
    type Error = Error;

    fn try_from(target: layout::Target<'a>) -> Result<Self> {
        Ok(Self {
            name: present(target.name, "target.name")?,
            protocol: Protocol::parse(target.protocol).ok_or(Error::Missing("target.protocol"))?,
            host: option(target.host),
            address: address(target.address, "target.address")?,
            port: port(target.port, "target.port")?,
            alias: option(target.alias),
        })
    }
}

impl<'a> TryFrom<layout::Kind<'a>> for KindRef<'a> {
    type Error = Error;

    fn try_from(kind: layout::Kind<'a>) -> Result<Self> {
        Ok(match kind {
            layout::Kind::Opened(_) => Self::Opened,
            layout::Kind::Refused(layout::Refused { reason, detail, verdict, .. }) => {
                Self::Refused(EndRef { reason, detail, verdict: option(verdict) })
            }
            layout::Kind::Closed(closed) => Self::Closed(
                EndRef { reason: closed.reason, detail: closed.detail, verdict: option(closed.verdict) },
                Totals {
                    opened: Time(closed.opened_us),
                    actions: closed.actions,
                    denied: closed.denied,
                    bytes_in: closed.bytes_in,
                    bytes_out: closed.bytes_out,
                },
            ),
            layout::Kind::Acted(acted) => {
                let decision = acted.decision.ok_or(Error::Missing("acted.decision"))?;
                let action = acted.action.ok_or(Error::Missing("acted.action"))?;
                Self::Acted {
                    action: ActionRef {
                        id: present(action.id, "action.id")?,
                        class: action.class.try_into()?,
                        verb: Verb::parse(action.verb).ok_or(Error::Missing("action.verb"))?,
                        text: action.text,
                        objects: action.objects,
                        parameters_digest: option(action.parameters_digest),
                        database: option(action.database),
                    },
                    decision: DecisionRef {
                        effect: decision.effect.try_into()?,
                        reason: decision.reason,
                        policies: decision.policies,
                    },
                    outcome: acted.outcome.map(TryInto::try_into).transpose()?,
                }
            }
            layout::Kind::Resulted(resulted) => Self::Resulted {
                action: present(resulted.action, "resulted.action")?,
                class: resulted.class.try_into()?,
                outcome: resulted.outcome.ok_or(Error::Missing("resulted.outcome"))?.try_into()?,
            },
        })
    }
}

impl<'a> TryFrom<layout::Outcome<'a>> for OutcomeRef<'a> {
    type Error = Error;

    fn try_from(outcome: layout::Outcome<'a>) -> Result<Self> {
        let layout::Outcome { code, detail, rows, bytes_in, bytes_out, duration_us, .. } = outcome;
        Ok(Self { status: outcome.status.try_into()?, code, detail, rows, bytes_in, bytes_out, duration_us })
    }
}

fn address<'a>(text: &'a str, field: &'static str) -> Result<Option<Address<'a>>> {
    option(text).map(|text| Address::parse(text).ok_or(Error::Missing(field))).transpose()
}

fn port(value: u32, field: &'static str) -> Result<u16> {
    value.try_into().map_err(|_| Error::Missing(field))
}
