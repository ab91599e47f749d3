//! The fold: events in, alerts and verdicts out. The same code for live, rebuild and batch.
//!
//! The clock is the event's. What is said of an event depends on the events folded before it, in their order, and on
//! nothing else. A duplicate (the same event id, recently) changes nothing. A late event counts at the time it carries.
//! One from the future is judged, and does not move the clock until others follow it there; a clock that was led astray
//! is led back the same way.

mod ahead;
mod clock;
mod counts;
mod hop;
mod learn;
mod state;

use crate::actor::{ActorId, Edge};
use crate::actors::{Actors, Grant};
use crate::chain::{Chains, Joining};
use crate::detection::{self, Detection, View};
use crate::discovery;
use crate::groups::Groups;
use crate::judge::{Judge, Output};
use crate::learned::Keys;
use crate::place::PlaceId;
use crate::places::{Machine, Places};
use crate::population::Population;
use crate::recent::Recent;
use crate::seat::Seats;
use crate::session::{Session, Sessions};
use crate::settings::Settings;
use crate::step::{Ground, Manner, Origin, Step, forwarded};
use crate::weight::{self, Enabled};
pub use ahead::AHEAD;
pub use counts::{Counts, Size};
use interdict_schemas::{Class, Closed, Effect, Event, Finding, Kind, Mode, Resolution, Time};
pub use state::Restoring;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The fold.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    detections: Vec<Enabled>,
    actors: Actors,
    places: Places,
    seats: Seats,
    population: Population,
    groups: Groups,
    sessions: Sessions,
    chains: Chains,
    judge: Judge,
    recent: Recent,
    counts: Counts,
    newest: Time,
    first: Option<Time>,
    // A day apart from the clock by more than one, and how many events in a row claimed it.
    apart: (i64, u32),
    // The clock's day, and how many events there were on it and on the one before.
    pace: (i64, u32, u32),
}

const DAY_S: i64 = 86_400;
/// So many times more a sign was there in what a person said is meant.
const ACCEPTED: u32 = 4;
/// Who is refused again over the same edge within so long is still trying, microseconds: an hour, so that what tries
/// all day is a step an hour and not one at each try.
const AGAIN_US: i64 = 3_600_000_000;

