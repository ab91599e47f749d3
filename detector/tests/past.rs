//! The lake in the order of time, whatever order it was written in.

use crate::story::events;
use deltalake::DeltaTable;
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use interdict_detector::{Fact, Past};
use interdict_schemas::lake::{Located, PARTITION, Place, Table, rows};
use interdict_schemas::{Event, Finding, Message, Resolution, Time};
use std::path::Path;

const STORY: &str = "
    d1..4 09:00 dana@desk db/postgres open
    d1..4 09:00 dana@desk db/postgres runs x
    d1..4 23:59:59 dana@desk db/postgres close
";

async fn store(lake: &Path, table: Table, records: &[Located<Message>]) {
    let folder = lake.join(table.name());
    std::fs::create_dir_all(&folder).expect("a folder");
    let url = url::Url::from_directory_path(&folder).expect("a url");
    let schema: StructType = table.schema().as_ref().try_into_kernel().expect("a schema");
    let delta = DeltaTable::try_from_url(url).await.expect("a table").create();
    let delta = delta.with_columns(schema.fields().cloned()).with_partition_columns([PARTITION]).await;
    // Several files, each of every third record.
    let mut delta = delta.expect("created");
    for part in 0..3 {
        let some: Vec<_> = records.iter().skip(part).step_by(3).cloned().collect();
        if !some.is_empty() {
            delta = delta.write([rows(table, &some).expect("rows")]).await.expect("written");
        }
    }
}

fn located(messages: impl Iterator<Item = Message>) -> Vec<Located<Message>> {
    (0_u64..)
        .zip(messages)
        .map(|(offset, value)| Located { place: Place { stamp: None, partition: 0, offset }, value })
        .collect()
}

fn resolution(alert: &str, time: Time) -> Message {
    let (root, by) = ("dana".to_owned(), "erin".to_owned());
    Message::Resolution(Resolution {
        alert: alert.into(),
        time,
        root,
        finding: Finding::Benign,
        by,
        note: String::new(),
    })
}

async fn told(lake: &Path, since: Time, until: Time) -> Vec<String> {
    let mut past = Past::open(lake.to_str().expect("a path"), since, until).await.expect("a lake");
    let promised = past.events();
    let mut told = Vec::new();
    while let Some(facts) = past.next().await.expect("facts") {
        told.extend(facts.into_iter().map(|fact| match fact {
            Fact::Event(event) => event.id,
            Fact::Resolution(resolution) => resolution.alert,
        }));
    }
    assert_eq!(promised, told.iter().filter(|id| id.starts_with('e')).count() as u64);
    told
}

#[tokio::test]
async fn facts_come_by_time_then_by_their_place_on_the_bus() {
    let folder = tempfile::tempdir().expect("a folder");
    let events: Vec<Event> = events(STORY);
    let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    store(folder.path(), Table::Events, &located(events.iter().cloned().map(Message::Event))).await;
    let (first, last) = (Time(i64::MIN), Time(i64::MAX));
    assert_eq!(told(folder.path(), first, last).await, ids);
    // Both ends belong to the span.
    assert_eq!(told(folder.path(), events[3].time, events[5].time).await, ids[3..6]);
    assert_eq!(told(folder.path(), events[2].time.plus_micros(1), events[3].time).await, ids[3..5]);
    assert!(told(folder.path(), last, last).await.is_empty());

    let said = [resolution("r-1", events[4].time.plus_micros(1)), resolution("r-2", events[11].time.plus_seconds(9))];
    store(folder.path(), Table::Resolutions, &located(said.into_iter())).await;
    let mut expected = ids.clone();
    expected.insert(5, "r-1".into());
    expected.push("r-2".into());
    assert_eq!(told(folder.path(), first, last).await, expected);
}

#[tokio::test]
async fn a_lake_that_is_not_there_is_an_error_and_so_is_a_file_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Past::open(folder.path().to_str().expect("a path"), Time(i64::MIN), Time(i64::MAX));
    let error = open().await.expect_err("no lake").to_string();
    assert!(error.contains("there is no lake table") && error.contains("collector"), "{error}");
    store(folder.path(), Table::Events, &located(events(STORY).into_iter().map(Message::Event))).await;
    let day =
        std::fs::read_dir(folder.path().join("events")).expect("days").map(|entry| entry.expect("a day").path());
    let day = day.filter(|path| path.to_string_lossy().contains("date=")).min().expect("a day");
    let file = std::fs::read_dir(day).expect("files").next().expect("a file").expect("a file").path();
    std::fs::remove_file(&file).expect("removed");
    let mut past = open().await.expect("the log of the table still stands");
    let mut error = None;
    while error.is_none() {
        match past.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a lost file was not noticed"),
            Err(lost) => error = Some(lost.to_string()),
        }
    }
    let (error, name) = (error.expect("an error"), file.file_name().expect("a name").to_string_lossy().into_owned());
    assert!(error.contains(&name) && error.contains("backup"), "{error}");
}
