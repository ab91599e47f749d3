//! The blast radius of stories; see `story.rs` for the language. What is expected stands below each subject, one line
//! for what was reached, learned and next.

use crate::story::events;
use interdict_detector::blast::{Blast, Query, Radius, Visitor, dot};
use interdict_schemas::{Hop, Kind, Time};

const STORY: &str = "
    target config-db host=db.internal address=10.0.0.5
    target bastion host=bastion.internal address=10.0.0.7
    target cluster host=k8s.internal address=10.0.0.9
    target vault host=vault.internal address=10.0.0.11
    d1..4 06:00 dana@laptop vault/http open
    d1..2 06:00 dana@laptop cluster/http open
    d1..5 05:00 bot@ci config-db/postgres open
    09:00:00 dana>runner@sandbox config-db/postgres open account=app
    09:01:00 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal is bastion account=ops is bastion
    09:02:00 dana>runner@sandbox bastion/ssh open account=ops
    09:03:00 dana>runner@sandbox bastion/ssh reads kubeconfig address=10.0.0.9 credential=c-7
    09:04:00 dana>runner@sandbox bastion/ssh denied address=10.0.0.11
    09:05:00 erin@bastion config-db/postgres open account=app
    09:06:00 mallory@elsewhere billing/postgres open credential=c-7
    09:07:00 carol@elsewhere bastion/ssh open
    09:08:00 dana>runner@sandbox cluster/http refused verdict
";

fn path(hops: &[Hop]) -> String {
    hops.iter().map(|hop| format!("{} {}", hop.target, hop.cause)).collect::<Vec<_>>().join(" -> ")
}

fn tell(radius: &Radius) -> Vec<String> {
    let reached = radius.reached.iter().map(|one| {
        format!("reached {}/{} {} x{}: {}", one.target, one.protocol, one.hops, one.sessions, path(&one.path))
    });
    let learned = radius.learned.iter().map(|one| {
        let target = one.target.as_deref().unwrap_or("?");
        format!("learned {} {} of {target}: {}", one.kind, one.value, path(&one.path))
    });
    let next = radius.next.iter().map(|one| {
        let account = one.account.as_deref().map(|account| format!(" as {account}")).unwrap_or_default();
        format!("next {} {}{account}: {}", one.reason.name(), one.target, path(&one.path))
    });
    reached.chain(learned).chain(next).collect()
}

fn query(subject: &str) -> Query {
    Query { subject: subject.into(), since: Time(i64::MIN), until: Time(i64::MAX), hops: None, habit_days: 3 }
}

fn radius(query: Query, story: &str) -> Option<Radius> {
    let mut blast = Blast::new(query);
    events(story).iter().for_each(|event| blast.observe(event));
    blast.answer()
}

fn check(query: Query, story: &str, expected: &[&str]) {
    let told = tell(&radius(query.clone(), story).expect("a known subject"));
    assert_eq!(told, expected, "of {}", query.subject);
}

#[test]
fn an_identity_reaches_what_it_learned_and_what_lies_behind() {
    check(
        query("runner"),
        STORY,
        &[
            "reached config-db/postgres 0 x2: config-db start",
            "reached bastion/ssh 0 x1: config-db start -> bastion disclosed",
            "reached billing/postgres 1 x1: config-db start -> bastion disclosed -> billing disclosed",
            "learned account ops of bastion: config-db start",
            "learned host_name bastion.internal of bastion: config-db start",
            "learned address 10.0.0.9 of ?: config-db start -> bastion disclosed",
            "learned credential c-7 of ?: config-db start -> bastion disclosed",
            "next named cluster: config-db start -> bastion disclosed",
            "next habit vault: config-db start",
        ],
    );
}

#[test]
fn a_session_that_was_turned_back_reached_nothing() {
    let story = "
        target bastion host=bastion.internal
        09:00 dana>runner@sandbox db/postgres open
        09:01 dana>runner@sandbox db/postgres reads hosts host_name=bastion.internal is bastion
        09:02 dana>runner@sandbox bastion/ssh open
        09:03 dana>runner@sandbox bastion/ssh close
        09:04 erin@bastion web/http open
    ";
    let mut events = events(story);
    for event in &mut events {
        if let Kind::Closed(closed) = &mut event.kind {
            (closed.reason, closed.actions) = ("barrier".into(), 0);
        }
    }
    let of = |subject: &str| {
        let mut blast = Blast::new(query(subject));
        events.iter().for_each(|event| blast.observe(event));
        blast.answer().expect("known")
    };
    let expected = [
        "reached db/postgres 0 x1: db start",
        "learned host_name bastion.internal of bastion: db start",
        "next named bastion: db start",
    ];
    assert_eq!(tell(&of("runner")), expected);
    assert!(of("runner").edges.iter().all(|edge| edge.to != "bastion" || edge.kind == "named"));
    assert_eq!(of("bastion").visitors, []);
    assert_eq!(tell(&of("bastion")), ["reached web/http 0 x1: web start"]);
}

