//! From hop to block, on both logs: an agent reads a host's name, and is refused when it opens it.

use crate::harness::broker::Broker;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::servers::free_port;
use crate::harness::{run, upstream};
use serde_json::Value;

#[test]
fn pivot_is_stopped_at_the_hop_that_completes_it_on_the_embedded_log() {
    pivot_is_stopped(Gateway::up(Bus::Embedded));
}

#[test]
fn pivot_is_stopped_at_the_hop_that_completes_it_on_kafka() {
    let broker = Broker::start();
    pivot_is_stopped(Gateway::up(Bus::Kafka(broker.bootstrap())));
}

fn pivot_is_stopped(mut gateway: Gateway) {
    let agent = gateway.clients("dana", &["planner", "coder", "runner"]);

    let read = gateway.psql(&agent, &["select host from inventory"]);
    assert_eq!(read.status, 0, "{}", read.errors);
    assert!(read.output.contains("bastion.corp.example"), "{}", read.output);

    let pivot = gateway.ssh(&agent, "echo on the bastion");
    assert_ne!(pivot.status, 0, "{}", pivot.output);
    assert!(!pivot.output.contains("on the bastion"), "{}", pivot.output);

    let refused = gateway.curl(&agent, "/api/v1/secrets");
    assert!(refused.output.ends_with("403"), "{}", refused.output);
    assert!(refused.output.contains("verdict"), "{}", refused.output);
    // Whoever the compromised agent starts is stopped as well; the person is not.
    let deeper = gateway.clients("dana", &["planner", "coder", "runner", "helper"]);
    assert!(gateway.curl(&deeper, "/").output.ends_with("403"));
    assert!(gateway.curl(&gateway.clients("erin", &[]), "/").output.ends_with("200"));

    let alerts = gateway.sql_until(
        "select root, actor, verdict from alert_revisions where detection = 'disclosure_used' order by revision",
        1,
    );
    assert_eq!(alerts[0]["root"], "dana");
    assert_eq!(alerts[0]["actor"], "runner");
    assert!(alerts[0]["verdict"].is_string(), "{alerts:?}");
    gateway.sql_until("select * from sessions where root = 'dana' and state = 'refused' and target = 'cluster'", 2);
    let hops = gateway.sql("select target, state, reason, actions from sessions where root = 'dana' order by time");
    let of = |target: &str| hops.iter().filter(|hop| hop["target"] == target).collect::<Vec<_>>();
    assert_eq!(of("db").len(), 1, "{hops:?}");
    assert_eq!(of("db")[0]["reason"], "client", "{hops:?}");
    assert_eq!(of("bastion").len(), 1, "{hops:?}");
    assert_eq!((&of("bastion")[0]["reason"], &of("bastion")[0]["actions"]), (&"verdict".into(), &0.into()));
    assert!(of("cluster").iter().all(|hop| hop["state"] == "refused"), "{hops:?}");

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
    assert_eq!(gateway.sql("select * from alerts where detection = 'disclosure_used'"), Vec::<Value>::new());
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

#[test]
fn the_target_of_the_hop_that_completes_a_pivot_is_never_dialled_on_the_embedded_log() {
    the_target_is_never_dialled(Bus::Embedded);
}

#[test]
fn the_target_of_the_hop_that_completes_a_pivot_is_never_dialled_on_kafka() {
    let broker = Broker::start();
    the_target_is_never_dialled(Bus::Kafka(broker.bootstrap()));
}

fn the_target_is_never_dialled(bus: Bus) {
    let (address, connections) = upstream::counting();
    let listener = free_port().expect("port");
    let vault = format!(
        "[[target]]\nname = \"vault\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:{listener}\"\naddress = \"{address}\"\n\
         aliases = [\"vault.corp.example\"]\n[target.credential]\nheader = \"Authorization\"\nvalue_file = \"secrets/api\"\n"
    );
    let mut gateway = Gateway::build_with(bus, &vault);
    gateway.start();
    let vault = ([127, 0, 0, 1], listener).into();
    let agent = gateway.clients("dana", &["planner", "runner"]);
    assert_eq!(gateway.psql(&agent, &["select 'vault.corp.example' as host"]).status, 0);
    let answer = run(agent.curl(vault, "/secret").expect("curl"));
    assert!(answer.output.ends_with("403"), "{}", answer.output);
    assert!(answer.output.contains("verdict"), "{}", answer.output);
    assert_eq!(connections(), 0, "the target saw a connection");
    // Who did not read of it gets there.
    run(gateway.clients("erin", &[]).curl(vault, "/secret").expect("curl"));
    assert!(connections() > 0, "the target is where the gateway dials");
}
