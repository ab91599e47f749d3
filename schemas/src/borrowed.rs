//! Events and stamps that borrow their texts: from a record's bytes, from a table's columns, or from an [`crate::Event`]. They
//! are as valid as that is, and cost no allocation; whatever only passes an event on works on these.

mod owned;

use crate::list::List;
use crate::{
    Class, DecoyPlace, Digest, DisclosureKind, Effect, Envelope, Kind, Message, PrincipalKind, Protocol, Stamp,
    Status, Time, Verb, wire,
};
use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

/// A [`Stamp`] that borrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampRef<'a> {
    /// As [`Stamp::proxy`].
    pub proxy: &'a str,
    /// As [`Stamp::spool`].
    pub spool: &'a str,
    /// As [`Stamp::sequence`].
    pub sequence: u64,
    /// As [`Stamp::previous`].
    pub previous: Option<Digest>,
}

impl From<StampRef<'_>> for Stamp {
    fn from(stamp: StampRef<'_>) -> Self {
        let StampRef { proxy, spool, sequence, previous } = stamp;
        Self { proxy: proxy.to_owned(), spool: spool.to_owned(), sequence, previous }
    }
}

impl<'a> From<&'a Stamp> for StampRef<'a> {
    fn from(stamp: &'a Stamp) -> Self {
        let Stamp { proxy, spool, sequence, previous } = stamp;
        Self { proxy, spool, sequence: *sequence, previous: *previous }
    }
}

/// An address, and its one form as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Address<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let ip = text.parse().ok()?;
        // Version 4 is read in no other form than it is written in.
        let text = if matches!(ip, IpAddr::V4(_)) { Cow::Borrowed(text) } else { Cow::Owned(ip.to_string()) };
        Some(Self { ip, text })
    }
}

impl From<IpAddr> for Address<'_> {
    fn from(ip: IpAddr) -> Self {
        Self { ip, text: Cow::Owned(ip.to_string()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PrincipalRef<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: PrincipalKind,
}

impl Default for PrincipalRef<'_> {
    fn default() -> Self {
        Self { id: "", kind: PrincipalKind::Person }
    }
}

// INVARIANT: `chain` is never empty; only `IdentityRef::new` and an `Identity` make one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdentityRef<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) groups: List<&'a str>,
    /// Id and parent.
    pub(crate) delegation: Option<(&'a str, &'a str)>,
    root: PrincipalRef<'a>,
    actor: PrincipalRef<'a>,
    chain: List<PrincipalRef<'a>>,
}

impl<'a> IdentityRef<'a> {
    /// Nothing if the chain is empty.
    pub(crate) fn new(
        issuer: &'a str,
        chain: List<PrincipalRef<'a>>,
        groups: List<&'a str>,
        delegation: Option<(&'a str, &'a str)>,
    ) -> Option<Self> {
        let (root, actor) = (*chain.iter().next()?, *chain.iter().last()?);
        Some(Self { issuer, groups, delegation, root, actor, chain })
    }

    pub(crate) const fn root(&self) -> PrincipalRef<'a> {
        self.root
    }

    pub(crate) const fn actor(&self) -> PrincipalRef<'a> {
        self.actor
    }

    pub(crate) const fn chain(&self) -> &List<PrincipalRef<'a>> {
        &self.chain
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceRef<'a> {
    pub(crate) address: Option<Address<'a>>,
    pub(crate) port: u16,
    pub(crate) host: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetRef<'a> {
    pub(crate) name: &'a str,
    pub(crate) protocol: Protocol,
    pub(crate) host: Option<&'a str>,
    pub(crate) address: Option<Address<'a>>,
    pub(crate) port: u16,
    pub(crate) alias: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AccountRef<'a> {
    pub(crate) name: &'a str,
    pub(crate) credential: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DisclosureRef<'a> {
    pub(crate) kind: DisclosureKind,
    pub(crate) value: &'a str,
    pub(crate) target: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DecoyUseRef<'a> {
    pub(crate) session: &'a str,
    pub(crate) field: &'a str,
    pub(crate) target: &'a str,
    pub(crate) place: DecoyPlace,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActionRef<'a> {
    pub(crate) id: &'a str,
    pub(crate) class: Class,
    pub(crate) verb: Verb,
    pub(crate) text: &'a str,
    pub(crate) objects: List<&'a str>,
    pub(crate) parameters_digest: Option<&'a str>,
    pub(crate) database: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DecisionRef<'a> {
    pub(crate) effect: Effect,
    pub(crate) reason: &'a str,
    pub(crate) policies: List<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OutcomeRef<'a> {
    pub(crate) status: Status,
    pub(crate) code: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) rows: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration_us: u64,
}

