//! Events from files stand once, whatever is imported again, cut short, or written beside them.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient};
use interdict_collector::{Error, Import, Imported};
use interdict_schemas::lake::{Table, txn};
use interdict_schemas::{Event, Message};
use std::path::Path;
use std::sync::Arc;

fn event(file: &str, number: u64) -> Event {
    let Message::Event(event) = say::event(file, number, NOON) else { unreachable!("an event") };
    event
}

/// Imports so many events of a file, in batches of so many rows.
async fn import(folder: &Path, files: &[(&str, u64)], rows: usize) -> Result<Imported, Error> {
    let mut import = Import::open(&patient(folder, rows)).await?;
    for (file, count) in files {
        for number in 1..=*count {
            import.add(file, number, event(file, number)).await?;
        }
    }
    import.finish().await
}

async fn counts(folder: &Path) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip([Table::Events, Table::Sessions, Table::Disclosures]) {
        *count = lake::rows(folder, table).await;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_imported_again_adds_nothing_whichever_stand_beside_it() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    assert_eq!(import(folder, &[("a", 10), ("b", 4)], 3).await.expect("imported"), Imported { added: 14, known: 0 });
    let once = counts(folder).await;
    assert_eq!(once, [14, 7, 8]);
    for files in [&[("a", 10)][..], &[("b", 4), ("a", 10)], &[("a", 10), ("a", 10)]] {
        assert_eq!(import(folder, files, 100).await.expect("imported").added, 0, "{files:?}");
        assert_eq!(counts(folder).await, once, "{files:?}");
    }
    let more = import(folder, &[("c", 2), ("a", 10), ("c", 2)], 100).await.expect("imported");
    assert_eq!(more, Imported { added: 2, known: 12 });
    assert_eq!(lake::rows(folder, Table::Events).await, 16);
    for row in lake::events(folder).await {
        let stamp = row.place.stamp.expect("a stamp");
        assert_eq!((row.place.partition, stamp.proxy.as_str()), (txn::IMPORTED, "import"));
        assert_eq!(row.value.id, format!("{}-{}", stamp.spool, stamp.sequence));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_cut_short_is_finished_by_the_next() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let mut cut = Import::open(&patient(folder, 4)).await.expect("opened");
    for number in 1..=10 {
        cut.add("a", number, event("a", number)).await.expect("added");
    }
    // Two batches of four stand; the rest is lost with the process.
    drop(cut);
    assert_eq!(lake::rows(folder, Table::Events).await, 8);
    assert_eq!(import(folder, &[("b", 3)], 4).await.expect("imported").added, 3);
    assert_eq!(import(folder, &[("a", 10)], 4).await.expect("imported"), Imported { added: 2, known: 8 });
    assert_eq!(counts(folder).await, [13, 6, 8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_two_tables_leaves_no_hole_and_no_double() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    import(folder, &[("a", 10)], 100).await.expect("imported");
    let whole = counts(folder).await;
    // As if the process had died after the first table's commit.
    for table in [Table::Sessions, Table::Disclosures] {
        std::fs::remove_dir_all(folder.join(table.name())).expect("removed");
    }
    import(folder, &[("b", 2)], 100).await.expect("imported");
    assert_eq!(import(folder, &[("a", 10)], 3).await.expect("imported").added, 0);
    let after = counts(folder).await;
    assert_eq!(after[0], whole[0] + 2);
    assert_eq!((after[1], after[2]), (whole[1] + 1, whole[2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_and_an_import_write_beside_each_other() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=40 {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
    let (collected, imported) =
        tokio::join!(collect(patient(folder, 2), log.clone()), import(folder, &[("a", 40)], 2));
    collected.expect("collected");
    assert_eq!(imported.expect("imported").added, 40);
    assert_eq!(lake::rows(folder, Table::Events).await, 80);
    // Neither made the other forget where it was.
    collect(patient(folder, 2), log).await.expect("collected");
    assert_eq!(import(folder, &[("a", 40)], 2).await.expect("imported").added, 0);
    assert_eq!(lake::rows(folder, Table::Events).await, 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_of_the_same_file_at_once_add_it_once() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let mut first = Import::open(&patient(folder, 100)).await.expect("opened");
    let mut second = Import::open(&patient(folder, 100)).await.expect("opened");
    for number in 1..=6 {
        first.add("a", number, event("a", number)).await.expect("added");
        second.add("a", number, event("a", number)).await.expect("added");
    }
    first.finish().await.expect("imported");
    let error = second.finish().await.expect_err("refused");
    assert!(matches!(error, Error::Contended(_)), "{error}");
    assert_eq!(import(folder, &[("a", 6)], 100).await.expect("imported").added, 0);
    assert_eq!(lake::rows(folder, Table::Events).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_many_days_are_written_so_many_days_at_a_time_and_of_too_many_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let on = |number: u64| Event { time: NOON.plus_seconds(number as i64 * 86_400), ..event("a", number) };
    let mut config = patient(folder, 1_000);
    config.limits.days = 8;
    let mut import = Import::open(&config).await.expect("opened");
    for number in 1..=30 {
        import.add("a", number, on(number)).await.expect("added");
    }
    assert_eq!(import.finish().await.expect("imported").added, 30);
    assert_eq!(lake::rows(folder, Table::Events).await, 30);
    let log = std::fs::read_dir(folder.join("events/_delta_log")).expect("a log");
    let commits =
        log.map(|entry| entry.expect("entry").path()).filter(|path| path.extension() == Some("json".as_ref()));
    let added: Vec<_> = commits
        .map(|commit| std::fs::read_to_string(commit).expect("a commit").matches("{\"add\":").count())
        .filter(|files| *files > 0)
        .collect();
    assert!(added.len() == 4 && added.iter().all(|files| *files <= 8), "{added:?}");

    config = patient(folder, usize::MAX);
    config.limits.days = usize::MAX;
    let mut import = Import::open(&config).await.expect("opened");
    for number in 1..=36_525 {
        import.add("b", number, on(number)).await.expect("added");
    }
    let error = import.add("b", 36_526, on(36_526)).await.expect_err("refused");
    assert!(matches!(error, Error::Days { .. }), "{error}");
    assert!(error.to_string().contains("more than 36525 days, from 2026-03-03 to 21"), "{error}");
}
