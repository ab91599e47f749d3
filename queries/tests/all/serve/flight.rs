//! The lake by Arrow Flight SQL, with the client that comes with Arrow.

use super::bed::Bed;
use crate::fixture::story;
use arrow::array::{AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow_flight::FlightInfo;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use futures::TryStreamExt as _;
use interdict_queries::serve::Limits;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;

type Client = FlightSqlServiceClient<Channel>;

async fn client(bed: &Bed, token: &str) -> Client {
    let mut client = bed.flight().await;
    client.set_token(token.to_owned());
    client
}

async fn fetch(client: &mut Client, info: FlightInfo) -> Result<Vec<RecordBatch>, String> {
    let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket).expect("a ticket");
    let rows = client.do_get(ticket).await.map_err(|error| error.to_string())?;
    rows.try_collect().await.map_err(|error| error.to_string())
}

async fn ask(client: &mut Client, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let info = client.execute(sql.to_owned(), None).await.map_err(|error| error.to_string())?;
    fetch(client, info).await
}

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[tokio::test]
async fn statements_come_as_arrow_and_are_recorded() {
    let bed = Bed::new(story().await, Limits::default()).await;
    let mut all = client(&bed, "all").await;
    let rows = ask(
        &mut all,
        "select sessions.session, sessions.time, sessions.chain, alerts.id from sessions left join alerts on true",
    )
    .await;
    let rows = rows.expect("rows");
    assert_eq!(count(&rows), 5);
    assert!(matches!(rows[0].schema().field(1).data_type(), DataType::Timestamp(_, Some(_))));
    assert!(matches!(rows[0].schema().field(2).data_type(), DataType::List(_)));
    for table in bed.desk.tables() {
        ask(&mut all, &format!("select * from {table}")).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    assert!(bed.log().iter().any(|line| line == "result success 00000 5"), "{:#?}", bed.log());
    let mut own = client(&bed, "own").await;
    let rows = ask(&mut own, "select distinct root from events").await.expect("rows");
    assert_eq!((count(&rows), rows[0].column(0).as_string::<i32>().value(0)), (1, "user:dana"));
    let error = ask(&mut own, "select * from recordings").await.expect_err("refused");
    assert!(error.contains("permission denied"), "{error}");
}

#[tokio::test]
async fn prepared_statements_take_values() {
    let bed = Bed::new(story().await, Limits::default()).await;
    let mut all = client(&bed, "all").await;
    let sql = "select count(*) from events where root = $1 and class_uid > $2";
    let mut statement = all.prepare(sql.to_owned(), None).await.expect("prepares");
    assert_eq!(statement.dataset_schema().expect("schema").fields().len(), 1);
    assert_eq!(statement.parameter_schema().expect("schema").field(0).data_type(), &DataType::Utf8);
    for (root, expected) in [("user:dana", 10), ("nobody", 0)] {
        let schema =
            Schema::new(vec![Field::new("$1", DataType::Utf8, true), Field::new("$2", DataType::Int64, true)]);
        let values = RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::new(StringArray::from(vec![root])), Arc::new(Int64Array::from(vec![0]))],
        );
        statement.set_parameters(values.expect("values")).expect("sets");
        let info = statement.execute().await.expect("plans");
        let rows = fetch(&mut all, info).await.expect("rows");
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), expected, "{root}");
    }
    statement.close().await.expect("closes");
}

