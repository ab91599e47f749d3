//! What the detections say, as stories; see `story.rs` for the language.

use crate::story::{check, check_with, events, past};
use interdict_detector::{Detector, Output, Reach, Settings};
use interdict_schemas::{Alert, Finding, Mode, Resolution, Verdict};

pub(crate) const FLAGSHIP: &str = "
    target config-db host=db.internal address=10.0.0.5
    target bastion host=bastion.internal address=10.0.0.7
    target cluster host=k8s.internal address=10.0.0.9
    10:02:00 dana>planner>runner@sandbox config-db/postgres open
    10:02:11 dana>planner>runner@sandbox config-db/postgres reads hosts.inventory host_name=bastion.internal is bastion
    => silent
    10:02:52 dana>planner>runner@sandbox bastion/ssh open account=ops
    => hold dana/runner
    => disclosure_used r1 high: config-db taught -> bastion disclosed
    10:03:00 dana>planner>runner@sandbox bastion/ssh reads kubeconfig host_name=k8s.internal
    => silent
    10:03:10 dana>planner>runner@bastion cluster/http open
    => disclosure_used r2 high: config-db taught -> bastion disclosed -> cluster disclosed
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
fn a_pivot_is_held_at_the_second_hop_and_its_alert_grows() {
    let outputs = check(FLAGSHIP);
    let alerts = alerts(&outputs);
    assert_eq!(alerts[0].id, alerts[1].id);
    assert_eq!(verdicts(&outputs)[0].evidence, ["e1", "e2", "e2r", "e3"]);
    assert!(alerts[0].risk < alerts[1].risk, "{} {}", alerts[0].risk, alerts[1].risk);
    let techniques: Vec<_> = alerts[0].techniques.iter().map(|technique| technique.id.as_str()).collect();
    assert_eq!(techniques, ["T1021.004", "T1213.006", "T1548"]);
}

#[test]
fn an_alert_explains_itself() {
    let outputs = check(FLAGSHIP);
    assert_eq!(
        alerts(&outputs)[0].explanation,
        "runner, acting for dana opened ssh to bastion from sandbox at 2024-10-14T10:02:52.000Z: runner read \
         hosts.inventory on config-db at 2024-10-14T10:02:11.000Z; the answer held host name bastion.internal; 41 s \
         later it was used for bastion; nobody acting for dana had ever used bastion; runner, acting for dana had \
         never used bastion before; nobody had ever used it. It is cleared if the owner of dana confirms that runner \
         was meant to use bastion. Until 2024-10-15T10:02:52.000Z all sessions of runner, acting for dana, and of its \
         delegates, wait for approval."
    );
}

