//! The same events once more, from the start or from the middle; see `story.rs` for the language.

use crate::snapshot::{pack, restore};
use crate::stories::FLAGSHIP;
use crate::story::{events, past};
use interdict_detector::{Bounds, Detector, Settings};

#[test]
fn an_event_from_the_future_does_not_move_the_clock() {
    let mut detector = Detector::new(Settings::default());
    let mut story = events(&past("dana@laptop", &["wiki/http", "mail/http"]));
    for event in &story {
        detector.observe(event);
    }
    let before = detector.newest();
    let mut ahead = story.remove(0);
    ahead.id = "ahead".into();
    ahead.time = before.plus_seconds(400 * 86_400);
    detector.observe(&ahead);
    assert_eq!((detector.newest(), detector.counts().future), (before, 1));
    // Nor do many, as long as others say otherwise in between; if all say the same, it is so.
    let mut observe = |event: &interdict_schemas::Event, id: String, time| {
        detector.observe(&interdict_schemas::Event { id, time, ..event.clone() });
        detector.newest()
    };
    for number in 0..40 {
        assert_eq!(observe(&ahead, format!("ahead-{number}"), ahead.time), before);
        assert_eq!(observe(&ahead, format!("now-{number}"), before), before);
    }
    let moved = (0..16).map(|number| observe(&ahead, format!("row-{number}"), ahead.time)).last();
    assert_eq!(moved, Some(ahead.time));
}

/// All outputs as bytes, with the number of the event that each followed from.
fn fold(detector: &mut Detector, events: &[interdict_schemas::Event]) -> Vec<(String, Vec<u8>)> {
    let mut said = Vec::new();
    for event in events {
        for output in detector.observe(event) {
            said.push((event.id.clone(), interdict_schemas::Message::from(output).encode()));
        }
    }
    said
}

fn busy() -> String {
    let mut story = FLAGSHIP.replace("=>", "#");
    for root in ["erin", "finn", "gail"] {
        story.push_str(&FLAGSHIP.replace("=>", "#").replace("dana", root));
    }
    for minute in 10..30 {
        story.push_str(&format!("11:{minute} dana@laptop host-{minute}/http open\n"));
    }
    story
}

#[test]
fn the_same_events_give_the_same_bytes() {
    let events = events(&busy());
    let all = fold(&mut Detector::new(Settings::default()), &events);
    assert!(all.len() >= 8, "{}", all.len());
    assert_eq!(all, fold(&mut Detector::new(Settings::default()), &events));
}

/// Another detector, which has nothing but a snapshot of this one.
fn restored(detector: &mut Detector) -> Detector {
    let mut frames = detector.begin_writing().expect("begun");
    loop {
        let (slice, is_last) = detector.write_slice(8).expect("a slice");
        frames.extend(slice);
        if is_last {
            return restore(Settings::default(), &pack(&frames), 1000).expect("restored");
        }
    }
}

#[test]
fn a_detector_restored_at_any_event_goes_on_as_if_nothing_had_been() {
    let events = events(&busy());
    let all = fold(&mut Detector::new(Settings::default()), &events);
    for at in 0..=events.len() {
        let (before, after) = events.split_at(at);
        let mut detector = Detector::new(Settings::default());
        let mut said = fold(&mut detector, before);
        said.extend(fold(&mut restored(&mut detector), after));
        assert_eq!(all, said, "restored before event {at}");
    }
}

#[test]
fn memory_is_bounded_and_what_is_dropped_is_counted() {
    let bounds = Bounds { sessions: 8, lessons: 16, edges: 8, acquaintances: 8, places: 8, recent: 16 };
    let mut detector = Detector::new(Settings { bounds, ..Settings::default() });
    for day in 1..20 {
        let lines: String = (10..40)
            .map(|minute| {
                format!(
                    "d{day} 09:{minute} dana@laptop db-{minute}/postgres open\n\
                     d{day} 09:{minute} dana@laptop db-{minute}/postgres reads t host_name=h{day}-{minute}\n"
                )
            })
            .collect();
        for mut event in events(&lines) {
            event.id = format!("{day}-{}", event.id);
            event.session = format!("{day}-{}", event.session);
            detector.observe(&event);
        }
    }
    let counts = detector.counts();
    assert_eq!((counts.events, counts.duplicates, counts.broken), (19 * 90, 0, 0));
    assert!(counts.forgotten > 400, "{counts:?}");
}
