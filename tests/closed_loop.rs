//! From hop to block, on both logs: an agent reads a host's name, opens it, and is stopped before the next hop.

use crate::harness::broker::Broker;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::{eventually, run};
use serde_json::Value;

#[test]
fn pivot_is_stopped_before_its_third_hop_on_the_embedded_log() {
    pivot_is_stopped(Gateway::up(Bus::Embedded));
}

#[test]
fn pivot_is_stopped_before_its_third_hop_on_kafka() {
    let broker = Broker::start();
    pivot_is_stopped(Gateway::up(Bus::Kafka(broker.bootstrap())));
}

fn pivot_is_stopped(mut gateway: Gateway) {
    let agent = gateway.clients("dana", &["planner", "coder", "runner"]);

    let read = gateway.psql(&agent, &["select host from inventory"]);
    assert_eq!(read.status, 0, "{}", read.errors);
    assert!(read.output.contains("bastion.corp.example"), "{}", read.output);

    // A session that would go on by itself: the verdict cuts it.
    let ssh = agent.ssh(gateway.listener("bastion"), &[], "echo here; sleep 50").expect("ssh");
    let mut live = crate::harness::clients::start(ssh).expect("ssh");
    let cut = eventually("the live session is cut", || live.0.try_wait().expect("ssh"));
    assert!(!cut.success(), "ssh ended as if nothing had happened");

    let refused = gateway.curl(&agent, "/api/v1/secrets");
    assert!(refused.output.ends_with("403"), "{}", refused.output);
    assert!(refused.output.contains("verdict"), "{}", refused.output);
    // Whoever the compromised agent starts is stopped as well; the person is not.
    let deeper = gateway.clients("dana", &["planner", "coder", "runner", "helper"]);
    assert!(gateway.curl(&deeper, "/").output.ends_with("403"));
    assert!(gateway.curl(&gateway.clients("erin", &[]), "/").output.ends_with("200"));

    let alerts = gateway.sql_until(
        "select root, actor, verdict from alert_revisions where detection = 'disclosed_target' order by revision",
        1,
    );
    assert_eq!(alerts[0]["root"], "dana");
    assert_eq!(alerts[0]["actor"], "runner");
    assert!(alerts[0]["verdict"].is_string(), "{alerts:?}");
    gateway.sql_until("select * from sessions where root = 'dana' and state = 'refused' and target = 'cluster'", 2);
    let hops = gateway.sql("select target, state from sessions where root = 'dana' order by time, target");
    let admitted = |target: &str| hops.iter().any(|hop| hop["target"] == target && hop["state"] != "refused");
    assert!(admitted("db") && admitted("bastion") && !admitted("cluster"), "{hops:?}");

    let alert = gateway.sql("select id from alerts where root = 'dana' limit 1");
    gateway.interdict(&["alerts", "resolve", alert[0]["id"].as_str().expect("id"), "--malicious"]);
    gateway.sql_until("select * from resolutions where finding = 'malicious' and root = 'dana'", 1);

    assert!(gateway.stop(), "{}", gateway.logged("up"));
    gateway.interdict(&["verify"]);
}

#[test]
fn an_identity_that_learned_nothing_may_open_what_it_likes() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    assert_eq!(gateway.psql(&dana, &["select 1"]).output.trim(), "1");
    assert_eq!(gateway.ssh(&dana, "echo fine").output.trim(), "fine");
    assert!(gateway.curl(&dana, "/healthz").output.ends_with("200"));
    gateway.until_in_lake("kind = 'closed' and root = 'dana'", 3);
    assert_eq!(gateway.sql("select * from alerts where detection = 'disclosed_target'"), Vec::<Value>::new());
}

#[test]
fn a_session_that_starts_on_a_protected_host_says_so() {
    let mut gateway =
        Gateway::build_with(Bus::Embedded, "[[inventory]]\nname = \"jump\"\naddresses = [\"127.0.0.9\"]\n");
    gateway.start();
    let mut curl = gateway.clients("dana", &[]).curl(gateway.listener("cluster"), "/").expect("curl");
    curl.args(["--interface", "127.0.0.9"]);
    assert!(run(curl).output.ends_with("200"));
    let rows = gateway.sql_until("select source_target from events where kind = 'opened'", 1);
    assert_eq!(rows[0]["source_target"], "jump");
}
