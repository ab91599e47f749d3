//! Any message, for property tests. Optional texts are absent or not empty, as everything that was ever decoded is.

use interdict_schemas::{
    Account, Action, Alert, Checkpoint, Chunk, Class, Closed, Decision, DecoyPlace, DecoyUse, Delegation, Digest,
    Disclosure, DisclosureKind, Effect, Event, Finding, Hop, Identity, Judged, Kind, Message, Mode, Outcome,
    Principal, PrincipalKind, Protocol, Refused, Resolution, Scope, Severity, Source, Stamp, Status, Stop, Stream,
    Target, Technique, Time, Topic, Verb, Verdict,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

/// Any message of any kind.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let judged = (any::<u32>(), any::<u64>(), any::<i64>())
        .prop_map(|(partition, offset, time)| Message::Judged(Judged { partition, offset, time: Time(time) }));
    // Boxed: side by side the generators of all kinds overflow the stack of a test's thread.
    prop_oneof![
        event().prop_map(Message::Event).boxed(),
        chunk().prop_map(Message::Chunk).boxed(),
        alert().prop_map(Message::Alert).boxed(),
        verdict().prop_map(Message::Verdict).boxed(),
        judged.boxed(),
        resolution().prop_map(Message::Resolution).boxed(),
        checkpoint().prop_map(Message::Checkpoint).boxed(),
    ]
}

/// Any stamp, or none.
pub(crate) fn stamp() -> impl Strategy<Value = Option<Stamp>> {
    let previous = option::of(any::<[u8; 32]>().prop_map(Digest));
    option::of((text(), full(), count(), previous).prop_map(|(proxy, spool, sequence, previous)| Stamp {
        proxy,
        spool,
        sequence,
        previous,
    }))
}

/// Counts that the lake can hold.
pub(crate) fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..1000_u64, Just(i64::MAX as u64), 0..=i64::MAX as u64]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn full() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn some() -> impl Strategy<Value = Option<String>> {
    option::of(full())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![any::<i64>(), 0..4_000_000_000_000_000_i64].prop_map(Time)
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    option::of(any::<IpAddr>())
}

fn identity() -> impl Strategy<Value = Identity> {
    let principal = (full(), select(PrincipalKind::ALL)).prop_map(|(id, kind)| Principal { id, kind });
    let delegation = option::of((full(), text()).prop_map(|(id, parent)| Delegation { id, parent }));
    (text(), vec(principal, 1..5), texts(), delegation).prop_map(|(issuer, chain, groups, delegation)| {
        let mut identity = Identity::new(issuer, chain).expect("a chain of at least one");
        identity.groups = groups;
        identity.delegation = delegation;
        identity
    })
}

fn source() -> impl Strategy<Value = Source> {
    (address(), any::<u16>(), some(), some()).prop_map(|(address, port, host, target)| Source {
        address,
        port,
        host,
        target,
    })
}

fn target() -> impl Strategy<Value = Target> {
    (full(), select(Protocol::ALL), some(), address(), any::<u16>(), some()).prop_map(
        |(name, protocol, host, address, port, alias)| Target { name, protocol, host, address, port, alias },
    )
}

fn disclosure() -> impl Strategy<Value = Disclosure> {
    (select(DisclosureKind::ALL), text(), some()).prop_map(|(kind, value, target)| Disclosure { kind, value, target })
}

