//! One step: a session that was admitted, or a forward through one, set against habit. Everything that a detection may
//! look at is here, as it was before the step.

use crate::actor::{Actor, ActorId, Edge, Habit};
use crate::actors::{Actors, Grant};
use crate::fingerprint::{self, Fingerprint};
use crate::groups::Groups;
use crate::learned::{Keys, Lesson};
use crate::likelihood::Rate;
use crate::novelty::Novelty;
use crate::place::{Arrival, Place, PlaceId};
use crate::places::{Machine, Places};
use crate::population::Population;
use crate::rhythm::Pause;
use crate::settings::Settings;
use interdict_schemas::{Event, Time};

/// Where a step starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Origin {
    /// A client machine that the actor used before.
    Known,
    /// A client machine never seen, of a kind that the actor uses.
    Kin,
    /// A client machine of a kind that the actor never used.
    Unknown,
    /// A protected system that the actor, or one that acts for the same root, reached within a day.
    Onward,
    /// A protected system that the actor did not reach, and has started from before: it lives there.
    Resident,
    /// A protected system that the actor did not reach and others did, within a day.
    Stranger,
    /// A protected system that nobody reached within a day.
    Vacant,
}

/// How many origins there are.
pub const ORIGINS: usize = 7;

impl Origin {
    /// P(origin | movement): an attacker goes on from where they got to, as whoever they found there, and starts from
    /// the seat of the identity they hold.
    #[must_use]
    pub const fn movement(self) -> f64 {
        match self {
            Self::Known => 0.30,
            Self::Kin => 0.05,
            Self::Unknown => 0.02,
            Self::Onward => 0.23,
            Self::Resident => 0.13,
            Self::Stranger => 0.24,
            Self::Vacant => 0.03,
        }
    }

    /// P(origin | habit) before anything was counted.
    #[must_use]
    pub const fn unknown(self) -> f64 {
        match self {
            Self::Known => 0.6,
            Self::Kin => 0.15,
            Self::Unknown => 0.1,
            Self::Onward => 0.1,
            Self::Resident => 0.03,
            Self::Stranger => 0.01,
            Self::Vacant => 0.01,
        }
    }
}

/// How a step came to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A session was opened.
    Opened,
    /// A forward was, through one.
    Forwarded,
    /// A session was asked for and refused, or something was presented that only movement can have. Nothing was reached,
    /// so habit is not learnt from it.
    Tried,
}

/// Who looked around before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Its actor did.
    Actor,
    /// Somebody did, on the system that it comes from.
    Place,
}

/// A step, before it is learnt from.
#[derive(Debug)]
pub struct Step<'a> {
    /// The event that shows it.
    pub event: &'a Event,
    /// When.
    pub time: Time,
    /// Who acts.
    pub actor: &'a Actor,
    /// Its number.
    pub actor_id: ActorId,
    /// Where to.
    pub edge: Edge,
    /// The target.
    pub place: Option<&'a Place>,
    /// Where from.
    pub machine: Machine,
    /// What that is to the actor.
    pub origin: Origin,
    /// The newest arrival of somebody else at the system it starts from, within a day.
    pub stranger: Option<Arrival>,
    /// What the actor's habit says of the edge; nothing if it is new.
    pub known: Option<Habit>,
    /// How surprising the edge is.
    pub novelty: Novelty,
    /// Evidence that the origin is not habit, nats.
    pub origin_nats: f64,
    /// What was learned of the target.
    pub lesson: Option<&'a Lesson>,
    /// What was learned of the account and credential, if they are new to the actor on this edge.
    pub secret: Option<&'a Lesson>,
    /// The account, or its credential, was never used on this edge by this actor.
    pub is_other_account: bool,
    /// What the delegation says.
    pub grant: Grant,
    /// Somebody acting for the same root has used the edge.
    pub is_known_to_kin: bool,
    /// Who looked around within two hours before it, and since the actor's step before; the actor, if both did.
    pub looked: Option<Looked>,
    /// How long after the actor's newest session it comes.
    pub pause: Option<Pause>,
    /// A forward inside a session, not a session.
    pub is_forward: bool,
    /// It was not refused.
    pub has_arrived: bool,
}

const DAY_S: i64 = 86_400;
/// So long after looking around a step is taken to follow from it, seconds.
const DISCOVERED_S: i64 = 7200;
/// Whoever starts from a system that refused it less than so long ago is taken to have come in since, microseconds:
/// who is refused tries again at once, and the record of the try that worked may come after the step's.
const AT_THE_DOOR_US: i64 = 120_000_000;

/// What a step is set against.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// All actors.
    pub actors: &'a Actors,
    /// All places.
    pub places: &'a Places,
    /// Everybody.
    pub population: &'a Population,
    /// Groups.
    pub groups: &'a Groups,
}

/// The number under which an actor remembers an account, or a credential, on an edge.
#[must_use]
pub fn account_on(edge: Edge, keys: &Keys) -> Fingerprint {
    fingerprint::of((edge.place.0, edge.protocol, keys.account, keys.credential))
}

/// The number under which an actor remembers a forward.
#[must_use]
pub fn forwarded(place: PlaceId) -> Fingerprint {
    fingerprint::of(("forward", place.0))
}

/// The number under which an actor remembers that it starts from a system it did not reach.
#[must_use]
pub fn residence(place: PlaceId) -> Fingerprint {
    fingerprint::of(("resident", place.0))
}

