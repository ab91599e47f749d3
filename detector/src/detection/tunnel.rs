//! A forward through a session, to another protected system than the session's.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct Tunnel;

/// P(a step is a forward where its actor never went | movement): nearly all open a session, as all that a target can
/// be used for begins with one; one step in a hundred.
const MOVEMENT: f64 = 0.01;
/// P(.. | habit) before anything was counted: ways that are taken anyhow are no step, so that what is left is one in
/// five hundred.
const UNKNOWN: f64 = 0.002;

impl Detection for Tunnel {
    fn name(&self) -> &'static str {
        "tunnel"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: view.step.is_forward, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} opened a tunnel to {}; what goes through it is not seen", view.who(), view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::tunnel()]
    }
}
