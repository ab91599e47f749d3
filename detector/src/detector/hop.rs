//! A suspicious step as a hop of a chain: its evidence in sentences, its techniques, what taught it.

use super::{DAY_S, Detector};
use crate::chain::{Hop, HopId};
use crate::detection::{self, View};
use crate::fan::Fan;
use crate::judge::{Bench, Output};
use crate::learned::Teaching;
use crate::place::source_name;
use crate::seat::Look;
use crate::weight::{Enabled, Weight};
use interdict_schemas::{Kind, Technique};
use std::sync::Arc;

/// The hop that a suspicious step is.
pub(super) fn hop(view: &View<'_>, detections: &[Enabled], weight: &Weight, planted: Option<Teaching>) -> Hop {
    let (evidence, techniques) = evidence(view, detections, &weight.signs);
    let learned = view.step.lesson.or(view.step.secret).map(|lesson| Arc::clone(lesson.teaching()));
    let taught = planted.map(Arc::new).or(learned);
    Hop::new(view.step, source_name(view.step.event), weight.nats, weight.signs.clone(), evidence, techniques, taught)
}

/// What a step shows of the machine that it comes from, as a hop.
pub(super) fn of_machine(view: &View<'_>, detections: &[Enabled], weight: &Weight, fan: &Fan) -> Hop {
    let (nats, signs) = &weight.floor;
    let (evidence, techniques) = evidence(view, detections, signs);
    let mut hop = Hop::new(view.step, source_name(view.step.event), *nats, signs.clone(), evidence, techniques, None);
    hop.title = Some(fan.title(view).into());
    hop
}

fn evidence(view: &View<'_>, detections: &[Enabled], signs: &[(u8, f32)]) -> (String, Vec<Technique>) {
    let step = view.step;
    let mut signs: Vec<_> = signs.iter().filter(|(_, nats)| *nats > WORTH_TELLING).collect();
    signs.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let told = signs.iter().filter_map(|(number, _)| detections.iter().find(|asked| asked.number == *number)).take(4);
    let (mut techniques, mut sentences) = (vec![detection::movement(step)], Vec::new());
    for asked in told {
        sentences.push(asked.detection.tell(view));
        for technique in asked.detection.techniques(view) {
            if !techniques.contains(&technique) {
                techniques.push(technique);
            }
        }
    }
    let source = source_name(step.event);
    let verb = match (step.is_forward, &step.event.kind) {
        (true, _) => "tunnelled",
        (false, Kind::Refused(_)) => "tried",
        (false, _) => "opened",
    };
    let evidence = format!(
        "{} {verb} {} to {} from {source} at {}: {}.",
        view.who(),
        step.edge.protocol.name(),
        view.target(),
        step.time,
        sentences.join("; ")
    );
    (evidence, techniques)
}

/// A sign worth less, in nats, is not told.
const WORTH_TELLING: f32 = 0.5;

impl Detector {
    /// What follows from a hop.
    pub(super) fn judge(&mut self, id: HopId) -> Vec<Output> {
        let has_learned = self.first.is_some_and(|first| {
            self.newest.micros_since(first) >= i64::from(self.settings.learning_days) * DAY_S * 1_000_000
        });
        let bench = Bench {
            settings: &self.settings,
            detections: &self.detections,
            actors: &self.actors,
            places: &self.places,
            chains: &self.chains,
            now: self.newest,
            has_learned,
        };
        self.judge.judge(id, bench)
    }

    /// Takes note of what a step shows of the machine that it comes from, and says what follows from the hop that was
    /// made of it, if one was.
    pub(super) fn fan_out(&mut self, look: Look, hop: Option<(Hop, Option<(HopId, u32)>)>) -> Vec<Output> {
        let id = hop.map(|(hop, newest)| self.chains.add_of_machine(hop, newest, self.newest));
        let outputs = id.map(|id| self.judge(id)).unwrap_or_default();
        let hop = id.and_then(|id| Some((id, self.chains.get(id)?.chain)));
        self.seats.note(look, hop);
        outputs
    }
}
