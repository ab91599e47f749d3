//! What the detections say, as stories; see `story.rs` for the language.

use crate::story::{check, check_with, events};
use interdict_detector::{Bounds, Detector, Output, Settings};
use interdict_schemas::{Alert, Mode, Verdict};

const FLAGSHIP: &str = "
    target config-db host=db.internal address=10.0.0.5
    target bastion host=bastion.internal address=10.0.0.7
    target cluster host=k8s.internal address=10.0.0.9
    10:02:00 dana>planner>runner@sandbox config-db/postgres open
    10:02:11 dana>planner>runner@sandbox config-db/postgres reads hosts.inventory host_name=bastion.internal is bastion
    => silent
    10:02:52 dana>planner>runner@sandbox bastion/ssh open account=ops
    => stop dana/runner
    => disclosed_target r1 high: config-db start -> bastion disclosed
    10:03:00 dana>planner>runner@sandbox bastion/ssh reads kubeconfig host_name=k8s.internal
    => silent
    10:03:10 dana>planner>runner@bastion cluster/http refused verdict
    => disclosed_target r2 critical: config-db start -> bastion disclosed -> cluster disclosed
";

fn alerts(outputs: &[Output]) -> Vec<&Alert> {
    outputs.iter().filter_map(|output| if let Output::Alert(alert) = output { Some(alert) } else { None }).collect()
}

fn verdicts(outputs: &[Output]) -> Vec<&Verdict> {
    outputs
        .iter()
        .filter_map(|output| if let Output::Verdict(verdict) = output { Some(verdict) } else { None })
        .collect()
}

#[test]
fn a_pivot_is_stopped_at_the_second_hop_and_its_alert_grows() {
    let outputs = check(FLAGSHIP);
    let alerts = alerts(&outputs);
    assert_eq!(alerts[0].id, alerts[1].id);
    assert_eq!(verdicts(&outputs)[0].evidence, ["e1", "e2", "e2r", "e3"]);
    assert_eq!(alerts[1].verdict, None.or(alerts[0].verdict.clone()));
    assert!(alerts[0].risk < alerts[1].risk);
    let techniques: Vec<_> = alerts[0].techniques.iter().map(|technique| technique.id.as_str()).collect();
    assert_eq!(techniques, ["T1213.006", "T1021.004", "T1078"]);
}

#[test]
fn an_alert_explains_itself() {
    let outputs = check(FLAGSHIP);
    assert_eq!(
        alerts(&outputs)[0].explanation,
        "runner, acting for dana, read hosts.inventory on config-db at 2024-10-14T10:02:11.000Z; the answer held host \
         name bastion.internal; 41 s later it opened ssh to bastion, which nothing acting for dana had opened before \
         (3 days make a habit). It is cleared if the owner of dana confirms that this use of host name \
         bastion.internal was meant. Until 2024-10-15T10:02:52.000Z all sessions of runner for dana, and of its \
         delegates, are stopped."
    );
}

#[test]
fn a_routine_bot_is_silent_once_it_is_habit() {
    let run = "
        target bastion host=bastion.internal
        d1..1 04:00 bot@ci config-db/postgres open
        d1..1 04:01 bot@ci config-db/postgres reads hosts host_name=bastion.internal
        d1..1 04:02 bot@ci bastion/ssh open
        => stop bot/bot
        => disclosed_target r1 high: config-db start -> bastion disclosed
    ";
    check(run);
    check(
        "target bastion host=bastion.internal
        # it goes there for three days before it reads of it
        d1..3 03:00 bot@ci bastion/ssh open
        d4..9 04:00 bot@ci config-db/postgres open
        d4..9 04:01 bot@ci config-db/postgres reads hosts host_name=bastion.internal
        d4..9 04:02 bot@ci bastion/ssh open
        d4..9 04:03 bot@ci bastion/ssh close
        => silent",
    );
}

