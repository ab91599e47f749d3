//! How surprising an edge is to an actor: whether it goes somewhere new at all, and by which way it can have come upon
//! just this target. Both are counted class by class from what is seen; nothing is fitted to attacks. Against
//! habit stands movement, which uses a new edge two times in three and then any target as likely as another.

use crate::actor::{Actor, ActorId, Edge, Habit};
use crate::habit::MOST;
use crate::place::Place;
use crate::step::Ground;
use interdict_schemas::{Event, Time};
use serde::{Deserialize, Serialize};

/// P(a known edge | movement): attackers who know of habit stay on it; most do not.
const MOVEMENT_ON_KNOWN: f64 = 0.35;
/// P(a known edge | habit), as of whoever is known for long, of whom three sessions in a hundred go somewhere new; and
/// P(a new one | habit), which counts where habit is left out.
const HABIT_ON_KNOWN: f64 = 0.97;
const HABIT_ON_NEW: f64 = 0.03;
/// Habit takes the usual ones of the known edges, movement any; half of what that says counts, as whoever knows of
/// habit keeps to it. And the nats that it says at most, for movement or against it: the place is known in any case.
const USUAL_COUNTS: f64 = 0.5;
const STRONGEST_ON_KNOWN: f64 = 1.0;
/// P(a new edge | habit) at most: also who used nothing but new things comes back to some.
const NEWEST: f64 = 0.95;
/// P(a place that nobody ever used | movement).
const MOVEMENT_TO_NEW_PLACE: f64 = 0.012;
/// Nats that a new edge says against movement at most, however usual it is: movement takes such edges too.
const WEAKEST: f64 = -0.5;
/// Nats that it says for movement at most: the target alone, however rare, must hold nobody (`hold_nats`, unless that
/// is set lower). Less if nobody ever used the place: somebody must be the first.
const STRONGEST: f64 = 7.0;
const STRONGEST_TO_NEW_PLACE: f64 = 5.0;
/// First uses that are presumed of a day beside those counted: on a quiet one two of the same place are no fashion.
const PRESUMED_FIRSTS: u32 = 20;
/// Weight of what is usual for such actors, in sessions, against an actor's own share of new edges.
const OWN_NEWNESS: f64 = 20.0;
/// Own sessions that count at most, so that a long quiet past does not make one new edge proof.
const OWN_SESSIONS: u32 = 100;
/// New edges within so many days are an actor's own share.
pub(crate) const NEWNESS_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;

/// In which ways an actor comes upon a target, each as the probability that it leads there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ways {
    /// Through its peers, through others who act for the same root, because many begin to use it today, because many use
    /// it, or in none of these.
    pub any: [f64; 5],
    /// Through its groups, if it is in any that is known.
    pub groups: Option<f64>,
}

/// How much of what is new to a class comes in each way: a mixture, fitted online (stepwise EM, Cappé and Moulines 2009).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Choice {
    // Of actors without peers who lead there, and of those with some.
    shares: [[f64; 5]; 2],
    // The groups' share beside these.
    groups: [f64; 2],
}

impl Default for Choice {
    fn default() -> Self {
        Self { shares: [[0.0, 15.0, 10.0, 10.0, 25.0], [25.0, 15.0, 10.0, 10.0, 5.0]], groups: [25.0, 15.0] }
    }
}

/// What was seen fades: about so many new edges count.
const REMEMBERED: f64 = 2000.0;

impl Choice {
    /// The probability that habit chooses the target which the ways lead to so often.
    #[must_use]
    pub fn probability(&self, ways: &Ways) -> f64 {
        let at = usize::from(ways.any[0] > 0.0);
        let (shares, groups) = (&self.shares[at], self.groups[at]);
        let all = shares.iter().sum::<f64>() + ways.groups.map_or(0.0, |_| groups);
        (dot(shares, &ways.any) + ways.groups.map_or(0.0, |way| groups * way)) / all
    }

