//! Who is taken for whom.

use crate::story::events;
use interdict_detector::{Detector, Settings};
use std::fmt::Write as _;

#[test]
fn names_that_look_like_keys_or_numbers_are_nobody_elses() {
    // Roots, and delegates by what they are called; actors are numbered from 0 as they come.
    let chains = [
        "root",
        "dana",
        "dana>root",
        "root>root",
        "root>dana",
        "delegate",
        "dana>delegate",
        "0",
        "1",
        "dana>0",
        "dana>1",
        "0>dana",
        "root>0",
        "agent",
        "dana>agent",
    ];
    let story = chains.iter().zip(10..).fold(String::new(), |mut story, (chain, minute)| {
        writeln!(story, "09:{minute} {chain}@desk wiki/http open\n10:{minute} {chain}@desk wiki/http open")
            .expect("text");
        story
    });
    let mut detector = Detector::new(Settings::default());
    events(&story).iter().for_each(|event| {
        detector.observe(event);
    });
    assert_eq!(detector.size().actors, chains.len());
    assert_eq!(detector.size().edges, chains.len());
}
