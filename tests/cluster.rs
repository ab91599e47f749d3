//! A cluster of real processes gives the answers that this process gives, loses an executor, and says what is wrong.

use crate::harness::clients::{self, Answer};
use crate::harness::cluster::Cluster;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::{eventually, run};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A lake that a collector wrote, no longer written to: somebody's routine, and an agent that was stopped.
struct Rig {
    // Before the gateway, in whose folder its logs are.
    cluster: Cluster,
    gateway: Gateway,
    lake: PathBuf,
}

impl Rig {
    fn up() -> Self {
        let mut gateway = Gateway::up(Bus::Embedded);
        let erin = gateway.clients("erin", &[]);
        assert_eq!(gateway.psql(&erin, &["select 1", "select 2", "select service from inventory"]).status, 0);
        assert!(gateway.psql(&erin, &["drop table inventory"]).errors.contains("not dropped"));
        assert_eq!(gateway.ssh(&erin, "echo hello").status, 0);
        let agent = gateway.clients("dana", &["planner", "coder", "runner"]);
        assert_eq!(gateway.psql(&agent, &["select host from inventory"]).status, 0);
        assert_ne!(gateway.ssh(&agent, "echo on the bastion").status, 0);
        let found = "select id from alerts where detection = 'disclosure_used' and verdict is not null";
        let alerts = gateway.sql_until(found, 1);
        gateway.interdict(&["alerts", "resolve", alerts[0]["id"].as_str().expect("id"), "--malicious"]);
        gateway.sql_until("select * from resolutions", 1);
        gateway.until_in_lake("kind = 'closed'", 4);
        assert!(gateway.stop(), "{}", gateway.logged("up"));
        let lake = gateway.folder.path().join("data/lake");
        let cluster = Cluster::start(&gateway.folder.path().join("cluster"));
        Self { cluster, gateway, lake }
    }

    fn with_executors() -> Self {
        let mut rig = Self::up();
        for name in ["first", "second"] {
            rig.cluster.add(name, &rig.lake);
        }
        rig
    }

    fn on_cluster(&self, args: &[&str]) -> Answer {
        let engine = self.cluster.engine();
        run(self.gateway.command(&[args, &["--engine", &engine]].concat()))
    }

    /// Asks here and there; says how many rows there are, or what differs. What has no order is put into one.
    fn compare(&self, args: &[&str], is_ordered: bool) -> Result<usize, String> {
        let args = [args, &["--output", "json"]].concat();
        let here = self.gateway.interdict(&args);
        let there = self.on_cluster(&args);
        if there.status != 0 {
            return Err(format!("{args:?}: {}{}", there.output, there.errors));
        }
        let rows = |text: &str| {
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            if !is_ordered {
                rows.sort();
            }
            rows
        };
        let (here, there) = (rows(&here), rows(&there.output));
        if here == there { Ok(here.len()) } else { Err(format!("{args:?}:\n{here:#?}\non the cluster:\n{there:#?}")) }
    }

    fn same(&self, args: &[&str], is_ordered: bool) -> usize {
        self.compare(args, is_ordered).unwrap_or_else(|differs| panic!("{differs}"))
    }

    /// The findings, byte by byte.
    fn same_findings(&self) {
        let at = |name: &str| self.gateway.folder.path().join(name);
        let (here, there) = (at("here.jsonl"), at("there.jsonl"));
        self.gateway.interdict(&["forensics", "--alerts", here.to_str().expect("path")]);
        let answer = self.on_cluster(&["forensics", "--alerts", there.to_str().expect("path")]);
        assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
        let (here, there) = (fs::read(here).expect("findings"), fs::read(there).expect("findings"));
        assert!(!here.is_empty(), "{}", answer.errors);
        assert_eq!(String::from_utf8_lossy(&there), String::from_utf8_lossy(&here));
    }

    fn one(&self, query: &str) -> String {
        let rows = self.gateway.sql(query);
        let row = rows.first().and_then(Value::as_object).and_then(|row| row.values().next());
        row.and_then(Value::as_str).unwrap_or_else(|| panic!("{query}: {rows:?}")).to_owned()
    }
}