    /// Takes note of a target that was chosen.
    pub fn learn(&mut self, ways: &Ways) {
        let at = usize::from(ways.any[0] > 0.0);
        let (shares, groups) = (&mut self.shares[at], &mut self.groups[at]);
        let all = dot(shares, &ways.any) + ways.groups.map_or(0.0, |way| *groups * way);
        if all <= 0.0 {
            return;
        }
        let learn = |share: &mut f64, way: f64| *share = *share * (1.0 - 1.0 / REMEMBERED) + *share * way / all;
        shares.iter_mut().zip(ways.any).for_each(|(share, way)| learn(share, way));
        // Of who is in no group nothing is learned of groups.
        ways.groups.into_iter().for_each(|way| learn(groups, way));
    }
}

fn dot(shares: &[f64; 5], ways: &[f64; 5]) -> f64 {
    shares.iter().zip(ways).map(|(share, way)| share * way).sum()
}

/// How surprising an edge is.
#[derive(Debug, Clone, Copy)]
pub struct Novelty {
    /// Evidence that it is not habit, nats.
    pub nats: f64,
    /// The ways to the target, if it is new to the actor and not to everybody.
    pub ways: Option<Ways>,
}

impl Novelty {
    /// Of an edge, as its actor stands before it. `was_named`: a response named the target to the actor.
    #[must_use]
    pub fn of(
        ground: Ground<'_>,
        (actor, actor_id): (&Actor, ActorId),
        edge: Edge,
        known: Option<Habit>,
        event: &Event,
        is_forward: bool,
        was_named: bool,
    ) -> Self {
        let time = event.time;
        if ground.settings.without.habit {
            let odds = match known {
                Some(_) => MOVEMENT_ON_KNOWN / HABIT_ON_KNOWN,
                None => (1.0 - MOVEMENT_ON_KNOWN) / HABIT_ON_NEW,
            };
            return Self { nats: odds.ln(), ways: None };
        }
        if let Some(known) = known {
            // Movement picks any of the known edges, habit the usual ones.
            let edges = actor.edges().len().max(1) as f64;
            let counted = (f64::from(known.count) / f64::from(actor.sessions.max(1))).min(1.0);
            // What was counted to the end is usual, however much else there is.
            let share = if known.count == MOST { 1.0 } else { counted };
            let usual = (USUAL_COUNTS * -(share * edges).ln()).clamp(-STRONGEST_ON_KNOWN, STRONGEST_ON_KNOWN);
            return Self { nats: (MOVEMENT_ON_KNOWN / HABIT_ON_KNOWN).ln() + usual, ways: None };
        }
        let newness = if is_forward {
            ground.population.forward_newness()
        } else {
            let usual = ground.population.newness(actor.class, actor.sessions);
            let own = actor.firsts_since(time.plus_seconds(-NEWNESS_DAYS * DAY_S), time) as f64;
            let sessions = f64::from(actor.sessions.min(OWN_SESSIONS));
            ((own + OWN_NEWNESS * usual) / (sessions + OWN_NEWNESS)).min(NEWEST)
        };
        let moved = 1.0 - MOVEMENT_ON_KNOWN;
        // One that nobody used and that a response named was there before.
        let Some(place) = ground.places.get(edge.place).filter(|place| place.users > 0 || was_named) else {
            let habit = newness * ground.population.new_place();
            let nats = (moved * MOVEMENT_TO_NEW_PLACE / habit).ln().clamp(WEAKEST, STRONGEST_TO_NEW_PLACE);
            return Self { nats, ways: None };
        };
        let any = ways(ground, actor, actor_id, edge, place, time);
        let ways = Ways { any, groups: ground.groups.way(&event.identity, edge.place) };
        let targets = ground.places.used().max(1) as f64;
        let choice = ground.population.choice(actor.class, &ways);
        let nats = ((moved / newness).ln() - (targets * choice).ln()).clamp(WEAKEST, STRONGEST);
        Self { nats, ways: Some(ways) }
    }
}

