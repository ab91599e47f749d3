//! A target that its actor never used, or seldom, by a way it seldom takes: Hopper's unclear case. How rare it is stands
//! against the actor's own habit of using something new, against what its peers use and what many have begun to use
//! today, so that a newcomer, a roll-out or a team's other database is not rare.

use super::{Detection, Sign, View};
use crate::step::Origin;
use crate::words;

#[derive(Debug)]
pub(super) struct RarePath;

impl Detection for RarePath {
    fn name(&self) -> &'static str {
        "rare_path"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let step = view.step;
        let way = match step.origin {
            Origin::Known | Origin::Kin | Origin::Unknown | Origin::Onward => step.origin_nats,
            Origin::Resident | Origin::Stranger | Origin::Vacant => 0.0,
        };
        Sign::Weighed(step.novelty.nats + way)
    }

    fn tell(&self, view: &View<'_>) -> String {
        let step = view.step;
        let target = view.target();
        let edge = match &step.known {
            None => {
                let users = step.place.map_or(0, |place| place.users);
                let others = match users {
                    0 => "nobody had ever used it".to_owned(),
                    1 => "one other had".to_owned(),
                    users => format!("{users} others had"),
                };
                format!("{} had never used {target} before; {others}", view.who())
            }
            Some(known) => {
                format!(
                    "{} had used {target} {} in {} sessions",
                    view.who(),
                    words::times(known.count as usize),
                    step.actor.sessions
                )
            }
        };
        match step.origin {
            Origin::Onward => format!("{edge}; it came from a system that it had reached before"),
            Origin::Unknown => format!("{edge}; it came from a machine of a kind that it had never used"),
            _ => edge,
        }
    }
}
