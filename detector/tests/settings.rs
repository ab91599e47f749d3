//! What settings change, as stories; see `story.rs` for the language.

use crate::story::{check_with, events, past, tell};
use interdict_detector::{Detector, Output, Settings};

/// Everything said of a story under these settings.
fn said(settings: Settings, story: &str) -> Vec<Output> {
    let mut detector = Detector::new(settings);
    events(story).iter().flat_map(|event| detector.observe(event)).collect()
}

/// Somebody with a habit goes to two systems that are new to everybody, far from where it is at home.
fn rarity(to: &str) -> String {
    format!(
        "{}02:00 dana@elsewhere db/postgres open\n02:01 dana@elsewhere {to}/postgres open\n",
        past("dana@laptop", &["wiki/http", "mail/http"])
    )
}

#[test]
fn a_budget_of_nothing_alerts_on_no_rarity_and_on_all_that_stops() {
    let settings = |budget| Settings { budget, ..Settings::default() };
    let alerts = |budget| said(settings(budget), &rarity("ledger")).iter().map(tell).collect::<Vec<_>>();
    assert!(alerts(9).iter().any(|said| said.ends_with("r1 low: db start")), "{:?}", alerts(9));
    assert_eq!(alerts(0), Vec::<String>::new());
    check_with(
        settings(0),
        "target bastion host=bastion.internal
        09:00 dana>runner@sandbox config-db/postgres open
        09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana>runner@sandbox bastion/ssh open
        => hold dana/runner
        => disclosure_used r1 high: config-db taught -> bastion disclosed",
    );
}

#[test]
fn a_crown_jewel_that_no_target_is_called_changes_nothing_until_one_is() {
    let risks = |jewels: &[&str], story: &str| {
        let crown_jewels = jewels.iter().map(|jewel| (*jewel).to_owned()).collect();
        let said = said(Settings { crown_jewels, ..Settings::default() }, story);
        said.iter().filter_map(|said| if let Output::Alert(alert) = said { Some(alert.risk) } else { None }).collect()
    };
    let without: Vec<u32> = risks(&[], &rarity("ledger"));
    assert!(!without.is_empty());
    assert_eq!(risks(&["ledgre", "paymets"], &rarity("ledger")), without);
    let there = risks(&["ledgre", "ledger"], &rarity("ledger"));
    assert!(there.last() > without.last(), "{there:?} {without:?}");
    // Once it is known, not going there says a little, too.
    let known = format!("d1 08:00 svc:paying@pay ledger/postgres open\n{}", rarity("other"));
    assert!(risks(&["ledger"], &known).last() < risks(&["ledgre"], &known).last());
}
