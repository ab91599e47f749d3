//! What retention took is told and is no fault; what is missing above it is.

use crate::fixture::{Lake, pair, session};
use crate::parts::{on, part, without};
use crate::tamper::{at, faults, lake, report};
use interdict_queries::verify::{Fault, Options, Part, Report};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Message, Protocol, Stream, Topic};

const DAYS: [&str; 3] = ["2026-03-02", "2026-03-03", "2026-03-04"];

async fn all(lake: &Lake) -> Report {
    report(lake, Options::default()).await
}

#[tokio::test]
async fn what_retention_took_is_counted_and_not_lost() {
    let check = async |taken: &[(&str, Option<u64>)], expected: &[(Fault, u64, u64)], retired: u64, missing: u64| {
        let lake = lake(|_| {}).await;
        for (day, last) in taken {
            lake.retire(Table::Events, day, *last).await;
        }
        let report = all(&lake).await;
        assert_eq!(faults(&report), expected, "{taken:?}: {report}");
        assert_eq!((report.events.retired, report.events.missing()), (retired, missing), "{taken:?}: {report}");
        assert_eq!(report.is_whole(), expected.is_empty(), "{taken:?}: {report}");
        assert_eq!(report.events.spools[0].retired, retired);
        let told = format!("{retired} more were taken by retention");
        assert_eq!(report.to_string().contains(&told), retired > 0, "{report}");
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(
            (&json["events"]["retired"], &json["events"]["spools"][0]["retired"]),
            (&retired.into(), &retired.into())
        );
    };
    let [first, second, third] = DAYS;
    check(&[(first, Some(4))], &[], 4, 0).await;
    check(&[(first, Some(4)), (second, Some(8))], &[], 8, 0).await;
    check(&[(first, Some(4)), (second, Some(8)), (third, Some(12))], &[], 12, 0).await;
    // Taken by somebody who did not say so, before and after one who did.
    check(&[(first, None)], &[(Fault::Lost, 1, 4)], 0, 4).await;
    check(&[(first, Some(4)), (second, None)], &[(Fault::Lost, 5, 8)], 4, 4).await;
}

#[tokio::test]
async fn a_row_above_what_retention_took_is_found_missing() {
    let check = async |gone: &'static [u64], expected: &[(Fault, u64, u64)]| {
        let lake = lake(without(gone)).await;
        lake.retire(Table::Events, DAYS[0], Some(4)).await;
        let report = all(&lake).await;
        assert_eq!(faults(&report), expected, "{report}");
        assert_eq!(report.events.retired, 4, "{report}");
    };
    check(&[5], &[(Fault::Lost, 5, 5)]).await;
    check(&[6], &[(Fault::Unproven, 5, 5), (Fault::Lost, 6, 6)]).await;
    check(&[12], &[(Fault::Unproven, 9, 11), (Fault::Lost, 12, 12)]).await;
}

#[tokio::test]
async fn rows_on_hold_stand_between_what_was_taken() {
    let check = async |held: &'static [usize], retired: u64, bare: u64| {
        let mut kept: Vec<Located<Message>> = Vec::new();
        let mut lake = lake(|all| kept = held.iter().map(|number| all[at(*number)].clone()).collect()).await;
        lake.retire(Table::Events, DAYS[0], Some(4)).await;
        lake.put(&kept, &[Table::Events]).await;
        // What is read last says how far each table is.
        let one = session("s9", &["user:dana"], "cmdb", Protocol::Postgres, 3 * 86_400);
        let last = [lake.next(one.opened()), lake.next(one.closed(1)), lake.checkpoint(&pair(7), None)];
        lake.put(&last, &Table::ALL).await;
        let report = all(&lake).await;
        assert!(report.is_whole(), "{held:?}: {report}");
        let spool = &report.events.spools[0];
        assert_eq!((spool.retired, spool.bare, spool.missing), (retired, bare, 0), "{held:?}: {report}");
        assert_eq!(report.to_string().contains("have lost their signature"), bare > 0, "{report}");
        let counts: Vec<_> = report.counts.iter().map(|count| count.table).collect();
        assert_eq!(counts, ["sessions", "disclosures"], "they were counted: {report}");
    };
    check(&[2, 3], 2, 2).await;
    check(&[1, 3], 2, 2).await;
    // The one that was signed is there.
    check(&[4], 3, 0).await;
    check(&[1, 4], 2, 1).await;
}