impl<'a> Step<'a> {
    /// The step that an event shows.
    #[must_use]
    pub fn of(
        ground: Ground<'a>,
        event: &'a Event,
        actor_id: ActorId,
        grant: Grant,
        edge: Edge,
        machine: Machine,
        manner: Manner,
    ) -> Option<Self> {
        let is_forward = manner == Manner::Forwarded;
        let time = event.time;
        let actor = ground.actors.get(actor_id)?;
        let root = ground.actors.get(actor.root)?;
        let place = ground.places.get(edge.place);
        let known = actor.edge(edge).copied();
        let from = Machine { place: machine.place.filter(|_| !ground.settings.without.lineage), ..machine };
        let (origin, stranger) = origin(ground, actor, from, time);
        let keys = Keys::of(event);
        let since = time.plus_seconds(-i64::from(ground.settings.horizon_days) * DAY_S);
        let learned = root.learned().filter(|_| !ground.settings.without.disclosures);
        let lesson = learned.and_then(|learned| learned.newest(&keys.place, since, time, edge.place));
        let names_account = keys.account != 0 || keys.credential != 0;
        let is_other_account = names_account && !actor.uses(edge, account_on(edge, &keys));
        let secret = if is_other_account {
            let keys: &[_] = &[keys.credential, if keys.credential == 0 { keys.account } else { 0 }];
            learned.and_then(|learned| learned.newest(keys, since, time, edge.place)).filter(|lesson| {
                // An account that it used before it read of it taught it nothing.
                lesson.time() > actor.clock || !actor.accounts.knows(keys[0].max(keys[1]))
            })
        } else {
            None
        };
        let is_known_to_kin = |id: &ActorId| ground.actors.get(*id).is_some_and(|kin| kin.edge(edge).is_some());
        Some(Self {
            event,
            time,
            actor,
            actor_id,
            edge,
            place,
            machine,
            origin,
            stranger,
            known,
            novelty: Novelty::of(ground, (actor, actor_id), edge, known, event, is_forward, lesson.is_some()),
            origin_nats: if is_forward { 0.0 } else { origin_nats(ground, actor, origin, known.is_none()) },
            lesson,
            secret,
            is_other_account: is_other_account && known.is_some(),
            grant,
            is_known_to_kin: grant.is_delegated
                && (root.edge(edge).is_some() || root.delegates().iter().any(is_known_to_kin)),
            looked: {
                // What was seen before the step before has been weighed there.
                let since = time.plus_seconds(-DISCOVERED_S).max(actor.clock);
                let place = machine.place.and_then(|id| ground.places.get(id));
                let explored = |at: Time| (since..=time).contains(&at);
                if explored(actor.explored) {
                    Some(Looked::Actor)
                } else {
                    place.filter(|place| explored(place.explored())).map(|_| Looked::Place)
                }
            },
            pause: Pause::between(actor.clock, time),
            is_forward,
            has_arrived: !matches!(event.kind, interdict_schemas::Kind::Refused(_)),
        })
    }
}

fn origin(ground: Ground<'_>, actor: &Actor, machine: Machine, time: Time) -> (Origin, Option<Arrival>) {
    let landing =
        machine.place.and_then(|id| Some((id, ground.places.get(id)?))).filter(|(_, place)| place.is_landing());
    let Some((id, place)) = landing else {
        let origin = if actor.machines.knows(machine.machine) {
            Origin::Known
        } else if actor.machines.knows(machine.family) {
            Origin::Kin
        } else {
            Origin::Unknown
        };
        return (origin, None);
    };
    let since = time.plus_seconds(-DAY_S);
    let mut stranger = None;
    for arrival in place.arrivals(since, time) {
        if arrival.root == actor.root {
            return (Origin::Onward, None);
        }
        stranger = stranger.or(Some(*arrival));
    }
    // Whoever was refused at that door a moment ago is about to come in by it: the record of the next try may be late.
    let is_at_the_door = |(refused, place): &(Time, PlaceId)| {
        *place == id && (0..AT_THE_DOOR_US).contains(&time.micros_since(*refused))
    };
    let origin = if actor.refusals().iter().any(is_at_the_door) {
        return (Origin::Onward, None);
    } else if actor.machines.knows(residence(id)) {
        Origin::Resident
    } else if stranger.is_some() {
        Origin::Stranger
    } else {
        Origin::Vacant
    };
    (origin, stranger)
}

fn origin_nats(ground: Ground<'_>, actor: &Actor, origin: Origin, is_new: bool) -> f64 {
    if ground.settings.without.habit {
        return (origin.movement() / origin.unknown()).ln().clamp(WEAKEST_ORIGIN, ground.settings.strongest_origin);
    }
    let usual = ground.population.origin(actor.class, actor.sessions, is_new, origin);
    let own = Rate { trials: actor.sessions, hits: actor.origins[origin as usize] };
    let habit = usual.of(own, OWN_ORIGIN);
    (origin.movement() / habit).ln().clamp(WEAKEST_ORIGIN, ground.settings.strongest_origin)
}

/// Weight of a class's origins, in sessions, against an actor's own.
const OWN_ORIGIN: f64 = 10.0;
/// Nats that an origin says against movement at most: whoever holds an identity may sit at its own machine.
const WEAKEST_ORIGIN: f64 = -1.5;
