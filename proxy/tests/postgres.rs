//! PostgreSQL through a whole gateway: real psql, pgbench and tokio-postgres on one side, a real PostgreSQL on the
//! other, the embedded log between.

#[path = "postgres/refusals.rs"]
mod refusals;
#[path = "postgres/world.rs"]
mod world;

use futures::future::join_all;
use interdict_schemas::{Kind, Message, Mode, Scope, Status, Stop, Time, Verdict};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;
use world::{World, closed, story};

fn verdict(root: &str) -> Message {
    Message::Verdict(Verdict {
        id: format!("v-{root}"),
        time: Time(1),
        scope: Scope { root: Some(root.into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: Time(i64::MAX),
        reason: "pivoted".into(),
        evidence: vec![],
        alert: None,
        by: "test".into(),
        revoked: false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_works_unchanged() {
    let world = World::new().await;
    let (out, error) = world
        .psql(
            "dana",
            "select v from t;
select 1; select 2 \\; select 3;
\\d t
select 1/0;
select current_user, current_setting('application_name');
copy t from stdin;
2\ttwo
3\tthree
\\.
copy t to stdout;
create function f() returns int language sql as 'select 7';
select f();
\\echo :SERVER_VERSION_NUM
select count(*) from generate_series(1, 100000) g;
",
        )
        .await;
    for expected in ["one\n", "1\n2\n3\n", "v|text", "app|psql", "1\tone\n2\ttwo\n3\tthree\n", "\n7\n", "\n100000\n"]
    {
        assert!(out.contains(expected), "{expected:?} in {out}{error}");
    }
    assert!(error.contains("22012") && error.lines().filter(|line| line.contains("ERROR")).count() == 1, "{error}");
    let events = world.events_until(|events| closed(events) == 1).await;
    let story = story(&events);
    assert!(story.iter().all(|(_, allowed, outcome)| *allowed && outcome.is_some()), "{story:#?}");
    let outcome = |text: &str| {
        let (_, _, outcome) =
            story.iter().find(|(action, ..)| action.text == text).unwrap_or_else(|| panic!("{text}"));
        outcome.unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!((outcome("select v from t").rows, outcome("select v from t").status), (1, Status::Success));
    assert_eq!((outcome("select 1/0").code.as_str(), outcome("select 1/0").status), ("22012", Status::Failure));
    let copied = outcome("copy t from stdin");
    assert!(copied.rows == 2 && copied.bytes_in > 20, "{copied:?}");
    assert_eq!(outcome("copy t to stdout").rows, 3);
    assert!(events.iter().any(|event| matches!(&event.kind, Kind::Closed(closed) if closed.reason == "client")));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_stream_and_are_counted() {
    let world = World::new().await;
    let sql = "select i, repeat('x', 100) from generate_series(1, 100000) i;\n";
    let (out, error) = world.psql("dana", sql).await;
    assert_eq!(out.lines().count(), 100_000, "{error}");
    let sql =
        "\\copy (select repeat('y', 1000000) from generate_series(1, 30)) to stdout\nselect repeat('z', 20000000);\n";
    let (out, error) = world.psql("dana", sql).await;
    assert_eq!(out.len(), 30 * 1_000_001 + 20_000_001, "{error}");
    let events = world.events_until(|events| closed(events) == 2).await;
    let story = story(&events);
    assert_eq!(story[0].2.unwrap().rows, 100_000);
    assert!(story[0].2.unwrap().bytes_out > 11_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_statement_is_an_error_and_the_session_goes_on() {
    let world = World::new().await;
    let (out, error) = world
        .psql(
            "dana",
            "select * from secrets;
select 'goes', 'on';
select 1 \\; insert into t values (9, 'never') \\; table secrets;
begin;
insert into t values (10, 'rolled back');
select * from secrets;
select 'aborted';
commit;
selec 1;
select count(*) from t;
",
        )
        .await;
    assert_eq!(out, "goes|on\nBEGIN\nINSERT 0 1\nROLLBACK\n1\n", "{error}");
    let denied = error.lines().filter(|line| line.contains("42501")).count();
    assert_eq!(denied, 4, "{error}");
    assert!(error.contains("no-secrets") && error.contains("25P02"), "{error}");
    let events = world.events_until(|events| closed(events) == 1).await;
    for (action, allowed, outcome) in story(&events) {
        assert_eq!(
            allowed,
            !(action.objects.contains(&"secrets".to_owned()) || action.text == "selec 1"),
            "{action:?}"
        );
        assert_eq!(outcome.is_some(), allowed, "{action:?}");
    }
    assert!(events.iter().any(|event| matches!(&event.kind, Kind::Closed(closed) if closed.denied == 4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_works_in_every_mode_and_every_statement_stands() {
    let world = World::new().await;
    let mut init = world.program("pgbench", "dana");
    let init = init.args(["-i", "-q"]).output().await.unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let before = story(&world.events_until(|events| closed(events) == 1).await).len();
    for mode in ["simple", "extended", "prepared"] {
        let mut bench = world.program("pgbench", "dana");
        let bench = bench.args(["-n", "-c", "4", "-j", "2", "-t", "50", "-M", mode]).output().await.unwrap();
        let text = String::from_utf8_lossy(&bench.stdout);
        assert!(
            bench.status.success() && text.contains("200/200"),
            "{text}{}",
            String::from_utf8_lossy(&bench.stderr)
        );
    }
    // pgbench looks at its tables in a connection of its own before each run.
    let events = world.events_until(|events| closed(events) == 1 + 3 * 5).await;
    let story = story(&events);
    let updates = story.iter().filter(|(action, ..)| action.text.starts_with("UPDATE pgbench_accounts")).count();
    assert_eq!(updates, 600, "{before} before");
    assert!(
        story.iter().all(|(_, allowed, outcome)| *allowed && outcome.is_some_and(|o| o.status == Status::Success))
    );
    let digests = story.iter().filter(|(action, ..)| action.parameters_digest.is_some()).count();
    assert!(digests >= 400, "{digests}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_get_their_own_answers() {
    let world = World::new().await;
    let client = world.connect("dana").await;
    let statement = client.prepare("select $1::int * 2").await.unwrap();
    let secret = client.prepare("select v from secrets where v = $1").await.unwrap();
    let numbers: Vec<i32> = (0..200).collect();
    let asked = numbers.iter().map(|number| {
        let (client, statement, secret) = (&client, &statement, &secret);
        async move {
            if number % 10 == 3 {
                let error = client.query(secret, &[&"x"]).await.unwrap_err();
                assert_eq!(error.code().unwrap().code(), "42501", "{error}");
            } else {
                let rows = client.query(statement, &[number]).await.unwrap();
                assert_eq!(rows[0].get::<_, i32>(0), number * 2);
            }
        }
    });
    join_all(asked).await;
    let mut client = client;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("insert into t values (50, 'x')", &[]).await.unwrap();
    assert!(transaction.query("table secrets", &[]).await.is_err());
    let aborted = transaction.query("select 1", &[]).await.unwrap_err();
    assert_eq!(aborted.code().unwrap().code(), "25P02", "as after any other error");
    transaction.rollback().await.unwrap();
    assert_eq!(client.query_one("select count(*) from t", &[]).await.unwrap().get::<_, i64>(0), 1);
    drop((statement, secret));
    let rows = client.query("select $1::text", &[&"é"]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "é");
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_through_the_extended_protocol() {
    use futures::SinkExt;
    let world = World::new().await;
    let client = world.connect("dana").await;
    for _ in 0..2 {
        let sink = client.copy_in("copy t from stdin").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        for row in 0..1000 {
            sink.send(bytes::Bytes::from(format!("{row}\tvalue\n"))).await.unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), 1000);
        let sink = client.copy_in("copy t from stdin").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        sink.send(bytes::Bytes::from_static(b"not a number\tx\n")).await.unwrap();
        assert_eq!(sink.finish().await.unwrap_err().code().unwrap().code(), "22P02");
        // A connection of its own: tokio-postgres ends a COPY that never began, and then trips over the answer.
        let denied = world.connect("dana").await.copy_in::<_, bytes::Bytes>("copy secrets from stdin").await;
        assert!(denied.is_err());
    }
    assert_eq!(client.query_one("select count(*) from t", &[]).await.unwrap().get::<_, i64>(0), 2001);
    let out = client.copy_out("copy t to stdout").await.unwrap();
    let pieces = futures::TryStreamExt::try_collect::<Vec<_>>(out).await.unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.iter().filter(|&&byte| byte == b'\n').count()).sum::<usize>(), 2001);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_teaches_stands_before_the_client_has_it() {
    let world = World::new().await;
    world.cluster.direct("insert into t select 7, 'see ' || repeat('x', 92) || ' bastion-9.internal'").await;
    let client = world.connect("dana").await;
    let row = client.query_one("select v, '10.9.9.9'::inet::text from t where i = 7", &[]).await.unwrap();
    assert!(row.get::<_, &str>(0).ends_with("bastion-9.internal"));
    let learned = |events: &[interdict_schemas::Event]| {
        let mut values: Vec<String> = events.iter().flat_map(|e| &e.disclosures).map(|d| d.value.clone()).collect();
        values.sort();
        values
    };
    let events = world.events().await;
    assert!(learned(&events).contains(&"10.9.9.9".to_owned()), "{events:#?}");
    // The first rows of an answer that goes on, too.
    let rows = client.query_raw("select 'bastion-9', pg_sleep(case when i > 3000 then 60 else 0 end), repeat('x', 100) from generate_series(1, 4000) i", Vec::<i32>::new());
    let mut rows = std::pin::pin!(rows.await.unwrap());
    let first = futures::StreamExt::next(&mut rows).await.unwrap().unwrap();
    assert_eq!(first.get::<_, &str>(0), "bastion-9");
    let events = world.events().await;
    let (action, _, outcome) = *story(&events).last().unwrap();
    assert!(action.text.contains("pg_sleep") && outcome.is_some_and(|outcome| outcome.status == Status::Unknown));
    assert!(learned(&events).len() >= 3, "{:?}", learned(&events));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_can_be_cancelled() {
    let world = World::new().await;
    let client = world.connect("dana").await;
    let token = client.cancel_token();
    let began = Instant::now();
    let sleeping = tokio::spawn(async move { client.query("select pg_sleep(60)", &[]).await });
    world.events_until(|events| story(events).len() == 1).await;
    while !sleeping.is_finished() {
        // The target may not have begun when the first request comes.
        token.cancel_query_raw(TcpStream::connect(world.address).await.unwrap(), NoTls).await.unwrap();
        tokio::task::yield_now().await;
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(sleeping.await.unwrap().unwrap_err().code().unwrap().code(), "57014");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_leaves_nothing_running() {
    let world = World::new().await;
    let mut psql = world.program("psql", "dana");
    let mut child =
        psql.args(["-Xc", "select pg_sleep(61)"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = "select count(*) from pg_stat_activity where query like '%pg_sleep(6%' and pid <> pg_backend_pid()";
    while world.cluster.direct(running).await.trim() != "1" {}
    child.kill().await.unwrap();
    let began = Instant::now();
    while world.cluster.direct(running).await.trim() != "0" {
        assert!(began.elapsed() < Duration::from_secs(20), "the statement still runs");
    }
    let events = world.events_until(|events| closed(events) == 1).await;
    assert_eq!(story(&events)[0].2.unwrap().status, Status::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_cuts_a_live_session_and_refuses_the_next() {
    let world = World::new().await;
    let mut psql = world.program("psql", "mallory");
    let psql = psql.args(["-X", "-v", "VERBOSITY=verbose", "-c", "select pg_sleep(62)"]).stdout(Stdio::null());
    let child = psql.stderr(Stdio::piped()).spawn().unwrap();
    world.events_until(|events| story(events).len() == 1).await;
    world.append(verdict("mallory")).await;
    let began = Instant::now();
    let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
    let took = began.elapsed();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("57P01") && error.contains("pivoted"), "{error}");
    assert!(took < Duration::from_secs(2), "cut after {took:?}");
    let running = "select count(*) from pg_stat_activity where query like '%pg_sleep(6%' and pid <> pg_backend_pid()";
    while world.cluster.direct(running).await.trim() != "0" {
        assert!(began.elapsed() < Duration::from_secs(10), "the statement still runs");
    }
    let (_, error) = world.psql("mallory", "select 1;\n").await;
    assert!(error.contains("access denied (verdict)"), "{error}");
    let events = world.events_until(|events| closed(events) == 1).await;
    let verdicts = events.iter().filter_map(|event| match &event.kind {
        Kind::Closed(closed) => Some((closed.reason.as_str(), closed.verdict.as_deref())),
        Kind::Refused(refused) => Some((refused.reason.as_str(), refused.verdict.as_deref())),
        _ => None,
    });
    let verdicts: Vec<_> = verdicts.collect();
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    assert!(verdicts.iter().all(|verdict| *verdict == ("verdict", Some("v-mallory"))), "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_goes_away_is_named() {
    let world = World::new().await;
    let mut psql = world.program("psql", "dana");
    let psql = psql.args(["-Xc", "select pg_sleep(63)"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = psql.spawn().unwrap();
    world.events_until(|events| story(events).len() == 1).await;
    world.cluster.stop();
    let output = child.wait_with_output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("orders-db") || error.contains("terminating connection"), "{error}");
    let events = world.events_until(|events| closed(events) == 1).await;
    assert!(events.iter().any(|event| matches!(&event.kind, Kind::Closed(closed) if closed.reason == "target")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_is_said() {
    let world = World::new().await;
    let mut psql = world.program("psql", "dana");
    let psql = psql.args(["-Xc", "select pg_sleep(64)"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = psql.spawn().unwrap();
    world.events_until(|events| story(events).len() == 1).await;
    world.stop.cancel();
    let output = child.wait_with_output().await.unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("shuts down"), "{output:?}");
    let events = world.events_until(|events| closed(events) == 1).await;
    assert!(events.iter().any(|event| matches!(&event.kind, Kind::Closed(closed) if closed.reason == "shutdown")));
}
