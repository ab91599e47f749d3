//! The simulation: the same plan gives the same events, attacks are what they say, and the report's figures are right.

use interdict_detector::simulation::{
    Attack, AttackKind, Cause, Hop, ISSUER, Label, Plan, Report, Routine, Tally, interval,
};
use interdict_detector::{Detector, Output, Settings};
use interdict_schemas::{
    Alert, Event, Identity, Kind, Mode, Principal, PrincipalKind, Protocol, Scope, Severity, Source, Stop, Time,
    Verdict,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

fn small() -> Plan {
    Plan { days: 10, identities: 75, sessions_per_day: 200, attacks: 18, ..Plan::default() }
}

fn digest(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    plan.stream().for_each(|event| hash.update(serde_json::to_vec(&event).expect("JSON")));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_seed_others() {
    assert_eq!(digest(&small()), digest(&small()));
    assert_ne!(digest(&small()), digest(&Plan { seed: 2, ..small() }));
}

#[test]
fn a_seed_gives_these_events_on_every_machine() {
    let mut hash = Sha256::new();
    for event in small().stream() {
        let said =
            (&event.id, event.time, event.identity.actor(), &event.source, &event.target.name, &event.disclosures);
        hash.update(serde_json::to_vec(&said).expect("JSON"));
    }
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // Changes with the generator, and with nothing else.
    assert_eq!(digest, "10e6b888dcdacb73");
}

#[test]
fn an_alert_shows_the_hops_that_its_title_tells_of_also_once_it_has_grown() {
    let mut detector = Detector::new(Settings::default());
    let (mut alerts, mut grown) = (0, 0);
    for event in (Plan { days: 14, ..small() }).stream() {
        for output in detector.observe(&event) {
            let Output::Alert(alert) = output else { continue };
            let Some((_, way)) = alert.title.split_once(" moved ") else { continue };
            alerts += 1;
            grown += usize::from(!alert.explanation.contains(&alert.chain.last().expect("a hop").evidence));
            for name in way.trim_start_matches("... -> ").split(" -> ") {
                let is_shown = alert.chain.iter().any(|hop| hop.source == name || hop.target == name);
                assert!(is_shown, "{name} of {} in {:?}", alert.title, alert.chain);
            }
        }
    }
    assert!(alerts > 20 && grown > 0, "{alerts}, {grown}");
}

#[test]
fn attacks_change_nothing_in_what_is_legitimate() {
    let legitimate = |attacks| {
        let mut stream = Plan { attacks, ..small() }.stream();
        let mut events = Vec::new();
        while let Some((label, event)) = stream.next_labelled() {
            if matches!(label, Label::Legitimate(_)) {
                events.push(event);
            }
        }
        events
    };
    assert!(legitimate(0) == legitimate(18));
}

#[test]
fn events_come_in_time_order_with_ids_of_their_own_and_whole_sessions() {
    let mut ids = BTreeSet::new();
    let mut open: BTreeMap<String, Time> = BTreeMap::new();
    let mut newest = Time::default();
    for event in small().stream() {
        assert!(event.time >= newest, "{} is earlier than the one before", event.id);
        newest = event.time;
        assert!(ids.insert(event.id.clone()), "{} comes twice", event.id);
        assert_eq!(event.identity.issuer, ISSUER);
        match &event.kind {
            Kind::Opened => assert!(open.insert(event.session.clone(), event.time).is_none()),
            Kind::Refused(_) => assert!(!open.contains_key(&event.session)),
            Kind::Closed(closed) => assert_eq!(open.remove(&event.session), Some(closed.opened)),
            Kind::Acted { .. } | Kind::Resulted { .. } => assert!(open.contains_key(&event.session)),
        }
    }
    assert!(open.is_empty(), "{} sessions are never closed", open.len());
}

/// The opening of each session, and what its answers told.
fn sessions(plan: &Plan) -> (Vec<Attack>, BTreeMap<String, (Label, Event)>) {
    let mut stream = plan.stream();
    let mut sessions: BTreeMap<String, (Label, Event)> = BTreeMap::new();
    while let Some((label, event)) = stream.next_labelled() {
        if let Some((_, opened)) = sessions.get_mut(&event.session) {
            opened.disclosures.extend(event.disclosures);
        } else {
            sessions.insert(event.session.clone(), (label, event));
        }
    }
    (stream.attacks().to_vec(), sessions)
}

#[test]
fn attacks_have_the_hops_that_they_claim() {
    let (attacks, sessions) = sessions(&Plan { attacks: 90, identities: 300, ..small() });
    assert_eq!(attacks.len(), 90);
    for (number, attack) in (0..).zip(&attacks) {
        assert_eq!(attack.hops[0].cause, Cause::Foothold);
        for (at, hop) in (0..).zip(&attack.hops) {
            let told = format!("{} hop {}", attack.kind, at + 1);
            let Some((label, opened)) = sessions.get(&hop.session) else {
                assert!(!hop.observed, "{told} has no events");
                continue;
            };
            assert!(hop.observed, "{told} has events");
            assert_eq!(*label, Label::Attack { attack: number, hop: at + 1 }, "{told}");
            assert_eq!((opened.time, &opened.target.name), (hop.time, &hop.target), "{told}");
            assert_eq!(opened.target.protocol, hop.protocol, "{told}");
            assert_eq!(opened.identity.actor().id, hop.actor, "{told}");
            let Some(before) = at.checked_sub(1).map(|at| &attack.hops[at as usize]) else { continue };
            let from = opened.source.target.as_ref();
            assert!(before.time < hop.time, "{told}");
            match hop.cause {
                Cause::Disclosure | Cause::Credential | Cause::Relay => {
                    let (_, taught) = &sessions[&before.session];
                    let teaches = taught.disclosures.iter().any(|told| told.target.as_ref() == Some(&hop.target));
                    assert!(teaches, "{told}: nobody told of {}", hop.target);
                }
                Cause::Host | Cause::Switch | Cause::Channel => {
                    let reached: Vec<_> = attack.hops[..at as usize].iter().map(|hop| &hop.target).collect();
                    assert!(from.is_some_and(|from| reached.contains(&from)), "{told}: {from:?} was not reached");
                }
                Cause::Delegation => assert!(opened.identity.delegation.is_some(), "{told}"),
                Cause::Foothold | Cause::Unseen => {}
            }
            // A spliced delegation acts for somebody else as well; but for it, nobody changes without a cause.
            let may_change = matches!(hop.cause, Cause::Switch | Cause::Relay | Cause::Delegation);
            assert!(may_change || before.root == hop.root, "{told}");
        }
    }
    let of = |kind| attacks.iter().filter(move |attack| attack.kind == kind);
    assert!(of(AttackKind::Flagship).all(|attack| {
        let protocols: Vec<_> = attack.hops.iter().take(3).map(|hop| hop.protocol).collect();
        protocols == [Protocol::Postgres, Protocol::Ssh, Protocol::Kubernetes]
    }));
    assert!(of(AttackKind::Fanout).all(|attack| attack.hops.len() == 16));
    assert!(of(AttackKind::Bypass).all(|attack| attack.hops.iter().any(|hop| !hop.observed)));
}

#[test]
fn every_kind_of_activity_and_attack_occurs() {
    let (attacks, sessions) = sessions(&Plan { identities: 300, sessions_per_day: 1500, days: 14, ..small() });
    let kinds: BTreeSet<_> = attacks.iter().map(|attack| attack.kind).collect();
    assert_eq!(kinds.len(), AttackKind::ALL.len());
    let routines: BTreeSet<_> = sessions
        .values()
        .filter_map(|(label, _)| if let Label::Legitimate(kind) = label { Some(*kind) } else { None })
        .collect();
    let missing: Vec<_> = Routine::ALL.iter().filter(|kind| !routines.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn sessions_a_day_are_about_what_was_asked_for() {
    let check = |identities, sessions_per_day| {
        // A working week.
        let plan = Plan { days: 5, identities, sessions_per_day, attacks: 0, ..Plan::default() };
        let opened = plan.stream().filter(|event| event.kind == Kind::Opened).count() as u32 / 5;
        let range = sessions_per_day * 7 / 10..=sessions_per_day * 13 / 10;
        assert!(range.contains(&opened), "{opened} of {sessions_per_day} for {identities} identities");
    };
    check(400, 2000);
    check(2000, 4000);
    check(100, 3000);
}

#[test]
fn any_plan_can_be_played() {
    let check = |plan: Plan| {
        let report = Tally::of(&plan.stream()).finish();
        assert_eq!(report.attacks.len(), plan.attacks as usize);
        assert!(plan.stream().take(20_000).all(|event| !event.id.is_empty()), "{plan:?}");
    };
    let least = Plan { days: 1, identities: 1, sessions_per_day: 0, attacks: 0, ..Plan::default() };
    assert_eq!(least.stream().count(), 0);
    check(least.clone());
    check(Plan { sessions_per_day: 100, ..least.clone() });
    check(Plan { attacks: 18, ..least.clone() });
    check(Plan { days: 0, identities: 0, ..least.clone() });
    check(Plan { days: 2, identities: 7, attacks: 50, kinds: vec![AttackKind::Spread], ..least.clone() });
    check(Plan { days: u32::MAX, attacks: 9, seed: u64::MAX, start: Time(i64::MIN), ..least.clone() });
    check(Plan { sessions_per_day: 200_000, attacks: 9, start: Time(i64::MAX), ..least });
}

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Time {
    Time::default().plus_seconds(seconds)
}

/// Three hops by `eve` on the third day, at its noon and an hour and two later.
fn attack() -> Attack {
    let hop = |number: i64| Hop {
        time: at(2 * DAY + 43_200 + number * 3600),
        session: format!("attack-{number}"),
        root: "eve".into(),
        actor: "eve".into(),
        source: "laptop".into(),
        target: format!("target-{number}"),
        protocol: Protocol::Ssh,
        account: "deploy".into(),
        cause: if number == 0 { Cause::Foothold } else { Cause::Disclosure },
        observed: true,
    };
    Attack { kind: AttackKind::Flagship, hops: (0..3).map(hop).collect() }
}

fn opened(root: &str, session: &str, time: Time) -> Event {
    // Any event will do but for these.
    let event = small().stream().next().expect("an event");
    let chain = vec![Principal { id: root.into(), kind: PrincipalKind::Person }];
    Event {
        id: format!("{session}/open"),
        time,
        session: session.into(),
        identity: Identity::new(ISSUER, chain).expect("a chain"),
        source: Source::default(),
        kind: Kind::Opened,
        ..event
    }
}

fn alert(id: &str, root: &str, time: Time, sessions: &[&str]) -> Output {
    let hop = |session: &&str| interdict_schemas::Hop {
        time,
        session: (*session).into(),
        actor: root.into(),
        source: String::new(),
        target: String::new(),
        protocol: String::new(),
        account: String::new(),
        cause: String::new(),
        evidence: String::new(),
        events: Vec::new(),
    };
    Output::Alert(Alert {
        id: id.into(),
        time,
        detection: "guess".into(),
        root: root.into(),
        actor: root.into(),
        title: "a title".into(),
        explanation: String::new(),
        severity: Severity::Low,
        risk: 1,
        confidence: 1,
        chain: sessions.iter().map(hop).collect(),
        techniques: Vec::new(),
        verdict: None,
        revision: 1,
    })
}

fn stop(alert: &str, root: &str, time: Time) -> Output {
    Output::Verdict(Verdict {
        id: format!("v-{alert}"),
        time,
        scope: Scope { root: Some(root.into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: time.plus_seconds(DAY),
        reason: String::new(),
        evidence: Vec::new(),
        alert: Some(alert.into()),
        by: "guess".into(),
        revoked: false,
    })
}

/// The attack, what is said at each of its hops, and what `dana` does besides.
fn told(at_hop: [Vec<Output>; 3], besides: Vec<(Event, Vec<Output>)>) -> Report {
    let attack = attack();
    let mut tally = Tally::new(Time::default(), 4, 1, std::slice::from_ref(&attack));
    for (event, outputs) in besides {
        tally.event(Label::Legitimate(Routine::Runbook), &event, &outputs);
    }
    for (number, (hop, outputs)) in (1..).zip(attack.hops.iter().zip(at_hop)) {
        let label = Label::Attack { attack: 0, hop: number };
        tally.event(label, &opened("eve", &hop.session, hop.time), &outputs);
    }
    tally.finish()
}

#[test]
fn an_attack_is_caught_at_the_hop_it_had_reached_and_the_next_one_is_refused() {
    let hops = attack().hops;
    let second = hops[1].time;
    let said = vec![stop("a", "eve", second), alert("a", "eve", second.plus_seconds(2), &["attack-0", "attack-1"])];
    let report = told([vec![], said, vec![]], vec![]);
    let outcome = &report.attacks[0];
    let caught = outcome.caught.as_ref().expect("caught");
    assert_eq!((caught.hop, caught.after_us, caught.detection.as_str()), (2, 2_000_000, "guess"));
    assert_eq!((outcome.cut, outcome.refused), (Some(2), Some(3)));
    assert_eq!((report.caught(), report.stopped(), report.percent()), (1, 1, 100.0));
    assert_eq!(report.hops(), [0, 1]);
    assert_eq!(report.days[2].true_alerts, 1);
    assert_eq!((report.kinds[0].attacks, report.kinds[0].caught, report.kinds[0].stopped), (1, 1, 1));
    assert_eq!((report.detections[0].first, report.detections[0].true_alerts), (1, 1));
}

#[test]
fn what_waits_for_approval_is_told_from_what_is_stopped() {
    let held = |alert: &str, root: &str, time: Time| match stop(alert, root, time) {
        Output::Verdict(verdict) => Output::Verdict(Verdict { effect: Stop::Hold, ..verdict }),
        Output::Alert(_) => unreachable!("it is a verdict"),
    };
    let second = attack().hops[1].time;
    let of = |give: &dyn Fn(&str, &str, Time) -> Output| {
        let said = vec![give("a", "eve", second), alert("a", "eve", second, &["attack-0", "attack-1"])];
        let besides = vec![
            (opened("dana", "s1", at(DAY)), vec![give("b", "dana", at(DAY))]),
            (opened("dana", "s2", at(DAY + 1)), vec![]),
        ];
        let report = told([vec![], said, vec![]], besides);
        assert_eq!((report.stopped(), report.false_blocks().0), (1, 1));
        (report.held(), report.false_holds())
    };
    assert_eq!(of(&stop), (0, 0));
    assert_eq!(of(&held), (1, 1));
}

#[test]
fn an_alert_about_the_foothold_alone_or_too_late_catches_nothing() {
    let check = |time: Time, sessions: &[&str]| {
        let report = told([vec![], vec![], vec![alert("a", "eve", time, sessions)]], vec![]);
        assert_eq!((report.caught(), report.neutral_alerts, report.percent()), (0, 1, 0.0));
        assert_eq!(report.false_alerts_per_day(), 0.0);
    };
    let last = attack().hops[2].time;
    check(last, &["attack-0"]);
    check(last.plus_seconds(3601), &["attack-0", "attack-1"]);
}

#[test]
fn noise_is_counted_once_an_alert_and_from_the_first_day_that_counts() {
    let day = |day: i64, session: &str| opened("dana", session, at(day * DAY + 60));
    let said = |id: &str, number: i64| alert(id, "dana", at(number * DAY + 60), &["s"]);
    let report = told(
        [vec![], vec![], vec![]],
        vec![
            (day(0, "s0"), vec![said("early", 0)]),
            (day(1, "s1"), vec![said("a", 1), said("a", 1), stop("a", "dana", at(DAY + 60))]),
            (day(1, "s2"), vec![]),
            (opened("other", "s3", at(DAY + 60)), vec![]),
            // The verdict has run out.
            (day(3, "s4"), vec![said("b", 3)]),
        ],
    );
    assert_eq!(report.noise.len(), 1);
    let noise = report.noise[0];
    assert_eq!((noise.sessions, noise.alerts, noise.blocks, noise.collateral), (4, 2, 1, 0));
    assert_eq!(report.false_blocks(), (1, 4));
    assert_eq!(report.false_alerts_per_day(), 2.0 / 3.0);
    assert_eq!(report.days.iter().map(|day| day.false_alerts).collect::<Vec<_>>(), [1, 1, 0, 1]);
    assert_eq!(report.detections[0].false_alerts, 3);
}

#[test]
fn an_interval_holds_its_share() {
    let check = |part, whole, low: f64, high: f64| {
        let (found_low, found_high) = interval(part, whole);
        assert!((found_low - low).abs() < 0.1 && (found_high - high).abs() < 0.1, "{found_low} to {found_high}");
    };
    check(0, 0, 0.0, 100.0);
    check(0, 10, 0.0, 27.8);
    check(5, 10, 23.7, 76.3);
    check(10, 10, 72.2, 100.0);
}
