//! Verdicts given by hand: live sessions are cut, new ones refused with the reason, and both end when they are taken
//! back.

use crate::harness::clients;
use crate::harness::gateway::{Bus, Gateway, interdict};
use crate::harness::{eventually, run};

#[test]
fn a_verdict_on_nobody_is_refused() {
    for scope in [["--root", ""], ["--actor", " "], ["--target", ""]] {
        let mut command = interdict();
        command.args(["verdicts", "add", "--reason", "a variable that is not set"]).args(scope);
        let answer = run(command);
        assert_eq!(answer.status, 2);
        assert!(answer.errors.contains("it is empty; leave the option out"), "{}", answer.errors);
    }
}

#[test]
fn live_sessions_are_cut_and_new_ones_refused_until_the_verdict_is_revoked() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    let psql = dana.psql(gateway.listener("db"), "shop", &["select pg_sleep(50)"]).expect("psql");
    let ssh = dana.ssh(gateway.listener("bastion"), &[], "sleep 50").expect("ssh");
    let mut live = [("psql", clients::start(psql).expect("psql")), ("ssh", clients::start(ssh).expect("ssh"))];
    gateway.until_in_lake("kind = 'acted' and root = 'dana'", 2);

    let id =
        gateway.interdict(&["verdicts", "add", "--root", "dana", "--reason", "her laptop is lost", "--by", "erin"]);
    let id = id.trim();
    for (name, client) in &mut live {
        let status = eventually(&format!("{name} is cut"), || client.0.try_wait().expect("client"));
        assert!(!status.success(), "{name} ended as if nothing had happened");
    }
    for answer in [gateway.psql(&dana, &["select 1"]), gateway.ssh(&dana, "true"), gateway.curl(&dana, "/")] {
        let words = format!("{}{}", answer.output, answer.errors);
        assert!(words.contains("her laptop is lost"), "the reason is missing: {words}");
    }

    let cut = gateway.sql_until(
        "select c.protocol, v.id, extract(epoch from (c.closed - v.time)) * 1000 as ms from sessions c join verdicts v on c.verdict = v.id \
         where c.state = 'closed' and c.root = 'dana'",
        2,
    );
    assert!(cut.iter().all(|row| row["id"] == id), "{cut:?}");
    for row in &cut {
        println!("{} was cut {} ms after the command gave the verdict", row["protocol"], row["ms"]);
    }
    let listed = gateway.interdict(&["verdicts", "list", "--output", "json"]);
    assert!(listed.contains(id) && listed.contains("erin"), "{listed}");

    gateway.interdict(&["verdicts", "revoke", id]);
    eventually("dana is admitted again", || (gateway.psql(&dana, &["select 1"]).status == 0).then_some(()));
    assert!(!gateway.interdict(&["verdicts", "list", "--output", "json"]).contains(id));
}

#[test]
fn verdicts_outlive_the_process() {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    gateway.interdict(&["verdicts", "add", "--root", "dana", "--target", "db", "--reason", "closed for dana"]);
    gateway.kill("up");
    // Nobody runs: the command opens the log itself.
    assert!(gateway.interdict(&["verdicts", "list", "--output", "json"]).contains("closed for dana"));
    gateway.start();
    let refused = gateway.psql(&dana, &["select 1"]);
    assert!(refused.errors.contains("closed for dana"), "{}", refused.errors);
    assert_eq!(gateway.ssh(&dana, "echo fine").output.trim(), "fine", "the verdict is about db alone");
}

#[test]
fn shadow_verdicts_stop_nothing() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    gateway.interdict(&["verdicts", "add", "--root", "dana", "--reason", "watched", "--shadow"]);
    assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
}

#[test]
fn a_verdict_without_a_scope_is_refused() {
    let gateway = Gateway::build(Bus::Embedded);
    let answer = run(gateway.command(&["verdicts", "add", "--reason", "everybody"]));
    assert_eq!(answer.status, 2);
    assert!(answer.errors.contains("--root"), "{}", answer.errors);
}

#[test]
fn a_verdict_on_whom_nobody_ever_saw_is_given_and_said_to_be() {
    let gateway = Gateway::up(Bus::Embedded);
    assert_eq!(gateway.psql(&gateway.clients("dana", &["planner"]), &["select 1"]).status, 0);
    gateway.sql_until("select session from sessions where state = 'closed'", 1);
    let add = |named: &[&str]| {
        let answer = run(gateway.command(&[&["verdicts", "add", "--reason", "r"][..], named].concat()));
        assert_eq!((answer.status, answer.output.starts_with("v-")), (0, true), "{named:?}: {}", answer.errors);
        answer.errors
    };
    let unknown = |who: &str| format!("no session of {who} is in the lake; check the spelling\n");
    assert_eq!(add(&["--root", "dana"]), "");
    assert_eq!(add(&["--actor", "planner", "--target", "db"]), "");
    assert_eq!(add(&["--root", "dnaa"]), unknown("dnaa"));
    // It acts for somebody, and is no root.
    assert_eq!(add(&["--root", "planner"]), unknown("planner"));
    let hold = |who: &str| run(gateway.command(&["lake", "hold", "--identity", who, "--reason", "r"])).errors;
    assert_eq!((hold("planner"), hold("planer")), (String::new(), unknown("planer")));
}

#[test]
fn nobody_waits_for_alerts_that_nobody_can_raise() {
    let gateway = Gateway::build(Bus::Embedded);
    let answer = run(gateway.command(&["alerts", "--follow"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("nobody runs `interdict up`"), "{}", answer.errors);
}

#[test]
fn alerts_are_followed_while_they_are_raised() {
    let gateway = Gateway::up(Bus::Embedded);
    let follower = gateway.command(&["alerts", "--follow", "--output", "json"]);
    let mut follower = clients::start(follower).expect("interdict");
    // The follower reads from the moment it is connected; stories are told until it has heard one.
    let heard = std::thread::spawn(move || {
        use std::io::{BufRead as _, BufReader};
        let mut line = String::new();
        BufReader::new(follower.0.stdout.as_mut().expect("stdout")).read_line(&mut line).expect("a line");
        line
    });
    let mut told = 0;
    let line = loop {
        told += 1;
        let root = format!("dana-{told}");
        let agent = gateway.clients(&root, &["runner"]);
        gateway.psql(&agent, &["select host from inventory"]);
        gateway.ssh(&agent, "true");
        if heard.is_finished() || told > 20 {
            break heard.join().expect("follower");
        }
    };
    let alert: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(alert["detection"], "disclosure_used", "{line}");
}
