//! The protobuf form of every message. Only this file sees the generated types; what decodes is valid.

use crate::topic::{MAX_RECORD, VERSION};
use crate::{
    Account, Action, Alert, Chunk, Class, Closed, Decision, Delegation, Disclosure, DisclosureKind, Effect, Envelope,
    Event, Hop, Identity, Judged, Kind, Message, Mode, Outcome, Principal, PrincipalKind, Protocol, Refused, Scope,
    Severity, Source, Stamp, Status, Stop, Stream, Target, Technique, Time, Verb, Verdict,
};
use prost::Message as _;

#[expect(unreachable_pub, clippy::all, reason = "generated")]
mod pb {
    include!(concat!(env!("OUT_DIR"), "/interdict.v1.rs"));
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than any record may be.
    #[error("record of {0} bytes is larger than the {MAX_RECORD} allowed")]
    TooLarge(usize),
    /// Not protobuf.
    #[error("record is not a protobuf envelope: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// Written by a newer interdict.
    #[error("record has version {0}, this build reads up to {VERSION}; upgrade it")]
    Version(u32),
    /// A field without which the message means nothing.
    #[error("record lacks a valid `{0}`")]
    Missing(&'static str),
}

type Result<T> = std::result::Result<T, Error>;

pub(crate) fn encode(message: &Message) -> Vec<u8> {
    let body = match message {
        Message::Event(event) => pb::envelope::Body::Event(event.into()),
        Message::Chunk(chunk) => pb::envelope::Body::Chunk(chunk.into()),
        Message::Alert(alert) => pb::envelope::Body::Alert(alert.into()),
        Message::Verdict(verdict) => pb::envelope::Body::Verdict(verdict.into()),
        Message::Judged(judged) => pb::envelope::Body::Judged(pb::Judged {
            partition: judged.partition,
            offset: judged.offset,
            time_us: judged.time.0,
        }),
    };
    pb::Envelope { version: VERSION, stamp: None, body: Some(body) }.encode_to_vec()
}

pub(crate) fn stamp(encoded: &mut Vec<u8>, stamp: &Stamp) {
    let only = pb::Envelope {
        version: 0,
        stamp: Some(pb::Stamp { proxy: stamp.proxy.clone(), spool: stamp.spool.clone(), sequence: stamp.sequence }),
        body: None,
    };
    #[expect(clippy::expect_used, reason = "a Vec always has room")]
    only.encode(encoded).expect("a Vec grows");
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Envelope> {
    if bytes.len() > MAX_RECORD {
        return Err(Error::TooLarge(bytes.len()));
    }
    let envelope = pb::Envelope::decode(bytes)?;
    if envelope.version == 0 || envelope.version > VERSION {
        return Err(Error::Version(envelope.version));
    }
    let stamp = envelope.stamp.map(|s| Stamp { proxy: s.proxy, spool: s.spool, sequence: s.sequence });
    let message = match envelope.body.ok_or(Error::Missing("body"))? {
        pb::envelope::Body::Event(event) => Message::Event(event.try_into()?),
        pb::envelope::Body::Chunk(chunk) => Message::Chunk(chunk.try_into()?),
        pb::envelope::Body::Alert(alert) => Message::Alert(alert.try_into()?),
        pb::envelope::Body::Verdict(verdict) => Message::Verdict(verdict.try_into()?),
        pb::envelope::Body::Judged(judged) => {
            Message::Judged(Judged { partition: judged.partition, offset: judged.offset, time: Time(judged.time_us) })
        }
    };
    Ok(Envelope { stamp, message })
}

/// An empty string on the wire is an absent one.
fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn option(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

fn present(value: String, field: &'static str) -> Result<String> {
    if value.is_empty() { Err(Error::Missing(field)) } else { Ok(value) }
}

/// Maps a domain enum to its protobuf number and back; an unknown number is an error.
macro_rules! enums {
    ($($domain:ident <-> $wire:path, $field:literal { $($variant:ident),+ })+) => { $(
        impl From<$domain> for i32 {
            fn from(value: $domain) -> Self {
                use $wire as Wire;
                match value { $($domain::$variant => Wire::$variant as Self),+ }
            }
        }

        impl TryFrom<i32> for $domain {
            type Error = Error;

            fn try_from(value: i32) -> Result<Self> {
                use $wire as Wire;
                match Wire::try_from(value) {
                    $(Ok(Wire::$variant) => Ok(Self::$variant),)+
                    _ => Err(Error::Missing($field)),
                }
            }
        }
    )+ };
}

enums! {
    PrincipalKind <-> pb::principal::Kind, "principal.kind" { Person, Administrator, Workload, Agent }
    DisclosureKind <-> pb::disclosure::Kind, "disclosure.kind" { HostName, Address, Alias, Account, Credential }
    Class <-> pb::action::Class, "action.class" { Statement, Command, Shell, Request, Forward, Api }
    Effect <-> pb::decision::Effect, "decision.effect" { Allow, Deny }
    Status <-> pb::outcome::Status, "outcome.status" { Success, Failure, Unknown }
    Stream <-> pb::chunk::Stream, "chunk.stream" { Header, Output, Input, Resize, Exit }
    Severity <-> pb::alert::Severity, "alert.severity" { Informational, Low, Medium, High, Critical }
    Stop <-> pb::verdict::Effect, "verdict.effect" { Stop, Hold, Watch }
    Mode <-> pb::verdict::Mode, "verdict.mode" { Enforce, Shadow }
}

impl From<&Identity> for pb::Identity {
    fn from(identity: &Identity) -> Self {
        let delegation = identity.delegation.clone().unwrap_or_default();
        Self {
            issuer: identity.issuer.clone(),
            chain: identity.chain().iter().map(|p| pb::Principal { id: p.id.clone(), kind: p.kind.into() }).collect(),
            groups: identity.groups.clone(),
            delegation: delegation.id,
            parent_delegation: delegation.parent,
        }
    }
}

impl TryFrom<pb::Identity> for Identity {
    type Error = Error;

    fn try_from(identity: pb::Identity) -> Result<Self> {
        let chain = identity
            .chain
            .into_iter()
            .map(|p| Ok(Principal { id: present(p.id, "principal.id")?, kind: p.kind.try_into()? }))
            .collect::<Result<Vec<_>>>()?;
        let mut result = Self::new(identity.issuer, chain).map_err(|_| Error::Missing("identity.chain"))?;
        result.groups = identity.groups;
        result.delegation = (!identity.delegation.is_empty())
            .then_some(Delegation { id: identity.delegation, parent: identity.parent_delegation });
        Ok(result)
    }
}

fn address(value: Option<std::net::IpAddr>) -> String {
    value.map(|address| address.to_string()).unwrap_or_default()
}

fn parse_address(value: &str, field: &'static str) -> Result<Option<std::net::IpAddr>> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| Error::Missing(field))
}

fn port(value: u32, field: &'static str) -> Result<u16> {
    value.try_into().map_err(|_| Error::Missing(field))
}

impl From<&Source> for pb::Source {
    fn from(source: &Source) -> Self {
        Self {
            address: address(source.address),
            port: source.port.into(),
            host: text(&source.host),
            target: text(&source.target),
        }
    }
}

impl TryFrom<pb::Source> for Source {
    type Error = Error;

    fn try_from(source: pb::Source) -> Result<Self> {
        Ok(Self {
            address: parse_address(&source.address, "source.address")?,
            port: port(source.port, "source.port")?,
            host: option(source.host),
            target: option(source.target),
        })
    }
}

impl From<&Target> for pb::Target {
    fn from(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            protocol: target.protocol.name().to_owned(),
            host: text(&target.host),
            address: address(target.address),
            port: target.port.into(),
            alias: text(&target.alias),
        }
    }
}

impl TryFrom<pb::Target> for Target {
    type Error = Error;

    fn try_from(target: pb::Target) -> Result<Self> {
        Ok(Self {
            name: present(target.name, "target.name")?,
            protocol: Protocol::parse(&target.protocol).ok_or(Error::Missing("target.protocol"))?,
            host: option(target.host),
            address: parse_address(&target.address, "target.address")?,
            port: port(target.port, "target.port")?,
            alias: option(target.alias),
        })
    }
}

impl From<&Action> for pb::Action {
    fn from(action: &Action) -> Self {
        Self {
            id: action.id.clone(),
            class: action.class.into(),
            verb: action.verb.name().to_owned(),
            text: action.text.clone(),
            objects: action.objects.clone(),
            parameters_digest: text(&action.parameters_digest),
            database: text(&action.database),
        }
    }
}

impl TryFrom<pb::Action> for Action {
    type Error = Error;

    fn try_from(action: pb::Action) -> Result<Self> {
        Ok(Self {
            id: present(action.id, "action.id")?,
            class: action.class.try_into()?,
            verb: Verb::parse(&action.verb).ok_or(Error::Missing("action.verb"))?,
            text: action.text,
            objects: action.objects,
            parameters_digest: option(action.parameters_digest),
            database: option(action.database),
        })
    }
}

impl From<&Outcome> for pb::Outcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            status: outcome.status.into(),
            code: outcome.code.clone(),
            detail: outcome.detail.clone(),
            rows: outcome.rows,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration_us: outcome.duration_us,
        }
    }
}

