//! Rows that what is said of a file hides from questions, without anybody touching them, are found by a proof.

use crate::fixture::Lake;
use crate::tamper::{faults, files, lake, report, rewrite, with};
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use interdict_queries::verify::{Options, Report};
use interdict_schemas::lake::Table;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Writes what the log of a table says of one of its files anew.
fn say_of(lake: &Lake, table: Table, file: &str, change: impl Fn(&mut Value)) {
    let log = lake.path().join(table.name()).join("_delta_log");
    for entry in std::fs::read_dir(log).expect("a log") {
        let path = entry.expect("entry").path();
        let Some(text) = std::fs::read_to_string(&path).ok().filter(|text| text.contains(file)) else { continue };
        let line = |line: &str| {
            let mut action: Value = serde_json::from_str(line).expect("JSON");
            if let Some(add) =
                action.get_mut("add").filter(|add| add["path"].as_str().is_some_and(|at| at.ends_with(file)))
            {
                change(add);
            }
            action.to_string()
        };
        std::fs::write(&path, text.lines().map(line).collect::<Vec<_>>().join("\n")).expect("writes");
    }
}

/// The same of the statistics of its rows.
fn count_otherwise(add: &mut Value, change: impl Fn(&mut Value)) {
    let mut stats: Value = serde_json::from_str(add["stats"].as_str().expect("statistics")).expect("JSON");
    change(&mut stats);
    add["stats"] = stats.to_string().into();
}

#[tokio::test]
async fn what_a_log_says_of_rows_that_they_are_not_is_found() {
    let check = async |what: &str, change: fn(&mut Value)| {
        let lake = lake(|_| {}).await;
        let file = files(&lake, Table::Events).remove(1);
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        say_of(&lake, Table::Events, name, change);
        let report = report(&lake, Options::default()).await;
        assert_eq!((report.files.altered, report.is_whole()), (1, false), "{what}: {report}");
        assert!(report.files.changed[0].contains(name) && report.files.changed[0].contains(what), "{what}: {report}");
        assert_eq!(faults(&report), [], "the rows are there: {report}");
    };
    check("by root", |add| {
        count_otherwise(add, |stats| {
            stats["minValues"]["root"] = "aaa".into();
            stats["maxValues"]["root"] = "aaa".into();
        });
    })
    .await;
    check("by time", |add| {
        count_otherwise(add, |stats| stats["maxValues"]["time"] = "2020-01-01T00:00:00.000Z".into());
    })
    .await;
    check("by sequence", |add| count_otherwise(add, |stats| stats["minValues"]["sequence"] = json!(7))).await;
    check("by target", |add| count_otherwise(add, |stats| stats["nullCount"]["target"] = json!(4))).await;
    check("rows", |add| count_otherwise(add, |stats| stats["numRecords"] = json!(3))).await;
    check("2020-01-01", |add| add["partitionValues"]["date"] = "2020-01-01".into()).await;
}

#[tokio::test]
async fn bounds_that_are_wide_hide_nothing() {
    let lake = lake(|_| {}).await;
    let file = files(&lake, Table::Events).remove(1);
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
    say_of(&lake, Table::Events, name, |add| {
        count_otherwise(add, |stats| {
            stats["minValues"]["root"] = "a".into();
            stats["maxValues"]["root"] = "zzz".into();
            stats["maxValues"].as_object_mut().expect("bounds").remove("time");
        });
    });
    let report = report(&lake, Options::default()).await;
    assert!(report.is_whole(), "{report}");
}

/// Writes a file of a table anew, and what the log says of it.
fn replace(lake: &Lake, table: Table, file: &Path, change: impl Fn(&RecordBatch) -> RecordBatch) {
    rewrite(file, change);
    let size = std::fs::metadata(file).expect("a file").len();
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
    say_of(lake, table, name, |add| {
        add["size"] = size.into();
        let add = add.as_object_mut().expect("an action");
        // Nobody need tell of a file's rows, and a build without digests told none.
        for said in ["stats", "tags"] {
            add.remove(said);
        }
    });
}

#[tokio::test]
async fn columns_of_other_types_hide_nothing() {
    let as_type = async |name: &str, kind: DataType| {
        let lake = lake(|_| {}).await;
        for file in files(&lake, Table::Events) {
            let cast =
                |batch: &RecordBatch| cast(batch.column_by_name(name).expect("column"), &kind).expect("kindred");
            replace(&lake, Table::Events, &file, |batch| with(batch, name, cast(batch)));
        }
        for table in [Table::Sessions, Table::Disclosures] {
            files(&lake, table).iter().for_each(|file| replace(&lake, table, file, |batch| batch.slice(0, 0)));
        }
        report(&lake, Options::default()).await
    };
    let found = |report: &Report| {
        let counts: Vec<_> = report.counts.iter().map(|count| (count.expected, count.found)).collect();
        (counts, report.files.altered, faults(report))
    };
    let schema = Table::Events.schema();
    let DataType::List(element) = schema.field_with_name("disclosures").expect("a column").data_type() else {
        panic!("a list")
    };
    // What can be read all the same is, and counts.
    for (name, kind) in [
        ("kind", DataType::LargeUtf8),
        ("kind", DataType::Utf8View),
        ("disclosures", DataType::LargeList(Arc::clone(element))),
    ] {
        let report = as_type(name, kind).await;
        assert_eq!(found(&report), (vec![(6, 0), (3, 0)], 0, vec![]), "{report}");
    }
    // What cannot is named.
    let report = as_type("kind", DataType::Binary).await;
    assert_eq!((report.files.altered, report.is_whole()), (3, false), "{report}");
    assert!(report.files.changed.iter().all(|file| file.contains("column `kind`")), "{report}");
}
