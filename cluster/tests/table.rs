//! A table as a cluster reads it, and as this process does, has the rows that Delta's own reader has.

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;
use deltalake::operations::write::SchemaMode;
use std::sync::Arc;
use url::Url;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("a batch")
}

/// Rows of a day. In most columns all of them say the same, or nothing.
fn day(day: i32, ids: [i64; 2]) -> Vec<(&'static str, ArrayRef)> {
    let noon = (i64::from(day) * 86_400 + 43_200) * 1_000_000;
    vec![
        ("date", Arc::new(Date32Array::from(vec![day; 2]))),
        ("id", Arc::new(Int64Array::from(ids.to_vec()))),
        ("text", Arc::new(StringArray::from(vec![format!("of {day}"); 2]))),
        ("long", Arc::new(StringArray::from(vec!["a text that no footer has whole".repeat(20); 2]))),
        ("nothing", Arc::new(StringArray::from(vec![None::<&str>; 2]))),
        ("number", Arc::new(Int32Array::from(vec![day; 2]))),
        ("seldom", Arc::new(Int64Array::from(vec![None, Some(7)]))),
        ("is_so", Arc::new(BooleanArray::from(vec![true; 2]))),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![noon; 2]).with_timezone("UTC"))),
    ]
}

/// Two days, of which the second has a column more; and a third that came after somebody looked.
async fn grown(folder: &std::path::Path) -> (DeltaTable, DeltaTable) {
    let url = Url::from_directory_path(folder).expect("a folder");
    let table = DeltaTable::try_from_url(url).await.expect("a place");
    let write = async |table: DeltaTable, rows| {
        let written = table.write(vec![batch(rows)]).with_partition_columns(["date"]);
        written.with_schema_mode(SchemaMode::Merge).await.expect("writes")
    };
    let table = write(table, day(20_000, [1, 2])).await;
    let mut second = day(20_001, [3, 4]);
    second.push(("word", Arc::new(StringArray::from(vec![Some("a"), None]))));
    let table = write(table, second).await;
    let later = write(table.clone(), day(20_002, [5, 6])).await;
    (table, later)
}

#[tokio::test]
async fn older_files_and_days_are_read_as_delta_reads_them() {
    let folder = tempfile::tempdir().expect("folder");
    let (table, later) = grown(folder.path()).await;
    let context = SessionContext::new();
    context.register_table("files", interdict_cluster::table("events", &table).expect("files")).expect("registers");
    let here = interdict_cluster::table_here("events", &table, &context, &["word"], None).await.expect("files");
    let kept = interdict_cluster::rows_here("events", &table, &context).await.expect("files");
    context.register_table("kept", kept).expect("registers");
    context.register_table("here", here).expect("registers");
    context.register_table("delta", table.table_provider().await.expect("a table")).expect("registers");
    let rows = async |sql: String| {
        let batches = context.sql(&sql).await.expect("plans").collect().await.expect("runs");
        pretty_format_batches(&batches).expect("prints").to_string()
    };
    for sql in [
        "select * from T order by id",
        "select word, id from T where word is not null or id = 1 order by id",
        "select date, count(*) as n from T group by date order by date",
        "select count(*) as n from T",
        "select id from T where date = date '2024-10-05' and id > 3",
        "select id from T where date > date '2030-01-01'",
        "select id from T where id < 3 order by id limit 1",
        // A file that is older than the column has none of it.
        "select id, word from T where word = 'a'",
        "select id from T where word = 'a' and id > 3",
        "select id from T where 'a' = word or word = 'b' order by id",
        "select id from T where word in ('a', 'b') limit 1",
        "select id from T where word is distinct from 'a' order by id",
        "select count(*) as n from T where word = word",
        "select id, number, time from T where number = 20000 and is_so and nothing is null order by id",
        "select max(number) as most, min(text) as least, count(nothing) as n, sum(seldom) as seldom from T",
        "select text, length(long) as long, count(*) as n from T where word = 'a' or id = 1 group by text, long order by text",
    ] {
        for read in ["files", "here", "kept"] {
            let expected = rows(sql.replace('T', "delta")).await;
            // The second time the ends of the files are known.
            for time in 1..=2 {
                assert_eq!(rows(sql.replace('T', read)).await, expected, "{read}, time {time}: {sql}");
            }
        }
    }
    let plan = rows("explain select id from here where word = 'a' and id > 3".to_owned()).await;
    assert!(!plan.contains("FilterExec"), "the scan filters what one value is looked for in: {plan}");
    let plan = rows("explain select id from here where word = word and id > 3".to_owned()).await;
    assert!(plan.contains("FilterExec"), "and nothing else: {plan}");
    let counted = rows("select count(*) as n from files".to_owned()).await;
    assert!(counted.contains("| 4 |"), "one version, whatever was written since: {counted}");
    context.deregister_table("files").expect("there");
    context.register_table("files", interdict_cluster::table("events", &later).expect("files")).expect("registers");
    assert!(rows("select count(*) as n from files".to_owned()).await.contains("| 6 |"));
}

