//! SQL over the lake: always an answer, never a change.

use crate::fixture::{Lake, MORNING, csv, session, story};
use interdict_queries::{Engine, Error, Settings};
use interdict_schemas::{Event, Finding, Kind, Message, Protocol, Resolution};
use std::time::Duration;

async fn check(engine: &Engine, sql: &str, expected: &str) {
    let rows = engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(csv(rows).await.trim_end(), expected, "{sql}");
}

#[tokio::test]
async fn tables_that_do_not_exist_yet_are_empty() {
    let lake = Lake::new();
    let engine = lake.engine();
    for table in [
        "events",
        "sessions",
        "session_facts",
        "disclosures",
        "recordings",
        "alerts",
        "alert_revisions",
        "verdicts",
        "verdict_records",
        "resolutions",
        "resolution_records",
    ] {
        check(&engine, &format!("select count(*) as n from {table}"), "n\n0").await;
    }
    check(&engine, "select root, count(*) as n from events group by all", "root,n").await;
}

#[tokio::test]
async fn group_by_all_groups_by_what_is_not_an_aggregate() {
    let lake = story().await;
    let sql = "select root, actor, target, protocol, count(*) from events group by all order by root, target";
    let expected = "root,actor,target,protocol,count(*)\n\
        svc:deploy,svc:deploy,cmdb,postgres,4\n\
        user:dana,agent:plan,bastion,ssh,2\n\
        user:dana,agent:plan,cluster,kubernetes,1\n\
        user:dana,agent:plan,cmdb,postgres,5\n\
        user:dana,user:dana,cmdb,postgres,2";
    let sql = sql.replace("root, target", "root, target, actor");
    check(&lake.engine(), &sql, expected).await;
}

#[tokio::test]
async fn views_show_the_newest_fact_of_each_thing() {
    let lake = story().await;
    let engine = &lake.engine();
    check(
        engine,
        "select session, state, actions from sessions order by session",
        "session,state,actions\ns0,closed,2\ns1,closed,2\ns2,closed,2\ns3,open,\ns4,refused,",
    )
    .await;
    check(engine, "select count(*) as n from session_facts", "n\n8").await;
    check(engine, "select id, revision from alerts", "id,revision\nf-1,2").await;
    check(engine, "select count(*) as n from alert_revisions", "n\n2").await;
    check(engine, "select id, revoked from verdicts", "id,revoked\nv-1,true").await;
    check(engine, "select count(*) as n from verdict_records", "n\n2").await;
    check(engine, "select count(*) as n from events where date = date '2026-03-02'", "n\n6").await;
}

#[tokio::test]
async fn the_last_word_on_an_alert_counts() {
    let mut lake = story().await;
    let said = |finding, seconds| {
        Message::Resolution(Resolution {
            alert: "f-1".into(),
            time: MORNING.plus_seconds(seconds),
            root: "user:dana".into(),
            finding,
            by: "erin".into(),
            note: String::new(),
        })
    };
    // A clock may go back; what was said later on the bus counts.
    lake.write([said(Finding::Benign, 60), said(Finding::Malicious, 30)]).await;
    let sql = "select a.id, r.finding, r.note from alerts a left join resolutions r on r.alert = a.id";
    check(&lake.engine(), sql, "id,finding,note\nf-1,malicious,").await;
    check(&lake.engine(), "select count(*) as n from resolution_records", "n\n2").await;
}

#[tokio::test]
async fn each_question_sees_the_newest_state() {
    let mut lake = Lake::new();
    let engine = lake.engine();
    check(&engine, "select count(*) as n from sessions", "n\n0").await;
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    lake.write([one.opened()]).await;
    check(&engine, "select state from sessions", "state\nopen").await;
    let before = engine.snapshot().await.expect("snapshot");
    lake.write([one.closed(5)]).await;
    check(&engine, "select state from sessions", "state\nclosed").await;
    assert_eq!(csv(before.sql("select state from sessions").await.expect("asks")).await, "state\nopen\n");
}

