//! What is asked and answered, what is refused and how, and what is recorded of it.

use super::bed::{Bed, code};
use crate::fixture::{Lake, session, story};
use interdict_queries::serve::Limits;
use interdict_schemas::Protocol;
use std::time::SystemTime;
use tokio_postgres::SimpleQueryMessage;

async fn bed() -> Bed {
    Bed::new(story().await, Limits::default()).await
}

fn texts(messages: &[SimpleQueryMessage]) -> Vec<String> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or("NULL")).collect::<Vec<_>>().join("|")).collect()
}

#[tokio::test]
async fn parameters_and_binary_results_are_typed() {
    let bed = bed().await;
    let client = bed.client("all").await;
    let sql = "select session, time, chain, rows, duration_us, class_uid, date, root = $1 as mine, text \
               from events where root = $1 and time >= $2 and class_uid = $3 and kind = 'acted' order by time limit $4";
    let after = SystemTime::UNIX_EPOCH;
    let rows = client.query(sql, &[&"user:dana", &after, &6005_i32, &10_i64]).await.expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<_, &str>("session"), "s2");
    assert!(rows[0].get::<_, SystemTime>("time") > after);
    assert_eq!(rows[0].get::<_, Vec<String>>("chain"), ["user:dana", "agent:plan"]);
    assert_eq!(rows[0].get::<_, Option<i64>>("rows"), None);
    assert_eq!(rows[0].get::<_, i32>("class_uid"), 6005);
    assert!(rows[0].get::<_, bool>("mine"));
    let columns: Vec<_> = rows[0].columns().iter().map(|column| column.type_().name().to_owned()).collect();
    assert_eq!(columns, ["text", "timestamptz", "_text", "int8", "int8", "int4", "date", "bool", "text"]);
    let statement =
        client.prepare("select count(*) from sessions where target = $1 and state <> $2").await.expect("prepares");
    for (target, expected) in [("cmdb", 3_i64), ("nowhere", 0)] {
        let row = client.query_one(&statement, &[&target, &"refused"]).await.expect("row");
        assert_eq!(row.get::<_, i64>(0), expected, "{target}");
    }
    assert!(bed.log().iter().any(|line| line.ends_with("with values")), "{:#?}", bed.log());
}