impl TryFrom<pb::Outcome> for Outcome {
    type Error = Error;

    fn try_from(outcome: pb::Outcome) -> Result<Self> {
        Ok(Self {
            status: outcome.status.try_into()?,
            code: outcome.code,
            detail: outcome.detail,
            rows: outcome.rows,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration_us: outcome.duration_us,
        })
    }
}

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
            kind: event.kind.ok_or(Error::Missing("event.kind"))?.try_into()?,
        })
    }
}

impl From<&Chunk> for pb::Chunk {
    fn from(chunk: &Chunk) -> Self {
        Self {
            session: chunk.session.clone(),
            index: chunk.index,
            time_us: chunk.time.0,
            stream: chunk.stream.into(),
            data: chunk.data.clone(),
            root: chunk.root.clone(),
            target: chunk.target.clone(),
        }
    }
}

impl TryFrom<pb::Chunk> for Chunk {
    type Error = Error;

    fn try_from(chunk: pb::Chunk) -> Result<Self> {
        Ok(Self {
            session: present(chunk.session, "chunk.session")?,
            index: chunk.index,
            time: Time(chunk.time_us),
            stream: chunk.stream.try_into()?,
            data: chunk.data,
            root: chunk.root,
            target: chunk.target,
        })
    }
}

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