#[test]
fn trying_all_day_makes_no_habit() {
    check(
        "target bastion host=bastion.internal
        d1..2 03:00 bot@ci bastion/ssh open
        04:00 bot@ci bastion/ssh open
        05:00 bot@ci bastion/ssh open
        09:00 bot@ci config-db/postgres open
        09:01 bot@ci config-db/postgres reads hosts host_name=bastion.internal
        09:02 bot@ci bastion/ssh open
        => stop bot/bot
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn habit_older_than_the_horizon_counts_no_more() {
    check(
        "target bastion host=bastion.internal
        d1..3 03:00 bot@ci bastion/ssh open
        d70 09:00 bot@ci config-db/postgres open
        d70 09:01 bot@ci config-db/postgres reads hosts host_name=bastion.internal
        d70 09:02 bot@ci bastion/ssh open
        => stop bot/bot
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn a_first_use_of_what_nothing_disclosed_is_silent() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres reads hosts host_name=elsewhere.internal
        09:02 dana@laptop bastion/ssh open
        => silent",
    );
}

#[test]
fn moving_on_over_the_same_protocol_is_silent() {
    check(
        "target orders-db host=orders.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres reads hosts host_name=orders.internal
        09:02 dana@laptop orders-db/postgres open
        => silent",
    );
}

#[test]
fn a_target_that_tells_of_itself_is_silent() {
    check(
        "target box host=box.internal
        09:00 dana@laptop box/http open
        09:01 dana@laptop box/http reads status host_name=box.internal
        09:02 dana@laptop box/ssh open
        => silent",
    );
}

#[test]
fn every_kind_of_disclosure_is_recognised() {
    for (disclosed, used) in [
        ("host_name=BASTION.internal.", ""),
        ("host_name=bastion", ""),
        ("address=10.0.0.7", ""),
        ("address=::ffff:10.0.0.7", ""),
        ("alias=jump.svc", "alias=Jump.svc"),
        ("account=ops_admin", "account=ops_admin"),
        ("credential=c-1", "credential=c-1"),
        ("account=whatever is bastion", ""),
    ] {
        check(&format!(
            "target bastion host=bastion.internal address=10.0.0.7
            09:00 dana@laptop config-db/postgres open account=reader
            09:01 dana@laptop config-db/postgres reads hosts {disclosed}
            09:02 dana@laptop bastion/ssh open {used}
            => stop dana/dana
            => disclosed_target r1 high: config-db start -> bastion disclosed"
        ));
    }
}

#[test]
fn an_account_used_before_teaches_nothing() {
    check(
        "09:00 dana@laptop config-db/postgres open account=app
        09:01 dana@laptop config-db/postgres reads users account=app
        09:02 dana@laptop bastion/ssh open account=app
        => silent",
    );
}

#[test]
fn what_one_delegate_learned_another_one_uses() {
    let outputs = check(
        "target bastion host=bastion.internal
        09:00 dana>reader@sandbox-1 config-db/postgres open
        09:01 dana>reader@sandbox-1 config-db/postgres reads hosts host_name=bastion.internal
        09:30 dana>mover@sandbox-2 bastion/ssh open
        => stop dana/mover
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
    assert!(alerts(&outputs)[0].explanation.contains("29 min later mover, acting for dana too, opened ssh"));
}

#[test]
fn what_another_root_learned_does_not_count() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        09:02 erin@laptop bastion/ssh open
        => silent",
    );
}

#[test]
fn a_refused_attempt_is_evidence_and_a_denied_action_teaches_nothing() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres denied host_name=bastion.internal
        09:02 dana@laptop bastion/ssh refused policy
        => silent
        09:03 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        09:04 dana@laptop bastion/ssh refused policy
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed
        09:05 dana@laptop bastion/ssh refused verdict
        => silent",
    );
}

#[test]
fn a_session_opened_while_the_answer_streams_is_found_when_it_ends() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:05 dana@laptop bastion/ssh open
        => silent
        09:06 dana@laptop config-db/postgres slow 120 host_name=bastion.internal
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn a_session_opened_before_the_answer_began_is_silent() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop bastion/ssh open
        09:06 dana@laptop config-db/postgres slow 120 host_name=bastion.internal
        => silent",
    );
}

#[test]
fn late_and_doubled_events_are_tolerated() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        again
        09:02:00 dana@laptop bastion/ssh open
        # the record of the read arrives after that of its use
        09:01:58 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed
        again
        => silent",
    );
}

#[test]
fn a_session_whose_opening_was_lost_is_judged_by_its_first_action() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana@laptop bastion/ssh runs id
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed
        09:03 dana@laptop bastion/ssh runs id
        => silent",
    );
}

