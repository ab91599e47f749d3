//! A step after somebody looked around: its actor, or somebody on the system that it comes from. Everybody looks around
//! now and then; some do so habitually.

use super::{Detection, Sign, View};
use crate::step::Looked;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct Discovery;

/// P(somebody looked around before the step | movement): whoever gets to a system asks where they are, as whom, and
/// where it goes on. Taken for somewhat less than half: many know already, or look where no gateway sees it.
const MOVEMENT: f64 = 0.45;
/// P(.. | habit) before anything was counted: administrators do so all day, most others hardly; one session in ten.
const UNKNOWN: f64 = 0.1;

impl Detection for Discovery {
    fn name(&self) -> &'static str {
        "discovery"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: view.step.looked.is_some(), movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let told = match view.step.looked {
            Some(Looked::Actor) => format!("{} had looked around before", view.who()),
            Some(Looked::Place) => "somebody had looked around where it comes from".to_owned(),
            None => return String::new(),
        };
        format!("{told} (accounts, rights, connections or secrets)")
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::discovery()]
    }
}