#[test]
fn a_routine_bot_is_silent() {
    check(
        "target bastion host=bastion.internal
        d1..9 04:00 bot@ci config-db/postgres open
        d1..9 04:02 bot@ci bastion/ssh open
        d1..9 04:03 bot@ci bastion/ssh close
        d1..9 04:04 bot@ci config-db/postgres close
        04:00 bot@ci config-db/postgres open
        04:01 bot@ci config-db/postgres reads hosts host_name=bastion.internal
        04:02 bot@ci bastion/ssh open
        => silent",
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
    for (disclosed, used, detection) in [
        ("host_name=BASTION.internal.", "", "disclosure_used"),
        ("host_name=bastion", "", "disclosure_used"),
        ("address=10.0.0.7", "", "disclosure_used"),
        ("address=::ffff:10.0.0.7", "", "disclosure_used"),
        ("alias=jump.svc", "alias=Jump.svc", "disclosure_used"),
        ("account=ops_admin", "account=ops_admin", "secret_used"),
        ("credential=c-1", "credential=c-1", "secret_used"),
        ("account=whatever is bastion", "", "disclosure_used"),
    ] {
        let outputs = check_with(
            Settings { hold_nats: 50.0, block_nats: 50.0, ..Settings::default() },
            &format!(
                "target bastion host=bastion.internal address=10.0.0.7
                {}
                09:00 dana@laptop config-db/postgres open
                09:01 dana@laptop config-db/postgres reads hosts {disclosed}
                09:02 dana@laptop bastion/ssh open {used}
                => {detection} r1 low: config-db taught -> bastion disclosed",
                past("dana@laptop", &["config-db/postgres", "wiki/http"])
            ),
        );
        assert_eq!(alerts(&outputs).len(), 1, "{disclosed}");
    }
}

#[test]
fn what_one_delegate_learned_another_one_uses_and_what_another_root_learned_does_not_count() {
    let read = "target bastion host=bastion.internal
        09:00 dana>reader@sandbox-1 config-db/postgres open
        09:01 dana>reader@sandbox-1 config-db/postgres reads hosts host_name=bastion.internal\n";
    let outputs = check(&format!(
        "{read}09:30 dana>mover@sandbox-2 bastion/ssh open
        => hold dana/mover
        => disclosure_used r1 high: config-db taught -> bastion disclosed"
    ));
    assert!(alerts(&outputs)[0].explanation.contains("reader read hosts on config-db"));
    check(&format!("{read}09:30 erin>mover@sandbox-2 bastion/ssh open\n=> silent"));
}

#[test]
fn a_session_from_a_host_that_only_somebody_else_reached_is_a_switch() {
    let outputs = check(&format!(
        "target app host=app.internal
        target db host=db.internal
        {}{}
        09:00 dana@laptop app/ssh open
        09:05 dana@laptop app/ssh runs whoami
        => silent
        09:10 erin@app db/postgres open
        => hold erin/erin
        => account_switch r1 high: db start",
        past("dana@laptop", &["app/ssh", "wiki/http"]),
        past("erin@desk", &["wiki/http", "db/postgres"])
    ));
    assert!(
        alerts(&outputs)[0].explanation.contains("erin started from app without having reached it; dana had, 10 min")
    );
}

#[test]
fn whoever_lives_on_a_host_starts_from_it() {
    check(
        "target app host=app.internal
        target db host=db.internal
        d1..9 03:00 dana@laptop app/ssh open
        d1..9 03:10 dana@laptop app/ssh close
        d1..9 04:00 cron@app db/postgres open
        d1..9 04:01 cron@app db/postgres close
        d1..9 05:00 cron@app db/postgres open
        d1..9 05:01 cron@app db/postgres close
        d1..9 06:00 cron@app db/postgres open
        d1..9 06:01 cron@app db/postgres close
        04:00 cron@app db/postgres open
        => silent",
    );
}

#[test]
fn an_agent_for_a_root_it_never_acted_for_is_a_splice() {
    let settled = past("dana>runner@sandbox", &["db/postgres", "wiki/http"]);
    let outputs = check(&format!(
        "{settled}{}
        09:00 erin>runner@sandbox payroll/http open
        => delegation_splice r1 low: payroll start",
        past("erin@laptop", &["mail/http", "vault/http"])
    ));
    assert!(alerts(&outputs)[0].explanation.contains("runner acts for erin, for whom it never acted before"));
}

#[test]
fn a_decoy_is_proof_wherever_it_is_presented() {
    let outputs = check(
        "target db host=db.internal
        09:00 dana@laptop db/postgres open
        09:01 dana@laptop db/postgres reads users
        => silent
        09:05 unknown:10.0.0.66@10.0.0.66 db/postgres decoy s1 public.users.password db
        => stop @10.0.0.66
        => decoy_used r1 critical: db taught -> db disclosed",
    );
    let alert = alerts(&outputs)[0];
    assert_eq!((alert.risk, alert.confidence), (1000, 100));
    assert!(
        alert.explanation.contains("planted in public.users.password of db in session s1"),
        "{}",
        alert.explanation
    );
}

#[test]
fn who_starts_where_a_decoy_was_refused_is_not_proved_to_have_presented_it() {
    let outputs = check(&format!(
        "target db host=db.internal
        target bastion host=bastion.internal
        {}
        08:00 dana@laptop db/postgres open
        08:01 dana@laptop db/postgres reads users
        09:05 unknown:10.0.0.66@10.0.0.66 bastion/ssh decoy s1 public.users.password db
        => stop @10.0.0.66
        => decoy_used r1 critical: db taught -> bastion disclosed
        09:10 erin@bastion db/postgres open
        => rare_path r1 low: db start",
        past("erin@laptop", &["mail/http", "vault/http"])
    ));
    let sources: Vec<_> = verdicts(&outputs).iter().map(|verdict| verdict.scope.source.as_deref()).collect();
    assert_eq!(sources, [Some("10.0.0.66")]);
}

#[test]
fn a_refused_attempt_is_evidence_and_a_denied_action_teaches_nothing() {
    check(&format!(
        "target bastion host=bastion.internal
        {}
        09:00 dana@laptop config-db/postgres open
        09:01 dana@laptop config-db/postgres denied host_name=bastion.internal
        09:02 dana@laptop bastion/ssh refused policy
        => silent
        12:03 dana@laptop config-db/postgres reads hosts host_name=bastion.internal
        12:04 dana@laptop bastion/ssh refused policy
        => hold dana/dana
        => disclosure_used r1 high: config-db taught -> bastion disclosed
        12:05 dana@laptop bastion/ssh refused verdict
        => silent",
        past("dana@laptop", &["config-db/postgres", "wiki/http"])
    ));
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
fn doubled_events_and_lost_openings_are_tolerated() {
    check(
        "target bastion host=bastion.internal
        09:00 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana>runner@sandbox bastion/ssh runs id
        => hold dana/runner
        => disclosure_used r1 high: config-db taught -> bastion disclosed
        again
        => silent",
    );
}

#[test]
fn shadow_is_said_but_not_enforced() {
    let settings = Settings { mode: Mode::Shadow, ..Settings::default() };
    check_with(
        settings,
        "target bastion host=bastion.internal
        09:00 dana>runner@sandbox config-db/postgres open
        09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana>runner@sandbox bastion/ssh open
        => hold dana/runner (shadow)
        => disclosure_used r1 high: config-db taught -> bastion disclosed",
    );
}

#[test]
fn a_detection_may_do_no_more_than_its_settings_say() {
    let story = |expected: &str| {
        format!(
            "target bastion host=bastion.internal
            09:00 dana>runner@sandbox config-db/postgres open
            09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
            09:02 dana>runner@sandbox bastion/ssh open
            {expected}"
        )
    };
    let with = |reach: Reach| {
        let names = ["disclosure_used", "delegation_overreach"];
        let detections = names.into_iter().map(|name| (name.to_owned(), reach)).collect();
        Settings { detections, ..Settings::default() }
    };
    check_with(with(Reach::Off), &story("=> silent"));
    check_with(with(Reach::Shadow), &story("=> silent"));
    check_with(with(Reach::Alert), &story("=> disclosure_used r1 medium: config-db taught -> bastion disclosed"));
    check_with(
        with(Reach::Hold),
        &story("=> hold dana/runner\n=> disclosure_used r1 high: config-db taught -> bastion disclosed"),
    );
}

#[test]
fn what_a_person_calls_benign_is_habit_and_what_they_call_an_attack_stops_everybody_in_it() {
    let mut detector = Detector::new(Settings::default());
    let story = events(&FLAGSHIP.replace("=>", "#"));
    let mut said = Vec::new();
    for event in &story {
        said.extend(detector.observe(event));
    }
    let (alert, verdict) = (alerts(&said)[0].clone(), verdicts(&said)[0].clone());
    let resolution = |finding| Resolution {
        alert: alert.id.clone(),
        time: alert.time.plus_seconds(60),
        root: alert.root.clone(),
        finding,
        by: "olga".into(),
        note: String::new(),
    };
    let attack = detector.resolve(&resolution(Finding::Malicious));
    let stopped: Vec<_> = verdicts(&attack).iter().map(|verdict| verdict.scope.actor.clone()).collect();
    assert_eq!(stopped, [Some("runner".to_owned())]);
    let benign = detector.resolve(&resolution(Finding::Benign));
    let taken_back: Vec<_> = verdicts(&benign).iter().map(|verdict| (verdict.id.clone(), verdict.revoked)).collect();
    assert!(taken_back.contains(&(verdict.id, true)), "{taken_back:?}");
    assert!(detector.resolve(&resolution(Finding::Benign)).is_empty(), "it is closed");
    // Whoever was wrong may say so: everybody who was in it is stopped after all, until that is taken back again.
    let after_all = detector.resolve(&resolution(Finding::Malicious));
    let stopped: Vec<_> = verdicts(&after_all).iter().map(|verdict| verdict.scope.actor.clone()).collect();
    assert_eq!(stopped, [Some("runner".to_owned())]);
    assert_eq!(verdicts(&detector.resolve(&resolution(Finding::Benign))).len(), 1);
    // The same again, a day later, is what it was said to be; also if it was called otherwise in between.
    let later = |days: i64| {
        story.iter().cloned().map(move |mut event| {
            event.time = event.time.plus_seconds(days * 86_400);
            event.id.push_str(&format!("-{days}"));
            event.session.push_str(&format!("-{days}"));
            event
        })
    };
    later(1).for_each(|event| assert_eq!(detector.observe(&event), [], "{event:?}"));
    assert_eq!(verdicts(&detector.resolve(&resolution(Finding::Malicious))).len(), 1);
    let again: Vec<Output> = later(2).flat_map(|event| detector.observe(&event)).collect();
    assert!(!verdicts(&again).is_empty() || !alerts(&again).is_empty(), "what was accepted is disowned again");
}