#[test]
fn an_imported_action_teaches_with_its_outcome() {
    check(
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres imported host_name=bastion.internal
        09:02 dana@laptop bastion/ssh open
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn a_chain_is_followed_back_through_the_host_it_came_from() {
    check(
        "target jump host=jump.internal
        target bastion host=bastion.internal
        08:00 dana@laptop jump/ssh open
        09:00 dana@jump config-db/postgres open
        09:01 dana@jump config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana@jump bastion/ssh open
        => stop dana/dana
        => disclosed_target r1 critical: jump start -> config-db lineage -> bastion disclosed",
    );
}

#[test]
fn a_verdict_that_ran_out_is_given_again() {
    check(
        "target bastion host=bastion.internal
        d1 09:00 dana@laptop config-db/postgres open
        d1 09:01 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        d1 09:02 dana@laptop bastion/ssh refused policy
        => stop dana/dana
        => disclosed_target r1 high: config-db start -> bastion disclosed
        d2 09:01 dana@laptop bastion/ssh refused verdict
        => silent
        d2 09:02 dana@laptop bastion/ssh refused policy
        => stop dana/dana
        => disclosed_target r2 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn shadow_is_said_but_not_enforced() {
    let settings = Settings { mode: Mode::Shadow, ..Settings::default() };
    check_with(
        settings,
        "target bastion host=bastion.internal
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana@laptop bastion/ssh open
        => stop dana/dana (shadow)
        => disclosed_target r1 high: config-db start -> bastion disclosed",
    );
}

#[test]
fn many_new_targets_in_a_short_time_are_a_low_alert() {
    let open = |minute: usize, target: usize| format!("09:{minute:02} dana@laptop host-{target}/ssh open\n");
    let chain = |hosts: usize| (0..hosts).map(|at| format!("host-{at} start")).collect::<Vec<_>>().join(" -> ");
    let burst: String = (0..4).map(|at| open(at, at)).collect();
    let settings = Settings { burst_targets: 4, ..Settings::default() };
    let story = format!("{burst} => new_edge_burst r1 low: {}", chain(4));
    check_with(settings.clone(), &story);
    let doubled: String = (4..8).map(|at| open(at, at)).collect();
    check_with(settings.clone(), &format!("{story}\n{doubled} => new_edge_burst r2 low: {}", chain(8)));
    let slow: String = (0..8).map(|at| open(at * 6, at)).collect();
    check_with(settings.clone(), &format!("{slow} => silent"));
    let known: String = (0..8).map(|at| open(at, at % 3)).collect();
    check_with(settings, &format!("{known} => silent"));
}

/// All outputs as bytes, with the number of the event that each followed from.
fn fold(detector: &mut Detector, events: &[interdict_schemas::Event]) -> Vec<(String, Vec<u8>)> {
    let mut said = Vec::new();
    for event in events {
        for output in detector.observe(event) {
            said.push((event.id.clone(), interdict_schemas::Message::from(output).encode()));
        }
    }
    said
}

fn busy() -> String {
    let mut story = FLAGSHIP.replace("=>", "#");
    for root in ["erin", "finn", "gail"] {
        story.push_str(&FLAGSHIP.replace("=>", "#").replace("dana", root));
    }
    for minute in 10..30 {
        story.push_str(&format!("11:{minute} dana@laptop host-{minute}/http open\n"));
    }
    story
}

#[test]
fn the_same_events_give_the_same_bytes() {
    let events = events(&busy());
    let all = fold(&mut Detector::new(Settings::default()), &events);
    assert!(all.len() >= 13, "{}", all.len());
    assert_eq!(all, fold(&mut Detector::new(Settings::default()), &events));
}

#[test]
fn a_detector_rebuilt_at_any_event_goes_on_as_if_nothing_had_been() {
    let events = events(&busy());
    let all = fold(&mut Detector::new(Settings::default()), &events);
    for at in 0..=events.len() {
        let (before, after) = events.split_at(at);
        let mut said = fold(&mut Detector::new(Settings::default()), before);
        let mut rebuilt = Detector::new(Settings::default());
        fold(&mut rebuilt, before);
        said.extend(fold(&mut rebuilt, after));
        assert_eq!(all, said, "rebuilt before event {at}");
    }
}

#[test]
fn what_is_said_of_a_root_depends_on_its_own_events_only() {
    let mixed = events(&busy());
    let mut by_root = mixed.clone();
    by_root.sort_by_key(|event| std::cmp::Reverse(event.identity.root().id.clone()));
    let sorted = |events: &[_]| {
        let mut said = fold(&mut Detector::new(Settings::default()), events);
        said.sort();
        said
    };
    assert_eq!(sorted(&mixed), sorted(&by_root));
}

#[test]
fn memory_is_bounded_and_what_is_dropped_is_counted() {
    let bounds = Bounds { sessions: 8, lessons: 16, edges: 8, alerts: 2, recent: 16 };
    let mut detector = Detector::new(Settings { bounds, ..Settings::default() });
    for day in 1..20 {
        let lines: String = (10..40)
            .map(|minute| {
                format!(
                    "d{day} 09:{minute} dana@laptop db-{minute}/postgres open\n\
                     d{day} 09:{minute} dana@laptop db-{minute}/postgres reads t host_name=h{day}-{minute}\n"
                )
            })
            .collect();
        for mut event in events(&lines) {
            event.id = format!("{day}-{}", event.id);
            event.session = format!("{day}-{}", event.session);
            detector.observe(&event);
        }
    }
    let counts = detector.counts();
    assert_eq!((counts.events, counts.duplicates, counts.broken), (19 * 90, 0, 0));
    assert!(counts.forgotten > 1000, "{counts:?}");
}