fn decoy() -> impl Strategy<Value = DecoyUse> {
    (full(), text(), text(), select(DecoyPlace::ALL)).prop_map(|(session, field, target, place)| DecoyUse {
        session,
        field,
        target,
        place,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (select(Status::ALL), text(), text(), [count(), count(), count(), count()]).prop_map(
        |(status, code, detail, [rows, bytes_in, bytes_out, duration_us])| Outcome {
            status,
            code,
            detail,
            rows,
            bytes_in,
            bytes_out,
            duration_us,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    (full(), select(Class::ALL), select(Verb::ALL), text(), texts(), some(), some()).prop_map(
        |(id, class, verb, text, objects, parameters_digest, database)| Action {
            id,
            class,
            verb,
            text,
            objects,
            parameters_digest,
            database,
        },
    )
}

fn decision() -> impl Strategy<Value = Decision> {
    (select(Effect::ALL), text(), texts()).prop_map(|(effect, reason, policies)| Decision {
        effect,
        reason,
        policies,
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let refused = (text(), text(), some())
        .prop_map(|(reason, detail, verdict)| Kind::Refused(Refused { reason, detail, verdict }));
    let closed = (text(), text(), some(), time(), [count(), count(), count(), count()]).prop_map(
        |(reason, detail, verdict, opened, [actions, denied, bytes_in, bytes_out])| {
            Kind::Closed(Closed { reason, detail, verdict, opened, actions, denied, bytes_in, bytes_out })
        },
    );
    let acted = (action(), decision(), option::of(outcome())).prop_map(|(action, decision, outcome)| Kind::Acted {
        action,
        decision,
        outcome,
    });
    let resulted = (full(), select(Class::ALL), outcome()).prop_map(|(action, class, outcome)| Kind::Resulted {
        action,
        class,
        outcome,
    });
    prop_oneof![Just(Kind::Opened), refused, closed, acted, resulted]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let account = (text(), some()).prop_map(|(name, credential)| Account { name, credential });
    let taught = (vec(disclosure(), 0..4), vec(decoy(), 0..3));
    (full(), time(), full(), identity(), source(), target(), account, taught, kind()).prop_map(
        |(id, time, session, identity, source, target, account, (disclosures, presented), kind)| Event {
            id,
            time,
            session,
            identity,
            source,
            target,
            account,
            disclosures,
            presented,
            kind,
        },
    )
}

fn chunk() -> impl Strategy<Value = Chunk> {
    (full(), count(), time(), select(Stream::ALL), vec(any::<u8>(), 0..64), text(), text()).prop_map(
        |(session, index, time, stream, data, root, target)| Chunk {
            session,
            index,
            time,
            stream,
            data,
            root,
            target,
        },
    )
}

fn hop() -> impl Strategy<Value = Hop> {
    (time(), text(), text(), text(), text(), text(), text(), text(), text(), texts()).prop_map(
        |(time, session, actor, source, target, protocol, account, cause, evidence, events)| Hop {
            time,
            session,
            actor,
            source,
            target,
            protocol,
            account,
            cause,
            evidence,
            events,
        },
    )
}

fn alert() -> impl Strategy<Value = Alert> {
    let technique = (text(), text(), text()).prop_map(|(tactic, id, name)| Technique { tactic, id, name });
    let head = (full(), time(), text(), full(), text(), text(), text(), select(Severity::ALL));
    let tail = ([0..1001_u32, 0..101_u32, 0..9_u32], vec(hop(), 0..4), vec(technique, 0..3), some());
    (head, tail).prop_map(
        |(
            (id, time, detection, root, actor, title, explanation, severity),
            ([risk, confidence, revision], chain, techniques, verdict),
        )| Alert {
            id,
            time,
            detection,
            root,
            actor,
            title,
            explanation,
            severity,
            risk,
            confidence,
            chain,
            techniques,
            verdict,
            revision,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let scope = (some(), some(), some(), some(), some())
        .prop_map(|(root, actor, session, source, target)| Scope { root, actor, session, source, target })
        .prop_filter("a scope that covers something", |scope| !scope.is_empty());
    let head = (full(), time(), scope, select(Stop::ALL), select(Mode::ALL), time());
    (head, (text(), texts(), some(), text(), any::<bool>())).prop_map(
        |((id, time, scope, effect, mode, until), (reason, evidence, alert, by, revoked))| Verdict {
            id,
            time,
            scope,
            effect,
            mode,
            until,
            reason,
            evidence,
            alert,
            by,
            revoked,
        },
    )
}

fn resolution() -> impl Strategy<Value = Resolution> {
    (full(), time(), full(), select(Finding::ALL), text(), text())
        .prop_map(|(alert, time, root, finding, by, note)| Resolution { alert, time, root, finding, by, note })
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    let who = (text(), full(), select(Topic::ALL.to_vec()), count(), time());
    let keys =
        (any::<[u8; 32]>(), any::<[u8; 32]>(), option::of(any::<[u8; 32]>()), any::<[u8; 32]>(), any::<[u8; 32]>());
    (who, keys).prop_map(|((proxy, spool, chain, sequence, time), (head, key, successor, left, right))| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&left);
        signature[32..].copy_from_slice(&right);
        Checkpoint { proxy, spool, chain, sequence, head: Digest(head), time, key, successor, signature }
    })
}
