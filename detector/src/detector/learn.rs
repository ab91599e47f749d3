//! What a step and a response leave behind: habit, who stands where, what was taught.

use super::Detector;
use crate::actor::{Actor, ActorId, Edge};
use crate::asked::Asked;
use crate::learned::{Keys, Teaching, Told};
use crate::novelty::Ways;
use crate::place::Arrival;
use crate::places::Machine;
use crate::rhythm::Pause;
use crate::step::{Manner, Origin, account_on, forwarded, residence};
use crate::weight::{self, Weight};
use interdict_schemas::{Event, Kind, Time};
use std::sync::Arc;

/// Machines, and kinds of them, that are remembered of one actor.
const MACHINES: usize = 96;

impl Detector {
    #[expect(clippy::too_many_arguments, reason = "what a step showed")]
    pub(super) fn learn(
        &mut self,
        event: &Event,
        id: ActorId,
        edge: Edge,
        machine: Machine,
        origin: Origin,
        is_new: bool,
        manner: Manner,
        weight: &Weight,
        ways: Option<&Ways>,
    ) {
        let bounds = &self.settings.bounds;
        let time = event.time;
        let day = crate::actor::day(time);
        let Some(actor) = self.actors.get_mut(id) else { return };
        let (class, sessions, root) = (actor.class, actor.sessions, actor.root);
        // What somebody does who is being stopped makes nothing usual for others.
        let is_stopped = time.min(self.newest) < actor.stopped();
        for (detection, is_there) in &weight.seen {
            if !is_stopped {
                self.population.signed(class, sessions, is_new, *detection, *is_there);
            }
            if *is_there {
                actor.signed(weight::own(*detection, is_new), 1);
            }
        }
        if manner == Manner::Forwarded {
            self.population.forwarded(true);
            actor.accounts.meet(forwarded(edge.place), day, bounds.acquaintances);
            return;
        }
        let keys = Keys::of(event);
        let was_at = actor.has_been_at(edge.place);
        if actor.opened(edge, time, bounds.edges) && !is_stopped {
            let Some(place) = self.places.get(edge.place) else { return };
            self.population.first(time, place.users == 0);
            if !was_at {
                self.places.met(edge.place, id, time);
                self.groups.met(&event.identity, edge.place);
            }
        }
        if !is_stopped {
            self.population.opened(class, sessions, is_new, origin);
            if let Some(ways) = ways {
                self.population.chose(class, ways);
            }
        }
        if let Some(pause) = Pause::between(actor.clock, time) {
            if !is_stopped {
                self.population.paused(class, sessions, is_new, pause);
            }
            actor.pauses.add(pause.index());
        }
        actor.sessions = actor.sessions.saturating_add(1);
        // A time ahead of the clock would hide what is done until then.
        actor.clock = actor.clock.max(time.min(self.newest));
        if let Some(count) = actor.origins.get_mut(origin as usize) {
            *count = count.saturating_add(1);
        }
        actor.hours.add(crate::habit::hour(time));
        actor.machines.meet(machine.machine, day, MACHINES);
        actor.machines.meet(machine.family, day, MACHINES);
        if let (Origin::Stranger | Origin::Resident | Origin::Vacant, Some(place)) = (origin, machine.place) {
            actor.machines.meet(residence(place), day, MACHINES);
        }
        meet_account(actor, edge, &keys, time, bounds.acquaintances);
        if root != id {
            self.actors.delegated_before(id, sessions);
        }
        if edge.protocol.lands()
            && let Some(place) = self.places.get_mut(edge.place)
        {
            place.landed(Arrival { time, actor: id, root });
        }
    }

    pub(super) fn teach(&mut self, event: &Event, actor: ActorId) {
        let Some(session) = self.sessions.get(&event.session) else { return };
        let action = match &event.kind {
            Kind::Resulted { action, .. } => Some(action.as_str()),
            Kind::Acted { action, .. } => Some(action.id.as_str()),
            _ => None,
        };
        let asked = Some(session.asked()).filter(|asked| asked.is(action));
        let took = match &event.kind {
            Kind::Resulted { outcome, .. } | Kind::Acted { outcome: Some(outcome), .. } => {
                i64::try_from(outcome.duration_us).unwrap_or(0)
            }
            _ => 0,
        };
        let Some(root) = self.actors.get(actor).map(|actor| actor.root) else { return };
        let [opening, source, account] = session.texts();
        let told = Told {
            event: &event.id,
            asked: asked.map(Asked::event).filter(|asked| *asked != event.id).unwrap_or_default(),
            what: asked.map(Asked::what).unwrap_or_default(),
            session: &event.session,
            opening,
            actor: self.actors.name(actor),
            source,
            account,
            target: self.places.name(session.edge.place),
        };
        let from = event.time.plus_micros(took.saturating_neg()).max(session.opened);
        let teaching = Arc::new(Teaching::new(told, session.edge, session.opened, [from, event.time]));
        let bound = self.settings.bounds.lessons;
        if let Some(root) = self.actors.get_mut(root) {
            let learned = root.learn();
            self.counts.forgotten += learned.add(&event.disclosures, &teaching, bound) as u64;
        }
    }
}

pub(super) fn meet_account(actor: &mut Actor, edge: Edge, keys: &Keys, time: Time, bound: usize) {
    if keys.account == 0 && keys.credential == 0 {
        return;
    }
    let day = crate::actor::day(time);
    actor.used(edge, account_on(edge, keys), day, bound);
    actor.accounts.meet(keys.credential.max(keys.account), day, bound);
}
