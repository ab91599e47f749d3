//! One message of every kind, with every field filled. They never change; new ones are added.

use interdict_schemas::{
    Account, Action, Alert, Checkpoint, Chunk, Class, Closed, Decision, DecoyPlace, DecoyUse, Delegation, Digest,
    Disclosure, DisclosureKind, Effect, Envelope, Event, Finding, Hop, Identity, Judged, Kind, Message, Mode,
    Outcome, Principal, PrincipalKind, Protocol, Refused, Resolution, Scope, Severity, Source, Stamp, Status, Stop,
    Stream, Target, Technique, Time, Topic, Verb, Verdict,
};

const AT: Time = Time(1_772_438_494_784_123);

/// Every kind by the name of its file.
pub(crate) fn all() -> Vec<(&'static str, Envelope)> {
    let stamped = |message| Envelope {
        stamp: Some(Stamp {
            proxy: "gw-1".into(),
            spool: "01KB0000000000000000000000".into(),
            sequence: 42,
            previous: None,
        }),
        message,
    };
    let bare = |message| Envelope { stamp: None, message };
    let event = |kind| stamped(Message::Event(event(kind)));
    vec![
        ("opened", event(Kind::Opened)),
        ("refused", event(Kind::Refused(refused()))),
        ("closed", event(Kind::Closed(closed()))),
        ("acted", event(Kind::Acted { action: action(), decision: decision(), outcome: None })),
        ("acted-imported", event(Kind::Acted { action: action(), decision: decision(), outcome: Some(outcome()) })),
        (
            "resulted",
            event(Kind::Resulted {
                action: "01KB0000000000000000000004".into(),
                class: Class::Statement,
                outcome: outcome(),
            }),
        ),
        ("decoy", stamped(Message::Event(decoy()))),
        ("chunk", stamped(Message::Chunk(chunk()))),
        ("alert", bare(Message::Alert(alert()))),
        ("verdict", bare(Message::Verdict(verdict()))),
        ("judged", bare(Message::Judged(Judged { partition: 3, offset: 1_000_000, time: AT }))),
        ("resolution", bare(Message::Resolution(resolution()))),
        ("checkpoint", bare(Message::Checkpoint(checkpoint()))),
        ("chained", Envelope { stamp: Some(chained()), message: Message::Chunk(chunk()) }),
    ]
}

fn chained() -> Stamp {
    let (proxy, spool) = ("gw-1".into(), "01KB0000000000000000000000".into());
    Stamp { proxy, spool, sequence: 42, previous: Some(Digest([7; 32])) }
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        proxy: "gw-1".into(),
        spool: "01KB0000000000000000000000".into(),
        chain: Topic::Events,
        sequence: 42,
        head: Digest([1; 32]),
        time: AT,
        key: [2; 32],
        successor: Some([3; 32]),
        signature: [4; 64],
    }
}

fn event(kind: Kind) -> Event {
    let principal = |id: &str, kind| Principal { id: id.into(), kind };
    let chain = vec![
        principal("user:root", PrincipalKind::Person),
        principal("agent:planner", PrincipalKind::Agent),
        principal("agent:planner/runner", PrincipalKind::Agent),
    ];
    let mut identity = Identity::new("https://issuer.example", chain).expect("a chain of three");
    identity.groups = vec!["platform".into(), "on-call".into()];
    identity.delegation = Some(Delegation { id: "grant-2".into(), parent: "grant-1".into() });
    Event {
        id: "01KB0000000000000000000001".into(),
        time: AT,
        session: "01KB0000000000000000000002".into(),
        identity,
        source: Source {
            address: "10.200.4.188".parse().ok(),
            port: 50_112,
            host: Some("runner-7.ci.example".into()),
            target: Some("bastion-3".into()),
        },
        target: Target {
            name: "orders-db".into(),
            protocol: Protocol::Postgres,
            host: Some("db.internal".into()),
            address: "2001:db8::5".parse().ok(),
            port: 5432,
            alias: Some("orders.svc".into()),
        },
        account: Account { name: "app_rw".into(), credential: Some("c-0a1b2c".into()) },
        // The kinds there were when these samples were made.
        disclosures: DisclosureKind::ALL[..5]
            .iter()
            .map(|kind| Disclosure { kind: *kind, value: format!("a {kind}"), target: Some("bastion-3".into()) })
            .collect(),
        presented: Vec::new(),
        kind,
    }
}

