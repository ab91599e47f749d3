//! Two settings over the same story; see `story.rs` for the language.

use crate::story::events;
use interdict_detector::backtest::{Backtest, Comparison};
use interdict_detector::{Fact, Reach, Settings};
use interdict_schemas::{Mode, Time};

const STORY: &str = "
    target bastion host=bastion.internal
    d9 05:00 dana>planner@client web/http open
    09:00 dana>runner@sandbox config-db/postgres open
    09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal is bastion
    09:01:30 dana>runner@sandbox ledger/postgres open
    09:02 dana>runner@sandbox bastion/ssh open
    10:00 dana>runner@sandbox web/http open
    10:00 dana>other@sandbox web/http open
    11:00 erin@desk web/http open
";

/// Settings under which the story's pivot is held.
fn strict() -> Settings {
    Settings { hold_nats: 5.0, ..Settings::default() }
}

fn compare(old: Settings, new: Settings, from: Time, story: &str) -> Comparison {
    let mut backtest = Backtest::new(old, new, from, Time(i64::MAX));
    events(story).into_iter().for_each(|event| backtest.observe(&Fact::Event(event)));
    backtest.compare()
}

fn all(old: Settings, new: Settings) -> Comparison {
    compare(old, new, Time(i64::MIN), STORY)
}

#[test]
fn the_same_settings_find_the_same() {
    let found = all(Settings::default(), Settings::default());
    assert_eq!((found.same, found.only_old.len(), found.only_new.len(), found.changed.len()), (1, 0, 0, 0));
    assert_eq!(found.old_blocks, found.new_blocks);
    assert_eq!(found.events, events(STORY).len() as u64);
}

#[test]
fn collateral_is_what_a_verdict_covers_beside_its_chain() {
    let found = all(strict(), strict());
    let [block] = &found.new_blocks[..] else { panic!("{:?}", found.new_blocks) };
    let hit: Vec<_> = block.samples.iter().map(|sample| format!("{} {}", sample.identity, sample.target)).collect();
    // Only the runner for dana is stopped: neither the other delegate nor erin.
    assert_eq!(hit, ["dana -> runner ledger", "dana -> runner web"]);
    assert_eq!((block.collateral, block.cut), (2, 1));
}

#[test]
fn a_verdict_that_is_taken_back_hits_nobody_from_then_on() {
    let mut backtest = Backtest::new(strict(), strict(), Time(i64::MIN), Time(i64::MAX));
    let mut detector = interdict_detector::Detector::new(strict());
    for event in events(STORY) {
        let alert = detector.observe(&event).into_iter().find_map(|output| match output {
            interdict_detector::Output::Alert(alert) => Some(alert),
            interdict_detector::Output::Verdict(_) => None,
        });
        backtest.observe(&Fact::Event(event));
        if let Some(alert) = alert {
            let (time, root) = (alert.time.plus_seconds(60), alert.root.clone());
            let (by, note) = ("olga".into(), String::new());
            let finding = interdict_schemas::Finding::Benign;
            let resolution = interdict_schemas::Resolution { alert: alert.id, time, root, finding, by, note };
            detector.resolve(&resolution);
            backtest.observe(&Fact::Resolution(resolution));
        }
    }
    let found = backtest.compare();
    let [block] = &found.new_blocks[..] else { panic!("one, not another where it ends: {:?}", found.new_blocks) };
    assert_eq!((block.collateral, block.cut), (1, 1), "whoever came an hour later came in: {block:?}");
}

#[test]
fn alerts_of_one_side_alone_are_told_apart() {
    let names = ["disclosure_used", "delegation_overreach"];
    let detections = names.map(|name| (name.to_owned(), Reach::Off)).into();
    let deaf = Settings { detections, ..Settings::default() };
    let found = all(deaf.clone(), Settings::default());
    let names = |alerts: &[interdict_detector::backtest::Summary]| {
        alerts.iter().map(|alert| alert.detection.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&found.only_new), ["disclosure_used"]);
    assert!(found.only_old.is_empty());
    let counted: Vec<_> =
        found.detections.iter().map(|one| (one.detection.as_str(), one.old.alerts, one.new.alerts)).collect();
    assert_eq!(counted, [("disclosure_used", 0, 1)]);
    let back = all(Settings::default(), deaf);
    assert_eq!(names(&back.only_old), ["disclosure_used"]);
}

#[test]
fn another_length_of_verdicts_changes_whom_they_hit_and_shadow_changes_nothing() {
    let short = Settings { verdict_hours: 1, ..strict() };
    let found = all(short, Settings { mode: Mode::Shadow, ..strict() });
    let hits =
        |blocks: &[interdict_detector::backtest::Hit]| blocks.iter().map(|block| block.collateral).sum::<u64>();
    assert_eq!((hits(&found.old_blocks), hits(&found.new_blocks)), (2, 2));
    let later = STORY.replace("10:00 dana>runner@sandbox web", "20:00 dana>runner@sandbox web");
    let short = Settings { verdict_hours: 1, ..strict() };
    let found = compare(short, strict(), Time(i64::MIN), &later);
    assert_eq!((hits(&found.old_blocks), hits(&found.new_blocks)), (1, 2));
}

#[test]
fn what_was_raised_before_does_not_count() {
    let last = events(STORY).last().expect("an event").time;
    let found = compare(Settings::default(), Settings::default(), last, STORY);
    assert_eq!((found.same, found.new_blocks.len()), (0, 0));
}

#[test]
fn stops_and_holds_are_counted_apart() {
    let stopped = Settings { hold_nats: 5.0, block_nats: 5.0, ..Settings::default() };
    let found = all(strict(), stopped);
    let counted = |of: fn(&interdict_detector::backtest::Detection) -> interdict_detector::backtest::Counts| {
        let all = found.detections.iter().map(of);
        all.fold((0, 0), |(stops, holds), counts| (stops + counts.stops, holds + counts.holds))
    };
    assert_eq!((counted(|one| one.old), counted(|one| one.new)), ((0, 1), (1, 0)));
    let [changed] = &found.changed[..] else { panic!("{:?}", found.changed) };
    let verdicts = [&changed.old, &changed.new].map(|alert| alert.verdict.as_deref());
    assert_eq!(verdicts, [Some("hold"), Some("stop")]);
    assert_ne!(changed.old.severity, changed.new.severity);
}
