//! Detectors that die: a killed one is missed by nobody. Whoever goes on, itself anew or another one, stops the attack at
//! the same hop.

use crate::harness::broker::Broker;
use crate::harness::clients;
use crate::harness::eventually;
use crate::harness::gateway::{Bus, Gateway};
use std::collections::BTreeSet;

/// When in an attack the detector is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    BeforeTheRead,
    AfterTheRead,
    WhileTheHopIsJudged,
    AfterTheHop,
    AtOnceAfterItsStart,
}

const MOMENTS: [Moment; 5] = [
    Moment::BeforeTheRead,
    Moment::AfterTheRead,
    Moment::WhileTheHopIsJudged,
    Moment::AfterTheHop,
    Moment::AtOnceAfterItsStart,
];

/// Plays one attack; `kill` is called at the moment.
fn attack(gateway: &mut Gateway, root: &str, moment: Moment, kill: &mut dyn FnMut(&mut Gateway)) {
    let agent = gateway.clients(root, &["planner", "runner"]);
    let mut at = |gateway: &mut Gateway, here: bool| {
        if here {
            kill(gateway);
        }
    };
    at(gateway, matches!(moment, Moment::BeforeTheRead | Moment::AtOnceAfterItsStart));
    let read = gateway.psql(&agent, &["select host from inventory"]);
    assert_eq!(read.status, 0, "{root}, {moment:?}: {}", read.errors);
    assert!(read.output.contains("bastion.corp.example"), "{}", read.output);
    at(gateway, matches!(moment, Moment::AfterTheRead));
    let ssh = agent.ssh(gateway.listener("bastion"), &[], "echo on the bastion").expect("ssh");
    let mut hop = clients::start(ssh).expect("ssh");
    at(gateway, matches!(moment, Moment::WhileTheHopIsJudged));
    let status = eventually("the hop ends", || hop.0.try_wait().expect("ssh"));
    assert!(!status.success(), "{root}, {moment:?}: the hop was admitted");
    at(gateway, matches!(moment, Moment::AfterTheHop));
    let next = gateway.curl(&agent, "/api/v1/secrets");
    assert!(next.output.ends_with("403") && next.output.contains("verdict"), "{root}, {moment:?}: {}", next.output);
}

/// Every attack was stopped at its second hop, by a verdict and before it did anything, and raised one alert.
fn every_attack_was_stopped_alike(gateway: &mut Gateway, roots: &[String]) {
    let all: BTreeSet<&str> = roots.iter().map(String::as_str).collect();
    let stopped = "select root, reason, actions from sessions where target = 'bastion' order by root";
    let hops = gateway.sql_until(stopped, roots.len());
    let found: BTreeSet<_> = hops.iter().filter_map(|hop| hop["root"].as_str()).collect();
    assert_eq!((hops.len(), &found), (roots.len(), &all), "{hops:?}");
    eventually("every hop was closed by a verdict", || {
        let hops = gateway.sql(stopped);
        hops.iter().all(|hop| hop["reason"] == "verdict" && hop["actions"] == 0).then_some(())
    });
    let alerts = gateway
        .sql_until("select root, verdict from alerts where detection = 'disclosure_used' order by root", roots.len());
    let found: BTreeSet<_> = alerts.iter().filter_map(|alert| alert["root"].as_str()).collect();
    assert_eq!((alerts.len(), &found), (roots.len(), &all), "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert["verdict"].is_string()), "{alerts:?}");
    assert!(gateway.stop());
    gateway.interdict(&["verify"]);
}

fn publishes(gateway: &Gateway, name: &str) -> bool {
    gateway.logged(name).contains("publishing for these partitions")
}

#[test]
fn one_detector_killed_at_any_moment_and_started_again_stops_the_attack_at_the_same_hop() {
    let broker = Broker::start();
    let mut gateway = Gateway::up(Bus::Kafka(broker.bootstrap()));
    let mut roots = Vec::new();
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        let root = format!("agent-{round}");
        attack(&mut gateway, &root, moment, &mut |gateway| {
            if matches!(moment, Moment::AtOnceAfterItsStart) {
                gateway.kill("detector");
                gateway.start_part("detector");
            }
            gateway.kill("detector");
            gateway.start_part("detector");
        });
        roots.push(root);
    }
    every_attack_was_stopped_alike(&mut gateway, &roots);
}

#[test]
fn one_of_two_detectors_killed_at_any_moment_stops_the_attack_at_the_same_hop() {
    let broker = Broker::start();
    let mut gateway = Gateway::up(Bus::Kafka(broker.bootstrap()));
    gateway.start_another("detector", "second");
    eventually("the second detector has its partitions", || publishes(&gateway, "second").then_some(()));
    let mut roots = Vec::new();
    let mut victims = ["detector", "second"].into_iter().cycle();
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        let root = format!("agent-{round}");
        let victim = victims.next().expect("two");
        attack(&mut gateway, &root, moment, &mut |gateway| gateway.kill(victim));
        roots.push(root);
        gateway.start_another("detector", victim);
        eventually("the other one is back", || publishes(&gateway, victim).then_some(()));
    }
    every_attack_was_stopped_alike(&mut gateway, &roots);
}
