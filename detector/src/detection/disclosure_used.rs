//! What a response taught is used to move: the session goes to a target whose name, address or alias its root was told,
//! days ago at most as far back as habit reaches. Inventories are read and used all day; that is what habit is counted
//! for.

use super::{Detection, Sign, Strength, View};
use crate::words;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DisclosureUsed;

/// P(a response had named the target | movement): one step in four or less. Where the others go was known before,
/// guessed, or read where no gateway sees it.
const MOVEMENT: f64 = 0.28;
/// P(.. | habit) of a known target, before anything was counted: it is usually named somewhere in what its users read.
const KNOWN: f64 = 0.3;
/// P(.. | habit) of a new target, before anything was counted: who is given something new to use is told by people,
/// not by a response. One in 2,500, so that with no history it is nearly enough to ask a person; whoever reads
/// inventories and goes where they point does so all day, and is counted soon.
const NEW: f64 = 0.0004;

impl Detection for DisclosureUsed {
    fn name(&self) -> &'static str {
        "disclosure_used"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let unknown = if view.step.known.is_some() { KNOWN } else { NEW };
        Sign::Seen { is_there: view.step.lesson.is_some(), movement: MOVEMENT, unknown }
    }

    fn tell(&self, view: &View<'_>) -> String {
        view.step.lesson.map_or_else(String::new, |lesson| words::used(lesson, view.step.time, view.target()))
    }

    fn techniques(&self, view: &View<'_>) -> Vec<Technique> {
        let read = |lesson: &crate::learned::Lesson| attack::collection(lesson.teaching().edge.protocol);
        view.step.lesson.map(read).into_iter().collect()
    }
}