#[tokio::test]
async fn every_column_of_every_table_can_be_read_in_both_formats() {
    let bed = bed().await;
    let client = bed.client("all").await;
    for table in bed.desk.tables() {
        let sql = format!("select * from {table}");
        let text = texts(&client.simple_query(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")));
        let binary = client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(text.len(), binary.len(), "{table}");
        let is_told = ["events", "sessions", "disclosures", "alerts", "verdicts"].contains(&&*table);
        assert!(!text.is_empty() || !is_told, "{table}");
    }
}

#[tokio::test]
async fn statements_of_one_text_are_answered_in_order() {
    let bed = bed().await;
    let client = bed.client("all").await;
    let sql = "set application_name = 'x'; select count(*) from sessions; show application_name; ; select 'it''s'";
    assert_eq!(texts(&client.simple_query(sql).await.expect("rows")), ["5", "x", "it's"]);
    assert_eq!(texts(&client.simple_query("").await.expect("nothing")), Vec::<String>::new());
    let sql = "select root, count(*) as n from events group by all order by n desc limit 1";
    assert_eq!(texts(&client.simple_query(sql).await.expect("rows")), ["user:dana|10"]);
    let sql = "select e.root, (select count(*) from sessions s where s.root = e.root) as n from events e group by e.root order by 1";
    assert_eq!(texts(&client.simple_query(sql).await.expect("rows")), ["svc:deploy|1", "user:dana|4"]);
    let sql = "select current_user, current_database(), current_schema()";
    assert_eq!(texts(&client.simple_query(sql).await.expect("rows")), ["user:dana|lake|public"]);
}

#[tokio::test]
async fn each_question_sees_the_newest_state() {
    let mut bed = Bed::new(Lake::new(), Limits::default()).await;
    let client = bed.client("all").await;
    let count = async |client: &tokio_postgres::Client| {
        client.query_one("select count(*) from events", &[]).await.expect("row").get::<_, i64>(0)
    };
    assert_eq!(count(&client).await, 0);
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    bed.lake.write([one.opened()]).await;
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn rows_that_are_not_granted_are_not_there() {
    let bed = bed().await;
    let client = bed.client("own").await;
    let check = async |sql: &str, expected: &[&str]| {
        let rows = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(texts(&rows), expected, "{sql}");
    };
    check("select distinct root from events", &["user:dana"]).await;
    check("select count(*) from events where root <> 'user:dana'", &["0"]).await;
    check("select count(*) from events where root <> 'user:dana' or true", &["10"]).await;
    check("select distinct root from sessions union select distinct root from public.session_facts", &["user:dana"])
        .await;
    check("with e as (select * from events) select count(*) from e full join sessions s on true where s.root = 'svc:deploy'", &["0"])
        .await;
    let error = client.simple_query("select * from recordings").await.expect_err("refused");
    assert_eq!(code(&error), "42501");
    check("select count(*) from events", &["10"]).await;
}

#[tokio::test]
async fn what_changes_anything_is_refused_and_recorded() {
    let bed = bed().await;
    let client = bed.client("all").await;
    for (sql, expected) in [
        ("insert into events select * from events", "25006"),
        ("delete from events", "25006"),
        ("drop table events", "25006"),
        ("create table x as select 1", "25006"),
        ("select 1 as a into x", "25006"),
        ("explain analyze insert into events select * from events", "25006"),
        ("copy events to stdout", "0A000"),
        ("copy events to '/tmp/x'", "0A000"),
        ("copy events from stdin", "25006"),
        ("selekt", "42601"),
        ("select * from nothing", "42P01"),
        ("select nothing from events", "42703"),
        ("select nothing(1)", "42883"),
        ("select * from '/etc/passwd'", "42P01"),
        ("show nothing", "42704"),
        ("declare c cursor for select 1", "25P01"),
    ] {
        let error = client.simple_query(sql).await.err().unwrap_or_else(|| panic!("{sql} was run"));
        assert_eq!(code(&error), expected, "{sql}: {error:?}");
        let error = client.query(sql, &[]).await.err().unwrap_or_else(|| panic!("{sql} was run"));
        assert_eq!(code(&error), expected, "extended, {sql}: {error:?}");
    }
    assert_eq!(texts(&client.simple_query("select 1").await.expect("goes on")), ["1"]);
    let log = bed.log();
    assert!(log.contains(&"decline create insert into events select * from events".to_owned()), "{log:#?}");
    assert!(log.contains(&"decline read copy events to stdout".to_owned()), "{log:#?}");
}

#[tokio::test]
async fn every_question_is_recorded_with_its_outcome() {
    let bed = bed().await;
    let client = bed.client("all").await;
    client.simple_query("select * from sessions").await.expect("rows");
    client.query("select session from events where root = $1", &[&"svc:deploy"]).await.expect("rows");
    client.simple_query("select 1 / 0 from events").await.expect_err("fails");
    drop(client);
    bed.until("leave client").await;
    let expected = [
        "ask {\"sessions\"} select * from sessions",
        "result success 00000 5",
        "ask {\"events\"} select session from events where root = $1 with values",
        "result success 00000 4",
        "ask {\"events\"} select 1 / 0 from events",
        "result failure 42000 0",
        "leave client",
    ];
    assert_eq!(bed.log(), expected);
}

#[tokio::test]
async fn transactions_are_remembered_and_a_failed_one_does_nothing() {
    let bed = bed().await;
    let mut client = bed.client("all").await;
    let transaction = client.transaction().await.expect("begins");
    let portal = transaction.bind("select value from generate_series(1, 25) order by 1", &[]).await.expect("binds");
    for expected in [10, 10, 5, 0] {
        assert_eq!(transaction.query_portal(&portal, 10).await.expect("rows").len(), expected);
    }
    transaction.commit().await.expect("commits");
    client.simple_query("begin").await.expect("begins");
    client.simple_query("select nothing from events").await.expect_err("fails");
    assert_eq!(code(&client.simple_query("select 1").await.expect_err("aborted")), "25P02");
    client.simple_query("rollback").await.expect("ends");
    client.simple_query("select 1").await.expect("goes on");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let bed = bed().await;
    assert_eq!(code(&bed.try_client("barred").await.expect_err("refused")), "42501");
    assert_eq!(code(&bed.try_client("nonsense").await.expect_err("refused")), "28P01");
    assert_eq!(bed.log(), Vec::<String>::new());
}

#[tokio::test]
async fn functions_read_what_is_granted_and_nothing_else() {
    let bed = bed().await;
    let all = bed.client("all").await;
    let told = async |client: &tokio_postgres::Client, sql: &str| {
        texts(&client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")))
    };
    assert_eq!(told(&all, "select nth, session from chain('f-1')").await, ["1|s1"]);
    assert_eq!(
        told(&all, "select session from sessions order by risk(session) desc nulls last limit 1").await,
        ["s1"]
    );
    assert_eq!(
        told(&all, "select replay_url(session) from sessions where session = 's1'").await,
        ["interdict://replay/s1"]
    );
    assert!(bed.log().iter().any(|line| line.starts_with("ask {\"alerts\", \"sessions\"} ")), "{:#?}", bed.log());
    let rows = all.query("select risk($1) as risk", &[&"s1"]).await.expect("rows");
    assert_eq!(rows[0].get::<_, i32>("risk"), 800);
    // Alerts of another root are not hers to see, in whatever way they are read.
    let mut other = Bed::new(crate::fixture::Lake::new(), Limits::default()).await;
    let interdict_schemas::Message::Alert(alert) = crate::fixture::alert("f-2", 1) else { panic!("an alert") };
    other
        .lake
        .write([interdict_schemas::Message::Alert(interdict_schemas::Alert { root: "user:erin".into(), ..alert })])
        .await;
    let (own, all) = (other.client("own").await, other.client("all").await);
    for (sql, seen) in [
        ("select risk('s1')", "800"),
        ("select risk from risk('s1')", "800"),
        ("select risk from chain('f-2'), risk('s1')", "800"),
    ] {
        assert_eq!(told(&all, sql).await, [seen], "{sql}");
        let hidden = told(&own, sql).await;
        assert!(hidden.is_empty() || hidden == ["NULL"], "{sql}: {hidden:?}");
    }
    // What is asked is reckoned for the rows that are shown alone: no error tells of another.
    for asked in
        ["cast(concat(id, '|', root) as int) = 1", "1 / (case when root = 'user:erin' then 0 else 1 end) = 1"]
    {
        let sql = format!("select id from alerts where {asked}");
        assert!(all.simple_query(&sql).await.is_err(), "{sql}");
        assert!(told(&own, &sql).await.is_empty(), "{sql}");
    }
    for sql in ["explain select id from alerts", "explain analyze select id from alerts where root >= 'user:e'"] {
        all.simple_query(sql).await.expect(sql);
        assert_eq!(code(&own.simple_query(sql).await.expect_err(sql)), "42501", "{sql}");
    }
}

#[tokio::test]
async fn cursors_are_taken_piece_by_piece() {
    let bed = bed().await;
    let client = bed.client("all").await;
    let ask = async |sql: &str| client.simple_query(sql).await.map(|messages| texts(&messages));
    let told = async |sql: &str| ask(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let refused = async |sql: &str| code(&ask(sql).await.expect_err(sql)).to_owned();
    assert_eq!(refused("declare c cursor for select session from sessions").await, "25P01");
    told("begin").await;
    told("declare C no scroll cursor for select session from sessions order by session").await;
    assert_eq!(told("fetch forward 2 from c").await, ["s0", "s1"]);
    assert_eq!(told("fetch c").await, ["s2"]);
    assert_eq!(told("fetch 0 from c").await, Vec::<String>::new());
    assert_eq!(told("fetch all from c").await, ["s3", "s4"]);
    assert_eq!(told("fetch forward 10 from c").await, Vec::<String>::new());
    assert!(bed.log().iter().any(|line| line.starts_with("ask {\"sessions\"} declare C")), "{:#?}", bed.log());
    assert!(bed.log().iter().any(|line| line == "result success 00000 5"), "{:#?}", bed.log());
    told("close c").await;
    told("commit").await;
    // One transaction each, since what fails ends it.
    for (sql, expected) in [
        ("fetch 1 from c", "34000"),
        ("close c", "34000"),
        ("declare c scroll cursor for select 1", "0A000"),
        ("declare c cursor with hold for select 1", "0A000"),
        ("fetch prior from c", "0A000"),
        ("declare c cursor for delete from events", "0A000"),
    ] {
        told("begin").await;
        assert_eq!(refused(sql).await, expected, "{sql}");
        assert_eq!(refused("select 1").await, "25P02", "{sql}");
        told("rollback").await;
    }
    // A cursor ends with its transaction, and so many may be open.
    told("begin; declare a cursor for select 1; commit; begin").await;
    assert_eq!(refused("fetch a").await, "34000");
    told("rollback; begin; declare a cursor for select 1; declare b cursor for select 1; declare c cursor for select 1").await;
    told("declare d cursor for select 1").await;
    assert_eq!(refused("declare e cursor for select 1").await, "53400");
    told("rollback; begin; declare a cursor for select root from events").await;
    assert_eq!(refused("declare a cursor for select 1").await, "42P03");
    told("rollback").await;
    // Who sees what is the same through a cursor.
    let own = bed.client("own").await;
    own.simple_query("begin").await.expect("begins");
    let error = own.simple_query("declare r cursor for select * from recordings").await.expect_err("not granted");
    assert_eq!(code(&error), "42501");
}