#[tokio::test]
async fn tables_of_the_same_events_agree_above_what_was_taken_of_either() {
    for (table, told) in [(Table::Sessions, "sessions: 4 rows, 6"), (Table::Disclosures, "disclosures: 2 rows, 3")] {
        let lake = lake(|_| {}).await;
        lake.retire(table, DAYS[0], None).await;
        let without_record = all(&lake).await;
        assert!(!without_record.is_whole() && without_record.to_string().contains(told), "{without_record}");
        lake.retire(table, DAYS[1], Some(8)).await;
        let report = all(&lake).await;
        assert!(report.is_whole(), "{report}");
        lake.retire(table, DAYS[2], None).await;
        assert!(!all(&lake).await.is_whole());
    }
}

#[tokio::test]
async fn a_recording_whose_first_pieces_were_taken_is_whole() {
    const DAY: i64 = 86_400_000;
    let recorded = async |kept: &[u64], last: Option<u64>| {
        let mut lake = Lake::chained();
        let one = session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0);
        let times = [0, 1, DAY, DAY + 1, DAY + 2];
        let pieces = times.into_iter().zip(0..).map(|(time, index)| one.chunk(index, time, Stream::Output, b"x"));
        let mut records: Vec<_> = pieces.map(|piece| lake.next(piece)).collect();
        records.push(lake.checkpoint_of(Topic::Recordings, &pair(7), None));
        let is_kept = |record: &Located<Message>| match &record.value {
            Message::Chunk(chunk) => kept.contains(&chunk.index),
            _ => true,
        };
        records.retain(is_kept);
        lake.put(&records, &Table::ALL).await;
        lake.retire(Table::Recordings, DAYS[0], last).await;
        let report = all(&lake).await;
        let missing = report.chunks.as_ref().expect("counted").missing;
        (report.is_whole(), report.recordings.retired, missing)
    };
    assert_eq!(recorded(&[0, 1, 2, 3, 4], Some(2)).await, (true, 2, 0));
    assert_eq!(recorded(&[0, 1, 2, 3, 4], None).await, (false, 0, 2));
    assert_eq!(recorded(&[0, 1, 2, 4], Some(2)).await, (false, 2, 1));
}

#[tokio::test]
async fn a_part_that_retention_took_something_of_is_whole() {
    let lake = lake(|_| {}).await;
    lake.retire(Table::Events, DAYS[0], Some(4)).await;
    let report = part(&lake, Part::Between(on(0, 0), on(1, 60))).await;
    assert!(report.is_whole(), "{report}");
    // A part ends at the first word after it.
    assert_eq!((report.events.retired, report.events.rows()), (4, 8), "{report}");
    let report = part(&lake, Part::Session("s0".into())).await;
    assert_eq!((report.is_whole(), report.absent.as_deref()), (false, Some("s0")), "{report}");
}

#[tokio::test]
async fn a_head_that_an_older_build_took_is_excused_if_told() {
    let lake = lake(|_| {}).await;
    lake.retire(Table::Events, DAYS[0], None).await;
    let asked = |head_may_be_gone, part| Options { head_may_be_gone, part, ..Options::default() };
    for part in [Part::All, Part::Between(on(0, 0), on(1, 60))] {
        assert!(!report(&lake, asked(false, part.clone())).await.is_whole(), "{part:?}");
        assert!(report(&lake, asked(true, part.clone())).await.is_whole(), "{part:?}");
    }
}

#[tokio::test]
async fn an_end_that_nobody_signed_is_counted_if_retention_took_it() {
    let mut lake = Lake::new();
    for day in 0..3 {
        let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, day * 86_400);
        lake.write([one.opened(), one.closed(1)]).await;
    }
    lake.retire(Table::Events, DAYS[2], Some(6)).await;
    let report = all(&lake).await;
    assert_eq!((report.events.rows(), report.events.retired, faults(&report)), (4, 2, vec![]), "{report}");
    assert!(report.to_string().contains("2 more were taken by retention, up to 2026-03-03"), "{report}");
}
