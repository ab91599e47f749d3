//! One step: a session that was admitted, or a forward through one, set against habit. Everything that a detection may
//! look at is here, as it was before the step.

use crate::actor::{Actor, ActorId, Edge, Habit};
use crate::actors::{Actors, Grant};
use crate::fingerprint::{self, Fingerprint};
use crate::learned::{Keys, Lesson};
use crate::likelihood::Rate;
use crate::place::{Arrival, Machine, Place, PlaceId, Places};
use crate::population::Population;
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
    /// Evidence that the edge is not habit, nats.
    pub edge_nats: f64,
    /// Evidence that the origin is not habit, nats.
    pub origin_nats: f64,
    /// What was learned of the target, or of the credential used.
    pub lesson: Option<&'a Lesson>,
    /// What was learned of the account and credential, if they are new to the actor on this edge.
    pub secret: Option<&'a Lesson>,
    /// The account, or its credential, was never used on this edge by this actor.
    pub is_other_account: bool,
    /// What the delegation says.
    pub grant: Grant,
    /// Somebody acting for the same root has used the edge.
    pub is_known_to_kin: bool,
    /// Within two hours the actor looked around, or somebody did where it comes from.
    pub is_after_discovery: bool,
    /// A forward inside a session, not a session.
    pub is_forward: bool,
}

