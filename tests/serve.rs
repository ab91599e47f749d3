//! The lake for the tools people have: psql, JDBC, against the real command with real tokens and policies.

use crate::harness::broker::Broker;
use crate::harness::clients::{Answer, Clients};
use crate::harness::gateway::{Bus, Gateway, checkout};
use crate::harness::servers::free_port;
use crate::harness::{development, eventually, run};
use crate::readers::python;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Analysts see everything but recordings; everybody in `ops` sees what they did themselves, of three tables.
const POLICY: &str = r#"
@id("ops-enter")
permit (principal in Group::"ops", action == Action::"connect", resource == Target::"lake");

@id("ops-own")
@rows("root = $root")
permit (principal in Group::"ops", action == Action::"statement", resource == Target::"lake")
when { ["events", "sessions", "disclosures"].containsAll(context.objects) };

@id("ops-db")
@rows("target = 'db' and kind = 'refused'")
permit (principal in Group::"ops", action == Action::"statement", resource == Target::"lake")
when { context.objects == ["events"] };

@id("no-recordings")
@reason("recordings are replayed, not queried")
forbid (principal, action == Action::"statement", resource == Target::"lake")
when { context.objects.contains("recordings") };
"#;

/// The group of those who see their own.
static OPS: LazyLock<[String; 1]> = LazyLock::new(|| ["ops".to_owned()]);

struct Lake {
    gateway: Gateway,
    address: SocketAddr,
    flight: SocketAddr,
}

impl Lake {
    fn up(bus: Bus) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().expect("port")));
        let flight = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().expect("port")));
        let more = format!("[serve]\nlisten = \"{address}\"\nflight = \"{flight}\"\ntime_s = 20\n");
        let mut gateway = Gateway::build_with(bus.clone(), &more);
        development::write_new(&gateway.folder.path().join("policies/lake.cedar"), 0o644, POLICY.as_bytes())
            .expect("policy");
        gateway.start();
        if let Bus::Kafka(_) = bus {
            gateway.start_part("serve");
        }
        let part = if matches!(bus, Bus::Embedded) { "up" } else { "serve" };
        eventually("the lake served", || gateway.logged(part).contains("the lake is served").then_some(()));
        Self { gateway, address, flight }
    }

    fn ask(&self, clients: &Clients, statements: &[&str]) -> Answer {
        run(clients.psql(self.address, "lake", statements).expect("psql"))
    }

    fn told(&self, clients: &Clients, statement: &str) -> String {
        let answer = self.ask(clients, &[statement]);
        assert_eq!(answer.status, 0, "{statement}: {}{}", answer.output, answer.errors);
        answer.output.trim_end().to_owned()
    }

    /// Clients of an identity in `ops` alone.
    fn ops(&self, subject: &str) -> Clients {
        let token = self.gateway.token(subject, &[], |claims| claims.groups = &*OPS);
        Clients::new(&self.gateway.folder.path().join("clients").join(subject), token).expect("clients")
    }
}

#[test]
fn psql_lists_describes_and_asks_and_every_question_is_history() {
    let lake = Lake::up(Bus::Embedded);
    let dana = lake.gateway.clients("dana", &[]);
    assert_eq!(lake.gateway.psql(&dana, &["select 42"]).status, 0);
    lake.gateway.until_in_lake("kind = 'closed'", 1);
    for command in ["\\d", "\\dt", "\\dv", "\\d events", "\\d+ events", "\\d+ sessions", "\\dn", "\\l", "\\conninfo"]
    {
        let answer = lake.ask(&dana, &[command]);
        assert_eq!(answer.status, 0, "{command}: {}{}", answer.output, answer.errors);
        assert!(!answer.errors.contains("ERROR"), "{command}: {}", answer.errors);
    }
    let tables = lake.told(&dana, "\\dt");
    assert!(tables.contains("public|events|table"), "{tables}");
    assert!(lake.told(&dana, "\\dv").contains("public|sessions|view"));
    let columns = lake.told(&dana, "\\d+ events");
    assert!(columns.contains("time|timestamp with time zone") && columns.contains("objects|text[]"), "{columns}");
    assert_eq!(
        lake.told(&dana, "select text from events where class = 'statement' and target = 'db' and kind = 'acted'"),
        "select 42"
    );
    for (statement, code) in [
        ("copy events to stdout", "0A000"),
        ("\\copy events to '/dev/null'", "0A000"),
        ("delete from events", "25006"),
        ("select * from recordings", "42501"),
    ] {
        let answer = lake.ask(&dana, &["\\set VERBOSITY sqlstate", statement]);
        assert!(answer.errors.contains(code), "{statement}: {}{}", answer.output, answer.errors);
    }
    let answer = lake.ask(&dana, &["select * from recordings"]);
    assert!(answer.errors.contains("recordings are replayed, not queried"), "{}", answer.errors);

    let asked = "select count(*) from events where target = 'lake' and kind = 'acted' and root = 'dana' and \
                 text = 'delete from events' and decision = 'deny' and verb = 'delete'";
    eventually("the refusal in the lake", || (lake.told(&dana, asked) == "1").then_some(()));
    let read = "select r.rows, r.status, r.code from events a join events r on r.action = a.action and r.kind = 'resulted' \
                where a.kind = 'acted' and a.target = 'lake' and a.text like 'select text from events%' limit 1";
    eventually("the outcome in the lake", || (lake.told(&dana, read) == "1|success|00000").then_some(()));
    assert!(lake.gateway.sql("select 1 from sessions where target = 'lake' and state = 'closed'").len() > 5);
    lake.gateway.interdict(&["verify"]);
}

