//! Claims about admission: who is refused and why, and how a verdict finds a session at any moment of its life.

use super::{Denied, Permit};
use crate::rig::{Rig, Setup, verdict};
use crate::session::Session;
use interdict_schemas::{Action, Class, Effect, Kind, Message, Stop, Time, Verb, Verdict};
use std::sync::Arc;
use std::time::Duration;

const IMPATIENT: &str = "bound_ms = 20";

fn reason(admitted: Result<Permit, Denied>) -> &'static str {
    admitted.map_or_else(|denied| denied.reason, |_| "admitted")
}

async fn check(setup: Setup, follows: bool, verdicts: &[Verdict], expected: &str) -> Rig {
    let rig = Rig::new(&setup);
    let messages: Vec<_> = verdicts.iter().cloned().map(Message::Verdict).collect();
    rig.publish(&messages).await;
    if follows {
        rig.follow().await;
        rig.detect(|_| None);
    }
    assert_eq!(reason(rig.admit().await), expected);
    rig
}

/// A gateway that reads its verdicts, with a detector that finds nothing.
async fn usual() -> Rig {
    let rig = Rig::new(&Setup::default());
    rig.follow().await;
    rig.detect(|_| None);
    rig
}

/// The reason, verdict and actions of the `Closed` that follows the one `Opened`.
async fn end_of_the_opening(rig: &Rig) -> (String, Option<String>, u64) {
    let events = rig.events().await;
    let [opened, closed] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&opened.kind, &opened.session), (&Kind::Opened, &closed.session));
    let Kind::Closed(closed) = &closed.kind else { panic!("{events:?}") };
    assert_eq!(closed.opened, opened.time);
    (closed.reason.clone(), closed.verdict.clone(), closed.actions)
}

#[tokio::test]
async fn gate_refuses_what_it_cannot_allow() {
    let usual = Setup::default;
    check(usual(), true, &[], "admitted").await;
    check(Setup { barrier: IMPATIENT, ..usual() }, false, &[], "no_verdict_table").await;
    check(Setup { barrier: "bound_ms = 20\non_timeout = \"admit\"", ..usual() }, false, &[], "no_verdict_table")
        .await;
    check(usual(), true, &[verdict("v")], "verdict").await;
    check(usual(), true, &[Verdict { effect: Stop::Hold, ..verdict("v") }], "verdict").await;
    check(usual(), true, &[Verdict { revoked: true, ..verdict("v") }], "admitted").await;
    check(usual(), true, &[Verdict { until: Time(1), ..verdict("v") }], "admitted").await;
    check(usual(), true, &[verdict("v"), Verdict { revoked: true, ..verdict("v") }], "admitted").await;
    let person = r#"permit(principal == Principal::"dana", action, resource);"#;
    check(Setup { policy: person, ..usual() }, true, &[], "policy").await;
}

#[tokio::test]
async fn failing_open_waives_verdicts_and_nothing_else() {
    let open = || Setup { target: "fail_open = true", barrier: IMPATIENT, ..Setup::default() };
    check(open(), false, &[], "admitted").await;
    check(Setup { policy: r#"forbid(principal, action, resource);"#, ..open() }, false, &[], "policy").await;
    // A verdict that is known counts, fail open or not.
    check(open(), true, &[verdict("v")], "verdict").await;
}

#[tokio::test]
async fn a_log_that_takes_nothing_admits_nobody() {
    for target in ["", "fail_open = true"] {
        let rig = Rig::new(&Setup { target, ..Setup::default() });
        rig.follow().await;
        let log = rig.folder.path().join("log");
        std::fs::rename(&log, rig.folder.path().join("gone")).expect("the disk goes away");
        let denied = rig.admit().await.expect_err("refused");
        assert_eq!(denied.reason, "log");
        let told = denied.to_string();
        assert!(!told.contains(&log.display().to_string()), "the client is told no more than it needs: {told}");
    }
}

#[tokio::test]
async fn refusals_and_admissions_are_recorded() {
    let rig = check(Setup::default(), true, &[verdict("v-1")], "verdict").await;
    let events = rig.events().await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let Kind::Refused(refused) = &event.kind else { panic!("{event:?}") };
    assert_eq!((refused.reason.as_str(), refused.verdict.as_deref()), ("verdict", Some("v-1")));
    assert!(refused.detail.contains("it went where it had read of"), "{}", refused.detail);

    let rig = usual().await;
    let permit = rig.admit().await.expect("admitted");
    let events = rig.events().await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&event.kind, event.session.as_str()), (&Kind::Opened, permit.session()));
}

#[tokio::test]
async fn a_session_waits_until_it_is_judged() {
    let check = async |barrier: &'static str, target: &'static str, expected: &str| {
        let rig = Rig::new(&Setup { barrier, target, ..Setup::default() });
        rig.follow().await;
        // What came before it is judged; that is not enough.
        rig.judge().await;
        assert_eq!(reason(rig.admit().await), expected, "{barrier}");
        rig
    };
    let refused = check(IMPATIENT, "", "barrier").await;
    assert_eq!(end_of_the_opening(&refused).await, ("barrier".into(), None, 0));
    check("bound_ms = 20\non_timeout = \"refuse\"", "", "barrier").await;
    check("bound_ms = 20\non_timeout = \"admit\"", "", "admitted").await;
    check(IMPATIENT, "fail_open = true", "admitted").await;

    let rig = Rig::new(&Setup::default());
    rig.follow().await;
    let (admitted, ()) = tokio::join!(rig.admit(), rig.judge());
    admitted.expect("judged while it waited");
}

