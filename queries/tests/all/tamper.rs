//! Whatever is done to a lake by hand is found, and named.

use crate::fixture::{Lake, MORNING, pair, public, session};
use arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringArray};
use interdict_queries::verify::{self, Fault, Options, Report, Written};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Digest, Kind, Message, Protocol, Topic, chain};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Twelve events of two sessions on three days, each day a file, with a checkpoint after each; changed by `tamper`
/// before they are written.
pub(crate) async fn lake(tamper: impl FnOnce(&mut Vec<Located<Message>>)) -> Lake {
    const DAY: i64 = 86_400;
    let mut lake = Lake::chained();
    let mut records = Vec::new();
    for day in 0..3 {
        let name = ["s0", "s1", "s2"][usize::try_from(day).expect("small")];
        let one = session(name, &["user:dana"], "cmdb", Protocol::Postgres, day * DAY);
        records.push(lake.next(one.opened()));
        records.push(lake.next(one.acted("a1", 1, "select 1", None)));
        records.push(lake.next(one.resulted("a1", 2, &[("bastion.example", "bastion")])));
        records.push(lake.next(one.closed(3)));
        records.push(lake.checkpoint(&pair(7), None));
    }
    tamper(&mut records);
    let of = |record: &Located<Message>| match &record.value {
        Message::Event(event) => event.time.day(),
        _ => 0,
    };
    let (mut events, checkpoints): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| matches!(record.value, Message::Event(_)));
    events.sort_by_key(|record| (of(record), record.place.offset));
    for day in events.chunk_by(|left, right| of(left) == of(right)) {
        lake.put(day, &Table::ALL).await;
    }
    lake.put(&checkpoints, &Table::ALL).await;
    lake
}

pub(crate) async fn report(lake: &Lake, options: Options) -> Report {
    verify::verify(&lake.engine(), &options).await.expect("reads")
}

pub(crate) fn faults(report: &Report) -> Vec<(Fault, u64, u64)> {
    report.events.breaks.iter().map(|found| (found.fault, found.from, found.to)).collect()
}

fn event(record: &mut Located<Message>) -> &mut interdict_schemas::Event {
    let Message::Event(event) = &mut record.value else { panic!("an event") };
    event
}

pub(crate) fn say(record: &mut Located<Message>, words: &str) {
    match &mut event(record).kind {
        Kind::Acted { action, .. } => action.text = words.to_owned(),
        _ => event(record).account.name = words.to_owned(),
    }
}

/// The place of the event with this number in the list.
pub(crate) fn at(sequence: usize) -> usize {
    sequence - 1 + (sequence - 1) / 4
}

/// Computes anew what each event has before it.
fn rechain(records: &mut [Located<Message>]) {
    let mut head = chain::genesis("01SPOOL", Topic::Events, 0);
    for record in records {
        let Message::Event(_) = &record.value else { continue };
        let body = chain::record(&record.value.encode());
        let stamp = record.place.stamp.as_mut().expect("stamped");
        stamp.previous = Some(head);
        head = chain::link(&head, stamp.sequence, &stamp.proxy, &body);
    }
}

#[tokio::test]
async fn untouched_lake_is_whole_and_signed_to_its_end() {
    let lake = lake(|_| {}).await;
    let report = report(&lake, Options::default()).await;
    assert!(report.is_whole(), "{report}");
    let spool = report.events.spools.first().expect("a log");
    assert_eq!((spool.rows, spool.chained, spool.signed), (12, 12, 12), "{report}");
    assert!(report.keys.iter().all(|key| !key.vouched) && report.keys.len() == 1);
}