/// The totals of a session, in its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Totals {
    pub(crate) opened: Time,
    pub(crate) actions: u64,
    pub(crate) denied: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Why a session was not admitted, or ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EndRef<'a> {
    pub(crate) reason: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) verdict: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is an action; boxing it would cost each one")]
pub(crate) enum KindRef<'a> {
    Opened,
    Refused(EndRef<'a>),
    Closed(EndRef<'a>, Totals),
    Acted { action: ActionRef<'a>, decision: DecisionRef<'a>, outcome: Option<OutcomeRef<'a>> },
    Resulted { action: &'a str, class: Class, outcome: OutcomeRef<'a> },
}

impl KindRef<'_> {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Opened => Kind::OPENED,
            Self::Refused(_) => Kind::REFUSED,
            Self::Closed(..) => Kind::CLOSED,
            Self::Acted { .. } => Kind::ACTED,
            Self::Resulted { .. } => Kind::RESULTED,
        }
    }
}

impl<'a> KindRef<'a> {
    /// Why a session was not admitted, or ended.
    pub(crate) const fn end(&self) -> Option<&EndRef<'a>> {
        if let Self::Refused(end) | Self::Closed(end, _) = self { Some(end) } else { None }
    }

    /// What a session came to.
    pub(crate) const fn totals(&self) -> Option<&Totals> {
        if let Self::Closed(_, totals) = self { Some(totals) } else { None }
    }

    /// What was done, and what was decided of it.
    pub(crate) const fn acted(&self) -> Option<(&ActionRef<'a>, &DecisionRef<'a>)> {
        if let Self::Acted { action, decision, .. } = self { Some((action, decision)) } else { None }
    }

    /// What came of an action.
    pub(crate) const fn outcome(&self) -> Option<&OutcomeRef<'a>> {
        match self {
            Self::Acted { outcome, .. } => outcome.as_ref(),
            Self::Resulted { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

/// An [`crate::Event`] that borrows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventRef<'a> {
    pub(crate) id: &'a str,
    pub(crate) time: Time,
    pub(crate) session: &'a str,
    /// These three are [`Shared`] with neighbours.
    pub(crate) identity: Rc<IdentityRef<'a>>,
    pub(crate) source: Rc<SourceRef<'a>>,
    pub(crate) target: Rc<TargetRef<'a>>,
    pub(crate) account: AccountRef<'a>,
    pub(crate) disclosures: Vec<DisclosureRef<'a>>,
    pub(crate) presented: Vec<DecoyUseRef<'a>>,
    pub(crate) kind: KindRef<'a>,
}

/// What stays the same from event to event of a session.
#[derive(Debug, Clone)]
pub(crate) struct Shared<'a> {
    pub(crate) identity: Rc<IdentityRef<'a>>,
    pub(crate) source: Rc<SourceRef<'a>>,
    pub(crate) target: Rc<TargetRef<'a>>,
}

impl<'a> EventRef<'a> {
    pub(crate) fn shared(&self) -> Shared<'a> {
        let Self { identity, source, target, .. } = self;
        Shared { identity: Rc::clone(identity), source: Rc::clone(source), target: Rc::clone(target) }
    }
}

/// A [`Message`] that borrows if it is an event; others are too few to matter.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every message is an event; boxing it would cost each one")]
pub(crate) enum MessageRef<'a> {
    /// An event.
    Event(EventRef<'a>),
    /// Anything else.
    Other(Message),
}

/// A record's envelope, decoded without copying its event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EnvelopeRef<'a> {
    /// Absent on what no proxy wrote.
    pub(crate) stamp: Option<StampRef<'a>>,
    /// What it says.
    pub(crate) message: MessageRef<'a>,
}

impl<'a> EnvelopeRef<'a> {
    /// Reads one record's value; errors as [`Envelope::decode`].
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, wire::Error> {
        Self::decode_beside(bytes, &mut wire::Memo::default())
    }

    /// The same, beside others of which most says the same.
    pub(crate) fn decode_beside(bytes: &'a [u8], memo: &mut wire::Memo<'a>) -> Result<Self, wire::Error> {
        wire::decode(bytes, memo)
    }
}

impl From<EnvelopeRef<'_>> for Envelope {
    fn from(envelope: EnvelopeRef<'_>) -> Self {
        let message = match envelope.message {
            MessageRef::Event(event) => Message::Event(event.into()),
            MessageRef::Other(message) => message,
        };
        Self { stamp: envelope.stamp.map(Into::into), message }
    }
}
