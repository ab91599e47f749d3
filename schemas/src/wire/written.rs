//! Events: from what they mean to how they lie in the bytes.

use super::field::{Message, Part};
use super::layout;
use crate::borrowed::{
    AccountRef, Address, EndRef, EventRef, IdentityRef, KindRef, OutcomeRef, PrincipalRef, SourceRef, TargetRef,
};
use std::marker::PhantomData;
use std::rc::Rc;

/// Absent is empty.
fn text<'a>(value: &Option<&'a str>) -> &'a str {
    value.unwrap_or_default()
}

fn written<'a>(address: &'a Option<Address<'_>>) -> &'a str {
    address.as_ref().map_or("", |address| &address.text)
}

/// What an event shares with its neighbours, as bytes: it is written once for all of them.
#[derive(Debug, Default)]
pub(crate) struct Written<'a> {
    identity: Piece<Rc<IdentityRef<'a>>>,
    source: Piece<Rc<SourceRef<'a>>>,
    target: Piece<Rc<TargetRef<'a>>>,
    account: Piece<AccountRef<'a>>,
}

/// The bytes of the value that was written last.
#[derive(Debug)]
struct Piece<T> {
    of: Option<T>,
    bytes: Vec<u8>,
}

impl<T> Default for Piece<T> {
    fn default() -> Self {
        Self { of: None, bytes: Vec::new() }
    }
}

impl<T: Clone> Piece<T> {
    fn write<'b, M: Message<'b>>(
        &mut self,
        of: &'b T,
        is_same: impl Fn(&T, &T) -> bool,
        make: impl FnOnce(&'b T) -> M,
    ) {
        if !self.of.as_ref().is_some_and(|last| is_same(last, of)) {
            self.bytes.clear();
            make(of).write(&mut self.bytes);
            self.of = Some(of.clone());
        }
    }
}

impl<'a> Written<'a> {
    /// An event as it is to be written. What it shares with the one before is not written again.
    pub(super) fn layout<'b>(&'b mut self, event: &'b EventRef<'a>) -> layout::Event<'b> {
        let EventRef { identity, source, target, account, .. } = event;
        self.identity.write(identity, Rc::ptr_eq, |identity| layout::Identity::from(&**identity));
        self.source.write(source, Rc::ptr_eq, |source| layout::Source::from(&**source));
        self.target.write(target, Rc::ptr_eq, |target| layout::Target::from(&**target));
        self.account.write(account, PartialEq::eq, layout::Account::from);
        layout::Event {
            id: event.id,
            time_us: event.time.0,
            session: event.session,
            identity: Part::of(&self.identity.bytes),
            source: Part::of(&self.source.bytes),
            target: Part::of(&self.target.bytes),
            account: Part::of(&self.account.bytes),
            disclosures: event
                .disclosures
                .iter()
                .map(|learnt| layout::Disclosure {
                    kind: learnt.kind.into(),
                    value: learnt.value,
                    target: text(&learnt.target),
                    borrows: PhantomData,
                })
                .collect(),
            presented: event
                .presented
                .iter()
                .map(|used| layout::DecoyUse {
                    session: used.session,
                    field: used.field,
                    target: used.target,
                    place: used.place.into(),
                    borrows: PhantomData,
                })
                .collect(),
            kind: Some((&event.kind).into()),
            borrows: PhantomData,
        }
    }
}

impl<'a> From<&'a IdentityRef<'_>> for layout::Identity<'a> {
    fn from(identity: &'a IdentityRef<'_>) -> Self {
        let (delegation, parent_delegation) = identity.delegation.unwrap_or_default();
        let link =
            |link: &PrincipalRef<'a>| layout::Principal { id: link.id, kind: link.kind.into(), borrows: PhantomData };
        Self {
            issuer: identity.issuer,
            chain: identity.chain().iter().map(link).collect(),
            groups: identity.groups.clone(),
            delegation,
            parent_delegation,
            borrows: PhantomData,
        }
    }
}

impl<'a> From<&'a SourceRef<'_>> for layout::Source<'a> {
    fn from(source: &'a SourceRef<'_>) -> Self {
        Self {
            address: written(&source.address),
            port: source.port.into(),
            host: text(&source.host),
            target: text(&source.target),
            borrows: PhantomData,
        }
    }
}

impl<'a> From<&'a TargetRef<'_>> for layout::Target<'a> {
    fn from(target: &'a TargetRef<'_>) -> Self {
        Self {
            name: target.name,
            protocol: target.protocol.name(),
            host: text(&target.host),
            address: written(&target.address),
            port: target.port.into(),
            alias: text(&target.alias),
            borrows: PhantomData,
        }
    }
}

impl<'a> From<&'a AccountRef<'_>> for layout::Account<'a> {
    fn from(account: &'a AccountRef<'_>) -> Self {
        Self { name: account.name, credential: text(&account.credential), borrows: PhantomData }
    }
}

impl<'a> From<&'a KindRef<'_>> for layout::Kind<'a> {
    fn from(kind: &'a KindRef<'_>) -> Self {
        match kind {
            KindRef::Opened => Self::Opened(layout::Opened::default()),
            KindRef::Refused(EndRef { reason, detail, verdict }) => {
                Self::Refused(layout::Refused { reason, detail, verdict: text(verdict), borrows: PhantomData })
            }
            KindRef::Closed(EndRef { reason, detail, verdict }, totals) => Self::Closed(layout::Closed {
                reason,
                detail,
                verdict: text(verdict),
                opened_us: totals.opened.0,
                actions: totals.actions,
                denied: totals.denied,
                bytes_in: totals.bytes_in,
                bytes_out: totals.bytes_out,
                borrows: PhantomData,
            }),
            KindRef::Acted { action, decision, outcome } => Self::Acted(layout::Acted {
                action: Some(layout::Action {
                    id: action.id,
                    class: action.class.into(),
                    verb: action.verb.name(),
                    text: action.text,
                    objects: action.objects.clone(),
                    parameters_digest: text(&action.parameters_digest),
                    database: text(&action.database),
                    borrows: PhantomData,
                }),
                decision: Some(layout::Decision {
                    effect: decision.effect.into(),
                    reason: decision.reason,
                    policies: decision.policies.clone(),
                    borrows: PhantomData,
                }),
                outcome: outcome.as_ref().map(Into::into),
                borrows: PhantomData,
            }),
            KindRef::Resulted { action, class, outcome } => Self::Resulted(layout::Resulted {
                action,
                class: (*class).into(),
                outcome: Some(outcome.into()),
                borrows: PhantomData,
            }),
        }
    }
}

impl<'a> From<&'a OutcomeRef<'_>> for layout::Outcome<'a> {
    fn from(outcome: &'a OutcomeRef<'_>) -> Self {
        let OutcomeRef { code, detail, rows, bytes_in, bytes_out, duration_us, .. } = *outcome;
        let status = outcome.status.into();
        Self { status, code, detail, rows, bytes_in, bytes_out, duration_us, borrows: PhantomData }
    }
}
