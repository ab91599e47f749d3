//! Other tools on the lake: DuckDB and Polars read its files as they are, and Grafana's dashboards ask its server.

use crate::harness::gateway::{Bus, Gateway, checkout};
use crate::harness::servers::free_port;
use crate::harness::{eventually, run};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

/// An interpreter with what `tests/python/requirements.txt` names.
pub(crate) fn python() -> Command {
    let made = run(Command::new(checkout().join("tests/python/venv.sh")));
    assert_eq!(made.status, 0, "{}", made.errors);
    Command::new(made.output.trim())
}

#[test]
fn duckdb_and_polars_read_what_the_collector_wrote() {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &["planner"]);
    assert_eq!(gateway.psql(&dana, &["select 1", "select host from inventory"]).status, 0);
    assert_ne!(gateway.psql(&dana, &["drop table inventory"]).status, 0);
    gateway.until_in_lake("kind = 'closed'", 2);
    assert!(gateway.stop());
    let lake = gateway.folder.path().join("data/lake");
    let own = gateway.sql("select count(*) as n, count(*) filter (where decision = 'deny') as denied from events");
    let expected = format!("dana\tdb\tpostgres\t{}\t{}", own[0]["n"], own[0]["denied"]);
    assert_ne!(own[0]["denied"], 0);
    for script in ["duckdb_lake.py", "polars_lake.py"] {
        let answer = run_script(script, &lake, &[]);
        assert!(answer.lines().any(|line| line == expected), "{script} lacks {expected:?}:\n{answer}");
    }
    // Lists, structs and times come as what they are.
    let typed = "select chain[1], disclosures[1].target, time > timestamptz '2020-01-01' from events \
                 where len(disclosures) > 0 limit 1";
    assert_eq!(run_script("duckdb_lake.py", &lake, &[typed]).lines().nth(1), Some("dana\tbastion\tTrue"));
}

fn run_script(script: &str, lake: &Path, more: &[&str]) -> String {
    let mut python = python();
    python.arg(checkout().join("queries/notebooks").join(script)).arg(lake).args(more);
    let answer = run(python);
    assert_eq!(answer.status, 0, "{script}: {}{}", answer.output, answer.errors);
    answer.output
}

/// A panel's question as Grafana sends it, from the first of March 2026 on in portions of five minutes.
pub(crate) fn expanded(sql: &str, until: &str) -> String {
    let mut sql = sql.replace("$__interval", "5m");
    let replace = |sql: &mut String, name: &str, with: &dyn Fn(&str) -> String| {
        while let Some(start) = sql.find(name) {
            let end = start + sql[start..].find(')').expect("a macro ends");
            let column = sql[start + name.len()..end].split(',').next().expect("a column").to_owned();
            sql.replace_range(start..=end, &with(&column));
        }
    };
    replace(&mut sql, "$__timeFilter(", &|column| format!("{column} BETWEEN '2026-03-01T00:00:00Z' AND '{until}'"));
    replace(&mut sql, "$__timeGroupAlias(", &|column| {
        format!("floor(extract(epoch from {column})/300)*300 AS \"time\"")
    });
    assert!(!sql.contains("$__"), "a macro of Grafana's that the test does not know: {sql}");
    sql
}

#[test]
fn every_panel_of_the_dashboards_is_answered() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().expect("port")));
    let mut gateway = Gateway::build_with(Bus::Embedded, &format!("[serve]\nlisten = \"{address}\"\n"));
    gateway.start();
    eventually("the lake served", || gateway.logged("up").contains("the lake is served").then_some(()));
    let dana = gateway.clients("dana", &[]);
    assert_eq!(gateway.psql(&dana, &["select host from inventory"]).status, 0);
    gateway.interdict(&["verdicts", "add", "--root", "mallory", "--reason", "a test"]);
    gateway.until_in_lake("kind = 'closed'", 1);
    let mut asked = 0;
    for entry in fs::read_dir(checkout().join("deploy/grafana/dashboards")).expect("dashboards") {
        let path = entry.expect("entry").path();
        let board: Value = serde_json::from_slice(&fs::read(&path).expect("dashboard")).expect("JSON");
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().expect("targets") {
                let sql = expanded(target["rawSql"].as_str().expect("a question"), "2126-03-02T00:00:00Z");
                let answer = run(dana.psql(address, "lake", &[&sql]).expect("psql"));
                let place = format!("{}, {}", path.display(), panel["title"]);
                assert_eq!(answer.status, 0, "{place}: {sql}\n{}", answer.errors);
                // Whatever counts or groups has something to show here, but for what nobody did.
                if panel["type"] == "stat" {
                    assert!(answer.output.trim().parse::<f64>().is_ok(), "{place}: {}", answer.output);
                }
                if ["Busiest identities", "Writers", "Rows by day"].iter().any(|title| panel["title"] == *title) {
                    assert!(answer.output.lines().count() > 0, "{place}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 25, "{asked}");
}
