//! An account or a credential that a response disclosed is used, on an edge where its user never used it.

use super::{Detection, Sign, Strength, View};
use crate::words;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct SecretUsed;

/// P(it uses an account or a credential that a response disclosed | movement): responses hold far more names than
/// secrets, and those are mostly used where they were read; one step in twelve.
const MOVEMENT: f64 = 0.08;
/// P(.. | habit) before anything was counted: people and jobs are given their accounts, and do not read them in a
/// response first; one session in a thousand.
const UNKNOWN: f64 = 0.001;

impl Detection for SecretUsed {
    fn name(&self) -> &'static str {
        "secret_used"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: view.step.secret.is_some(), movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        view.step.secret.map_or_else(String::new, |lesson| words::used(lesson, view.step.time, view.target()))
    }

    fn techniques(&self, view: &View<'_>) -> Vec<Technique> {
        view.step.secret.and_then(|lesson| attack::disclosed(lesson.kind)).into_iter().collect()
    }
}