#[test]
fn a_cluster_answers_as_this_process_does_and_loses_an_executor() {
    let mut rig = Rig::with_executors();
    let alert = rig.one("select id from alerts where detection = 'disclosure_used' and verdict is not null");
    let session = rig.one("select session from sessions where target = 'bastion' and root = 'dana'");
    let chain = format!("select * from chain('{alert}') order by nth");
    let risk = format!("select * from risk('{session}') order by alert");
    let mut wrong = Vec::new();
    for (query, is_ordered) in [
        // Views, aggregates, joins, windows, order, nested columns.
        ("select * from events order by time, id", true),
        ("select * from sessions", false),
        (
            "select root, target, count(*) as n, min(time) as first from events group by all order by root, target",
            true,
        ),
        ("select count(*) as n, count(distinct session) as s from events where date >= date '2020-01-01'", true),
        (
            "select a.text, r.rows, r.status from events a join events r on r.action = a.action and r.kind = 'resulted' \
             where a.kind = 'acted' order by a.time, a.id",
            true,
        ),
        ("select session from sessions where root not in (select root from alerts)", false),
        ("select root, (select max(risk) from alerts) as worst from sessions", false),
        ("select unnest(objects) as object, id from events where cardinality(objects) > 0", false),
        ("select id, row_number() over (partition by root order by time, id) as nth from events", false),
        ("select id, detection, risk, chain, verdict from alerts order by id", true),
        ("select * from edges", false),
        ("select * from touches", false),
        ("select * from gaps", false),
        ("select * from ecs_events order by \"@timestamp\", \"event.id\" limit 5", true),
        ("select id from events order by time desc, id limit 3", true),
        ("select 1 as one from events where false", true),
        // Functions: of a text, of a session, and tables.
        (
            "select fingerprint(text) as f, count(*) as n from events where text is not null group by f order by f",
            true,
        ),
        ("select session, replay_url(session) as url, risk(session) as risk from sessions order by session", true),
        ("select session from sessions order by risk(session) desc nulls last, session", true),
        (&chain, true),
        (&risk, true),
        ("select * from learned('dana')", false),
        ("select * from reached_from('db', '2020-01-01')", false),
        // What cannot travel, alone and beside what can.
        ("select * from rejected", false),
        (
            "select e.id from events e left join rejected r on r.bus_offset = e.bus_offset where r.reason is null",
            false,
        ),
        ("select table_name from information_schema.tables order by table_name", true),
        (
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) \
          select i, e.id from n join events e on e.kind = 'acted' order by i, e.id",
            true,
        ),
    ] {
        wrong.extend(rig.compare(&["sql", query], is_ordered).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rig.same(&["sql", "select * from reached_from('db', '2020-01-01')"], false) < 100);
    let mut found = 0;
    for hunt in ["cut-sessions", "denied", "learned", "new-edges", "pivots", "refusal-burst"] {
        found += rig.same(&["hunt", "run", hunt], false);
    }
    assert!(found > 0, "no hunt found anything to compare");
    rig.same_findings();
    let explained = rig.on_cluster(&["sql", "explain select count(*) from events"]);
    assert!(explained.output.contains("Remote"), "{}", explained.output);

    // What it held is gone with it; nobody was told yet.
    rig.cluster.kill("first");
    rig.same(&["sql", "select root, target, count(*) as n from events group by all"], false);
    rig.same_findings();
    // The other ends as it is told.
    assert!(rig.cluster.stop("second"), "{}", rig.cluster.logged("second"));
}

#[test]
fn an_executor_killed_in_the_middle_costs_time_and_no_rows() {
    let mut rig = Rig::with_executors();
    let engine = rig.cluster.engine();
    // A quick machine may answer before anybody can be killed: then it is asked for more.
    for (name, times) in [("first", 400), ("third", 2_000), ("fourth", 10_000)] {
        if name != "first" {
            rig.cluster.add(name, &rig.lake);
        }
        // Enough to do for both: every pair of events, some hundred times over.
        let long = format!(
            "select kind, count(*) as n, sum(length(concat(one, two, cast(three as varchar)))) as l \
             from (select a.kind, a.id as one, b.id as two, unnest(range(0, {times})) as three \
             from events a cross join events b) group by kind order by kind"
        );
        let here = rig.gateway.interdict(&["sql", "--output", "json", &long]);
        let command = rig.gateway.command(&["sql", "--output", "json", "--engine", &engine, &long]);
        let mut asked = clients::start(command).expect("interdict");
        eventually("an executor works", || {
            let is_answered = asked.0.try_wait().expect("wait").is_some();
            (is_answered || rig.cluster.holds_rows(name)).then_some(())
        });
        rig.cluster.kill(name);
        let was_in_time = asked.0.try_wait().expect("wait").is_none();
        let status = eventually("the answer", || asked.0.try_wait().expect("wait"));
        let mut output = String::new();
        std::io::Read::read_to_string(&mut asked.0.stdout.take().expect("piped"), &mut output).expect("rows");
        assert!(status.success(), "{output}");
        assert_eq!(output, here);
        if was_in_time {
            return;
        }
    }
    panic!("each time it was answered before anybody was killed");
}

#[test]
fn what_is_missing_or_not_possible_is_said_at_once() {
    let mut rig = Rig::up();
    let count = ["sql", "select count(*) from events"];
    let refused = |answer: Answer, status: i32, words: &[&str]| {
        assert_eq!(answer.status, status, "{}{}", answer.output, answer.errors);
        for word in words {
            assert!(answer.errors.contains(word), "{word}: {}", answer.errors);
        }
    };
    refused(rig.on_cluster(&count), 1, &["has no executor", "interdict cluster executor --scheduler"]);
    // What reads no lake needs none.
    assert_eq!(rig.on_cluster(&["sql", "select 1"]).status, 0);

    rig.cluster.add("first", &rig.gateway.folder.path().join("data"));
    // The executor's lake is a folder above; what is asked for is below it.
    assert_eq!(rig.on_cluster(&count).status, 0);
    rig.cluster.kill("first");

    for query in ["drop table events", "insert into events select * from events", "copy events to '/tmp/x'"] {
        refused(rig.on_cluster(&["sql", query]), 1, &["read-only"]);
    }
    refused(rig.on_cluster(&["sql", "select (select id from events) as id"]), 1, &["more than one row", "limit 1"]);
    refused(rig.on_cluster(&["sql", "--follow", "-o", "json", "select 1"]), 2, &["--follow", "--engine"]);
    refused(rig.on_cluster(&["forensics", "--events", "x.jsonl"]), 2, &["--events", "--engine"]);
    let elsewhere =
        |engine: &str| run(rig.gateway.command(&["sql", "select count(*) from events", "--engine", engine]));
    refused(elsewhere("http://127.0.0.1:1"), 2, &["names no cluster", "ballista://"]);

    // The scheduler finds out that its last executor is gone, or the job ends without one; nobody waits for ever.
    let start = Instant::now();
    refused(rig.on_cluster(&count), 1, &["cluster"]);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());

    rig.cluster.behead();
    let start = Instant::now();
    refused(rig.on_cluster(&count), 1, &["no scheduler answers at", "interdict cluster scheduler"]);
    refused(rig.on_cluster(&["forensics"]), 1, &["no scheduler answers at"]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