#[tokio::test]
async fn what_was_done_is_named() {
    use Fault::{Ahead, Altered, Cut, Doubled, Forged, Lost, Moved, Signature, Unproven};
    type Tamper = Box<dyn FnOnce(&mut Vec<Located<Message>>)>;
    type Named = (Fault, u64, u64);
    let cases: Vec<(&str, Tamper, Vec<Named>)> = vec![
        ("a changed row", Box::new(|all| say(&mut all[at(6)], "drop table")), vec![(Altered, 6, 6)]),
        ("the first row", Box::new(|all| say(&mut all[at(1)], "other")), vec![(Altered, 1, 1)]),
        ("a signed row", Box::new(|all| say(&mut all[at(8)], "other")), vec![(Altered, 8, 8)]),
        (
            "two neighbours",
            Box::new(|all| (6..=7).for_each(|n| say(&mut all[at(n)], "x"))),
            vec![(Altered, 6, 6), (Altered, 7, 7)],
        ),
        (
            "what a row has before it",
            Box::new(|all| all[at(6)].place.stamp.as_mut().expect("stamp").previous = Some(Digest([9; 32]))),
            vec![(Altered, 6, 6)],
        ),
        (
            "whose row it is",
            Box::new(|all| all[at(6)].place.stamp.as_mut().expect("stamp").proxy = "gw-2".into()),
            vec![(Altered, 6, 6)],
        ),
        (
            "a removed event",
            Box::new(|all| {
                all.remove(at(6));
            }),
            vec![(Unproven, 5, 5), (Lost, 6, 6)],
        ),
        (
            "a doubled event",
            Box::new(|all| {
                let copy = all[at(6)].clone();
                all.push(copy);
            }),
            vec![(Doubled, 6, 6)],
        ),
        (
            "two events that change places on the bus",
            Box::new(|all| {
                let (one, other) = (all[at(6)].place.offset, all[at(7)].place.offset);
                (all[at(6)].place.offset, all[at(7)].place.offset) = (other, one);
            }),
            vec![(Moved, 7, 7)],
        ),
        (
            "an event that nobody can have read",
            Box::new(|all| all[at(6)].place.offset = 1_000),
            vec![(Ahead, 6, 6), (Moved, 7, 7)],
        ),
        (
            "a lost tail",
            Box::new(|all| all.retain(|record| record.place.stamp.as_ref().is_none_or(|stamp| stamp.sequence < 11))),
            vec![(Unproven, 9, 10), (Lost, 11, 12)],
        ),
        (
            "a cut chain",
            Box::new(|all| {
                let (before, behind) = (at(6), all.len());
                let rows = all[before..behind].iter_mut();
                rows.filter_map(|record| record.place.stamp.as_mut()).for_each(|stamp| stamp.previous = None);
            }),
            vec![(Unproven, 5, 5), (Cut, 6, 6), (Cut, 8, 8), (Cut, 12, 12)],
        ),
        (
            "a chain written anew",
            Box::new(|all| {
                say(&mut all[at(6)], "drop table");
                rechain(all);
            }),
            vec![(Forged, 5, 8), (Forged, 9, 12)],
        ),
        (
            "a removed event with a chain written anew",
            Box::new(|all| {
                all.remove(at(6));
                for record in all.iter_mut() {
                    if let Some(stamp) = record.place.stamp.as_mut().filter(|stamp| stamp.sequence > 6) {
                        stamp.sequence -= 1;
                    }
                }
                rechain(all);
            }),
            vec![(Forged, 5, 8), (Unproven, 9, 11), (Lost, 12, 12)],
        ),
        (
            "a forged signature",
            Box::new(|all| {
                let Message::Checkpoint(checkpoint) = &mut all[9].value else { panic!("a checkpoint") };
                checkpoint.head = Digest([9; 32]);
            }),
            vec![(Signature, 8, 8)],
        ),
        (
            "no signatures",
            Box::new(|all| all.retain(|record| matches!(record.value, Message::Event(_)))),
            vec![(Unproven, 1, 12)],
        ),
    ];
    for (what, tamper, mut expected) in cases {
        let lake = lake(tamper).await;
        let report = report(&lake, Options::default()).await;
        let mut found = faults(&report);
        found.sort_by_key(|(_, from, _)| *from);
        expected.sort_by_key(|(_, from, _)| *from);
        assert_eq!(found, expected, "{what}: {report}");
        assert!(!report.is_whole(), "{what}");
    }
}

