//! A detection is one unit struct and one line in a list: here is one that is not in the list that ships.

use crate::story::{events, past};
use interdict_detector::detection::{self, Detection, Sign, Strength, View};
use interdict_detector::{Detector, Output, Settings};

/// The first use of a target whose name begins with `vault`.
#[derive(Debug)]
struct Vault;

impl Detection for Vault {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        if view.step.known.is_some() {
            return Sign::Mute;
        }
        Sign::Seen { is_there: view.target().starts_with("vault"), movement: 0.5, unknown: 0.0005 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} is a vault", view.target())
    }
}

#[test]
fn a_detection_is_added_in_one_place() {
    let story = format!("{}09:00 dana@laptop vault-7/http open", past("dana@laptop", &["wiki/http", "mail/http"]));
    let said = |list: &[&'static dyn Detection]| -> Vec<(String, String)> {
        let mut detector = Detector::with(Settings::default(), list);
        let outputs = events(&story).into_iter().flat_map(|event| detector.observe(&event)).collect::<Vec<_>>();
        let alert = |output| {
            if let Output::Alert(alert) = output { Some((alert.detection, alert.explanation)) } else { None }
        };
        outputs.into_iter().filter_map(alert).collect()
    };
    assert_eq!(said(detection::ALL), []);
    let mut list = detection::ALL.to_vec();
    list.push(&Vault);
    let alerts = said(&list);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0].0, "vault");
    assert!(alerts[0].1.contains("vault-7 is a vault"), "{}", alerts[0].1);
}

#[test]
fn every_detection_has_a_name_of_its_own() {
    let mut names: Vec<_> = detection::ALL.iter().map(|detection| detection.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), detection::ALL.len());
}
