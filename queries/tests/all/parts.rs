//! A stretch of time or a session is proven as all of the lake is: what is missing of it is found, at its ends too.

use crate::fixture::{Lake, MORNING, pair, session};
use crate::tamper::{at, faults, files, lake, report, say};
use interdict_queries::verify::{Break, Fault, Options, Part, Report};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Message, Protocol, Stream, Time, Topic};

/// A moment of a day of the lake, which has a session each.
pub(crate) fn on(day: i64, second: i64) -> Time {
    MORNING.plus_seconds(day * 86_400 + second)
}

pub(crate) async fn part(lake: &Lake, part: Part) -> Report {
    report(lake, Options { part, ..Options::default() }).await
}

/// Leaves out the events with these numbers.
pub(crate) fn without(numbers: &'static [u64]) -> impl FnOnce(&mut Vec<Located<Message>>) {
    move |all| {
        let is_left = |record: &Located<Message>| {
            record.place.stamp.as_ref().is_none_or(|stamp| !numbers.contains(&stamp.sequence))
        };
        all.retain(is_left);
    }
}

#[tokio::test]
async fn a_part_is_proven_without_the_rest() {
    let lake = lake(|all| say(&mut all[at(2)], "other")).await;
    let check = async |asked: Part, expected: &[(Fault, u64, u64)], rows: u64| {
        let report = part(&lake, asked.clone()).await;
        assert_eq!(faults(&report), expected, "{asked:?}: {report}");
        assert_eq!(report.events.rows(), rows, "{asked:?}: {report}");
    };
    check(Part::Session("s1".into()), &[], 4).await;
    check(Part::Session("s0".into()), &[(Fault::Altered, 2, 2)], 4).await;
    check(Part::Between(on(1, 0), on(2, 1)), &[], 8).await;
    check(Part::Between(on(0, 0), on(0, 2)), &[(Fault::Altered, 2, 2)], 4).await;
    check(Part::Between(on(0, 0), on(1, -9)), &[(Fault::Altered, 2, 2)], 8).await;
    // Before, between and behind everything.
    check(Part::Between(on(-9, 0), on(-8, 0)), &[(Fault::Altered, 2, 2)], 4).await;
    check(Part::Between(on(1, 60), on(1, 90)), &[], 4).await;
    check(Part::Between(on(9, 0), on(9, 1)), &[], 0).await;
}

#[tokio::test]
async fn rows_that_are_gone_from_a_part_are_told() {
    use Fault::{Lost, Unproven};
    let check = async |gone: &'static [u64], asked: Part, expected: &[(Fault, u64, u64)]| {
        let lake = lake(without(gone)).await;
        let report = part(&lake, asked.clone()).await;
        assert_eq!(faults(&report), expected, "{gone:?} of {asked:?}: {report}");
        assert_eq!(report.is_whole(), expected.is_empty(), "{gone:?} of {asked:?}: {report}");
    };
    // Its word comes a second after its last event.
    let day = || Part::Between(on(1, 0), on(1, 4));
    check(&[7], day(), &[(Unproven, 5, 6), (Lost, 7, 7)]).await;
    // The head and the tail of the time, and all of it.
    check(&[5], day(), &[(Lost, 5, 5)]).await;
    check(&[7, 8], day(), &[(Unproven, 5, 6), (Lost, 7, 8)]).await;
    check(&[5, 6, 7, 8], day(), &[(Lost, 5, 8)]).await;
    // The end of the log, to which the newest word reaches.
    check(&[11, 12], Part::Between(on(2, 0), Time(i64::MAX)), &[(Unproven, 9, 10), (Lost, 11, 12)]).await;
    // What is gone elsewhere is none of its business.
    check(&[2, 10], day(), &[]).await;
    // A session's middle, its end and its begin: without the one it reaches to the newest word, without both everywhere.
    let second = || Part::Session("s1".into());
    check(&[7], second(), &[(Unproven, 5, 6), (Lost, 7, 7)]).await;
    check(&[8], second(), &[(Unproven, 5, 7), (Lost, 8, 8)]).await;
    check(&[8, 12], second(), &[(Unproven, 5, 7), (Lost, 8, 8), (Unproven, 9, 11), (Lost, 12, 12)]).await;
    check(&[12], Part::Session("s2".into()), &[(Unproven, 9, 11), (Lost, 12, 12)]).await;
    check(&[5], second(), &[(Lost, 5, 5)]).await;
    check(&[1, 5, 8], second(), &[(Lost, 1, 1), (Lost, 5, 5), (Unproven, 6, 7), (Lost, 8, 8)]).await;
}

#[tokio::test]
async fn a_session_of_which_nothing_is_there_is_not_whole() {
    let lake = lake(without(&[5, 6, 7, 8])).await;
    for gone in ["s1", "never"] {
        let report = part(&lake, Part::Session(gone.into())).await;
        assert!(!report.is_whole(), "{report}");
        assert_eq!(report.absent.as_deref(), Some(gone));
        let told = report.to_string();
        assert!(told.contains(&format!("session {gone}: no event of it is in the lake")), "{told}");
        assert!(!told.contains("is whole") && !told.contains("NOT whole"), "{told}");
    }
    assert_eq!(part(&lake, Part::Session("s0".into())).await.absent, None);
}