/// The files of a table's newest state.
pub(crate) fn files(lake: &Lake, table: Table) -> Vec<PathBuf> {
    let folder = lake.path().join(table.name());
    let mut files = Vec::new();
    for day in std::fs::read_dir(folder).expect("folder").flatten().filter(|day| day.path().is_dir()) {
        let inside = std::fs::read_dir(day.path()).expect("folder").flatten().map(|file| file.path());
        files.extend(inside.filter(|file| file.extension().is_some_and(|name| name == "parquet")));
    }
    files.retain(|file| !file.to_string_lossy().contains("_delta_log"));
    files.sort();
    files
}

#[tokio::test]
async fn deleted_file_is_named_with_what_it_held() {
    let lake = lake(|_| {}).await;
    let file = files(&lake, Table::Events).remove(1);
    std::fs::remove_file(&file).expect("removed");
    let report = report(&lake, Options::default()).await;
    assert!(!report.is_whole());
    assert_eq!(report.files.missing, 1, "{report}");
    let name = file.file_name().expect("name").to_string_lossy().into_owned();
    assert!(report.files.gone[0].ends_with(&name), "{report}");
    assert_eq!(faults(&report), [(Fault::Lost, 5, 8)], "{report}");
}

/// Writes a file anew, with its rows changed.
pub(crate) fn rewrite(file: &Path, change: impl Fn(&RecordBatch) -> RecordBatch) {
    let rows = ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("opens")).expect("parquet");
    let batches = rows.build().expect("reads").collect::<Result<Vec<_>, _>>().expect("rows");
    let changed: Vec<RecordBatch> = batches.iter().map(change).collect();
    let mut writer =
        ArrowWriter::try_new(File::create(file).expect("writes"), changed[0].schema(), None).expect("opens");
    changed.iter().for_each(|batch| writer.write(batch).expect("writes"));
    writer.close().expect("closes");
}

/// A batch with another column in place of the one of that name.
pub(crate) fn with(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, had)| {
        let column = if field.name() == name { &column } else { had };
        (field.name().clone(), Arc::clone(column), field.is_nullable())
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("a batch")
}

#[tokio::test]
async fn row_changed_in_its_file_is_found_by_chain_and_file() {
    let lake = lake(|_| {}).await;
    rewrite(&files(&lake, Table::Events)[1], |batch| {
        let kinds = batch.column_by_name("kind").expect("column").as_string::<i32>().iter();
        let changed = kinds.map(|kind| if kind == Some("acted") { "root" } else { "app" });
        with(batch, "account", Arc::new(StringArray::from_iter_values(changed)))
    });
    let report = report(&lake, Options::default()).await;
    assert_eq!((report.files.altered, report.files.missing), (1, 0), "{report}");
    assert_eq!(faults(&report), [(Fault::Altered, 6, 6)], "{report}");
}

#[tokio::test]
async fn file_with_a_flipped_byte_of_the_same_size_is_named_by_its_digest() {
    let lake = lake(|_| {}).await;
    let file = files(&lake, Table::Disclosures).remove(0);
    let mut bytes = std::fs::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("writes");
    let report = report(&lake, Options::default()).await;
    assert_eq!((report.files.altered, report.files.without_digest), (1, 0), "{report}");
    assert!(report.files.changed[0].contains("its digest is"), "{report}");
    assert!(!report.is_whole());
}

