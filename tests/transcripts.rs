//! `queries/CLIENTS.md`: what clients that people have say of one small lake. The lake is a sample log that is imported,
//! so its times and ids are fixed; each client is really run, by the command that the page shows. `INTERDICT_BLESS=1`
//! writes the page, the test compares it. Only the server's address is another one than the page's.

use crate::harness::gateway::{Bus, Gateway, checkout};
use crate::harness::servers::{free_port, program};
use crate::harness::{eventually, run};
use crate::readers::{expanded, python};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const SAMPLE: &str = "queries/tests/samples/teleport.jsonl";
/// The last day of which anything is asked: later is what asking itself adds.
const UNTIL: &str = "2026-03-31T00:00:00Z";
const ADDRESS: (&str, u16) = ("gateway", 5439);

const HEAD: &str = "# The lake in the clients that people have

A test runs every command of this page and compares what it prints (`tests/transcripts.rs`; `INTERDICT_BLESS=1` writes the
page). The lake is a sample that comes with the source:

```sh
interdict import queries/tests/samples/teleport.jsonl
interdict up                                   # with [serve] listen = \"0.0.0.0:5439\"
export PGPASSWORD=\"$TOKEN\"                    # a token of the issuer, as everywhere
```

Whoever asks sees what policies let them. `time < '2026-04-01'` leaves out what asking adds: questions are events too.
";

const GRAFANA: &str = "
## Grafana

`deploy/grafana/` is the data source and the dashboards. Grafana itself is run by no test: of each panel, the question that
it would send is asked (`tests/readers.rs`), with Grafana's macros replaced as its documentation says, and so are the
statements that it sends by itself (`queries/tests/all/serve/tools.rs`).
";

const FILES: &str = "It reads the lake's files, past all policies: rights on the files decide there.
";

/// The served lake, and what asks it.
struct Page {
    text: String,
    token: String,
    port: u16,
}

impl Page {
    fn write(&mut self, text: &str) {
        self.text += text;
    }

    fn block(&mut self, language: &str, text: &str) {
        let trimmed: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        write!(self.text, "\n```{language}\n{}\n```\n", trimmed.join("\n")).expect("text");
    }

    /// Runs a command, and writes down what was typed and what it printed.
    fn transcript(&mut self, typed: &str, mut command: Command, succeeds: bool) {
        command.env("PGPASSWORD", &self.token).env("LC_ALL", "C.UTF-8").current_dir(checkout());
        for variable in ["PGTZ", "PGOPTIONS", "PGDATESTYLE", "PSQLRC", "PSQL_PAGER", "PAGER", "JAVA_TOOL_OPTIONS"] {
            command.env_remove(variable);
        }
        let answer = run(command);
        assert_eq!(answer.status == 0, succeeds, "{typed}: {}{}", answer.output, answer.errors);
        self.block("console", &format!("$ {typed}\n{}{}", answer.output, answer.errors));
    }

    fn psql(&mut self, sql: &str, succeeds: bool) {
        let lake = |(host, port): (&str, u16)| format!("host={host} port={port} dbname=lake user=me sslmode=require");
        let mut psql = Command::new(program("psql").expect("psql"));
        psql.args([&lake(("127.0.0.1", self.port)), "-X", "-c", sql]);
        let quoted = sql.replace('"', "\\\"");
        self.transcript(&format!("psql \"{}\" -X -c \"{quoted}\"", lake(ADDRESS)), psql, succeeds);
    }

    fn jdbc(&mut self) {
        let fetched = run(Command::new(checkout().join("tests/jdbc/fetch.sh")));
        assert_eq!(fetched.status, 0, "{}", fetched.errors);
        let url = |(host, port): (&str, u16)| format!("jdbc:postgresql://{host}:{port}/lake?sslmode=require");
        let mut java = Command::new("java");
        java.args(["-cp", fetched.output.trim(), "tests/jdbc/Ask.java"]);
        java.args([&url(("127.0.0.1", self.port)), "bot-host"]);
        let typed = format!("java -cp postgresql.jar tests/jdbc/Ask.java \"{}\" bot-host", url(ADDRESS));
        self.transcript(&typed, java, true);
    }

