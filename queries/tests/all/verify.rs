//! The proof that nothing is missing fails exactly where something is.

use crate::fixture::{Lake, session, story};
use interdict_queries::verify::{self, Fault, Options, Report, Written};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Message, Protocol, Stream, Topic};

async fn report(lake: &Lake, options: Options) -> Report {
    verify::verify(&lake.engine(), &options).await.expect("reads")
}

/// A lake of ten events of one session, of which `keep` says which stand how often.
async fn numbered(keep: impl Fn(u64) -> usize) -> Lake {
    let mut lake = Lake::new();
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    let records: Vec<Located<Message>> = (1..=10)
        .map(|number| lake.next(one.acted(&format!("a{number}"), number, "select 1", None)))
        .flat_map(|record| {
            let sequence = record.place.stamp.as_ref().map_or(0, |stamp| stamp.sequence);
            vec![record; keep(sequence)]
        })
        .collect();
    lake.put(&records, &Table::ALL).await;
    lake
}

#[tokio::test]
async fn whole_lake_is_whole() {
    let lake = story().await;
    let report = report(&lake, Options::default()).await;
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.events.rows(), report.events.unnumbered), (14, 0), "{report}");
    assert_eq!(
        report.counts.iter().map(|count| (count.table, count.found)).collect::<Vec<_>>(),
        [("sessions", 8), ("disclosures", 3)]
    );
    assert!(verify::verify(&Lake::new().engine(), &Options::default()).await.expect("reads").is_whole());
}

#[tokio::test]
async fn gap_and_double_are_found_where_they_are() {
    let check = async |keep: &dyn Fn(u64) -> usize, missing: u64, doubled: u64, breaks: &[(u64, u64, bool)]| {
        let lake = numbered(keep).await;
        let report = report(&lake, Options::default()).await;
        assert_eq!((report.events.missing(), report.events.doubled()), (missing, doubled), "{report}");
        let found: Vec<_> =
            report.events.breaks.iter().map(|gap| (gap.from, gap.to, gap.fault == Fault::Doubled)).collect();
        assert_eq!(found, breaks, "{report}");
        assert_eq!(report.is_whole(), breaks.is_empty(), "{report}");
    };
    check(&|_| 1, 0, 0, &[]).await;
    check(&|number| usize::from(!(4..=6).contains(&number)), 3, 0, &[(4, 6, false)]).await;
    check(&|number| usize::from(number > 2), 2, 0, &[(1, 2, false)]).await;
    check(&|number| if number == 7 { 2 } else { 1 }, 0, 1, &[(7, 7, true)]).await;
    // One lost and one doubled: the number of rows is right.
    let both: &dyn Fn(u64) -> usize = &|number| match number {
        3 => 0,
        8 => 2,
        _ => 1,
    };
    check(both, 1, 1, &[(3, 3, false), (8, 8, true)]).await;
}

#[tokio::test]
async fn head_may_be_gone_only_if_told() {
    let lake = numbered(|number| usize::from(number > 4)).await;
    assert!(!report(&lake, Options::default()).await.is_whole());
    let told = report(&lake, Options { head_may_be_gone: true, ..Options::default() }).await;
    assert!(told.is_whole(), "{told}");
    assert_eq!(told.events.spools.first().map(|spool| (spool.first, spool.last)), Some((5, 10)));
}

#[tokio::test]
async fn missing_end_shows_when_the_end_is_known() {
    let lake = numbered(|number| usize::from(number < 9)).await;
    assert!(report(&lake, Options::default()).await.is_whole());
    let check = async |spool: &str, last: u64, missing: u64| {
        let written = vec![Written { topic: Topic::Events, spool: spool.into(), last, head: None }];
        let report = report(&lake, Options { written, ..Options::default() }).await;
        assert_eq!(report.events.missing(), missing, "{report}");
        assert_eq!(report.is_whole(), missing == 0, "{report}");
    };
    check("01SPOOL", 8, 0).await;
    check("01SPOOL", 10, 2).await;
    check("01OTHER", 3, 3).await;
}

#[tokio::test]
async fn chunk_that_is_missing_or_doubled_is_found() {
    let check = async |indexes: &[u64], missing: u64, doubled: u64| {
        let mut lake = Lake::new();
        let one = session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0);
        lake.write(indexes.iter().map(|index| one.chunk(*index, 0, Stream::Output, b"x"))).await;
        let report = report(&lake, Options::default()).await;
        let chunks = report.chunks.as_ref().expect("counted");
        assert_eq!((chunks.missing, chunks.doubled), (missing, doubled), "{report}");
        assert_eq!(report.is_whole(), missing + doubled == 0, "{report}");
        assert_eq!(chunks.broken.len(), usize::from(missing + doubled > 0));
    };
    check(&[0, 1, 2], 0, 0).await;
    check(&[0, 2, 3], 1, 0).await;
    check(&[1, 2], 1, 0).await;
    check(&[0, 1, 1, 2], 0, 1).await;
}

#[tokio::test]
async fn tables_of_the_same_events_must_agree() {
    let mut lake = Lake::new();
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    let records: Vec<_> = [one.opened(), one.closed(3)].map(|message| lake.next(message)).into();
    lake.put(&records, &[Table::Events]).await;
    lake.put(&records[..1], &[Table::Sessions]).await;
    // The other table is behind, which is no fault.
    let behind = report(&lake, Options::default()).await;
    assert!(behind.is_whole(), "{behind}");
    // It has gone past the record without having it.
    let later = lake.next(one.acted("a1", 4, "select 1", None));
    lake.put(std::slice::from_ref(&later), &[Table::Events]).await;
    let beyond = lake.next(session("s2", &["user:dana"], "cmdb", Protocol::Postgres, 9).opened());
    lake.put(std::slice::from_ref(&beyond), &[Table::Events, Table::Sessions]).await;
    let lost = report(&lake, Options::default()).await;
    assert!(!lost.is_whole(), "{lost}");
    assert!(lost.to_string().contains("sessions: 2 rows, 3 by the events: does not agree"), "{lost}");
}
