//! Functions: what they say, what they mean as PostgreSQL does, and what they may not make.

use crate::fixture::{Lake, MORNING, csv, session, story};
use interdict_queries::{Engine, Error, Settings};
use interdict_schemas::{Event, Kind, Message, Protocol};

async fn check(engine: &Engine, sql: &str, expected: &str) {
    let rows = engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(csv(rows).await.trim_end(), expected, "{sql}");
}

async fn refused(engine: &Engine, sql: &str, words: &str) {
    let error = match engine.sql(sql).await {
        Ok(rows) => rows.collect().await.expect_err(sql),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Query(_)) && error.to_string().contains(words), "{sql}: {error:?}");
}

#[tokio::test]
async fn what_would_be_too_much_is_not_made() {
    let engine = Lake::new().engine();
    let replaced = (0..9).fold("'aaaaaaaaaa'".to_owned(), |inner, _| format!("replace({inner}, 'a', 'aaaaaaaaaa')"));
    // Each level by another name: DataFusion takes two that read alike for one.
    let nested = |first: &str, begin: &str, between: &str, end: &str| {
        let level = |inner: String, nth: usize| {
            let name = format!("c{nth}");
            format!("(select {begin}{}{end} as c{} from {inner})", vec![name; 10].join(between), nth + 1)
        };
        (0..9).fold(format!("(select {first} as c0)"), level)
    };
    for sql in [
        format!("select length({replaced})"),
        format!("select length(c9) from {}", nested("'aaaaaaaaaa'", "", " || ", "")),
        format!("select length(c9) from {}", nested("'aaaaaaaaaa'", "concat(", ", ", ")")),
        format!("select array_length(c9) from {}", nested("[1]", "make_array(", ", ", ")")),
        "select range(1, 100000000000)".to_owned(),
        "select generate_series(timestamp '2026-01-01', timestamp '2026-12-31', interval '1 microsecond')".to_owned(),
        "select repeat('x', 2000000000)".to_owned(),
        "select array_repeat(1, 1000000000)".to_owned(),
        "select lpad('x', 1000000000)".to_owned(),
        "select length(regexp_replace(repeat('a', 100000), 'a', repeat('b', 100000), 'g'))".to_owned(),
    ] {
        refused(&engine, &sql, "may make").await;
    }
    check(&engine, "select array_length(range(1, 1000)) as n", "n\n999").await;
    check(&engine, "select 'a' || 'b' || null as none, 'a' || 'b' as two", "none,two\n,ab").await;
    check(&engine, "select replace('a.b.c', '.', '--') as c, concat('a', 1, null) as d", "c,d\na--b--c,a1").await;
    check(
        &engine,
        "select rpad('x', 3, '-') as x, repeat('ab', 2) as y, [1] || [2] as z",
        "x,y,z\nx--,abab,\"[1,2]\"",
    )
    .await;
    check(
        &engine,
        "select array_length(generate_series(timestamp '2026-01-01', timestamp '2026-01-03', interval '1 day')) as n",
        "n\n3",
    )
    .await;
    let small = Settings { memory: 32 << 20, ..Settings::default() };
    let folder = tempfile::tempdir().expect("folder");
    let small = Engine::open(folder.path().to_str().expect("path"), small).expect("opens");
    refused(&small, "select repeat('x', 20000000)", "may make 16").await;
}

#[tokio::test]
async fn lists_are_counted_whatever_is_in_them() {
    let lake = story().await;
    let engine = lake.engine();
    check(
        &engine,
        "select cardinality(chain) as n, count(*) as rows from events group by 1 order by 1",
        "n,rows\n1,6\n2,8",
    )
    .await;
    check(
        &engine,
        "select cardinality([1, null, 3]) as a, cardinality(null) as b, cardinality([[1], [2, 3]]) as c, \
         sum(cardinality(x)) as d from (values (make_array('a', 'b')), (null), (make_array('c'))) as t(x)",
        "a,b,c,d\n3,,3,3",
    )
    .await;
}

#[tokio::test]
async fn words_mean_what_postgresql_means() {
    let lake = story().await;
    let engine = lake.engine();
    check(
        &engine,
        "select to_char(min(time), 'YYYY-MM-DD\"T\"HH24:MI:SS') as a, to_char(min(time), '%H:%M') as b from events",
        "a,b\n2026-03-02T08:00:00,08:00",
    )
    .await;
    refused(&engine, "select to_char(time, 'YYYY-QQ') from events", "to_char knows").await;
    check(&engine, "select 1::float / 3 as third", "third\n0.3333333333333333").await;
    refused(&engine, "select * from events tablesample system (10)", "no samples").await;
    check(
        &engine,
        "select now() at time zone 'UTC' = now() as same, arrow_typeof(now()) as kind",
        "same,kind\ntrue,\"Timestamp(ns, \"\"UTC\"\")\"",
    )
    .await;
}

#[tokio::test]
async fn what_was_reached_is_told_by_address_and_without_what_was_turned_away() {
    let mut lake = Lake::new();
    let from = |message: Message, target: Option<&str>| match message {
        Message::Event(mut event) => {
            event.source.target = target.map(str::to_owned);
            Message::Event(event)
        }
        other => other,
    };
    let turned_away = |message: Message| match message {
        Message::Event(Event { kind: Kind::Closed(mut closed), id, .. }) => {
            closed.reason = "verdict".into();
            (closed.actions, closed.bytes_in, closed.bytes_out) = (0, 0, 0);
            (id, closed)
        }
        other => panic!("{other:?}"),
    };
    let first = session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0);
    let again = session("s2", &["user:dana"], "bastion", Protocol::Ssh, 5);
    let onward = session("s3", &["user:dana"], "cmdb", Protocol::Postgres, 10);
    let earlier = session("s4", &["user:dana"], "shop", Protocol::Http, -10);
    let never = session("s5", &["user:dana"], "cluster", Protocol::Kubernetes, 20);
    let (id, closed) = turned_away(never.closed(21));
    let Message::Event(opened) = never.opened() else { panic!("an event") };
    let ended = Message::Event(Event { id, kind: Kind::Closed(closed), ..opened.clone() });
    lake.write([
        from(earlier.opened(), Some("bastion")),
        first.opened(),
        again.opened(),
        from(onward.opened(), Some("bastion")),
        from(Message::Event(opened), Some("bastion")),
        from(ended, Some("bastion")),
    ])
    .await;
    let engine = lake.engine();
    // All of the fixture's sessions come from one address.
    check(
        &engine,
        "select target, hops, session from reached_from('bastion', '2026-01-01') order by target",
        "target,hops,session\ncmdb,1,s3\nshop,1,s4",
    )
    .await;
    let sql = format!("select target, hops, session from reached_from('10.0.0.7', '{MORNING}') order by target");
    check(&engine, &sql, "target,hops,session\nbastion,1,s1\ncmdb,1,s3").await;
    check(&engine, "select session, state from sessions where session = 's5'", "session,state\ns5,refused").await;
    check(&engine, "select session, reason from failed_admissions", "session,reason\ns5,verdict").await;
    check(&engine, "select count(*) as n from first_edges where target = 'cluster'", "n\n0").await;
}