impl Detector {
    /// A detector that knows nothing yet, with every detection.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, detection::ALL)
    }

    /// A detector with these detections only.
    #[must_use]
    pub fn with(settings: Settings, detections: &[&'static dyn Detection]) -> Self {
        Self {
            detections: weight::enabled(&settings, detections),
            recent: Recent::new(settings.bounds.recent),
            settings,
            actors: Actors::default(),
            places: Places::default(),
            seats: Seats::default(),
            population: Population::default(),
            groups: Groups::default(),
            sessions: Sessions::default(),
            chains: Chains::default(),
            judge: Judge::default(),
            counts: Counts::default(),
            newest: Time::default(),
            first: None,
            apart: (0, 0),
            pace: (0, 0, 0),
        }
    }

    /// Folds one event in and says what follows from it, the verdict before its alert.
    pub fn observe(&mut self, event: &Event) -> Vec<Output> {
        if !self.recent.admit(&event.id) {
            self.counts.duplicates += 1;
            return Vec::new();
        }
        self.counts.events += 1;
        self.tick(event.time);
        // A fold that panics is a fault of ours in one event; the others must still be judged.
        let Ok(outputs) = catch_unwind(AssertUnwindSafe(|| self.fold(event))) else {
            self.counts.broken += 1;
            tracing::error!(event = event.id, "folding this event failed; it is passed over");
            return Vec::new();
        };
        outputs
    }

    fn fold(&mut self, event: &Event) -> Vec<Output> {
        let is_known = self.sessions.hear(event);
        let has_explored = matches!(&event.kind, Kind::Acted { action, .. } if discovery::is_discovery(action));
        // Nearly all events only say that a session goes on; who acts, and where, is looked up for the others.
        if is_known && !has_explored && !says_more(event) {
            return Vec::new();
        }
        let is_refused = matches!(event.kind, Kind::Refused(_));
        let (actor, grant) = self.actors.of(&event.identity, !is_refused);
        let edge = Edge { place: self.target(event), protocol: event.target.protocol };
        let mut outputs = Vec::new();
        if !event.presented.is_empty() {
            let machine = self.places.source(&event.source);
            outputs = self.step(event, actor, grant, edge, machine, Manner::Tried);
        }
        if let Kind::Refused(refused) = &event.kind {
            // Whoever has no right to be there, or no longer, is trying to move; a wrong password may be anybody's.
            let is_kept_out = matches!(&*refused.reason, "policy" | "verdict");
            if is_kept_out && outputs.is_empty() && !self.is_again(actor, edge, event.time) {
                let machine = self.places.source(&event.source);
                outputs = self.step(event, actor, grant, edge, machine, Manner::Tried);
            }
            if let Some(actor) = self.actors.get_mut(actor) {
                actor.refused(edge.place, event.time);
            }
            return outputs;
        }
        if is_known {
            self.settle(event, actor, edge);
        } else {
            outputs.extend(self.open(event, actor, grant, edge));
        }
        if has_explored {
            self.explored(event.time, actor, edge);
        }
        outputs.extend(self.act(event, actor, grant, edge));
        outputs
    }

    fn target(&mut self, event: &Event) -> PlaceId {
        let time = event.time.min(self.newest);
        self.counts.forgotten += self.places.bound(self.settings.bounds.places) as u64;
        self.places.target(&event.target, time)
    }

    fn explored(&mut self, time: Time, actor: ActorId, edge: Edge) {
        // A time ahead of the clock would never be passed.
        let time = time.min(self.newest);
        if let Some(actor) = self.actors.get_mut(actor) {
            actor.explored = actor.explored.max(time);
        }
        if let Some(place) = self.places.get_mut(edge.place) {
            place.explore(time);
        }
    }

    /// Whether one of an actor's suspicious hops is over the same edge, not long ago: somebody keeps trying.
    fn is_again(&self, actor: ActorId, edge: Edge, time: Time) -> bool {
        let hops = self.actors.get(actor).into_iter().flat_map(|actor| actor.hops());
        let mut hops = hops.filter_map(|id| self.chains.get(*id));
        // A try that is dated ahead silences none.
        hops.any(|hop| hop.edge == edge && time.micros_since(hop.time).unsigned_abs() < AGAIN_US.unsigned_abs())
    }

    /// A session that was not known: it was admitted, or the record of its admission is missing.
    fn open(&mut self, event: &Event, actor: ActorId, grant: Grant, edge: Edge) -> Vec<Output> {
        let machine = self.places.source(&event.source);
        let outputs = self.step(event, actor, grant, edge, machine, Manner::Opened);
        let mut session = Session::new(event, edge);
        session.hear(event);
        self.counts.forgotten += self.sessions.add(session, self.newest, self.settings.bounds.sessions) as u64;
        outputs
    }

    /// The admission's record, after another one of the session: it tells the account.
    fn settle(&mut self, event: &Event, actor: ActorId, edge: Edge) {
        if matches!(event.kind, Kind::Opened)
            && let Some(actor) = self.actors.get_mut(actor)
        {
            let keys = Keys::of(event);
            learn::meet_account(actor, edge, &keys, event.time, self.settings.bounds.acquaintances);
        }
    }

    /// One step: weighed, joined to the chains, judged, and then learnt from.
    fn step(
        &mut self,
        event: &Event,
        actor: ActorId,
        grant: Grant,
        edge: Edge,
        machine: Machine,
        manner: Manner,
    ) -> Vec<Output> {
        let ground = Ground {
            settings: &self.settings,
            actors: &self.actors,
            places: &self.places,
            population: &self.population,
            groups: &self.groups,
        };
        let Some(step) = Step::of(ground, event, actor, grant, edge, machine, manner) else { return Vec::new() };
        let look = if manner == Manner::Opened { self.seats.look(&step, ground) } else { None };
        let fan = look.as_ref().and_then(|look| look.fan.as_ref());
        let view = View { step: &step, ground, fan };
        let weight = weight::weigh(&view, &self.detections);
        self.counts.broken += weight.broken;
        let origin_of_decoy = event.presented.first().map(|presented| self.sessions.planted(presented, event, edge));
        let hop = (weight.nats > self.settings.hop_nats)
            .then(|| hop::hop(&view, &self.detections, &weight, origin_of_decoy));
        let of_machine = fan
            .filter(|_| weight.floor.0 > 0.0)
            .map(|fan| (hop::of_machine(&view, &self.detections, &weight, fan), fan.newest));
        // Asked of suspicious steps alone: it looks at all who came to the system that the step starts from.
        let joint = hop.as_ref().filter(|_| !self.settings.without.lineage).and_then(|_| {
            let from = machine.place.and_then(|place| self.places.get(place));
            let since = event.time.plus_seconds(-DAY_S);
            self.chains.joint(Joining {
                time: event.time,
                root: step.actor.root,
                own: step.actor.hops(),
                from: machine,
                others: from.map_or(0, |place| place.others(step.actor.root, since, event.time)),
                has_reached: !matches!(step.origin, Origin::Stranger | Origin::Resident | Origin::Vacant),
            })
        });
        let (origin, is_new, ways) = (step.origin, step.known.is_none(), step.novelty.ways);
        let mut outputs = Vec::new();
        if let Some(hop) = hop {
            let id = self.chains.add(hop, joint, self.newest);
            outputs = self.judge(id);
            if let Some(actor) = self.actors.get_mut(actor) {
                for output in &outputs {
                    if let Output::Verdict(verdict) = output
                        && verdict.mode == Mode::Enforce
                    {
                        actor.stop(verdict.until);
                    }
                }
                self.chains.keep(actor.hops_mut(), id, event.time);
            }
        }
        if let Some(look) = look {
            outputs.extend(self.fan_out(look, of_machine));
        }
        if manner != Manner::Tried {
            self.learn(event, actor, edge, machine, origin, is_new, manner, &weight, ways.as_ref());
        }
        outputs
    }

    /// What was done in a session beyond going on: what a response taught, a forward, an end before anything.
    fn act(&mut self, event: &Event, actor: ActorId, grant: Grant, edge: Edge) -> Vec<Output> {
        let is_denied = matches!(&event.kind, Kind::Acted { decision, .. } if decision.effect == Effect::Deny);
        if !event.disclosures.is_empty() && !is_denied {
            self.teach(event, actor);
        }
        match &event.kind {
            Kind::Acted { action, .. } if action.class == Class::Forward && !is_denied => {
                let inner = action.objects.iter().find_map(|object| {
                    let (host, _) = object.rsplit_once(':')?;
                    self.places.find(host.trim_matches(['[', ']']))
                });
                let Some(place) = inner else { return Vec::new() };
                let inner = Edge { place, ..edge };
                let Some(known) = self.actors.get(actor) else { return Vec::new() };
                if known.edge(inner).is_some() || known.accounts.knows(forwarded(place)) {
                    // A way that it takes anyhow, or did before.
                    self.population.forwarded(false);
                    return Vec::new();
                }
                let machine = Machine { place: Some(edge.place), machine: 0, family: 0 };
                self.step(event, actor, grant, inner, machine, Manner::Forwarded)
            }
            Kind::Closed(closed) if is_turned_back(closed) => {
                let opened = self.sessions.get(&event.session).map(|session| session.opened);
                if let (Some(opened), Some(place)) = (opened, self.places.get_mut(edge.place)) {
                    place.turned_back(actor, opened);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Time of the newest event, but for one that is far ahead of the others.
    #[must_use]
    pub const fn newest(&self) -> Time {
        self.newest
    }

    /// Folds what a person found an alert to be. Benign: what the chain did becomes habit, the chain ends, and its
    /// verdicts are taken back. Malicious: what it did is no habit, and everybody in it is stopped.
    pub fn resolve(&mut self, resolution: &Resolution) -> Vec<Output> {
        let Some(closed) = self.judge.resolve(resolution, &self.settings, &self.actors, &self.chains) else {
            tracing::warn!(
                alert = resolution.alert,
                "a finding on an alert that is not remembered; nothing follows from it"
            );
            return Vec::new();
        };
        for done in &closed.done {
            let Some(actor) = self.actors.get_mut(done.actor) else { continue };
            let counts = done.signs.iter().flat_map(|sign| [true, false].map(|is_new| weight::own(*sign, is_new)));
            match resolution.finding {
                Finding::Malicious => {
                    actor.disown(done.edge);
                    if closed.was_benign {
                        counts.for_each(|sign| actor.unsigned(sign, ACCEPTED));
                    }
                }
                // Found again, it says nothing new.
                Finding::Benign if closed.was_benign => {}
                Finding::Benign => {
                    actor.release();
                    // Whoever it has its grants from next is right.
                    actor.orphan();
                    actor.accept(done.edge, resolution.time);
                    counts.for_each(|sign| actor.signed(sign, ACCEPTED));
                }
            }
        }
        if resolution.finding == Finding::Benign {
            self.seats.share(closed.chain);
            self.chains.close(closed.chain);
        }
        closed.outputs
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Whether an event says more than that its session goes on.
fn says_more(event: &Event) -> bool {
    let says = match &event.kind {
        Kind::Opened | Kind::Refused(_) => true,
        Kind::Acted { action, .. } => action.class == Class::Forward,
        Kind::Resulted { .. } => false,
        Kind::Closed(closed) => is_turned_back(closed),
    };
    says || !event.disclosures.is_empty() || !event.presented.is_empty()
}

/// Whether a session was refused before it reached anything.
pub(crate) fn is_turned_back(closed: &Closed) -> bool {
    matches!(&*closed.reason, "verdict" | "barrier") && closed.actions == 0
}