#[tokio::test]
async fn keys_are_believed_if_vouched_for_or_handed_over() {
    let (old, new, stranger) = (pair(7), pair(8), pair(9));
    let mut lake = Lake::chained();
    let one = session("s0", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    let mut records = vec![lake.next(one.opened()), lake.checkpoint(&old, None)];
    records.push(lake.next(one.acted("a1", 1, "select 1", None)));
    records.push(lake.checkpoint(&old, Some(public(&new))));
    records.push(lake.next(one.closed(2)));
    records.push(lake.checkpoint(&new, None));
    lake.put(&records, &Table::ALL).await;
    let check = async |trusted: &[[u8; 32]], only_trusted: bool, whole: bool| {
        let options = Options { trusted: trusted.to_vec(), only_trusted, ..Options::default() };
        let report = report(&lake, options).await;
        assert_eq!(report.is_whole(), whole, "{report}");
        report.keys.iter().filter(|key| key.vouched).count()
    };
    assert_eq!(check(&[], false, true).await, 0);
    assert_eq!(check(&[], true, false).await, 0);
    assert_eq!(check(&[public(&old)], true, true).await, 2);
    assert_eq!(check(&[public(&old)], false, true).await, 2);
    // The old one is not believed beside it: the new one has signed for the same proxy.
    assert_eq!(check(&[public(&new)], false, false).await, 1);
    // Another gateway's key says nothing of this one's.
    assert_eq!(check(&[public(&stranger)], false, true).await, 0);
    assert_eq!(check(&[public(&stranger)], true, false).await, 0);
}

#[tokio::test]
async fn what_an_earlier_proof_saw_must_still_be_there() {
    let whole = lake(|_| {}).await;
    let seen = report(&whole, Options::default()).await;
    let spool = seen.events.spools.first().expect("a log");
    let hex = spool.head.clone().expect("a head");
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex");
    let head = Some(Digest(std::array::from_fn(byte)));
    let written = vec![Written { topic: Topic::Events, spool: spool.spool.clone(), last: spool.last, head }];
    let options = || Options { written: written.clone(), ..Options::default() };
    assert!(report(&whole, options()).await.is_whole());
    // A tail that is gone together with the checkpoint that covered it.
    let cut = lake(|all| all.truncate(10)).await;
    assert!(report(&cut, Options::default()).await.is_whole());
    assert_eq!(faults(&report(&cut, options()).await), [(Fault::Lost, 9, 12)]);
}

#[tokio::test]
async fn what_was_signed_a_moment_ago_may_be_on_its_way() {
    let lake =
        lake(|all| all.retain(|record| record.place.stamp.as_ref().is_none_or(|stamp| stamp.sequence < 9))).await;
    let settled = Some(MORNING.plus_seconds(5));
    let report = report(&lake, Options { settled, ..Options::default() }).await;
    assert!(report.is_whole(), "{report}");
    assert_eq!(report.events.spools[0].late, 4, "{report}");
}

/// Prints how fast a lake is proven; `INTERDICT_ROWS` sets how large it is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and is only worth something in a release build"]
async fn speed() {
    let rows: u64 = std::env::var("INTERDICT_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(200_000);
    let mut lake = Lake::chained();
    let one = session("s0", &["user:dana", "agent:plan"], "cmdb", Protocol::Postgres, 0);
    for _ in 0..rows.div_ceil(50_000) {
        let text = "select id, name, price from orders join items using (id) where customer = $1 and status = $2";
        let message = |number: u64| one.acted(&format!("a{number}"), 1, text, None);
        let records: Vec<_> = (0..50_000).map(|number| lake.next(message(number))).collect();
        lake.put(&records, &[Table::Events]).await;
    }
    let word = lake.checkpoint(&pair(7), None);
    lake.put(&[word], &Table::ALL).await;
    let began = std::time::Instant::now();
    let report = report(&lake, Options::default()).await;
    let took = began.elapsed();
    assert!(report.is_whole(), "{report}");
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let rate = report.events.rows() as f64 / took.as_secs_f64();
    println!("{} events proven in {took:?}: {rate:.0} a second", report.events.rows());
}