#[tokio::test]
async fn catalogues_list_the_lake() {
    let bed = Bed::new(story().await, Limits::default()).await;
    let mut all = client(&bed, "all").await;
    let info = all.get_catalogs().await.expect("catalogs");
    assert_eq!(fetch(&mut all, info).await.expect("rows")[0].column(0).as_string::<i32>().value(0), "lake");
    let query = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let info = all.get_db_schemas(query).await.expect("schemas");
    assert_eq!(fetch(&mut all, info).await.expect("rows")[0].column(1).as_string::<i32>().value(0), "public");
    let query = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: None,
        table_name_filter_pattern: Some("ev%".to_owned()),
        table_types: vec!["TABLE".to_owned()],
        include_schema: true,
    };
    let info = all.get_tables(query).await.expect("tables");
    let rows = fetch(&mut all, info).await.expect("rows");
    assert_eq!((count(&rows), rows[0].column(2).as_string::<i32>().value(0)), (1, "events"));
    let info = all.get_table_types().await.expect("types");
    assert_eq!(count(&fetch(&mut all, info).await.expect("rows")), 2);
    let info = all.get_sql_info(vec![]).await.expect("info");
    assert!(count(&fetch(&mut all, info).await.expect("rows")) >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_nothing_for_long() {
    let limits = Limits { time: Duration::from_secs(3), rows: u64::MAX, questions: 1, ..Limits::default() };
    let bed = Bed::new(story().await, limits).await;
    let (mut silent, mut other) = (client(&bed, "all").await, client(&bed, "all").await);
    // Hundred gigabytes, if anybody took them.
    let wide = "select concat(h, h, h, h, h, h, h, h) from (select encode(sha512(a.value::text), 'hex') as h from \
                generate_series(1, 100000000) a)";
    let info = silent.execute(wide.to_owned(), None).await.expect("plans");
    let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket).expect("a ticket");
    let mut rows = silent.do_get(ticket).await.expect("begins");
    // There is one place, and the silent one has it for so long as it may.
    let asked = std::time::Instant::now();
    while ask(&mut other, "select 1").await.is_err() {
        assert!(asked.elapsed() < Duration::from_secs(30), "the place is not given back");
    }
    let result = || bed.log().into_iter().find(|line| line.starts_with("result failure 57014"));
    let result = result().expect("its end is recorded, though it is still there");
    // A row has a kilobyte: what was made of it fills buffers of the network and a batch or two.
    let made: u64 = result.rsplit(' ').next().and_then(|rows| rows.parse().ok()).expect("rows");
    assert!((1..=64 * 1024).contains(&made), "{result}");
    // What comes when it reads at last does not look like all there is.
    let end = loop {
        match rows.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the answer looks whole"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(end.contains("statement timeout"), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_token_or_no_right_or_no_end_is_refused() {
    let limits = Limits { time: Duration::from_secs(2), rows: 1_000, ..Limits::default() };
    let bed = Bed::new(story().await, limits).await;
    let mut nobody = bed.flight().await;
    assert!(ask(&mut nobody, "select 1").await.expect_err("refused").contains("a token is missing"));
    let mut wrong = client(&bed, "nonsense").await;
    assert!(ask(&mut wrong, "select 1").await.expect_err("refused").contains("malformed"));
    assert!(wrong.get_catalogs().await.is_err());
    let mut handshake = bed.flight().await;
    handshake.handshake("me", "all").await.expect("is let in");
    assert_eq!(count(&ask(&mut handshake, "select 1").await.expect("rows")), 1);
    let mut all = client(&bed, "all").await;
    for (sql, words) in [
        ("delete from events", "read-only"),
        ("copy events to stdout", "COPY is refused"),
        ("select * from nothing", "not found"),
        ("select value from generate_series(1, 100000)", "more than the 1000 rows"),
        (
            "select count(*) from (select distinct a.value * 100000 + b.value from generate_series(1, 100000) a cross join \
          generate_series(1, 100000) b)",
            "statement timeout",
        ),
    ] {
        let error = ask(&mut all, sql).await.expect_err(sql);
        assert!(error.contains(words), "{sql}: {error}");
    }
    assert!(all.execute_update("delete from events".to_owned(), None).await.is_err());
    assert!(bed.log().iter().any(|line| line == "decline delete delete from events"), "{:#?}", bed.log());
    bed.door.revoked.cancel();
    assert!(ask(&mut all, "select 1").await.expect_err("cut").contains("verdict v-1"));
}
