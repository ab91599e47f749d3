//! What is new is told once, whatever happens to the files in which it stands.

use crate::fixture::{Lake, Session, session};
use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use deltalake::DeltaTable;
use interdict_queries::{Rows, follow};
use interdict_schemas::Protocol;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Each row is its events' own to tell.
const ALONE: &str = "select id from (select * from events where kind <> 'resulted')";
/// Rows are equal.
const EQUAL: &str = "select target from events";
/// Known only from all rows.
const WHOLE: &str = "select id from events order by time";
/// The same with equal rows.
const WHOLE_EQUAL: &str = "select target from events order by time";

async fn following(lake: &Lake, sql: &str) -> Rows {
    follow(Arc::new(lake.engine()), sql.to_owned(), Duration::from_millis(5)).await.expect("follows")
}

/// The next so many rows, in their order.
async fn next(rows: &mut Rows, many: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < many {
        let batch = tokio::time::timeout(Duration::from_secs(60), rows.next()).await.expect("something is new");
        let batch = batch.expect("reads").expect("never ends");
        let texts = cast(batch.column(0), &DataType::Utf8).expect("text");
        told.extend(texts.as_string::<i32>().iter().map(|text| text.expect("a text").to_owned()));
    }
    told.sort();
    told
}

/// Puts all files of each day into one.
async fn compact(lake: &Lake) {
    let url = Url::from_directory_path(lake.path().join("events")).expect("absolute");
    let table = deltalake::open_table(url).await.expect("opens");
    let before = table.version();
    let (table, done): (DeltaTable, _) = table.optimize().await.expect("compacts");
    assert!(done.num_files_removed > 1 && table.version() > before, "{done:?}");
}

fn one() -> Session {
    session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0)
}

#[tokio::test]
async fn what_is_new_is_told_once() {
    for sql in [ALONE, WHOLE] {
        let mut lake = Lake::new();
        lake.write([one().opened()]).await;
        let mut rows = following(&lake, sql).await;
        assert_eq!(next(&mut rows, 1).await, ["s1-open"], "{sql}");
        lake.write([one().acted("a1", 1, "select 1", None), one().closed(3)]).await;
        assert_eq!(next(&mut rows, 2).await, ["s1-acted-a1", "s1-close"], "{sql}");
        lake.write([one().acted("a2", 4, "select 1", None)]).await;
        assert_eq!(next(&mut rows, 1).await, ["s1-acted-a2"], "{sql}");
    }
}

#[tokio::test]
async fn a_table_that_comes_later_is_followed_from_its_first_row() {
    let mut lake = Lake::new();
    let mut rows = following(&lake, ALONE).await;
    lake.write([one().opened()]).await;
    lake.write([one().closed(3)]).await;
    assert_eq!(next(&mut rows, 2).await, ["s1-close", "s1-open"]);
}

#[tokio::test]
async fn equal_rows_are_told_as_often_as_they_come() {
    for sql in [EQUAL, WHOLE_EQUAL] {
        let mut lake = Lake::new();
        lake.write([one().opened(), one().closed(3)]).await;
        let mut rows = following(&lake, sql).await;
        assert_eq!(next(&mut rows, 2).await, ["cmdb", "cmdb"], "{sql}");
        lake.write([one().acted("a1", 1, "select 1", None), one().acted("a2", 1, "select 1", None)]).await;
        assert_eq!(next(&mut rows, 2).await, ["cmdb", "cmdb"], "{sql}");
        let other = session("s2", &["user:dana"], "bastion", Protocol::Ssh, 9);
        lake.write([other.opened()]).await;
        assert_eq!(next(&mut rows, 1).await, ["bastion"], "{sql}: nothing more of the others");
    }
}

#[tokio::test]
async fn compaction_in_between_tells_nothing_again_and_hides_nothing() {
    for sql in [ALONE, WHOLE] {
        let mut lake = Lake::new();
        lake.write([one().opened()]).await;
        lake.write([one().closed(3)]).await;
        let mut rows = following(&lake, sql).await;
        assert_eq!(next(&mut rows, 2).await, ["s1-close", "s1-open"], "{sql}");
        // Nobody looks until it stands in a file with old rows.
        lake.write([one().acted("a1", 1, "select 1", None)]).await;
        compact(&lake).await;
        assert_eq!(next(&mut rows, 1).await, ["s1-acted-a1"], "{sql}");
        lake.write([one().acted("a2", 2, "select 1", None)]).await;
        assert_eq!(next(&mut rows, 1).await, ["s1-acted-a2"], "{sql}");
    }
}

#[tokio::test]
async fn many_rows_are_told_once_each() {
    const MANY: usize = 20_000;
    let mut lake = Lake::new();
    let acted = |from: usize| (from..from + MANY).map(|nth| one().acted(&format!("a{nth}"), 1, "select 1", None));
    lake.write(acted(0)).await;
    let mut rows = following(&lake, ALONE).await;
    assert_eq!(next(&mut rows, MANY).await.len(), MANY);
    lake.write(acted(MANY)).await;
    let mut told = next(&mut rows, MANY).await;
    told.dedup();
    assert!(told.len() == MANY && told.iter().all(|id| id.len() > "s1-acted-a".len()), "{}", told.len());
    lake.write([one().closed(9)]).await;
    assert_eq!(next(&mut rows, 1).await, ["s1-close"]);
}