#[test]
fn psql_lists_functions_and_roles_sets_its_zone_and_fetches_in_pieces() {
    let lake = Lake::up(Bus::Embedded);
    let dana = lake.gateway.clients("dana", &[]);
    assert_eq!(lake.gateway.psql(&dana, &["select 1", "select 2", "select 3"]).status, 0);
    lake.gateway.until_in_lake("kind = 'closed' and target = 'db'", 1);
    let functions = lake.told(&dana, "\\df");
    for name in ["chain", "fingerprint", "learned", "reached_from", "replay_url", "risk"] {
        assert!(functions.contains(&format!("public|{name}|")), "{name} in {functions}");
    }
    let some = lake.told(&dana, "\\df r*");
    assert!(some.contains("public|risk|integer|session text|func") && !some.contains("chain|"), "{some}");
    assert!(lake.told(&dana, "\\df+ risk").contains("the highest risk among them"));
    assert!(lake.told(&dana, "\\du").starts_with("dana|"), "{}", lake.told(&dana, "\\du"));
    assert_eq!(lake.told(&dana, "show time zone"), "UTC");
    let zone = lake
        .ask(&dana, &["set time zone 'Europe/Berlin'", "show time zone", "show timezone", "set time zone default"]);
    assert_eq!(zone.status, 0, "{}", zone.errors);
    assert_eq!(zone.output.lines().filter(|line| *line == "Europe/Berlin").count(), 2, "{}", zone.output);
    // What psql does for results that do not fit its memory.
    let pieces = lake.ask(
        &dana,
        &["\\set FETCH_COUNT 2", "select text from events where kind = 'acted' and target = 'db' order by time"],
    );
    assert_eq!(pieces.status, 0, "{}", pieces.errors);
    let texts: Vec<_> = pieces.output.lines().filter(|line| line.starts_with("select")).collect();
    assert_eq!(texts, ["select 1", "select 2", "select 3"], "{}", pieces.output);
    let asked = "select count(*) from events where target = 'lake' and kind = 'acted' and text like 'DECLARE %'";
    eventually("the cursor in the lake", || (lake.told(&dana, asked) == "1").then_some(()));
}

#[test]
fn policies_decide_who_sees_which_tables_and_rows() {
    let lake = Lake::up(Bus::Embedded);
    let (dana, erin) = (lake.gateway.clients("dana", &[]), lake.ops("erin"));
    assert_eq!(lake.gateway.psql(&dana, &["select 1"]).status, 0);
    assert_ne!(lake.gateway.psql(&erin, &["select 1"]).status, 0);
    lake.gateway.until_in_lake("kind = 'closed' or kind = 'refused'", 2);
    // Her own, and what was refused on db; of sessions, her own alone.
    assert_eq!(lake.told(&erin, "select distinct root from events where target = 'db'"), "erin");
    assert_eq!(lake.told(&erin, "select distinct root from sessions"), "erin");
    assert_eq!(lake.told(&erin, "select count(*) from events where root = 'dana' or root like 'd%'"), "0");
    assert_eq!(lake.told(&dana, "select count(distinct root) from events where target = 'db'"), "2");
    for statement in
        ["select * from alerts", "select * from events, alerts", "select (select count(*) from verdicts)"]
    {
        let answer = lake.ask(&erin, &["\\set VERBOSITY sqlstate", statement]);
        assert!(answer.errors.contains("42501"), "{statement}: {}{}", answer.output, answer.errors);
    }
    let answer = run(lake.ops("frank").psql(lake.address, "lake", &["select 1"]).expect("psql"));
    assert_eq!(answer.output.trim(), "1");
    let stranger = lake.gateway.clients_with(lake.gateway.token("gina", &[], |claims| claims.groups = &[]));
    let answer = lake.ask(&stranger, &["select 1"]);
    assert!(answer.errors.contains("access denied (policy)"), "{}", answer.errors);
    let wrong = lake.gateway.clients_with("nonsense".to_owned());
    let answer = lake.ask(&wrong, &["select 1"]);
    assert!(answer.errors.contains("the token is malformed"), "{}", answer.errors);
}

