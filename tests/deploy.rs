//! Every file under deploy/ is one that its reader accepts.

use crate::harness::gateway::checkout;
use std::fs;

#[test]
fn the_compose_file_names_real_commands_and_services() {
    let text = fs::read_to_string(checkout().join("deploy/compose/compose.yaml")).expect("compose.yaml");
    let file: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).expect("YAML");
    let services = file["services"].as_mapping().expect("services");
    for part in ["proxy", "collector", "detector", "serve"] {
        let service = &services[part];
        let command = service["command"][0].as_str().expect("a command");
        let mut interdict = crate::harness::gateway::interdict();
        assert_eq!(
            crate::harness::run({
                interdict.args([command, "--help"]);
                interdict
            })
            .status,
            0,
            "{command}"
        );
        let merged = service["<<"]["depends_on"].as_mapping().expect("depends_on");
        assert!(merged.keys().all(|name| services.contains_key(name)), "{part} depends on what is not there");
    }
    let dockerfile = checkout()
        .join("deploy/compose")
        .join("../..")
        .join(file["x-interdict"]["build"]["dockerfile"].as_str().expect("dockerfile"));
    assert!(fs::read_to_string(dockerfile).expect("Dockerfile").contains("cargo build --release --locked"));
}

#[test]
fn the_unit_starts_what_exists_and_keeps_its_privileges_few() {
    let text = fs::read_to_string(checkout().join("deploy/systemd/interdict.service")).expect("unit");
    let mut section = "";
    let mut keys = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => section = name,
            None => keys.push((section, line.split_once('=').expect("key=value"))),
        }
    }
    let value =
        |key: &str| keys.iter().find(|(_, (name, _))| *name == key).map(|(_, (_, value))| *value).expect("key");
    assert!(value("ExecStart").ends_with(" up"));
    assert_eq!(value("NoNewPrivileges"), "true");
    assert!(keys.iter().all(|(section, _)| ["Unit", "Service", "Install"].contains(section)));
}

#[test]
fn the_shell_scripts_parse() {
    for script in [
        "deploy/packages.sh",
        "tests/maven.sh",
        "tests/kafka/start.sh",
        "tests/jdbc/fetch.sh",
        "tests/python/venv.sh",
        ".ci/run",
    ] {
        let mut bash = std::process::Command::new("bash");
        bash.arg("-n").arg(checkout().join(script));
        assert_eq!(crate::harness::run(bash).status, 0, "{script}");
    }
}