#[tokio::test]
async fn the_session_that_completes_a_chain_is_the_one_that_is_refused() {
    for (target, barrier) in
        [("", "bound_ms = 60000"), ("fail_open = true", "bound_ms = 60000\non_timeout = \"admit\"")]
    {
        let rig = Rig::new(&Setup { target, barrier, ..Setup::default() });
        rig.follow().await;
        rig.detect(|event| (event.kind == Kind::Opened).then(|| verdict("v")));
        let denied = rig.admit().await.expect_err("refused");
        assert_eq!((denied.reason, denied.verdict.as_deref()), ("verdict", Some("v")));
        assert!(denied.detail.contains("it went where it had read of"), "{denied}");
        assert_eq!(end_of_the_opening(&rig).await, ("verdict".into(), Some("v".into()), 0));
        assert_eq!(rig.gateway.verdicts.sessions(), 0);
        // The next one is refused by what is known, and was never opened.
        assert_eq!(reason(rig.admit().await), "verdict");
        let events = rig.events().await;
        assert!(matches!(events.last().map(|event| &event.kind), Some(Kind::Refused(_))), "{events:?}");
    }
}

#[tokio::test]
async fn a_verdict_that_does_not_stop_lets_the_session_in() {
    let rig = Rig::new(&Setup::default());
    rig.follow().await;
    rig.detect(|_| Some(Verdict { effect: Stop::Watch, ..verdict("v") }));
    assert_eq!(reason(rig.admit().await), "admitted");
}

#[tokio::test]
async fn a_client_that_does_not_wait_leaves_no_open_session() {
    let rig = Rig::new(&Setup::default());
    rig.follow().await;
    let waited = tokio::time::timeout(Duration::from_millis(20), rig.admit()).await;
    assert!(waited.is_err(), "nobody judges");
    assert_eq!(end_of_the_opening(&rig).await, ("client".into(), None, 0));
    assert_eq!(rig.gateway.verdicts.sessions(), 0);
}

#[tokio::test]
async fn a_live_session_is_cut_and_its_next_action_denied() {
    let rig = usual().await;
    let session = Session::begin(rig.admit().await.expect("admitted"), &rig.gateway);
    assert_eq!(session.act(action("a1")).expect("recorded").effect, Effect::Allow);
    let verdict = [Message::Verdict(verdict("v"))];
    let (revoked, ()) = tokio::join!(session.revoked(), rig.publish(&verdict));
    assert_eq!(revoked.verdict, "v");
    assert_eq!(session.revoked().await, revoked);
    assert!(matches!(crate::upstream::dial(session.permit()).await, Err(crate::upstream::Error::Revoked(_))));
    let denied = session.act(action("a2")).expect("recorded");
    assert_eq!((denied.effect, denied.policies), (Effect::Deny, vec!["verdict/v".to_owned()]));
    session.close(revoked.into());
    let events = rig.events().await;
    let Some(Kind::Closed(closed)) = events.last().map(|event| &event.kind) else { panic!("{events:?}") };
    assert_eq!((closed.reason.as_str(), closed.verdict.as_deref()), ("verdict", Some("v")));
    assert_eq!((closed.actions, closed.denied), (2, 1));
    assert_eq!(rig.gateway.verdicts.sessions(), 1);
    drop(session);
    assert_eq!(rig.gateway.verdicts.sessions(), 0);
    assert_eq!(rig.events().await.len(), events.len(), "a session ends once");
}

#[tokio::test]
async fn a_session_dropped_without_an_end_is_recorded_as_an_error() {
    let rig = usual().await;
    drop(Session::begin(rig.admit().await.expect("admitted"), &rig.gateway));
    let events = rig.events().await;
    let Some(Kind::Closed(closed)) = events.last().map(|event| &event.kind) else { panic!("{events:?}") };
    assert_eq!(closed.reason, "error");
}

#[tokio::test]
async fn while_verdicts_are_out_of_reach_nobody_new_is_admitted() {
    let rig = Rig::new(&Setup { barrier: IMPATIENT, ..Setup::default() });
    rig.follow().await;
    rig.detect(|_| None);
    let before = rig.admit().await.expect("admitted");
    rig.log.fail();
    while rig.gateway.verdicts.is_ready() {
        tokio::task::yield_now().await;
    }
    assert_eq!(reason(rig.admit().await), "no_verdict_table");
    assert!(before.is_revoked().is_none(), "what lives goes on");
    rig.publish(&[Message::Verdict(verdict("v"))]).await;
    rig.log.recover();
    rig.gateway.verdicts.ready().await;
    assert_eq!(before.revoked().await.verdict, "v");
}

#[tokio::test]
async fn sessions_of_a_killed_process_are_recorded_as_lost() {
    let rig = usual().await;
    let permit = rig.admit().await.expect("admitted");
    let session = permit.session().to_owned();
    // A permit that never became a session records no end, as a killed process does not.
    drop(permit);
    let folder = Arc::clone(&rig.folder);
    drop(rig);
    let reopened = tokio::time::timeout(Duration::from_secs(10), async {
        // The tasks of the rig before let go of the log when they next run.
        for _task in 0..3 {
            tokio::task::yield_now().await;
        }
        Rig::at(folder, &Setup::default())
    });
    let rig = reopened.await.expect("the log is free again");
    crate::gateway::bury(&rig.gateway.emit).expect("buried");
    let events = rig.events().await;
    let last = events.last().expect("an event");
    let Kind::Closed(closed) = &last.kind else { panic!("{last:?}") };
    assert_eq!((closed.reason.as_str(), last.session.as_str()), ("lost", session.as_str()));
    assert_eq!(rig.gateway.emit.orphans().expect("orphans"), []);
}

fn action(id: &str) -> Action {
    Action {
        id: id.into(),
        class: Class::Request,
        verb: Verb::Read,
        text: "GET /".into(),
        objects: vec!["/".into()],
        parameters_digest: None,
        database: None,
    }
}
