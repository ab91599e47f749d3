//! Messages to collect.

use interdict_schemas::{
    Account, Alert, Chunk, Closed, Disclosure, DisclosureKind, Event, Finding, Identity, Kind, Message, Mode,
    Principal, PrincipalKind, Protocol, Resolution, Scope, Severity, Source, Stop, Stream, Target, Time, Verdict,
};

/// Noon of 2026-03-02, UTC.
pub(crate) const NOON: Time = Time(1_772_452_800_000_000);

/// The `number`th event of a root; every second opens a session, every third discloses two things.
pub(crate) fn event(root: &str, number: u64, time: Time) -> Message {
    let chain = vec![Principal { id: root.into(), kind: PrincipalKind::Workload }];
    let disclosed = |value: &str| Disclosure { kind: DisclosureKind::HostName, value: value.into(), target: None };
    Message::Event(Event {
        id: format!("{root}-{number}"),
        time,
        session: format!("session of {root}"),
        identity: Identity::new("https://issuer.example", chain).expect("a chain of one"),
        source: Source { address: "10.0.0.1".parse().ok(), ..Source::default() },
        target: Target {
            name: "orders-db".into(),
            protocol: Protocol::Postgres,
            host: None,
            address: None,
            port: 5432,
            alias: None,
        },
        account: Account { name: "app".into(), credential: None },
        disclosures: if number.is_multiple_of(3) {
            vec![disclosed("a.example"), disclosed("b.example")]
        } else {
            Vec::new()
        },
        presented: Vec::new(),
        kind: if number.is_multiple_of(2) {
            Kind::Opened
        } else {
            Kind::Resulted {
                action: format!("action {number}"),
                class: interdict_schemas::Class::Statement,
                outcome: interdict_schemas::Outcome {
                    status: interdict_schemas::Status::Success,
                    code: String::new(),
                    detail: String::new(),
                    rows: number,
                    bytes_in: 10,
                    bytes_out: 20,
                    duration_us: 30,
                },
            }
        },
    })
}

/// An event at first sight: its target's protocol, fields 10, 6 and 2, stands there once more, of which the last counts.
pub(crate) fn hollow() -> Vec<u8> {
    [closed_at(NOON).encode(), b"\x52\x0c\x32\x0a\x12\x08nonsense".to_vec()].concat()
}

/// A session's end at a time that no calendar has.
pub(crate) fn closed_at(time: Time) -> Message {
    let Message::Event(mut event) = event("wild", 1, time) else { unreachable!("an event") };
    event.kind = Kind::Closed(Closed {
        reason: "client".into(),
        detail: String::new(),
        verdict: None,
        opened: time,
        actions: u64::MAX,
        denied: 0,
        bytes_in: 0,
        bytes_out: 0,
    });
    Message::Event(event)
}

pub(crate) fn chunk(session: &str, index: u64) -> Message {
    Message::Chunk(Chunk {
        session: session.into(),
        index,
        time: NOON,
        stream: Stream::Output,
        data: vec![0xff; 8],
        root: "root".into(),
        target: "bastion".into(),
    })
}

pub(crate) fn alert(id: &str) -> Message {
    Message::Alert(Alert {
        id: id.into(),
        time: NOON,
        detection: "disclosed_target".into(),
        root: "root".into(),
        actor: "root".into(),
        title: String::new(),
        explanation: String::new(),
        severity: Severity::High,
        risk: 900,
        confidence: 90,
        chain: Vec::new(),
        techniques: Vec::new(),
        verdict: None,
        revision: 1,
    })
}

pub(crate) fn verdict(id: &str, until: Time) -> Message {
    Message::Verdict(Verdict {
        id: id.into(),
        time: NOON,
        scope: Scope { root: Some("root".into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until,
        reason: "movement".into(),
        evidence: Vec::new(),
        alert: None,
        by: "disclosed_target".into(),
        revoked: false,
    })
}

pub(crate) fn resolution(alert: &str) -> Message {
    Message::Resolution(Resolution {
        alert: alert.into(),
        time: NOON,
        root: "root".into(),
        finding: Finding::Benign,
        by: "erin".into(),
        note: String::new(),
    })
}
