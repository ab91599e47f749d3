//! A killed process loses nothing that was acknowledged: every statement that reached the server stands in the lake,
//! once.

use crate::harness::clients;
use crate::harness::eventually;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::servers::program;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// How often the gateway is killed.
const KILLS: usize = 10;
/// How many clients work at a time.
const CLIENTS: usize = 4;

#[test]
fn ten_kills_under_load_lose_nothing_and_double_nothing() {
    let mut gateway = Gateway::build(Bus::Embedded);
    let script = gateway.folder.path().join("load.sql");
    // Every statement is one of a kind, so that each can be found again.
    fs::write(&script, "\\set n random(1, 1000000000000000)\nselect :n as marked;\n").expect("script");
    let token = gateway.token("loader", &[], |claims| claims.kind = interdict_schemas::PrincipalKind::Workload);
    let server_log = gateway.folder.path().join("postgres/log");
    for kill in 0..KILLS {
        gateway.start();
        let listener = gateway.listener("db");
        let mode = ["simple", "extended", "prepared"][kill % 3];
        let mut pgbench = Command::new(program("pgbench").expect("pgbench"));
        pgbench
            .env("PGPASSWORD", &token)
            .env("PGSSLMODE", "require")
            .args(["-n", "-c", &CLIENTS.to_string(), "-T", "60", "-M", mode, "-f"])
            .arg(&script)
            .args(["-h", "127.0.0.1", "-p", &listener.port().to_string(), "-U", "me", "shop"]);
        let load = clients::start(pgbench).expect("pgbench");
        let count = || fs::read_to_string(&server_log).expect("log").matches(" as marked").count();
        let before = count();
        eventually("the load reaches the server", || (count() > before + 200).then_some(()));
        gateway.kill("up");
        drop(load);
    }
    gateway.start();
    let log = fs::read_to_string(&server_log).expect("log");
    let (reached, bound) = (marked(&log), executed(&log));
    assert!(!reached.is_empty() && bound > 0, "{} simple and {bound} extended statements", reached.len());
    eventually("every statement that reached the server stands in the lake", || {
        let rows = gateway.sql("select text from events where kind = 'acted' and root = 'loader'");
        let texts: Vec<_> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
        let recorded = texts.iter().filter(|text| text.contains("$1 as marked")).count();
        // A statement that was recorded when the process died may not have been forwarded any more: one a client.
        assert!(recorded <= bound + KILLS * CLIENTS, "{recorded} recorded, {bound} executed");
        (reached.is_subset(&marked(&texts.join("\n"))) && recorded >= bound).then_some(())
    });
    let lost = gateway.sql_until("select * from sessions where reason = 'lost' and root = 'loader'", CLIENTS);
    assert!(lost.len() <= KILLS * CLIENTS, "{} sessions were lost", lost.len());
    assert!(gateway.stop(), "{}", gateway.logged("up"));
    gateway.interdict(&["verify"]);
}

/// The numbers of `select N as marked`, each one of a kind.
fn marked(text: &str) -> BTreeSet<String> {
    text.split("select ")
        .filter(|rest| rest.contains(" as marked"))
        .filter_map(|rest| rest.split(' ').next())
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// How often the server executed the statement with a bound number.
fn executed(log: &str) -> usize {
    log.lines().filter(|line| line.contains("execute ") && line.contains("$1 as marked")).count()
}
