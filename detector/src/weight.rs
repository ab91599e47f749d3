//! What all detections together say of a step.

use crate::detection::{Detection, Sign, Strength, View};
use crate::likelihood::{Rate, nats};
use crate::settings::{Reach, Settings};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A detection with its number and what it may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enabled {
    /// Its place in the list, by which habits and hops refer to it.
    pub(crate) number: u8,
    /// Itself.
    pub(crate) detection: &'static dyn Detection,
    /// What it may do.
    pub(crate) reach: Reach,
}

/// The detections that the settings ask, in order.
pub(crate) fn enabled(settings: &Settings, list: &[&'static dyn Detection]) -> Vec<Enabled> {
    let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
    list.iter()
        .enumerate()
        .map(|(at, detection)| {
            let reach = match detection.strength() {
                Strength::Rarity => Reach::Hold,
                Strength::Floor => Reach::Alert,
                Strength::Cause | Strength::Proof => Reach::Block,
            };
            let reach = settings.detections.get(detection.name()).copied().unwrap_or(reach);
            Enabled { number: number(at), detection: *detection, reach }
        })
        .filter(|asked| asked.reach > Reach::Off)
        .collect()
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Weight {
    /// The sum, nats.
    pub(crate) nats: f64,
    /// By detection; those in shadow too, which are not in the sum.
    pub(crate) signs: Vec<(u8, f32)>,
    /// What is said of the machine that the step comes from: its sum, and by detection. It is in no other sum.
    pub(crate) floor: (f64, Vec<(u8, f32)>),
    /// Which signs were there and which not, to be counted.
    pub(crate) seen: Vec<(u8, bool)>,
    /// Detections that failed.
    pub(crate) broken: u64,
}

/// Weight of a class's counts, in sessions, against an actor's own.
const OWN_SIGNS: f64 = 15.0;
/// A sign that is absent says little: it is expected to be.
const WEAKEST: f64 = -0.5;

pub(crate) fn weigh(view: &View<'_>, detections: &[Enabled]) -> Weight {
    let mut weight = Weight::default();
    for asked in detections {
        // A detection that panics is a fault of ours in one step; the others must still be heard.
        let Ok(sign) = catch_unwind(AssertUnwindSafe(|| asked.detection.sign(view))) else {
            weight.broken += 1;
            tracing::error!(event = view.step.event.id, detection = asked.detection.name(), "detection failed");
            continue;
        };
        let nats = match sign {
            Sign::Mute => continue,
            Sign::Weighed(nats) => nats,
            Sign::Seen { is_there, movement, unknown } => {
                weight.seen.push((asked.number, is_there));
                let habit = habit(view, asked.number, unknown);
                let strongest = if is_there { view.ground.settings.strongest_sign } else { 0.0 };
                nats(is_there, movement, habit).clamp(WEAKEST, strongest)
            }
        };
        let (sum, signs) = match asked.detection.strength() {
            Strength::Floor => (&mut weight.floor.0, &mut weight.floor.1),
            Strength::Rarity | Strength::Cause | Strength::Proof => (&mut weight.nats, &mut weight.signs),
        };
        if asked.reach > Reach::Shadow {
            *sum += nats;
        }
        #[expect(clippy::cast_possible_truncation, reason = "evidence needs no more than seven digits")]
        signs.push((asked.number, nats as f32));
    }
    weight
}

/// The number under which a sign is counted for an actor: apart for new and for known edges.
pub(crate) const fn own(detection: u8, is_new: bool) -> u8 {
    (detection << 1) | is_new as u8
}

fn habit(view: &View<'_>, detection: u8, unknown: f64) -> f64 {
    if view.ground.settings.without.habit {
        return unknown;
    }
    let (step, actor) = (view.step, view.step.actor);
    let is_new = step.known.is_none();
    let class = view.ground.population.sign(actor.class, actor.sessions, is_new, detection, unknown);
    let edges = u32::try_from(actor.edges().len()).unwrap_or(u32::MAX);
    let trials = if is_new { edges } else { actor.sessions.saturating_sub(edges) };
    let hits = actor.signs(own(detection, is_new)).min(trials);
    Rate { trials, hits }.given(class, OWN_SIGNS)
}