#[tokio::test]
async fn files_of_other_days_are_not_named() {
    let folder = tempfile::tempdir().expect("folder");
    let (table, _) = grown(folder.path()).await;
    let context = SessionContext::new();
    context.register_table("files", interdict_cluster::table("events", &table).expect("files")).expect("registers");
    let named = async |sql: &str| {
        let plan = context.sql(sql).await.expect("plans").create_physical_plan().await.expect("plans");
        displayable(plan.as_ref()).indent(false).to_string().matches(".parquet").count()
    };
    assert_eq!(named("select * from files").await, 2);
    assert_eq!(named("select * from files where date = date '2024-10-04'").await, 1);
    assert_eq!(named("select * from files where id > 3").await, 1);
    assert_eq!(named("select * from files where date = date '1999-01-01'").await, 0);
}

/// Marks six of thirty rows as deleted, as engines do that leave a file as it is: 3, 4, 7, 11, 18 and 29, in the bitmap
/// that Delta's protocol has for an example ("Deletion Vector Format").
fn delete_rows(log: &std::path::Path) {
    let first = std::fs::read_to_string(log.join("00000000000000000000.json")).expect("a commit");
    let field = |name: &str| {
        let line = first.lines().find(|line| line.starts_with("{\"add\"")).expect("a file");
        let from = line.find(&format!("\"{name}\":")).expect("a field") + name.len() + 3;
        let end = line[from..].find([',', '}']).expect("its end");
        line[from..from + end].to_owned()
    };
    let (path, size) = (field("path"), field("size"));
    let bitmap = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
    let commit = [
        r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}"#.to_owned(),
        format!(r#"{{"remove":{{"path":{path},"deletionTimestamp":1,"dataChange":true}}}}"#),
        format!(
            r#"{{"add":{{"path":{path},"partitionValues":{{}},"size":{size},"modificationTime":1,"dataChange":true,"deletionVector":{{"storageType":"i","pathOrInlineDv":"{bitmap}","sizeInBytes":44,"cardinality":6}}}}}}"#
        ),
    ];
    std::fs::write(log.join("00000000000000000001.json"), commit.join("\n")).expect("written");
}

#[tokio::test]
async fn rows_that_another_engine_deleted_are_gone() {
    let folder = tempfile::tempdir().expect("folder");
    let url = Url::from_directory_path(folder.path()).expect("a folder");
    let table = DeltaTable::try_from_url(url.clone()).await.expect("a place");
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30));
    table.write(vec![batch(vec![("id", ids)])]).await.expect("writes");
    delete_rows(&folder.path().join("_delta_log"));
    let mut table = DeltaTable::try_from_url(url).await.expect("a place");
    table.load().await.expect("its state");

    let refused = interdict_cluster::table("events", &table).expect_err("no plain reader knows them");
    assert!(refused.to_string().contains("deletion vectors"), "{refused}");
    let context = SessionContext::new();
    let here = interdict_cluster::table_here("events", &table, &context, &["id"], None).await.expect("read by Delta");
    let kept = interdict_cluster::rows_here("events", &table, &context).await.expect("read by Delta");
    for read in [here, kept] {
        let found = context.read_table(read).expect("a table").collect().await.expect("rows");
        let found = found.iter().flat_map(|batch| {
            let ids = batch.column(0).as_any().downcast_ref::<Int64Array>().expect("numbers");
            ids.iter().flatten().collect::<Vec<_>>()
        });
        let left: Vec<i64> = (0..30).filter(|id| ![3, 4, 7, 11, 18, 29].contains(id)).collect();
        assert_eq!(found.collect::<Vec<_>>(), left);
    }
}
