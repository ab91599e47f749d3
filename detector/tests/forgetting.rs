//! What is forgotten, and when: memory follows what happens and not how long it has been happening, and no time that
//! somebody writes into an event keeps anything or loses it.

use crate::story::events;
use interdict_detector::{Bounds, Detector, Output, Settings};
use interdict_schemas::{Delegation, Event, Finding, Resolution, Stop, Time};

const DAY_S: i64 = 86_400;

/// A story's events so many days later, under ids of their own.
fn later(story: &[Event], days: i64) -> Vec<Event> {
    let moved = story.iter().cloned().map(|mut event| {
        event.time = event.time.plus_seconds(days * DAY_S);
        let own = format!("/{}/{}+{days}", event.identity, event.target.name);
        event.id.push_str(&own);
        event.session.push_str(&own);
        event
    });
    moved.collect()
}

/// So many events of one day that say nothing, for the clock and for ageing.
fn quiet(days: i64, count: usize) -> Vec<Event> {
    let story = later(&events("08:00 clerk@desk web/http open\n08:01 clerk@desk web/http runs GET"), days);
    let [open, runs] = &story[..] else { panic!("two events: {story:?}") };
    let goes_on = (0..count).map(|at| Event { id: format!("{}/{at}", runs.id), ..runs.clone() });
    std::iter::once(open.clone()).chain(goes_on).collect()
}

fn fold(detector: &mut Detector, events: &[Event]) -> Vec<Output> {
    events.iter().flat_map(|event| detector.observe(event)).collect()
}

const FLAGSHIP: &str = "
    target bastion host=bastion.internal
    09:00 dana>runner@sandbox config-db/postgres open
    09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
    09:02 dana>runner@sandbox bastion/ssh open
";

/// The same elsewhere, by somebody else.
const OTHER: &str = "
    target vault host=vault.internal
    09:00 eve>helper@shed wiki/postgres open
    09:01 eve>helper@shed wiki/postgres reads hosts host_name=vault.internal
    09:02 eve>helper@shed vault/ssh open
";

#[test]
fn agents_that_live_for_a_day_are_forgotten_also_those_that_agents_spawned() {
    let mut detector = Detector::new(Settings::default());
    let grant = |event: &mut Event, id: String, parent: &str| {
        event.identity.delegation = Some(Delegation { id, parent: parent.into() });
    };
    let mut most = 0;
    for day in 0..200 {
        let spawned = later(&events("09:00 dana>planner@desk web/http open\n09:01 dana>job@desk web/http open"), day);
        let [mut planner, mut job] = <[Event; 2]>::try_from(spawned).expect("two");
        grant(&mut planner, format!("plan-{day}"), "login");
        grant(&mut job, format!("job-{day}"), &format!("plan-{day}"));
        let name = format!("agent:job-{day}");
        job.identity = renamed(&job, &name);
        fold(&mut detector, &[planner, job]);
        fold(&mut detector, &quiet(day, 200));
        most = most.max(detector.size().actors);
    }
    assert!((50..80).contains(&most), "of one a day those of {} days: {most}", Settings::default().horizon_days);
}

/// The identity of an event with its actor called otherwise.
fn renamed(event: &Event, actor: &str) -> interdict_schemas::Identity {
    let identity = &event.identity;
    let mut delegate = identity.actor().clone();
    delegate.id = actor.into();
    let mut other = interdict_schemas::Identity::rooted(&identity.issuer, identity.root().clone(), vec![delegate]);
    other.delegation.clone_from(&identity.delegation);
    other
}

#[test]
fn a_scan_s_targets_are_bounded_and_soon_forgotten_and_those_in_use_stay() {
    let bounds = Bounds { places: 1_000, ..Bounds::default() };
    let mut detector = Detector::new(Settings { bounds, ..Settings::default() });
    fold(&mut detector, &quiet(0, 4));
    let knock = events("09:00 scanner@desk nowhere/http refused target").remove(0);
    for at in 0..20_000 {
        let mut event = Event { id: format!("knock-{at}"), session: format!("s-{at}"), ..knock.clone() };
        event.target.name = format!("10.1.{}.{}", at / 256, at % 256);
        event.target.address = Some(event.target.name.parse().expect("an address"));
        detector.observe(&event);
        assert!(detector.size().places <= 1_001, "{at}");
    }
    assert!(detector.counts().forgotten >= 18_000, "{:?}", detector.counts());
    for day in 1..5 {
        fold(&mut detector, &quiet(day, 1_000));
    }
    assert_eq!(detector.size().places, 1, "what is used");
    for day in 5..80 {
        let other: Vec<Event> = later(&events("08:00 clerk@desk other/http open"), day);
        fold(&mut detector, &other);
    }
    assert_eq!(detector.size().places, 1, "what is used now, and not what was for months");
}

