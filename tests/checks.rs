//! `interdict check`, `token`, `completions`, and what wrong configurations are told.

use crate::harness::gateway::{Bus, Gateway, interdict};
use crate::harness::run;
use std::fs;

#[test]
fn check_names_what_is_wrong_and_where() {
    let gateway = Gateway::build(Bus::Embedded);
    let answer = run(gateway.command(&["check"]));
    // One target of the harness does not exist.
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    let line = answer.output.lines().find(|line| line.contains("gone")).expect("a line about the target");
    assert!(line.contains("interdict.toml:"), "no place: {line}");
    for good in ["db", "bastion", "cluster"] {
        let line = answer.output.lines().find(|line| line.contains(&format!("target {good}"))).expect("a line");
        assert!(line.starts_with("ok"), "{line}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_file_line_and_advice() {
    let check = |change: (&str, &str), expected: &[&str]| {
        let gateway = Gateway::build(Bus::Embedded);
        let text = fs::read_to_string(gateway.config()).expect("configuration");
        assert!(text.contains(change.0));
        fs::write(gateway.config(), text.replacen(change.0, change.1, 1)).expect("configuration");
        for command in ["check", "up"] {
            let answer = run(gateway.command(&[command]));
            let words = format!("{}{}", answer.output, answer.errors);
            assert_eq!(answer.status, 2, "{command}: {words}");
            for expected in expected {
                assert!(words.contains(expected), "{command}: `{expected}` is missing in: {words}");
            }
        }
    };
    check(("audience =", "audiance ="), &["interdict.toml:7", "audiance"]);
    check(("max_age_s = 1", "max_age_s = \"soon\""), &["interdict.toml:15"]);
    check(("algorithms = [\"EdDSA\"]", "algorithms = [\"HS256\"]"), &["interdict.toml:8", "HS256"]);
    check(("key = \"key.pem\"", "key = \"none.pem\""), &["none.pem"]);
    check(("protocol = \"ssh\"", "protocol = \"gopher\""), &["gopher"]);
}

#[test]
fn a_configuration_that_was_named_must_be_there_and_the_usual_one_need_not() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("events.jsonl"), "").expect("events");
    let forensics = ["forensics", "--events", "events.jsonl"];
    let here = |args: &[&str]| {
        let mut command = interdict();
        command.current_dir(folder.path()).args(args);
        command
    };
    for args in [
        &forensics[..],
        &["simulate", "--days", "2", "--attacks", "0"],
        &["import", "--lake", "lake", "events.jsonl"],
        &["verify", "--lake", "lake"],
        &["backtest", "--rules", "rules.toml", "--events", "events.jsonl"],
        &["up"],
    ] {
        let (mut named, mut told) = (here(args), here(args));
        named.args(["--config", "nosuch.toml"]);
        told.env("INTERDICT_CONFIG", "nosuch.toml");
        for command in [named, told] {
            let answer = run(command);
            assert_eq!(answer.status, 2, "{args:?}: {}", answer.errors);
            let words = "there is no configuration nosuch.toml: correct --config (or INTERDICT_CONFIG)";
            assert!(answer.errors.contains(words), "{args:?}: {}", answer.errors);
        }
    }
    assert_eq!(run(here(&forensics)).status, 0);
}

#[test]
fn a_crown_jewel_that_is_no_target_is_named() {
    let gateway = Gateway::build_with(Bus::Embedded, "[detector]\ncrown_jewels = [\"db\", \"dbb\"]\n");
    let answer = run(gateway.command(&["check"]));
    let lines: Vec<_> = answer.output.lines().filter(|line| line.contains("crown_jewels")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("see  ") && lines[0].contains("\"dbb\""), "{}", answer.output);
}

#[test]
fn a_policy_with_a_mistake_is_refused_with_its_line() {
    let gateway = Gateway::build(Bus::Embedded);
    fs::write(gateway.folder.path().join("policies/bad.cedar"), "\n\npermit (principal, action resource);\n")
        .expect("policy");
    for command in ["check", "up"] {
        let answer = run(gateway.command(&[command]));
        let words = format!("{}{}", answer.output, answer.errors);
        assert_ne!(answer.status, 0, "{words}");
        assert!(words.contains("bad.cedar:3"), "{command}: {words}");
    }
}

#[test]
fn development_tokens_are_minted_from_a_local_key_only() {
    let gateway = Gateway::build(Bus::Embedded);
    let token = gateway.interdict(&["token", "--subject", "dana", "--group", "engineering"]);
    assert_eq!(token.trim().split('.').count(), 3, "{token}");

    let text = fs::read_to_string(gateway.config()).expect("configuration");
    fs::write(gateway.config(), text.replace("jwks_file = \"jwks.json\"\n", "")).expect("configuration");
    let answer = run(gateway.command(&["token", "--subject", "dana"]));
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("https://issuer.test"), "{}", answer.errors);
}

#[test]
fn a_new_development_key_opens_the_gateway() {
    let mut gateway = Gateway::build(Bus::Embedded);
    for made_before in ["jwks.json", "data/development.pem"] {
        fs::remove_file(gateway.folder.path().join(made_before)).expect("made by the harness");
    }
    let answer = run(gateway.command(&["up"]));
    assert_eq!(answer.status, 1, "without keys nobody can be believed");
    assert!(answer.errors.contains("interdict token --new-key"), "{}", answer.errors);
    let token = gateway.interdict(&["token", "--new-key", "--subject", "dana", "--group", "engineering"]);
    gateway.start();
    let dana = gateway.clients_with(token.trim().to_owned());
    assert_eq!(gateway.psql(&dana, &["select 1"]).output.trim(), "1");
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let mut command = interdict();
        command.args(["completions", shell]);
        let answer = run(command);
        assert_eq!(answer.status, 0, "{shell}: {}", answer.errors);
        assert!(answer.output.contains("forensics"), "{shell}");
    }
}

#[test]
fn a_second_up_is_told_who_holds_the_log() {
    let gateway = Gateway::up(Bus::Embedded);
    let answer = run(gateway.command(&["up"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("data/log"), "{}", answer.errors);
}
