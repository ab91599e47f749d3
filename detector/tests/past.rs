//! The lake in the order of time, whatever order it was written in.

use crate::story::events;
use deltalake::DeltaTable;
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use interdict_detector::{Fact, Past};
use interdict_schemas::lake::{Located, PARTITION, Place, Record, Table, rows};
use interdict_schemas::{Event, Finding, Message, Resolution, Time};
use std::path::Path;

const STORY: &str = "
    d1..4 09:00 dana@desk db/postgres open
    d1..4 09:00 dana@desk db/postgres runs x
    d1..4 23:59:59 dana@desk db/postgres close
";

/// Writes records to a table that is not there yet.
pub(crate) async fn store(lake: &Path, table: Table, records: &[Located<Message>]) {
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
            delta = delta.write([rows(table, &kept(&some)).expect("rows")]).await.expect("written");
        }
    }
}

fn kept(records: &[Located<Message>]) -> Vec<Record> {
    records.iter().map(|located| Record::try_from(located).expect("valid")).collect()
}

/// Messages as they stand in the only partition of their topic.
pub(crate) fn located(messages: impl Iterator<Item = Message>) -> Vec<Located<Message>> {
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
    // What is promised to a progress bar is counted by whole days.
    assert!(promised >= told.iter().filter(|id| id.starts_with('e')).count() as u64);
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
    let read = async {
        let mut past = open().await?;
        while past.next().await?.is_some() {}
        Ok::<_, interdict_detector::HistoryError>(())
    };
    let error = read.await.expect_err("a lost file is noticed").to_string();
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(error.contains(&name) && error.contains("backup"), "{error}");
}

/// `INTERDICT_EVENTS=1000000 cargo test --release -p interdict-detector --test all -- --ignored --nocapture past`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; INTERDICT_EVENTS says on how many events"]
async fn how_fast_and_in_how_much_memory_the_past_is_read() {
    const CHUNK: usize = 50_000;
    let count: usize = std::env::var("INTERDICT_EVENTS").expect("INTERDICT_EVENTS").parse().expect("a number");
    let folder = tempfile::tempdir().expect("a folder");
    let sample = events(STORY).remove(1);
    let mut delta: Option<DeltaTable> = None;
    for start in (0..count).step_by(CHUNK) {
        // Ten days, a tenth of a chunk each, so that every file is of every day, as after a late import.
        let some = (start..(start + CHUNK).min(count)).map(|at| {
            let time = Time(sample.time.0 + (at % 10) as i64 * 86_400_000_000 + (count - at) as i64 * 1_000);
            Message::Event(Event { id: format!("e{at}"), session: format!("s{}", at / 4), time, ..sample.clone() })
        });
        let records = located(some);
        match delta.take() {
            None => {
                store(folder.path(), Table::Events, &records).await;
                let url = url::Url::from_directory_path(folder.path().join("events")).expect("a url");
                delta = Some(deltalake::open_table(url).await.expect("a table"));
            }
            Some(table) => {
                let written = table.write([rows(Table::Events, &kept(&records)).expect("rows")]).await;
                delta = Some(written.expect("written"));
            }
        }
    }
    // Forgets the peak that writing made.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let status = || std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = || status().lines().find(|line| line.starts_with("VmHWM")).map(str::to_owned).unwrap_or_default();
    println!("before: {}", peak());
    let start = std::time::Instant::now();
    let lake = folder.path().to_str().expect("a path");
    let mut past = Past::open(lake, Time(i64::MIN), Time(i64::MAX)).await.expect("a lake");
    let (mut read, mut newest) = (0, Time(i64::MIN));
    while let Some(facts) = past.next().await.expect("facts") {
        for fact in facts {
            let Fact::Event(event) = fact else { continue };
            assert!(event.time >= newest);
            (read, newest) = (read + 1, event.time);
        }
    }
    assert_eq!(read, count);
    println!("{:.0} events/s; {}", count as f64 / start.elapsed().as_secs_f64(), peak());
}
