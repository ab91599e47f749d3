//! Every file under deploy/ is one that its reader accepts.

use crate::harness::gateway::checkout;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

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
        assert_eq!(service["<<"]["tmpfs"][0], "/tmp", "{part} has nowhere to sort what outgrows memory");
        // Whoever has a name cannot be scaled.
        assert_eq!(service["container_name"].is_string(), part == "collector", "one collector writes");
        assert!(merged.keys().all(|name| services.contains_key(name)), "{part} depends on what is not there");
    }
    let dockerfile = checkout()
        .join("deploy/compose")
        .join("../..")
        .join(file["x-interdict"]["build"]["dockerfile"].as_str().expect("dockerfile"));
    assert!(fs::read_to_string(dockerfile).expect("Dockerfile").contains("cargo build --release --locked"));
}

#[test]
fn the_example_is_read_by_the_whole_command() {
    let text = fs::read_to_string(checkout().join("deploy/example/interdict.toml")).expect("the example");
    let optional = ["# [serve]", "# [detector.detections]", "# [detector.webhook]", "# [[mask]]"];
    let mut is_within = false;
    let switched_on = text.lines().map(|line| {
        is_within = optional.contains(&line) || is_within && line.starts_with("# ");
        if is_within { line.trim_start_matches("# ") } else { line }
    });
    let switched_on = switched_on.collect::<Vec<_>>().join("\n");
    assert_eq!(switched_on.matches("\n[").count(), text.matches("\n[").count() + optional.len());
    let folder = tempfile::tempdir().expect("folder");
    for name in ["tls/cert.pem", "tls/key.pem", "tls/ca.pem"].into_iter().chain(SECRETS) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(&path, "0123456789abcdef0123456789abcdef").expect("file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
    }
    for name in ["policies", "data/lake"] {
        fs::create_dir_all(folder.path().join(name)).expect("folder");
    }
    for text in [&text, &switched_on] {
        let config = folder.path().join("interdict.toml");
        fs::write(&config, text).expect("file");
        let mut interdict = crate::harness::gateway::interdict();
        interdict.arg("--config").arg(&config).args(["sql", "select count(*) from events"]);
        let read = crate::harness::run(interdict);
        assert_eq!(read.status, 0, "{}", read.errors);
    }
}

/// What the example's `_file` keys name.
const SECRETS: [&str; 4] = ["secrets/orders", "secrets/id_ed25519", "secrets/api", "secrets/webhook"];

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
fn grafana_is_given_the_lake_and_its_dashboards() {
    let read = |name: &str| -> serde_yaml_ng::Value {
        let path = checkout().join("deploy/grafana/provisioning").join(name);
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let source = &read("lake.yaml")["datasources"][0];
    assert_eq!(source["jsonData"]["database"], "lake");
    assert_eq!(source["jsonData"]["sslmode"], "verify-full", "a token is sent to nobody else");
    assert_eq!(source["jsonData"]["postgresVersion"], 1500);
    let provider = &read("dashboards.yaml")["providers"][0];
    assert_eq!(provider["type"], "file");
    assert!(provider["options"]["path"].as_str().is_some_and(|path| path.starts_with('/')));
    let mut panels = 0;
    for entry in fs::read_dir(checkout().join("deploy/grafana/dashboards")).expect("dashboards") {
        let path = entry.expect("entry").path();
        let board: serde_yaml_ng::Value =
            serde_yaml_ng::from_slice(&fs::read(&path).expect("dashboard")).expect("JSON, which is YAML");
        for panel in board["panels"].as_sequence().expect("panels") {
            assert_eq!(panel["datasource"]["uid"], source["uid"], "{}", path.display());
            assert_eq!(panel["datasource"]["type"], source["type"], "{}", path.display());
            panels += 1;
        }
    }
    assert!(panels > 25, "{panels}");
    // Nothing lies there that no test reads.
    let files = fs::read_dir(checkout().join("deploy/grafana/provisioning")).expect("folder").count();
    assert_eq!(files, 2);
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
