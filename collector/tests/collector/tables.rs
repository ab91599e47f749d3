//! What stands in the tables: everything once, sorted, in its day, with what cannot be read beside it.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, maintain, patient, until_rows};
use interdict_bus::Log as _;
use interdict_collector::config::Limits;
use interdict_schemas::lake::Table;
use interdict_schemas::{Judged, Message, Time, Topic};
use parquet::basic::Compression;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_topic_reaches_its_tables() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(3)));
    for number in 0..30_u64 {
        let partition = (number % 3) as u32;
        log.0.stamped(partition, &say::event(&format!("root-{partition}"), number, NOON), "s", number + 1);
        log.0.stamped(partition, &say::chunk("a", 29 - number), "s", number + 1);
    }
    log.0.put(Topic::Alerts, 0, say::alert("a-1").encode());
    log.0.put(Topic::Verdicts, 0, say::verdict("v-1", Time(i64::MAX)).encode());
    log.0.put(Topic::Verdicts, 0, Message::Judged(Judged { partition: 0, offset: 9, time: NOON }).encode());
    collect(patient(folder.path(), 1_000), log.clone()).await.expect("collected");
    for (table, rows) in [
        (Table::Events, 30),
        (Table::Sessions, 15),
        (Table::Disclosures, 20),
        (Table::Recordings, 30),
        (Table::Alerts, 1),
        (Table::Verdicts, 1),
    ] {
        assert_eq!(lake::rows(folder.path(), table).await, rows, "{}", table.name());
    }
    assert_eq!(lake::verdicts(folder.path()).await[0].value.until, Time(i64::MAX));
    assert_eq!(lake::alerts(folder.path()).await[0].value.id, "a-1");
    let told = |topic, partition| log.0.told(topic, partition);
    assert_eq!([told(Topic::Events, 0), told(Topic::Events, 2)], [Some(10), Some(10)]);
    assert_eq!([told(Topic::Alerts, 0), told(Topic::Verdicts, 0)], [Some(1), Some(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_sorted_and_late_days_find_their_folder() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    for number in 0..200_u64 {
        let root = ["zoe", "ada", "mia"][number as usize % 3];
        let days_late = (number % 4) as i64;
        let time = NOON.plus_seconds(-86_400 * days_late).plus_micros(-(number as i64));
        log.0.stamped(0, &say::event(root, number, time), "s", number + 1);
        log.0.stamped(0, &say::chunk(root, 200 - number), "s", number + 1);
    }
    collect(patient(folder.path(), 10_000), log).await.expect("collected");
    let files = lake::files(folder.path(), Table::Events).await;
    assert_eq!(files.len(), 4, "one file a day");
    for batch in files {
        let events = interdict_schemas::lake::events(&batch).expect("events");
        let order: Vec<_> = events.iter().map(|row| (row.value.identity.root().id.clone(), row.value.time)).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(events.iter().all(|row| row.value.time.day() == events[0].value.time.day()));
    }
    let chunks = lake::chunks(folder.path()).await;
    assert!(chunks.is_sorted_by_key(|row| (row.value.session.clone(), row.value.index)));
    assert!(folder.path().join("events/date=2026-02-27").is_dir());
}

/// The one row group of the file that so many events make.
async fn group(folder: &Path, events: u64) -> RowGroupMetaData {
    let log = Shared(Arc::new(Memory::new(1)));
    for number in 0..events {
        log.0.stamped(0, &say::event(&format!("root-{}", number % 3), number, NOON), "s", number + 1);
    }
    collect(patient(folder, 1_000), log).await.expect("collected");
    let day = folder.join("events/date=2026-03-02");
    let path = std::fs::read_dir(day).expect("folder").next().expect("a file").expect("entry").path();
    let reader = SerializedFileReader::new(std::fs::File::open(path).expect("file")).expect("parquet");
    reader.metadata().row_group(0).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_can_be_searched_without_being_read() {
    let folder = tempfile::tempdir().expect("folder");
    let group = group(folder.path(), 900).await;
    let column =
        |name: &str| group.columns().iter().find(|column| column.column_path().string() == name).expect("there");
    for sought in ["root", "actor", "session", "target", "credential"] {
        assert!(column(sought).bloom_filter_offset().is_some(), "{sought} has a bloom filter");
        assert!(column(sought).column_index_offset().is_some(), "{sought} has a page index");
    }
    let (large, small): (Vec<_>, Vec<_>) =
        group.columns().iter().partition(|column| column.uncompressed_size() > 5_000);
    assert!(large.iter().all(|column| matches!(column.compression(), Compression::ZSTD(_))) && !large.is_empty());
    assert!(small.iter().any(|column| column.compression() == Compression::UNCOMPRESSED), "what gains nothing");
    assert!(matches!(column("bus_offset").compression(), Compression::ZSTD(_)), "numbers of many rows");
    assert!(column("protocol").dictionary_page_offset().is_some());
    assert!(column("id").dictionary_page_offset().is_none(), "no dictionary of what never repeats");
    let delta = lake::open(folder.path(), Table::Events).await.expect("opens");
    let view = delta.snapshot().expect("state").log_data().iter().next().expect("a file");
    let said: serde_json::Value = serde_json::from_str(&view.stats().expect("statistics")).expect("JSON");
    let (least, most) = (&said["minValues"], &said["maxValues"]);
    assert_eq!(
        (said["numRecords"].as_u64(), least["root"].as_str(), most["root"].as_str()),
        (Some(900), Some("root-0"), Some("root-2"))
    );
    assert_eq!(least["time"].as_str(), Some("2026-03-02T12:00:00.000Z"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_of_few_numbers_are_left_as_they_are() {
    let folder = tempfile::tempdir().expect("folder");
    let group = group(folder.path(), 50).await;
    let column = group.columns().iter().find(|column| column.column_path().string() == "bus_offset").expect("there");
    assert_eq!(column.compression(), Compression::UNCOMPRESSED);
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 50, "whatever reads it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_gone_wild_stops_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    let wild = [i64::MIN, -1, 0, i64::MAX, NOON.0].map(Time);
    for (time, sequence) in wild.into_iter().zip(1..) {
        log.0.stamped(0, &say::closed_at(time), "s", sequence);
    }
    collect(patient(folder.path(), 100), log).await.expect("collected");
    let mut times: Vec<Time> = lake::events(folder.path()).await.iter().map(|row| row.value.time).collect();
    times.sort();
    let mut expected = wild.to_vec();
    expected.sort();
    assert_eq!(times, expected);
    assert!(folder.path().join("events/date=9999-12-31").is_dir());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_records_are_kept_aside_and_block_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    log.0.stamped(0, &say::event("root", 1, NOON), "s", 1);
    log.0.put(Topic::Events, 0, b"garbage".to_vec());
    log.0.put(Topic::Events, 0, say::alert("on the wrong topic").encode());
    log.0.stamped(0, &say::event("root", 2, NOON), "s", 2);
    log.0.put(Topic::Events, 0, say::hollow());
    collect(patient(folder.path(), 100), log.clone()).await.expect("collected");
    assert_eq!(lake::events(folder.path()).await.len(), 2);
    assert_eq!(lake::rows(folder.path(), Table::Sessions).await, 1);
    assert_eq!(log.0.told(Topic::Events, 0), Some(5));
    let kept = |name: &str| std::fs::read(folder.path().join("events/_rejected").join(name)).expect("kept");
    assert_eq!(kept("0-1"), b"garbage");
    assert_eq!(kept("0-4"), say::hollow());
    assert!(folder.path().join("events/_rejected/0-2").exists());
    assert!(!folder.path().join("sessions/_rejected").exists(), "it is told of once");
    let place = maintain::place(folder.path());
    for (table, rejected) in [(Table::Events, 3), (Table::Sessions, 0)] {
        assert_eq!(maintain::keeper(&place, table).await.rejected().await.expect("counted"), rejected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_of_nothing_but_unreadable_records_moves_on() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    log.0.put(Topic::Events, 0, say::hollow());
    collect(patient(folder.path(), 100), log.clone()).await.expect("collected");
    assert_eq!(lake::events(folder.path()).await.len(), 0);
    assert_eq!(log.0.told(Topic::Events, 0), Some(1));
    assert!(folder.path().join("events/_rejected/0-0").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_huge_or_of_tomorrow_is_kept_aside_too() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    log.0.stamped(0, &say::event("root", 1, NOON), "s", 1);
    log.0.put(Topic::Events, 0, vec![0x0a; 100_000_000]);
    // Field 1, the version, once more: the last counts.
    let mut tomorrow = say::event("root", 2, NOON).encode();
    tomorrow.extend([0x08, 99]);
    log.0.put(Topic::Events, 0, tomorrow.clone());
    log.0.stamped(0, &say::event("root", 2, NOON), "s", 2);
    collect(patient(folder.path(), 100), log.clone()).await.expect("collected");
    assert_eq!(lake::events(folder.path()).await.len(), 2);
    assert_eq!(log.0.told(Topic::Events, 0), Some(4));
    let kept = |name: &str| std::fs::read(folder.path().join("events/_rejected").join(name)).expect("kept");
    assert_eq!(kept("0-1").len(), 100_000_000);
    assert_eq!(kept("0-2"), tomorrow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stream_is_cut_by_age() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    log.0.stamped(0, &say::event("root", 2, NOON), "s", 1);
    let mut config = patient(folder.path(), 1_000_000);
    config.limits = Limits { age: Duration::from_millis(20), ..config.limits };
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(interdict_collector::run(config, Arc::new(log.clone()), shutdown.clone()));
    until_rows(folder.path(), Table::Events, 1).await;
    log.0.stamped(0, &say::event("root", 4, NOON), "s", 2);
    until_rows(folder.path(), Table::Sessions, 2).await;
    shutdown.cancel();
    run.await.expect("joined").expect("ended well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_outlive_checkpoints_and_reopening() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=230 {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
    collect(patient(folder.path(), 2), log.clone()).await.expect("collected");
    let checkpoint = folder.path().join("events/_delta_log/_last_checkpoint");
    assert!(checkpoint.exists(), "115 commits make a checkpoint");
    // Sent again as after a crash of a shipper, with one that is new.
    for sequence in 200..=231 {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
    collect(patient(folder.path(), 50), log).await.expect("collected");
    let mut sequences: Vec<u64> = lake::events(folder.path())
        .await
        .into_iter()
        .filter_map(|row| row.place.stamp.map(|stamp| stamp.sequence))
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=231).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_was_replaced_is_read_from_its_start() {
    let folder = tempfile::tempdir().expect("folder");
    let old = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=5 {
        old.0.stamped(0, &say::event("root", sequence, NOON), "old", sequence);
    }
    collect(patient(folder.path(), 100), old).await.expect("collected");
    let new = Shared(Arc::new(Memory::new(1)));
    new.0.stamped(0, &say::event("root", 5, NOON), "old", 5);
    new.0.stamped(0, &say::event("root", 6, NOON), "new", 1);
    collect(patient(folder.path(), 100), new).await.expect("collected");
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_say_of_alerts_stands_once_wherever_collecting_is_cut() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=20 {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
        if sequence % 7 == 0 {
            log.0.put(Topic::Events, 0, say::resolution(&format!("a-{sequence}")).encode());
        }
        if sequence % 3 == 0 {
            collect(patient(folder.path(), 2), log.clone()).await.expect("collected");
        }
    }
    collect(patient(folder.path(), 2), log.clone()).await.expect("collected");
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 20);
    assert_eq!(lake::rows(folder.path(), Table::Resolutions).await, 2);
    assert_eq!(log.0.told(Topic::Events, 0), Some(22));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_of_an_older_build_gets_its_new_table_from_where_it_stands() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=5 {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
    collect(patient(folder.path(), 100), log.clone()).await.expect("collected");
    std::fs::remove_dir_all(folder.path().join("resolutions")).expect("as the older build left it");
    // The bus has let go of what every table had: reading it again from its start would fail.
    log.0.put(Topic::Events, 0, say::resolution("a-1").encode());
    log.0.stamped(0, &say::event("root", 6, NOON), "s", 6);
    log.0.lose(Topic::Events, 0, 5);
    collect(patient(folder.path(), 100), log).await.expect("collected");
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 6);
    assert_eq!(lake::rows(folder.path(), Table::Resolutions).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_another_schema_is_left_alone_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let wrong = deltalake::operations::create::CreateBuilder::new()
        .with_location(folder.path().join("alerts").to_str().expect("plain"))
        .with_column("date", deltalake::kernel::DataType::DATE, false, None)
        .with_column("id", deltalake::kernel::DataType::LONG, false, None)
        .with_partition_columns(["date"]);
    std::fs::create_dir_all(folder.path().join("alerts")).expect("folder");
    wrong.await.expect("another table");
    let log = Shared(Arc::new(Memory::new(1)));
    log.append(&[say::alert("a")]).await.expect("appended");
    let error = collect(patient(folder.path(), 100), log).await.expect_err("refused").to_string();
    assert!(error.starts_with("table `alerts` of the lake has column `time` as missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(deprecated, reason = "nothing else tells a file's tags")]
async fn log_of_the_table_has_each_files_digest() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    for number in 0..20_u64 {
        let time = NOON.plus_seconds(86_400 * (number % 2) as i64);
        log.0.stamped(0, &say::event("ada", number, time), "s", number + 1);
    }
    collect(patient(folder.path(), 10_000), log).await.expect("collected");
    let delta = lake::open(folder.path(), Table::Events).await.expect("a table");
    let mut looked = 0;
    for file in delta.snapshot().expect("a state").log_data() {
        let bytes = std::fs::read(folder.path().join("events").join(file.path().as_ref())).expect("the file stands");
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let tags = file.add_action().tags.expect("tags");
        assert_eq!(tags.get(interdict_schemas::lake::FILE_DIGEST), Some(&Some(hex)));
        looked += 1;
    }
    assert_eq!(looked, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_rows_of_its_own_says_how_far_it_is() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    // An action, which is no fact of a session.
    log.0.stamped(0, &say::event("root", 1, NOON), "s", 1);
    let mut config = patient(folder.path(), 1_000_000);
    config.limits = Limits { age: Duration::from_millis(20), ..config.limits };
    config.patience.idle = Duration::from_millis(200);
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(interdict_collector::run(config, Arc::new(log.clone()), shutdown.clone()));
    until_rows(folder.path(), Table::Events, 1).await;
    // The bus is told once every table has it, without a record that would bring the next commit.
    log.0.until_told().await;
    shutdown.cancel();
    run.await.expect("joined").expect("ended well");
}