fn ways(ground: Ground<'_>, actor: &Actor, id: ActorId, edge: Edge, place: &Place, time: Time) -> [f64; 5] {
    let since = time.plus_seconds(-DAY_S);
    [
        walk(ground, actor, id, (edge, place)),
        kin(ground, actor, id, edge),
        place.first_uses(since, time) as f64 / f64::from(ground.population.firsts_of_the_day(time) + PRESUMED_FIRSTS),
        f64::from(place.users) / (ground.population.firsts() + 1) as f64,
        1.0 / ground.places.used().max(1) as f64,
    ]
}

/// Edges of the actor that are looked at, and peers on each.
const WALK_EDGES: usize = 16;
const WALK_PEERS: usize = 16;

/// The probability that a random walk from the actor over one of its places to another one who uses it and on over one
/// of that one's edges ends with this edge: how its peers come by their targets.
fn walk(ground: Ground<'_>, actor: &Actor, id: ActorId, (edge, target): (Edge, &Place)) -> f64 {
    // Nobody else used the target, so that no walk ends there; and to look costs most of all.
    if !target.is_hub() && target.recent_users().all(|user| user == id) {
        return 0.0;
    }
    let shared = |place: &&Place| place.users >= 2 && !place.is_hub();
    let places = || {
        let places = actor.edges().iter().rev().filter_map(|habit| ground.places.get(habit.edge().place));
        places.filter(shared).take(WALK_EDGES)
    };
    let count = places().count() as f64;
    let mut probability = 0.0;
    for place in places() {
        let peers = place.recent_users().len().min(WALK_PEERS) as f64;
        // Looking a peer up is what costs, so only those are who can have the edge.
        let candidates =
            place.recent_users().rev().take(WALK_PEERS).filter(|peer| *peer != id && target.may_know(*peer));
        for peer in candidates {
            if let Some(peer) = ground.actors.get(peer)
                && peer.edge(edge).is_some()
            {
                probability += 1.0 / (count * peers * peer.edges().len() as f64);
            }
        }
    }
    probability
}

/// The probability that one of those who act for the same root, or the root, picked at random, leads there by an edge
/// of its own picked at random.
fn kin(ground: Ground<'_>, actor: &Actor, id: ActorId, edge: Edge) -> f64 {
    if actor.root == id {
        return 0.0;
    }
    let Some(root) = ground.actors.get(actor.root) else { return 0.0 };
    let (mut count, mut probability) = (0.0_f64, 0.0);
    for kin in root.delegates().iter().copied().chain([actor.root]).filter(|kin| *kin != id) {
        if let Some(kin) = ground.actors.get(kin).filter(|kin| !kin.edges().is_empty()) {
            count += 1.0;
            if kin.edge(edge).is_some() {
                probability += 1.0 / kin.edges().len() as f64;
            }
        }
    }
    probability / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_that_lead_to_what_is_chosen_gain() {
        let mut choice = Choice::default();
        let (by_kin, by_fashion) = ([0.0, 0.1, 0.0, 0.001, 0.001], [0.0, 0.0, 0.1, 0.001, 0.001]);
        let [by_kin, by_fashion] = [by_kin, by_fashion].map(|any| Ways { any, groups: None });
        let before = [by_kin, by_fashion].map(|ways| choice.probability(&ways));
        (0..500).for_each(|_| choice.learn(&by_kin));
        let after = [by_kin, by_fashion].map(|ways| choice.probability(&ways));
        assert!(after[0] > 3.0 * before[0], "{before:?} {after:?}");
        assert!(after[1] < before[1] / 3.0, "{before:?} {after:?}");
        choice.learn(&Ways::default());
        assert!(choice.probability(&by_kin).is_finite());
        let by_group = Ways { groups: Some(0.1), ..by_fashion };
        assert!(choice.probability(&by_group) > choice.probability(&by_fashion));
        let [led, not_led] = [0.2, 0.0].map(|way| Ways { groups: Some(way), ..Ways::default() });
        (0..500).for_each(|_| choice.learn(&led));
        assert!(choice.probability(&not_led) < choice.probability(&led) / 3.0);
    }
}