/// A decoy planted, and one presented in every place.
fn decoy() -> Event {
    let planted = Disclosure {
        kind: DisclosureKind::Decoy,
        value: "1f0c5a2b9d3e4f60".into(),
        target: Some("orders-db".into()),
    };
    let presented = DecoyPlace::ALL.iter().map(|place| DecoyUse {
        session: "01KB0000000000000000000009".into(),
        field: "public.users.password".into(),
        target: "orders-db".into(),
        place: *place,
    });
    let refused = Refused { reason: "decoy".into(), detail: "a decoy was presented".into(), verdict: None };
    Event { disclosures: vec![planted], presented: presented.collect(), ..event(Kind::Refused(refused)) }
}

fn refused() -> Refused {
    Refused {
        reason: "verdict".into(),
        detail: "stopped until 10:00 by verdict v-1".into(),
        verdict: Some("v-1".into()),
    }
}

fn closed() -> Closed {
    Closed {
        reason: "verdict".into(),
        detail: "cut".into(),
        verdict: Some("v-1".into()),
        opened: AT.plus_seconds(-90),
        actions: 12,
        denied: 1,
        bytes_in: 4_096,
        bytes_out: 1_048_576,
    }
}

fn action() -> Action {
    Action {
        id: "01KB0000000000000000000004".into(),
        class: Class::Statement,
        verb: Verb::Read,
        text: "SELECT name, address FROM connections WHERE service = $1".into(),
        objects: vec!["public.connections".into()],
        parameters_digest: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        database: Some("orders".into()),
    }
}

fn decision() -> Decision {
    Decision {
        effect: Effect::Deny,
        reason: "reads of connections need a ticket".into(),
        policies: vec!["p7".into()],
    }
}

fn outcome() -> Outcome {
    Outcome {
        status: Status::Failure,
        code: "42501".into(),
        detail: "permission denied for table connections".into(),
        rows: 3,
        bytes_in: 87,
        bytes_out: 311,
        duration_us: 1_250,
    }
}

fn chunk() -> Chunk {
    Chunk {
        session: "01KB0000000000000000000002".into(),
        index: 7,
        time: AT,
        stream: Stream::Output,
        data: b"\x1b[1m$ \x1b[0m\xff\x00".to_vec(),
        root: "user:root".into(),
        target: "bastion-3".into(),
    }
}

fn alert() -> Alert {
    Alert {
        id: "a-1".into(),
        time: AT,
        detection: "disclosed_target".into(),
        root: "user:root".into(),
        actor: "agent:planner/runner".into(),
        title: "agent:planner/runner opened bastion-3, which orders-db had disclosed to it".into(),
        explanation: "A response of orders-db named bastion-3; 40 s later it was opened over SSH.".into(),
        severity: Severity::High,
        risk: 870,
        confidence: 93,
        chain: vec![Hop {
            time: AT,
            session: "01KB0000000000000000000002".into(),
            actor: "agent:planner/runner".into(),
            source: "runner-7.ci.example".into(),
            target: "orders-db".into(),
            protocol: "postgres".into(),
            account: "app_rw".into(),
            cause: "start".into(),
            evidence: "read public.connections".into(),
            events: vec!["01KB0000000000000000000001".into()],
        }],
        techniques: vec![Technique {
            tactic: "TA0008".into(),
            id: "T1021.004".into(),
            name: "Remote Services: SSH".into(),
        }],
        verdict: Some("v-1".into()),
        revision: 2,
    }
}

fn verdict() -> Verdict {
    let some = |text: &str| Some(text.to_owned());
    Verdict {
        id: "v-1".into(),
        time: AT,
        scope: Scope {
            root: some("user:root"),
            actor: some("agent:planner"),
            session: some("01KB0000000000000000000002"),
            source: some("bastion-3"),
            target: some("cluster-api"),
        },
        effect: Stop::Stop,
        mode: Mode::Shadow,
        until: AT.plus_seconds(3_600),
        reason: "movement from orders-db to bastion-3".into(),
        evidence: vec!["01KB0000000000000000000001".into()],
        alert: some("a-1"),
        by: "disclosed_target".into(),
        revoked: true,
    }
}

fn resolution() -> Resolution {
    Resolution {
        alert: "a-1".into(),
        time: AT,
        root: "user:root".into(),
        finding: Finding::Malicious,
        by: "erin".into(),
        note: "the owner did not start this run".into(),
    }
}