#[test]
fn hops_bound_how_far_is_followed() {
    let told = |hops| {
        let radius = radius(Query { hops: Some(hops), ..query("runner") }, STORY).expect("known");
        radius.reached.iter().map(|one| one.target.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(0), ["config-db", "bastion"]);
    assert_eq!(told(1), ["config-db", "bastion", "billing"]);
}

#[test]
fn a_host_reaches_what_is_opened_from_it_by_any_of_its_names() {
    let expected = ["reached config-db/postgres 0 x1: config-db start"];
    for name in ["bastion", "bastion.internal", "10.0.0.7", "BASTION.internal."] {
        check(query(name), STORY, &expected);
    }
}

#[test]
fn who_came_to_a_target_is_told_though_no_session_comes_from_it() {
    let story = "
        08:00 early@desk config-db/postgres open account=app
        target config-db host=config.internal
        09:00 dana>runner@sandbox config-db/postgres open account=app
        09:10 dana>runner@sandbox config-db/postgres open account=app
        09:20 erin@desk config-db/postgres open
        09:30 erin@desk billing/postgres open
    ";
    let since = events(story)[0].time.plus_micros(1);
    let radius = radius(Query { since, ..query("config.internal") }, story).expect("known");
    let visitor = |one: &Visitor| format!("{} {} {:?} x{}", one.root, one.actor, one.account, one.sessions);
    let visitors: Vec<_> = radius.visitors.iter().map(visitor).collect();
    assert_eq!(visitors, ["dana runner \"app\" x2", "erin erin \"svc\" x1"]);
    assert_eq!(radius.reached, []);
}

#[test]
fn time_flows_forward() {
    // It comes from the bastion before the bastion was reached, and uses a name before it was learned.
    let story = "
        target bastion host=bastion.internal
        08:00 erin@bastion config-db/postgres open
        08:30 dana>other@desk bastion/ssh open
        09:00 dana>runner@sandbox db/postgres open
        09:01 dana>runner@sandbox db/postgres reads hosts host_name=bastion.internal is bastion
    ";
    check(
        query("runner"),
        story,
        &[
            "reached db/postgres 0 x1: db start",
            "learned host_name bastion.internal of bastion: db start",
            "next named bastion: db start",
        ],
    );
    let until = Query { until: events(story)[1].time, ..query("erin") };
    check(until, story, &["reached config-db/postgres 0 x1: config-db start"]);
}

#[test]
fn a_delegate_that_uses_what_another_learned_is_one_hop_away_unless_it_is_habit() {
    let used = "
        target bastion host=bastion.internal
        09:00 dana>reader@a db/postgres open
        09:01 dana>reader@a db/postgres reads hosts host_name=bastion.internal is bastion
        09:02 dana>writer@b bastion/ssh open
    ";
    let expected = [
        "reached db/postgres 0 x1: db start",
        "reached bastion/ssh 1 x1: db start -> bastion disclosed",
        "learned host_name bastion.internal of bastion: db start",
    ];
    check(query("reader"), used, &expected);
    let habit =
        format!("d1..3 04:00 dana>writer@b bastion/ssh open\nd1..3 04:01 dana>writer@b bastion/ssh close\n{used}");
    let told = tell(&radius(query("reader"), &habit).expect("known"));
    assert_eq!(told[0], expected[0]);
    assert!(told.iter().all(|line| !line.starts_with("reached bastion")), "{told:?}");
}

#[test]
fn what_began_before_is_left_out() {
    let story = "
        d1 09:00 dana@desk db/postgres open
        d1 09:01 dana@desk db/postgres close
        09:00 dana@desk web/http open
    ";
    let all = events(story);
    check(Query { since: all[2].time, ..query("dana") }, story, &["reached web/http 0 x1: web start"]);
}

#[test]
fn a_path_tells_its_last_64_hops_however_long_it_is() {
    let host = |at: u32| format!("h{at}");
    let mut story: String = (0..100).map(|at| format!("target {} host={}.internal\n", host(at), host(at))).collect();
    for at in 1..100 {
        let clock = format!("{:02}:{:02}", 8 + at / 60, at % 60);
        story.push_str(&format!("{clock} user-{at}@{} {}/ssh open\n", host(at - 1), host(at)));
    }
    let radius = radius(query("user-1"), &story).expect("known");
    let path = |target: &str| &radius.reached.iter().find(|one| one.target == target).expect("reached").path;
    assert_eq!(radius.reached.len(), 99);
    assert_eq!((path("h64").len(), path("h64")[0].target.as_str()), (64, "h1"));
    for (target, first) in [("h65", "h2"), ("h99", "h36")] {
        let told: Vec<_> = path(target).iter().map(|hop| hop.target.as_str()).collect();
        assert_eq!((told.len(), told[0], told[63]), (64, first, target));
    }
}

#[test]
fn an_unknown_subject_has_no_radius() {
    assert_eq!(radius(query("nobody"), STORY), None);
    let known = radius(query("vault"), STORY).expect("a target is known by being reached");
    assert!(known.reached.is_empty());
}

#[test]
fn the_picture_holds_what_others_typed_as_text() {
    let story = r#"
        09:00 da"na\@desk we"b\/http open
    "#;
    let picture = dot(&radius(query(r#"da"na\"#), story).expect("known"));
    assert!(picture.contains(r#""we\"b\\""#), "{picture}");
    assert!(picture.starts_with("digraph"), "{picture}");
}
