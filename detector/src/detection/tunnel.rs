//! A forward through a session, to another protected system than the session's.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct Tunnel;

impl Detection for Tunnel {
    fn name(&self) -> &'static str {
        "tunnel"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: view.step.is_forward, movement: 0.01, unknown: 0.002 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} opened a tunnel to {}; what goes through it is not seen", view.who(), view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::tunnel()]
    }
}