#[tokio::test]
async fn a_log_of_which_no_row_is_left_in_the_time_is_told() {
    let lake = lake(|_| {}).await;
    let mut other = Lake::chained_as("01OTHER");
    let one = session("s8", &["user:mia"], "cmdb", Protocol::Postgres, 86_400);
    let mut events = [one.opened(), one.closed(2)].map(|message| other.next(message));
    events.iter_mut().for_each(|event| event.place.offset += 100);
    let word = other.checkpoint(&pair(7), None);
    lake.put(&[word], &[Table::Checkpoints]).await;
    let day = |day: i64| Part::Between(on(day, 0), on(day, 60));
    let report = part(&lake, day(1)).await;
    let of = |found: &Break| (found.spool.clone(), found.fault, found.from, found.to);
    let found: Vec<_> = report.events.breaks.iter().map(of).collect();
    assert_eq!(found, [("01OTHER".to_owned(), Fault::Lost, 1, 2)], "{report}");
    // A time in which it was quiet says nothing of it.
    let later = part(&lake, day(2)).await;
    assert!(later.is_whole(), "{later}");
    assert_eq!(later.events.spools.len(), 1, "{later}");
    lake.put(&events, &[Table::Events]).await;
    assert!(part(&lake, day(1)).await.is_whole());
}

#[tokio::test]
async fn a_word_that_was_put_in_hides_nothing() {
    // A word of somebody else, with a later number and an earlier time: as if the log had been further by then.
    let check = async |sequence: u64, second: i64| {
        let lake = lake(without(&[5, 6, 7, 8])).await;
        let mut liar = Lake::chained();
        let Message::Checkpoint(mut word) = liar.checkpoint(&pair(9), None).value else { panic!("a checkpoint") };
        (word.sequence, word.time) = (sequence, on(1, second));
        let word = liar.next(Message::Checkpoint(word));
        lake.put(&[word], &[Table::Checkpoints]).await;
        let report = part(&lake, Part::Between(on(1, 0), on(1, 60))).await;
        assert!(faults(&report).contains(&(Fault::Signature, sequence, sequence)), "{sequence}: {report}");
    };
    for sequence in [8, 12, 1_000] {
        check(sequence, -1).await;
    }
    for sequence in [2, 4, 6] {
        check(sequence, 61).await;
    }
}

#[tokio::test]
async fn a_recording_without_its_end_is_found_by_the_session_around_it() {
    let mut lake = Lake::chained();
    let one = session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0);
    let made = [
        one.opened(),
        one.chunk(0, 100, Stream::Output, b"x"),
        one.chunk(1, 200, Stream::Output, b"y"),
        one.closed(3),
    ];
    let mut records: Vec<_> = made.map(|message| lake.next(message)).into();
    records.push(lake.checkpoint_of(Topic::Recordings, &pair(7), None));
    records.push(lake.checkpoint(&pair(7), None));
    records.remove(2);
    lake.put(&records, &Table::ALL).await;
    let report = part(&lake, Part::Session("s1".into())).await;
    let found: Vec<_> = report.recordings.breaks.iter().map(|found| (found.fault, found.from, found.to)).collect();
    assert_eq!(found, [(Fault::Unproven, 1, 1), (Fault::Lost, 2, 2)], "{report}");
}

#[tokio::test]
async fn a_file_that_is_gone_or_broken_is_named_for_a_part_too() {
    let parts = || {
        [
            Part::Between(on(1, 0), on(1, 60)),
            Part::Between(on(0, 0), on(2, 60)),
            Part::Session("s1".into()),
            Part::Between(Time(i64::MIN), Time(i64::MAX)),
        ]
    };
    for asked in parts() {
        let lake = lake(|_| {}).await;
        let file = files(&lake, Table::Events).remove(1);
        let bytes = std::fs::read(&file).expect("reads").len();
        std::fs::remove_file(&file).expect("removed");
        let gone = part(&lake, asked.clone()).await;
        let name = file.file_name().expect("name").to_string_lossy().into_owned();
        assert_eq!((gone.files.missing, gone.files.altered), (1, 0), "{asked:?}: {gone}");
        assert!(gone.files.gone[0].ends_with(&name), "{asked:?}: {gone}");
        let is_session = matches!(asked, Part::Session(_));
        assert_eq!(gone.absent.is_some(), is_session, "{asked:?}: {gone}");
        if !is_session {
            assert_eq!(faults(&gone), [(Fault::Lost, 5, 8)], "{asked:?}: {gone}");
        }
        // As long as it was, and no file of rows at all.
        std::fs::write(&file, vec![7; bytes]).expect("written");
        let broken = part(&lake, asked.clone()).await;
        assert_eq!((broken.files.missing, broken.files.altered), (0, 1), "{asked:?}: {broken}");
        assert!(broken.files.changed[0].contains(&name), "{asked:?}: {broken}");
        assert!(!broken.is_whole(), "{asked:?}: {broken}");
    }
    for asked in parts() {
        let lake = lake(|_| {}).await;
        for file in files(&lake, Table::Checkpoints) {
            std::fs::remove_file(&file).expect("removed");
        }
        let report = part(&lake, asked.clone()).await;
        assert!(report.files.missing > 0 && !report.is_whole(), "{asked:?}: {report}");
        assert!(report.events.rows() >= 4, "{asked:?}: {report}");
    }
}

#[tokio::test]
async fn a_file_of_another_day_is_no_part_of_what_is_asked_for() {
    let lake = lake(|_| {}).await;
    std::fs::remove_file(files(&lake, Table::Events).remove(1)).expect("removed");
    for asked in [Part::Between(on(2, 0), on(2, 60)), Part::Session("s2".into())] {
        let report = part(&lake, asked.clone()).await;
        assert!(report.is_whole(), "{asked:?}: {report}");
    }
}