#[test]
fn a_verdict_cuts_whoever_looks_at_the_lake() {
    let lake = Lake::up(Bus::Embedded);
    let dana = lake.gateway.clients("dana", &[]);
    let long = "select count(*) from (select distinct a.value * 100000 + b.value from generate_series(1, 100000) a \
                cross join generate_series(1, 100000) b)";
    let mut asking = dana.psql(lake.address, "lake", &["\\set VERBOSITY verbose", long]).expect("psql");
    let asking = asking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("psql");
    lake.gateway.until_in_lake("target = 'lake' and kind = 'acted'", 1);
    lake.gateway.interdict(&["verdicts", "add", "--root", "dana", "--reason", "laptop lost"]);
    let answer = Answer::from(asking.wait_with_output().expect("psql"));
    assert!(
        answer.errors.contains("57P01") && answer.errors.contains("laptop lost"),
        "{}{}",
        answer.output,
        answer.errors
    );
    let answer = lake.ask(&dana, &["select 1"]);
    assert!(answer.errors.contains("laptop lost"), "{}", answer.errors);
}

#[test]
fn java_programs_ask_by_jdbc() {
    let lake = Lake::up(Bus::Embedded);
    let dana = lake.gateway.clients("dana", &[]);
    for _ in 0..2 {
        assert_eq!(lake.gateway.psql(&dana, &["select 1"]).status, 0);
    }
    lake.gateway.until_in_lake("kind = 'closed'", 2);
    let fetched = run(Command::new(checkout().join("tests/jdbc/fetch.sh")));
    assert_eq!(fetched.status, 0, "{}", fetched.errors);
    let mut java = Command::new("java");
    java.args(["-cp", fetched.output.trim()])
        .arg(checkout().join("tests/jdbc/Probe.java"))
        .args([&format!("jdbc:postgresql://{}/lake", lake.address), "dana"])
        .env("PGPASSWORD", lake.gateway.token("dana", &[], |_| {}));
    let answer = run(java);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    for line in [
        "product PostgreSQL",
        "table events TABLE",
        "table sessions VIEW",
        "column time timestamptz",
        "column chain _text",
        "run 3 rows true",
        "refused 25006",
        "cancelled 57014",
    ] {
        assert!(answer.output.lines().any(|have| have == line), "{line:?} is missing:\n{}", answer.output);
    }
}

#[test]
fn python_programs_ask_by_adbc() {
    let lake = Lake::up(Bus::Embedded);
    let dana = lake.gateway.clients("dana", &["planner"]);
    assert_eq!(lake.gateway.psql(&dana, &["select 42"]).status, 0);
    lake.gateway.until_in_lake("kind = 'closed'", 1);
    let mut python = python();
    python
        .arg(checkout().join("tests/python/ask_by_adbc.py"))
        .arg(format!("grpc+tls://localhost:{}", lake.flight.port()))
        .arg(lake.gateway.folder.path().join("cert.pem"))
        .env("TOKEN", lake.gateway.token("dana", &["planner"], |_| {}));
    let answer = run(python);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    for line in
        ["statement select 42", "with a value 1", "table events", "refused delete", "typed timestamp[us, tz=UTC]"]
    {
        assert!(answer.output.lines().any(|have| have == line), "{line:?} is missing:\n{}", answer.output);
    }
    let asked = "select 1 from sessions where target = 'lake' and actor = 'planner'";
    lake.gateway.sql_until(asked, 1);
}

#[test]
fn the_lake_is_served_alone_behind_kafka() {
    let broker = Broker::start();
    let lake = Lake::up(Bus::Kafka(broker.bootstrap()));
    let dana = lake.gateway.clients("dana", &[]);
    assert_eq!(lake.gateway.psql(&dana, &["select 42"]).status, 0);
    lake.gateway.until_in_lake("kind = 'closed' and target = 'db'", 1);
    assert_eq!(
        lake.told(&dana, "select text from events where text = 'select 42' and kind = 'acted' and target = 'db'"),
        "select 42"
    );
    lake.gateway.until_in_lake("target = 'lake' and kind = 'closed'", 1);
    lake.gateway.interdict(&["verify"]);
}
