//! What everybody does: for each class of actors how often an edge is new, where sessions come from, how often each sign
//! is there. It is the prior for actors of whom little is known.

use crate::actor::Class;
use crate::likelihood::{Rate, acquaintance};
use crate::novelty::{Choice, Ways};
use crate::rhythm::{PAUSES, Pause};
use crate::step::{ORIGINS, Origin};
use interdict_schemas::Time;
use serde::{Deserialize, Serialize};

/// Eight degrees of acquaintance, see [`acquaintance`].
const DEGREES: usize = 8;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Habits {
    // By acquaintance: whether an edge was new.
    is_new: [Rate; DEGREES],
    choice: Choice,
    origins: [u32; ORIGINS],
    // By acquaintance and whether the edge is new.
    origins_by: [[[u32; ORIGINS]; 2]; DEGREES],
    pauses: [u32; PAUSES],
    pauses_by: [[[u32; PAUSES]; 2]; DEGREES],
    // By detection, pairs of degrees, and whether the edge is new.
    signs: Vec<[[Rate; 2]; DEGREES / 2]>,
}

/// Everybody.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Population {
    classes: Vec<Habits>,
    firsts: u64,
    // First uses per hour, of the last day; the hour they are of.
    hours: [(i64, u32); 25],
    new_places: Rate,
    forwards: Rate,
}

const HOUR_US: i64 = 3_600_000_000;

impl Population {
    fn habits(&self, class: Class) -> Option<&Habits> {
        self.classes.get(class.0 as usize)
    }

    fn habits_mut(&mut self, class: Class) -> &mut Habits {
        let at = class.0 as usize;
        if self.classes.len() <= at {
            self.classes.resize_with(at + 1, Habits::default);
        }
        &mut self.classes[at]
    }

    /// How probable a new edge is for an actor of this class after so many sessions.
    #[must_use]
    pub fn newness(&self, class: Class, sessions: u32) -> f64 {
        // Before anything is known: everything is new to a newcomer, and one session in thirty later on.
        let degree = acquaintance(sessions);
        let unknown = [0.9, 0.5, 0.3, 0.15, 0.1, 0.05, 0.03, 0.03][degree];
        self.habits(class).map_or(Rate::default(), |habits| habits.is_new[degree]).given(unknown, 20.0)
    }

    /// How probable it is that an actor of this class chooses a target that these ways lead to.
    #[must_use]
    pub fn choice(&self, class: Class, ways: &Ways) -> f64 {
        self.habits(class).map_or_else(Choice::default, |habits| habits.choice).probability(ways)
    }

    /// How probable an origin is for this class, and how much more probable for such an edge of such an actor.
    #[must_use]
    pub fn origin(&self, class: Class, sessions: u32, is_new: bool, origin: Origin) -> (f64, f64) {
        let (at, prior) = (origin as usize, origin.unknown());
        let Some(habits) = self.habits(class) else { return (prior, 1.0) };
        let all = Rate { trials: habits.origins.iter().sum(), hits: habits.origins[at] }.given(prior, 20.0);
        let such = habits.origins_by[acquaintance(sessions)][usize::from(is_new)];
        let such = Rate { trials: such.iter().sum(), hits: such[at] }.given(all, 20.0);
        (all, such / all)
    }

    /// How probable a pause is for this class, and how much more probable before such an edge of such an actor.
    #[must_use]
    pub fn pause(&self, class: Class, sessions: u32, is_new: bool, pause: Pause) -> (f64, f64) {
        let (at, prior) = (pause.index(), pause.unknown());
        let Some(habits) = self.habits(class) else { return (prior, 1.0) };
        let all = Rate { trials: habits.pauses.iter().sum(), hits: habits.pauses[at] }.given(prior, 20.0);
        let such = habits.pauses_by[acquaintance(sessions)][usize::from(is_new)];
        let such = Rate { trials: such.iter().sum(), hits: such[at] }.given(all, 20.0);
        (all, such / all)
    }

    /// Takes note of a pause.
    pub fn paused(&mut self, class: Class, sessions: u32, is_new: bool, pause: Pause) {
        let habits = self.habits_mut(class);
        let such = &mut habits.pauses_by[acquaintance(sessions)][usize::from(is_new)];
        for count in [&mut habits.pauses[pause.index()], &mut such[pause.index()]] {
            *count = count.saturating_add(1);
        }
    }

    /// How probable the sign of a detection is.
    #[must_use]
    pub fn sign(&self, class: Class, sessions: u32, is_new: bool, detection: u8, unknown: f64) -> f64 {
        self.habits(class)
            .and_then(|habits| habits.signs.get(detection as usize))
            .map_or(Rate::default(), |sign| sign[acquaintance(sessions) / 2][usize::from(is_new)])
            .given(unknown, 50.0)
    }

    /// First uses of any target by anybody.
    #[must_use]
    pub const fn firsts(&self) -> u64 {
        self.firsts
    }

    /// First uses within about a day before `time`.
    #[must_use]
    pub fn firsts_of_the_day(&self, time: Time) -> u32 {
        let hour = time.0.div_euclid(HOUR_US);
        self.hours.iter().filter(|(of, _)| (hour - 24..=hour).contains(of)).map(|(_, count)| count).sum()
    }

    /// How probable it is that a new edge leads to a place that nobody ever used.
    #[must_use]
    pub fn new_place(&self) -> f64 {
        self.new_places.given(0.1, 20.0)
    }

    /// How probable it is that a forward leads where its actor never went.
    #[must_use]
    pub fn forward_newness(&self) -> f64 {
        self.forwards.given(0.3, 20.0)
    }

    /// Takes note of a forward.
    pub fn forwarded(&mut self, is_new: bool) {
        self.forwards.count(is_new);
    }

    /// Takes note of a session.
    pub fn opened(&mut self, class: Class, sessions: u32, is_new: bool, origin: Origin) {
        let habits = self.habits_mut(class);
        let degree = acquaintance(sessions);
        habits.is_new[degree].count(is_new);
        for count in [
            &mut habits.origins[origin as usize],
            &mut habits.origins_by[degree][usize::from(is_new)][origin as usize],
        ] {
            *count = count.saturating_add(1);
        }
    }

    /// Takes note of how an actor came upon a target that is new to it.
    pub fn chose(&mut self, class: Class, ways: &Ways) {
        self.habits_mut(class).choice.learn(ways);
    }

    /// Takes note of a first use.
    pub fn first(&mut self, time: Time, is_new_place: bool) {
        self.firsts += 1;
        self.new_places.count(is_new_place);
        let hour = time.0.div_euclid(HOUR_US);
        let slot = &mut self.hours[usize::try_from(hour.rem_euclid(25)).unwrap_or(0)];
        if slot.0 < hour {
            *slot = (hour, 0);
        }
        if slot.0 == hour {
            slot.1 = slot.1.saturating_add(1);
        }
    }

    /// Counts whether a sign was there.
    pub fn signed(&mut self, class: Class, sessions: u32, is_new: bool, detection: u8, is_there: bool) {
        let habits = self.habits_mut(class);
        let at = detection as usize;
        if habits.signs.len() <= at {
            habits.signs.resize_with(at + 1, Default::default);
        }
        habits.signs[at][acquaintance(sessions) / 2][usize::from(is_new)].count(is_there);
    }
}