#[test]
fn a_hop_dated_ahead_keeps_no_others_and_a_late_one_counts() {
    let mut detector = Detector::new(Settings::default());
    fold(&mut detector, &quiet(-9, 40));
    assert!(!fold(&mut detector, &later(&events(FLAGSHIP), 400)).is_empty(), "it is judged");
    let mut most = 0;
    for day in 0..40 {
        let who = format!("person-{day}>agent-{day}@");
        fold(&mut detector, &quiet(day, 20));
        fold(&mut detector, &later(&events(&FLAGSHIP.replace("dana>runner@", &who)), day));
        most = most.max(detector.size().hops);
    }
    assert!(most < 30, "hops of ten days, not of forty: {most}");
    // Twelve days late, as an import beside what is live may be.
    let late = fold(&mut detector, &later(&events(OTHER), 27));
    assert!(late.iter().any(|output| matches!(output, Output::Verdict(_))), "{late:?}");
}

#[test]
fn a_clock_that_was_led_astray_is_led_back() {
    let mut detector = Detector::new(Settings::default());
    fold(&mut detector, &later(&events("09:00 dana@desk web/http open"), 5_000));
    let today = quiet(0, 40);
    fold(&mut detector, &today);
    assert_eq!(detector.newest(), today[0].time.max(today[1].time));
    // A few that are late, however late, do not lead it back.
    fold(&mut detector, &quiet(-30, 10));
    fold(&mut detector, &quiet(0, 1));
    fold(&mut detector, &quiet(-30, 10));
    assert_eq!(detector.newest(), today[1].time);
}

#[test]
fn a_finding_counts_long_after_the_chain_itself_is_forgotten() {
    let mut detector = Detector::new(Settings::default());
    let said = fold(&mut detector, &events(FLAGSHIP));
    let alert = said.iter().find_map(|output| if let Output::Alert(alert) = output { Some(alert) } else { None });
    let alert = alert.expect("an alert").clone();
    (0..15).for_each(|day| drop(fold(&mut detector, &quiet(day, 40))));
    // Another chain; its hop makes room.
    fold(&mut detector, &later(&events(OTHER), 14));
    assert_eq!(detector.size().hops, 1);
    let resolution = |finding, time: Time| Resolution {
        alert: alert.id.clone(),
        time,
        root: alert.root.clone(),
        finding,
        by: "olga".into(),
        note: String::new(),
    };
    let outputs = detector.resolve(&resolution(Finding::Malicious, detector.newest()));
    let [Output::Verdict(verdict)] = &outputs[..] else { panic!("one verdict: {outputs:?}") };
    assert_eq!((verdict.effect, verdict.scope.actor.as_deref()), (Stop::Stop, Some("runner")));
    let benign = detector.resolve(&resolution(Finding::Benign, detector.newest()));
    assert!(matches!(&benign[..], [.., Output::Verdict(verdict)] if verdict.revoked), "{benign:?}");
    let again = fold(&mut detector, &later(&events(FLAGSHIP), 16));
    assert_eq!(again, [], "it is what it was said to be");
}

#[test]
fn a_batch_dated_ahead_costs_nobody_their_habit() {
    let mut detector = Detector::new(Settings::default());
    for day in 0..20 {
        fold(&mut detector, &quiet(day, 2_000));
    }
    let before = (detector.newest(), detector.size().edges);
    // One source's batch, all of one day years ahead, in a row.
    fold(&mut detector, &quiet(5_000, 200));
    fold(&mut detector, &quiet(20, 10));
    assert_eq!(detector.size().edges, before.1);
    assert!(detector.newest() < before.0.plus_seconds(2 * DAY_S), "{}", detector.newest());
}