    fn script(&mut self, name: &str, lake: &str, sql: Option<&str>) {
        let mut script = python();
        script.arg(format!("queries/notebooks/{name}")).arg(lake).args(sql);
        let asked = sql.map(|sql| format!(" \"{sql}\"")).unwrap_or_default();
        self.transcript(&format!("python queries/notebooks/{name} data/lake{asked}"), script, true);
    }
}

/// The version of a package, as the file that the tests install it by says.
fn version(file: &str, before: &str) -> String {
    let text = fs::read_to_string(checkout().join(file)).expect(file);
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{file} lacks {before}"));
    rest.split(['<', '\n']).next().unwrap_or_default().to_owned()
}

fn panel(title: &str) -> String {
    let board = fs::read(checkout().join("deploy/grafana/dashboards/sessions.json")).expect("dashboard");
    let board: Value = serde_json::from_slice(&board).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let panel = panels.iter().find(|panel| panel["title"] == title).expect(title);
    panel["targets"][0]["rawSql"].as_str().expect("a question").to_owned()
}

/// What reads the files, before anybody asked anything.
fn files(gateway: &Gateway) -> Page {
    let mut page = Page { text: String::new(), token: String::new(), port: 0 };
    let lake = gateway.folder.path().join("data/lake");
    let lake = lake.to_str().expect("path");
    let requirements = "tests/python/requirements.txt";
    page.write(&format!("\n## DuckDB\n\nVersion {}. {FILES}", version(requirements, "\nduckdb==")));
    let sql = "select time, root, target, state from sessions order by time, session, state";
    page.script("duckdb_lake.py", lake, Some(sql));
    page.write(&format!("\n## Polars\n\nVersion {}. {FILES}", version(requirements, "\npolars==")));
    page.script("polars_lake.py", lake, None);
    page
}

#[test]
fn the_page_shows_what_clients_print() {
    let port = free_port().expect("port");
    let mut gateway = Gateway::build_with(Bus::Embedded, &format!("[serve]\nlisten = \"127.0.0.1:{port}\"\n"));
    gateway.interdict(&["import", checkout().join(SAMPLE).to_str().expect("path")]);
    let files = files(&gateway);
    gateway.start();
    eventually("the lake served", || gateway.logged("up").contains("the lake is served").then_some(()));
    let mut page = Page { text: HEAD.to_owned(), token: gateway.token("dana", &[], |_| {}), port };

    page.write("\n## psql\n");
    page.psql(
        "select time, root, actor, target, protocol, state from sessions where time < '2026-04-01' order by time, session",
        true,
    );
    page.psql(
        "select object, verb, times, last from touches where root = 'ana@corp.example' order by object, verb",
        true,
    );
    page.psql("delete from events", false);

    let driver = version("tests/jdbc/pom.xml", "<postgresql.version>");
    page.write(&format!("\n## pgjdbc\n\nPostgreSQL's JDBC driver, {driver}; whatever speaks JDBC connects so.\n"));
    page.block("java", &fs::read_to_string(checkout().join("tests/jdbc/Ask.java")).expect("Ask.java"));
    page.jdbc();

    page.write(GRAFANA);
    let asked = panel("Refused, with reason");
    page.write("\nThe panel \"Refused, with reason\" of the dashboard of sessions:\n");
    page.block("sql", &asked);
    page.write("\nIts question for March 2026, and the answer:\n");
    page.psql(&expanded(&asked, UNTIL), true);
    assert!(gateway.stop());
    page.write(&files.text);

    let path = checkout().join("queries/CLIENTS.md");
    if std::env::var_os("INTERDICT_BLESS").is_some() {
        fs::write(&path, &page.text).expect("written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, page.text, "run this test once with INTERDICT_BLESS=1 and read what changed");
}
