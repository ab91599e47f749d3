//! Events that somebody made to harm: folded without harm, and whatever else there is is judged as before.

use crate::story::events;
use interdict_detector::{Detector, Output, Settings};
use interdict_schemas::{Delegation, Disclosure, DisclosureKind, Event, Identity, Principal, PrincipalKind};

const PIVOT: &str = "
    target bastion host=bastion.internal
    09:00 dana>runner@sandbox config-db/postgres open
    09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
    09:02 dana>runner@sandbox bastion/ssh open
";

/// Folds hostile events and then a pivot; the pivot must be held, and nothing may have failed.
fn survives(hostile: impl IntoIterator<Item = Event>) -> Detector {
    let mut detector = Detector::new(Settings::default());
    for event in hostile {
        detector.observe(&event);
    }
    let said: Vec<Output> = events(PIVOT).iter().flat_map(|event| detector.observe(event)).collect();
    assert!(said.iter().any(|output| matches!(output, Output::Verdict(_))), "{said:?}");
    assert_eq!(detector.counts().broken, 0);
    detector
}

fn sample() -> Event {
    events("08:00 mallory>worm@cafe web/http open").remove(0)
}

fn chain(ids: &[&str]) -> Identity {
    let link = |id: &&str| Principal { id: (*id).into(), kind: PrincipalKind::Agent };
    Identity::new("https://login.example", ids.iter().map(link).collect()).expect("not empty")
}

#[test]
fn an_identity_of_ten_megabytes() {
    let mut event = sample();
    event.identity = chain(&["mallory", &"x".repeat(10 << 20)]);
    event.session = "y".repeat(10 << 20);
    event.target.name = "z".repeat(10 << 20);
    let detector = survives([event]);
    assert!(detector.size().bytes < 100 << 20, "what was sent, not a multiple of it: {:?}", detector.size());
}

#[test]
fn delegations_in_a_circle() {
    let circle = [("a", "g-1", "g-2"), ("b", "g-2", "g-1"), ("a", "g-1", "g-1"), ("a", "g-2", "g-2"), ("b", "", "")];
    let hostile = circle.iter().cycle().take(500).enumerate().map(|(at, (who, id, parent))| {
        let mut event = sample();
        (event.id, event.session) = (format!("e-{at}"), format!("s-{at}"));
        event.identity = chain(&["mallory", "b", "a", "b", who]);
        event.identity.delegation = Some(Delegation { id: (*id).into(), parent: (*parent).into() });
        event
    });
    let detector = survives(hostile);
    assert!(detector.size().actors < 8, "{:?}", detector.size());
}

#[test]
fn a_million_targets_in_one_disclosure() {
    let mut event =
        events("08:00 mallory>worm@cafe web/http open\n08:01 mallory>worm@cafe web/http imported\n").remove(1);
    let name =
        |at: u32| Disclosure { kind: DisclosureKind::HostName, value: format!("h-{at}.internal"), target: None };
    event.disclosures = (0..1_000_000).map(name).collect();
    let settings = Settings::default();
    let detector = survives([event]);
    assert!(detector.counts().forgotten >= 1_000_000 - settings.bounds.lessons as u64, "{:?}", detector.counts());
    assert!(detector.size().bytes < 16 << 20, "{:?}", detector.size());
}

#[test]
fn texts_that_are_empty_or_long_or_strange() {
    let texts = ["", " ", "\0", "..", "::1", "10.0.0.1", "\u{202e}txt", &"ü".repeat(4_000)];
    let hostile = texts.iter().enumerate().flat_map(|(at, text)| {
        let mut event = sample();
        (event.id, event.session) = (format!("e-{at}"), (*text).into());
        event.identity = chain(&[text, text]);
        event.target.name = (*text).into();
        event.target.host = Some((*text).into());
        event.source.host = Some((*text).into());
        event.account.name = (*text).into();
        event.disclosures = vec![Disclosure { kind: DisclosureKind::Account, value: (*text).into(), target: None }];
        let far = [i64::MIN, i64::MAX, 0].map(|time| {
            let mut event = event.clone();
            event.id.push_str(&time.to_string());
            event.time = interdict_schemas::Time(time);
            event
        });
        [event].into_iter().chain(far)
    });
    survives(hostile);
}

#[test]
fn grants_without_a_name_are_nobody_s_and_a_refused_claim_takes_none() {
    let granted = |who: &str, id: &str, parent: &str, at: usize| {
        let mut event = sample();
        (event.id, event.session) = (format!("{who}-{at}"), format!("{who}/{at}"));
        event.identity = chain(&["dana", who]);
        event.identity.delegation = Some(Delegation { id: id.into(), parent: parent.into() });
        event.time = event.time.plus_seconds(i64::try_from(at).expect("few") * 3_600);
        event
    };
    let mut detector = Detector::new(Settings::default());
    let mut fold = |event: Event| assert_eq!(detector.observe(&event), [], "{event:?}");
    for at in 0..5 {
        fold(granted("planner", &format!("g-{at}"), "", at));
        fold(granted("shell", &format!("s-{at}"), &format!("g-{at}"), at));
    }
    // Somebody claims the planner's next grant before it is given, is refused, and another has a grant without a name.
    let mut claim = granted("mallory", "g-5", "", 4);
    claim.kind = interdict_schemas::Kind::Refused(interdict_schemas::Refused {
        reason: "token".into(),
        detail: String::new(),
        verdict: None,
    });
    fold(claim);
    fold(granted("other", "", "", 4));
    for at in 5..10 {
        fold(granted("planner", &format!("g-{at}"), "", at));
        fold(granted("shell", &format!("s-{at}"), &format!("g-{at}"), at));
    }
}

#[test]
fn names_by_the_thousand_do_not_push_out_a_secret() {
    let mut detector = Detector::new(Settings::default());
    let story = events(
        "08:00 mallory>worm@cafe wiki/postgres open
        08:01 mallory>worm@cafe wiki/postgres reads vault credential=c-77
        08:02 mallory>worm@cafe wiki/postgres reads cmdb host_name=h-0.internal
        08:30 mallory>worm@cafe ledger/postgres open credential=c-77 account=boss",
    );
    let (last, before) = story.split_last().expect("events");
    for (at, event) in before.iter().enumerate() {
        let mut event = event.clone();
        if !event.disclosures.is_empty() && at > 2 {
            let name = |at: u32| Disclosure {
                kind: DisclosureKind::HostName,
                value: format!("h-{at}.internal"),
                target: None,
            };
            event.disclosures = (0..20_000).map(name).collect();
        }
        detector.observe(&event);
    }
    let said = detector.observe(last);
    let told = said.iter().any(|output| matches!(output, Output::Alert(alert) if alert.detection == "secret_used"));
    assert!(told, "{said:?}");
}