#[tokio::test]
async fn statements_that_change_anything_are_refused() {
    let lake = story().await;
    let out = lake.path().join("out.csv");
    let engine = lake.engine();
    for sql in [
        "create table x as select 1",
        "create view x as select 1",
        "create external table x stored as parquet location '/etc'",
        "drop table events",
        "drop view sessions",
        "insert into events select * from events",
        "delete from events",
        "update events set root = 'x'",
        &format!("copy events to '{}'", out.display()),
        &format!("explain analyze copy events to '{}'", out.display()),
        "set datafusion.execution.batch_size = 1",
        "begin",
        "select 1 as a into x",
        "truncate table events",
        "reset datafusion.execution.batch_size",
        "prepare p as select 1",
    ] {
        let error = engine.sql(sql).await.err().unwrap_or_else(|| panic!("{sql} was run"));
        assert!(matches!(error, Error::ReadOnly { .. }), "{sql}: {error:?}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }
    assert!(!out.exists());
    for sql in ["select * from '/etc/passwd'", "select 1; select 2", "selekt", "select nothing from events"] {
        let error = engine.sql(sql).await.err().unwrap_or_else(|| panic!("{sql} was run"));
        assert!(matches!(error, Error::Query(_)), "{sql}: {error:?}");
    }
    for sql in
        ["explain select * from events", "describe events", "show tables", "with x as (select 1) select * from x"]
    {
        engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn limits_are_kept_and_named() {
    let lake = story().await;
    let path = lake.path().to_str().expect("path");
    let big = "select count(*) from (select distinct a.value + b.value * 10000 from generate_series(1, 10000) a \
               cross join generate_series(1, 10000) b)";
    let open = |settings| Engine::open(path, settings).expect("opens");
    let timed = open(Settings { time: Some(Duration::from_millis(200)), ..Settings::default() });
    let error = timed.sql(big).await.expect("plans").collect().await.expect_err("stopped");
    assert!(matches!(error, Error::Time(_)), "{error:?}");
    let small = open(Settings { memory: 1 << 20, ..Settings::default() });
    let hash = "select array_agg(value) from generate_series(1, 10000000)";
    let error = match small.sql(hash).await {
        Ok(rows) => rows.collect().await.expect_err("too large"),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Memory { limit: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn disk_is_bounded_and_another_question_goes_on() {
    let lake = story().await;
    let settings = Settings { memory: 64 << 20, spill: 32 << 20, ..Settings::default() };
    let engine = Engine::open(lake.path().to_str().expect("path"), settings).expect("opens");
    let sort = |rows: u32| {
        format!("select h from (select md5(value::text) as h from generate_series(1, {rows})) order by h offset 1")
    };
    let asked = async |sql: String| {
        let mut rows = engine.sql(&sql).await?;
        while rows.next().await?.is_some() {}
        Ok::<_, Error>(())
    };
    let (large, small) = tokio::join!(asked(sort(3_000_000)), asked("select id from events order by id".to_owned()));
    let error = large.expect_err("does not fit");
    assert!(matches!(&error, Error::Disk { limit } if limit == "32.0 MB"), "{error:?}");
    assert!(error.to_string().contains("--spill-mib"), "{error}");
    small.expect("goes on beside it");
    // Its disk is given back.
    asked(sort(500_000)).await.expect("fits");
}

#[tokio::test]
async fn what_is_no_lake_is_named() {
    let lake = Lake::new();
    let file = lake.path().join("file");
    std::fs::write(&file, "x").expect("writes");
    let error = Engine::open(file.to_str().expect("path"), Settings::default()).expect_err("refused");
    assert!(error.to_string().contains("is a file"), "{error}");
    std::fs::create_dir_all(lake.path().join("events/_delta_log")).expect("folder");
    std::fs::write(lake.path().join("events/_delta_log/00000000000000000000.json"), "garbage").expect("writes");
    let error = lake.engine().sql("select 1").await.err().expect("refused");
    assert!(error.to_string().contains("table events"), "{error}");
}

#[tokio::test]
async fn functions_answer_what_people_ask() {
    let lake = story().await;
    let engine = lake.engine();
    let check = async |sql: &str, expected: &str| {
        let found = csv(engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))).await;
        assert_eq!(found, expected, "{sql}");
    };
    check("select nth, session, target, cause from chain('f-1')", "nth,session,target,cause\n1,s1,cmdb,start\n")
        .await;
    check("select count(*) as n from chain('none')", "n\n0\n").await;
    check(
        "select value, times, first_used is not null as used from learned('agent:plan') order by value",
        "value,times,used\napi.example,1,false\nbastion.example,1,true\n",
    )
    .await;
    check("select risk, alert from risk('s1')", "risk,alert\n800,f-1\n").await;
    check("select count(*) as n from reached_from('cmdb', '2026-03-01')", "n\n0\n").await;
    check("select count(distinct fingerprint(text)) as n from events where kind = 'acted'", "n\n4\n").await;
    for (sql, expected) in [
        ("select * from chain()", "takes 1 arguments"),
        ("select * from chain(root)", "takes values"),
        ("select * from reached_from('x', 'no time')", "no time"),
    ] {
        let error = engine.sql(sql).await.err().unwrap_or_else(|| panic!("{sql} was run")).to_string();
        assert!(error.contains(expected), "{sql}: {error}");
    }
}

#[tokio::test]
async fn reach_is_followed_over_hosts() {
    let mut lake = Lake::new();
    let hop = |id, from: &str, to, seconds| {
        let from = from.to_owned();
        let mut message = session(id, &["user:dana"], to, Protocol::Ssh, seconds).opened();
        if let interdict_schemas::Message::Event(event) = &mut message {
            event.source.target = Some(from);
        }
        message
    };
    lake.write([
        hop("s1", "bastion", "web", 10),
        hop("s2", "web", "db", 20),
        hop("s3", "db", "bastion", 30),
        hop("s4", "web", "late", 5),
        hop("s5", "other", "else", 40),
    ])
    .await;
    let sql = "select target, hops, session from reached_from('bastion', '2026-03-01') order by hops";
    let found = csv(lake.engine().sql(sql).await.expect("runs")).await;
    assert_eq!(found, "target,hops,session\nweb,1,s1\ndb,2,s2\nbastion,3,s3\n");
}

#[tokio::test]
async fn views_show_what_a_person_wants() {
    let lake = story().await;
    let engine = lake.engine();
    let check = async |sql: &str, expected: &str| {
        let found = csv(engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))).await;
        assert_eq!(found, expected, "{sql}");
    };
    check("select session, reason from failed_admissions", "session,reason\ns4,verdict\n").await;
    check(
        "select session, delegation, alerts, risk from session_chains where session in ('s1', 's2') order by session",
        "session,delegation,alerts,risk\ns1,user:dana,1,800\ns2,user:dana > agent:plan,,\n",
    )
    .await;
    check(
        "select root, target, session, sessions from first_edges order by first",
        "root,target,session,sessions\nsvc:deploy,cmdb,s0,1\nuser:dana,cmdb,s1,2\nuser:dana,bastion,s3,1\n",
    )
    .await;
}

#[tokio::test]
async fn what_was_touched_and_done_today_is_counted() {
    let mut lake = Lake::new();
    let now = interdict_schemas::Time::from(jiff::Timestamp::now());
    let ago = |seconds: i64| now.micros_since(MORNING) / 1_000_000 - seconds;
    let touching = |mut message: Message, objects: &[&str]| {
        if let Message::Event(Event { kind: Kind::Acted { action, .. }, .. }) = &mut message {
            action.objects = objects.iter().map(|object| (*object).to_owned()).collect();
        }
        message
    };
    let agent = session("s1", &["user:dana", "agent:plan"], "cmdb", Protocol::Postgres, ago(3_600));
    let shell = session("s2", &["user:dana", "agent:plan"], "bastion", Protocol::Ssh, ago(1_800));
    let other = session("s3", &["svc:deploy"], "cmdb", Protocol::Postgres, ago(60));
    let before = session("s0", &["user:dana", "agent:plan"], "web", Protocol::Postgres, ago(26 * 3_600));
    lake.write([
        before.opened(),
        touching(before.acted("a0", 1, "select", None), &["hosts"]),
        agent.opened(),
        touching(agent.acted("a1", 1, "select", None), &["hosts", "users"]),
        touching(agent.acted("a2", 2, "select", Some("not yours")), &["hosts"]),
        agent.resulted("a1", 3, &[("bastion.example", "bastion"), ("web.example", "web")]),
        shell.refused("verdict"),
        other.opened(),
        touching(other.acted("a3", 1, "select", None), &["hosts"]),
    ])
    .await;
    let engine = lake.engine();
    check(
        &engine,
        "select root, actor, sessions, targets, actions, denied, refused, learned, \
         last - first between interval '29 minutes' and interval '31 minutes' as half from today order by root",
        "root,actor,sessions,targets,actions,denied,refused,learned,half\n\
         svc:deploy,svc:deploy,1,1,1,0,0,0,false\n\
         user:dana,agent:plan,2,2,2,1,1,2,true",
    )
    .await;
    check(
        &engine,
        "select root, actor, target, object, verb, times, denied, last - first = interval '1 second' as second \
         from touches order by root, target, object",
        "root,actor,target,object,verb,times,denied,second\n\
         svc:deploy,svc:deploy,cmdb,hosts,read,1,0,false\n\
         user:dana,agent:plan,cmdb,hosts,read,2,1,true\n\
         user:dana,agent:plan,cmdb,users,read,1,0,false\n\
         user:dana,agent:plan,web,hosts,read,1,0,false",
    )
    .await;
}
