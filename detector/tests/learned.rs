//! What is remembered of what was read, within its bound.

use crate::story::events;
use interdict_detector::actor::Edge;
use interdict_detector::learned::{Keys, Learned, Teaching, Told};
use interdict_schemas::{Disclosure, DisclosureKind, Protocol, Time};
use std::sync::Arc;

const BOUND: usize = 8;

/// A response of this second that names these hosts; says how much the bound cost.
fn read(learned: &mut Learned, second: i64, hosts: &[&str]) -> usize {
    let time = Time(second * 1_000_000);
    let edge = Edge { place: serde_json::from_str("0").expect("a place"), protocol: Protocol::Ssh };
    let teaching = Teaching::new(Told::default(), edge, time, [time; 2]);
    let host = |host: &&str| Disclosure { kind: DisclosureKind::HostName, value: (*host).to_owned(), target: None };
    learned.add(&hosts.iter().map(host).collect::<Vec<_>>(), &Arc::new(teaching), BOUND)
}

fn knows(learned: &Learned, host: &str) -> bool {
    let session = &events(&format!("09:00 dana@laptop {host}/ssh open"))[0];
    let place = serde_json::from_str("1").expect("a place");
    learned.newest(&Keys::of(session).place, Time(0), Time(i64::MAX), place).is_some()
}

fn written(learned: &Learned) -> Vec<u8> {
    postcard::to_allocvec(learned).expect("written")
}

#[test]
fn what_is_read_again_and_again_outlasts_a_flood_also_over_a_restart() {
    let mut learned = Learned::default();
    assert_eq!(read(&mut learned, 0, &["bastion", "once"]), 0);
    let mut forgotten = 0;
    for second in 1..200 {
        let (new, newer) = (format!("new-{second}"), format!("newer-{second}"));
        forgotten += read(&mut learned, second, &[&new, "bastion", &newer, "bastion"]);
        if second % 7 == 0 {
            learned = postcard::from_bytes(&written(&learned)).expect("read");
        }
    }
    let known = ["bastion", "newer-199", "new-199", "new-197"].map(|host| knows(&learned, host));
    assert_eq!(known, [true; 4]);
    assert!(!knows(&learned, "once") && !knows(&learned, "newer-195"));
    // All that there ever was but what is left.
    assert_eq!(forgotten, 2 + 2 * 199 - BOUND);
    learned.age(Time(199_000_000));
    assert!(knows(&learned, "bastion") && knows(&learned, "new-199") && !knows(&learned, "new-198"));
    // Three are left, and six come.
    assert_eq!(read(&mut learned, 200, &["a", "b", "c", "d", "e", "f"]), 1);
}

#[test]
fn what_is_written_does_not_tell_how_often_something_was_read() {
    let (mut often, mut once) = (Learned::default(), Learned::default());
    read(&mut often, 1, &["a", "b", "c"]);
    for second in 2..90 {
        read(&mut often, second, &["a", "b"]);
    }
    read(&mut often, 90, &["c", "b", "a"]);
    read(&mut once, 90, &["c", "b", "a"]);
    assert_eq!(written(&often), written(&once));
}

#[test]
fn what_is_written_is_read_back_value_by_value_also_if_it_is_told_by_its_target() {
    let mut learned = Learned::default();
    let long = "ä".repeat(200);
    for (second, place) in ["0", "1", "2", "3"].into_iter().enumerate() {
        let time = Time(second as i64 * 1_000_000);
        let edge = Edge { place: serde_json::from_str(place).expect("a place"), protocol: Protocol::Ssh };
        let told = Told { event: place, what: "hosts", account: "deploy", ..Told::default() };
        let of = |kind, value: &str, target: Option<&str>| Disclosure {
            kind,
            value: value.to_owned(),
            target: target.map(str::to_owned),
        };
        let disclosures = [
            of(DisclosureKind::Address, "10.0.0.7", Some("bastion")),
            of(DisclosureKind::HostName, &format!("only-{place}"), None),
            of(DisclosureKind::HostName, &long, Some("long")),
        ];
        let teaching = Arc::new(Teaching::new(told, edge, time, [time; 2]));
        assert_eq!(learned.add(&disclosures, &teaching, 100), 0);
    }
    let back: Learned = postcard::from_bytes(&written(&learned)).expect("read");
    let newest = |learned: &Learned, host: &str, before: i64| {
        let session = &events(&format!("09:00 dana@laptop {host}/ssh open"))[0];
        let place = serde_json::from_str("9").expect("a place");
        let lesson = learned.newest(&Keys::of(session).place, Time(0), Time(before * 1_000_000), place)?;
        let told = lesson.teaching().told();
        Some((lesson.kind, lesson.value().to_owned(), [told.event, told.what, told.account].map(str::to_owned)))
    };
    // Three places are remembered of one thing.
    for (host, before, value, event) in [
        ("bastion", 9, "10.0.0.7", "3"),
        ("bastion", 1, "10.0.0.7", "1"),
        ("only-0", 9, "only-0", "0"),
        ("long", 9, &long[..240], "3"),
    ] {
        let lesson = newest(&learned, host, before).expect("it is known");
        assert_eq!((&*lesson.1, &lesson.2), (value, &[event, "hosts", "deploy"].map(str::to_owned)), "{host}");
        assert_eq!(newest(&back, host, before), Some(lesson), "{host}");
    }
    assert_eq!((newest(&learned, "bastion", 0), newest(&back, "bastion", 0)), (None, None));
}

#[test]
fn more_of_one_thing_than_is_remembered_is_not_read_back() {
    let teachings = [0_u8; 0];
    let lessons = |count: usize| vec![(7_u64, vec![(DisclosureKind::HostName, "bastion", 5_u32); count])];
    let read = |count: usize| {
        let bytes = postcard::to_allocvec(&(teachings.as_slice(), lessons(count))).expect("written");
        postcard::from_bytes::<Learned>(&bytes).is_ok()
    };
    // Their response is none that was written: they are left out.
    assert!(read(3) && !read(4));
}
