//! What a response taught is used to move: the session goes to a target whose name, address or alias its root was told,
//! days ago at most as far back as habit reaches. Inventories are read and used all day; that is what habit is counted
//! for.

use super::{Detection, Sign, Strength, View};
use crate::words;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DisclosureUsed;

impl Detection for DisclosureUsed {
    fn name(&self) -> &'static str {
        "disclosure_used"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        // A known target is usually named somewhere in what its users read.
        let unknown = if view.step.known.is_some() { 0.3 } else { 0.0004 };
        Sign::Seen { is_there: view.step.lesson.is_some(), movement: 0.28, unknown }
    }

    fn tell(&self, view: &View<'_>) -> String {
        view.step.lesson.map_or_else(String::new, |lesson| words::used(lesson, view.step.time, view.target()))
    }

    fn techniques(&self, view: &View<'_>) -> Vec<Technique> {
        let read = |lesson: &crate::learned::Lesson| attack::collection(lesson.teaching.protocol);
        view.step.lesson.map(read).into_iter().collect()
    }
}