const DAY_S: i64 = 86_400;
/// So long after looking around a step is taken to follow from it, seconds.
const DISCOVERED_S: i64 = 7200;
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
        let learned = root.learned();
        let lesson = learned.and_then(|learned| learned.newest(&keys.place, since, time, edge.place));
        let names_account = keys.account != 0 || keys.credential != 0;
        let is_other_account = names_account && !actor.accounts.knows(account_on(edge, &keys));
        let secret = if is_other_account {
            let keys: &[_] = &[keys.credential, if keys.credential == 0 { keys.account } else { 0 }];
            learned.and_then(|learned| learned.newest(keys, since, time, edge.place)).filter(|lesson| {
                // An account that it used before it read of it taught it nothing.
                lesson.teaching.time > actor.clock || !actor.accounts.knows(keys[0].max(keys[1]))
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
            edge_nats: edge_nats(ground, actor, actor_id, edge, known, time, is_forward, lesson.is_some()),
            origin_nats: if is_forward { 0.0 } else { origin_nats(ground, actor, origin, known.is_none()) },
            lesson,
            secret,
            is_other_account: is_other_account && known.is_some(),
            grant,
            is_known_to_kin: grant.is_delegated
                && (root.edge(edge).is_some() || root.delegates().iter().any(is_known_to_kin)),
            is_after_discovery: {
                let since = time.plus_seconds(-DISCOVERED_S);
                let place = machine.place.and_then(|id| ground.places.get(id));
                let explored = |at: Time| (since..=time).contains(&at);
                explored(actor.explored) || place.is_some_and(|place| explored(place.explored()))
            },
            is_forward,
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
        return (origin.movement() / origin.unknown()).ln().clamp(-1.5, ground.settings.strongest_origin);
    }
    let (all, lift) = ground.population.origin(actor.class, actor.sessions, is_new, origin);
    let own = Rate { trials: actor.sessions, hits: actor.origins[origin as usize] }.given(all, OWN_ORIGIN);
    let habit = (own * lift.clamp(0.1, 10.0)).min(1.0);
    (origin.movement() / habit).ln().clamp(-1.5, ground.settings.strongest_origin)
}

/// Weight of a class's origins, in sessions, against an actor's own.
const OWN_ORIGIN: f64 = 10.0;
/// P(a known edge | movement): attackers who know of habit stay on it; most do not.
const MOVEMENT_ON_KNOWN: f64 = 0.35;
/// P(a place that nobody ever used | movement).
const MOVEMENT_TO_NEW_PLACE: f64 = 0.012;
/// Weight of what is usual for such actors, in sessions, against an actor's own share of new edges.
const OWN_NEWNESS: f64 = 20.0;
/// Own sessions that count at most, so that a long quiet past does not make one new edge proof.
const OWN_SESSIONS: u32 = 100;
/// New edges within so many days are an actor's own share.
pub(crate) const NEWNESS_DAYS: i64 = 14;

#[expect(clippy::too_many_arguments, reason = "what an edge is set against")]
fn edge_nats(
    ground: Ground<'_>,
    actor: &Actor,
    actor_id: ActorId,
    edge: Edge,
    known: Option<Habit>,
    time: Time,
    is_forward: bool,
    was_named: bool,
) -> f64 {
    if ground.settings.without.habit {
        return if known.is_some() {
            (MOVEMENT_ON_KNOWN / 0.97_f64).ln()
        } else {
            ((1.0 - MOVEMENT_ON_KNOWN) / 0.03).ln()
        };
    }
    let edges = actor.edges().len().max(1) as f64;
    if let Some(known) = known {
        // Movement picks any of the known edges, habit the usual ones.
        let share = f64::from(known.count) / f64::from(actor.sessions.max(1));
        return (MOVEMENT_ON_KNOWN / 0.97_f64).ln() + (0.5 * -(share * edges).ln()).clamp(-1.0, 1.0);
    }
    let newness = if is_forward {
        ground.population.forward_newness()
    } else {
        let usual = ground.population.newness(actor.class, actor.sessions);
        let own = actor.firsts_since(time.plus_seconds(-NEWNESS_DAYS * DAY_S), time) as f64;
        let sessions = f64::from(actor.sessions.min(OWN_SESSIONS));
        ((own + OWN_NEWNESS * usual) / (sessions + OWN_NEWNESS)).min(0.95)
    };
    let moved = 1.0 - MOVEMENT_ON_KNOWN;
    let place = ground.places.get(edge.place);
    // One that nobody used and that a response named was there before.
    let Some(place) = place.filter(|place| place.users > 0 || was_named) else {
        let habit = newness * ground.population.new_place();
        return (moved * MOVEMENT_TO_NEW_PLACE / habit).ln().clamp(-0.5, 5.0);
    };
    let targets = ground.places.len().max(1) as f64;
    let since = time.plus_seconds(-DAY_S);
    let recent = place.first_uses(since, time) as f64 / f64::from(ground.population.firsts_of_the_day(time) + 20);
    let popular = f64::from(place.users) / (ground.population.firsts() + 1) as f64;
    let by_peers = walk(ground, actor, actor_id, edge);
    // Of a newcomer without peers nothing can be said of what it will choose.
    let (peers, any) = if by_peers.is_some() { (0.5, 0.1) } else { (0.0, 0.6) };
    let choice = peers * by_peers.unwrap_or(0.0) + 0.2 * recent + 0.2 * popular + any / targets;
    ((moved / newness).ln() - (targets * choice).ln()).clamp(-0.5, 7.0)
}

/// Edges of the actor that are looked at, and peers on each.
const WALK_EDGES: usize = 16;
const WALK_PEERS: usize = 16;

/// The probability that a random walk from the actor over one of its places to another one who uses it and on over one
/// of that one's edges ends with this edge: how its peers come by their targets. Nothing if it shares no place.
fn walk(ground: Ground<'_>, actor: &Actor, actor_id: ActorId, edge: Edge) -> Option<f64> {
    let shared = |place: &&Place| (2..=crate::place::USERS as u32).contains(&place.users);
    let places: Vec<&Place> = actor
        .edges()
        .iter()
        .rev()
        .filter_map(|habit| ground.places.get(habit.edge().place))
        .filter(shared)
        .take(WALK_EDGES)
        .collect();
    if places.is_empty() {
        return None;
    }
    let mut probability = 0.0;
    for place in &places {
        let peers = place.recent_users().len().min(WALK_PEERS) as f64;
        for peer in place.recent_users().rev().take(WALK_PEERS).filter(|peer| *peer != actor_id) {
            if let Some(peer) = ground.actors.get(peer)
                && peer.edge(edge).is_some()
            {
                probability += 1.0 / (places.len() as f64 * peers * peer.edges().len() as f64);
            }
        }
    }
    Some(probability)
}
