//! What everybody does: for each class of actors how often an edge is new, where sessions come from, how often each sign
//! is there. It is the prior for actors of whom little is known.

use crate::actor::Class;
use crate::habit::HALF_LIFE_DAYS;
use crate::likelihood::{Rate, Usual, acquaintance};
use crate::novelty::{Choice, Ways};
use crate::rhythm::{PAUSES, Pause};
use crate::step::{ORIGINS, Origin};
use interdict_schemas::Time;
use serde::{Deserialize, Serialize};

/// Eight degrees of acquaintance, see [`acquaintance`].
const DEGREES: usize = 8;

/// P(a new edge | habit) before anything was counted, by acquaintance: everything is new to a newcomer, and one
/// session in thirty later on.
const NEW: [f64; DEGREES] = [0.9, 0.5, 0.3, 0.15, 0.1, 0.05, 0.03, 0.03];
/// P(a new edge leads to a place that nobody ever used | habit) before anything was counted: most places are there
/// already.
const NEW_PLACE: f64 = 0.1;
/// P(a forward leads where its actor never went | habit) before anything was counted: ways that
/// are taken every day are many, and so are those that are opened for one task.
const NEW_FORWARD: f64 = 0.3;
/// Weight of what is presumed before anything was counted, in sessions: as many that were counted weigh as much, so
/// that it decides until a class is known and not for long after.
const PRESUMED: f64 = 20.0;
/// Weight of what is presumed of a sign, in sessions. More, since most signs are there in one session of twenty or
/// fewer: that the first twenty are without it must not make it unheard of.
const PRESUMED_SIGN: f64 = 50.0;
/// Weight of all that was counted of a class, in sessions, against what was counted of such edges of such actors: that
/// is one of sixteen parts of it, and must be heard where there is little of it.
const ALL: f64 = 20.0;

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
    // The day on which all was last halved.
    faded: Option<i64>,
}

const HOUR_US: i64 = 3_600_000_000;

/// Of what was counted for all of a class, and for such edges of such actors.
fn usual(counts: Option<(&[u32], &[u32])>, at: usize, prior: f64) -> Usual {
    let Some((all, such)) = counts else { return Usual { all: prior, lift: 1.0 } };
    let rate = |counts: &[u32]| {
        let trials = counts.iter().fold(0_u32, |sum, count| sum.saturating_add(*count));
        Rate { trials, hits: counts[at] }
    };
    let all = rate(all).given(prior, PRESUMED);
    Usual { all, lift: rate(such).given(all, ALL) / all }
}

impl Habits {
    fn fade(&mut self) {
        let rates = self.is_new.iter_mut().chain(self.signs.iter_mut().flatten().flatten());
        rates.for_each(Rate::fade);
        let origins = self.origins.iter_mut().chain(self.origins_by.iter_mut().flatten().flatten());
        let pauses = self.pauses.iter_mut().chain(self.pauses_by.iter_mut().flatten().flatten());
        origins.chain(pauses).for_each(|count| *count /= 2);
    }
}

fn seen(counts: [&mut u32; 2]) {
    counts.into_iter().for_each(|count| *count = count.saturating_add(1));
}

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

    /// Halves all that was counted, once in a while.
    pub fn age(&mut self, day: i64) {
        let faded = *self.faded.get_or_insert(day);
        if day - faded >= i64::from(HALF_LIFE_DAYS) {
            self.faded = Some(day);
            self.classes.iter_mut().for_each(Habits::fade);
            self.new_places.fade();
            self.forwards.fade();
        }
    }

    /// How probable a new edge is for an actor of this class after so many sessions.
    #[must_use]
    pub fn newness(&self, class: Class, sessions: u32) -> f64 {
        let degree = acquaintance(sessions);
        self.habits(class).map_or(Rate::default(), |habits| habits.is_new[degree]).given(NEW[degree], PRESUMED)
    }

    /// How probable it is that an actor of this class chooses a target that these ways lead to.
    #[must_use]
    pub fn choice(&self, class: Class, ways: &Ways) -> f64 {
        self.habits(class).map_or_else(Choice::default, |habits| habits.choice).probability(ways)
    }

    /// How probable an origin is before such an edge of such an actor.
    #[must_use]
    pub fn origin(&self, class: Class, sessions: u32, is_new: bool, origin: Origin) -> Usual {
        let counts = self
            .habits(class)
            .map(|habits| (&habits.origins[..], &habits.origins_by[acquaintance(sessions)][usize::from(is_new)][..]));
        usual(counts, origin as usize, origin.unknown())
    }

    /// How probable a pause is before such an edge of such an actor.
    #[must_use]
    pub fn pause(&self, class: Class, sessions: u32, is_new: bool, pause: Pause) -> Usual {
        let counts = self
            .habits(class)
            .map(|habits| (&habits.pauses[..], &habits.pauses_by[acquaintance(sessions)][usize::from(is_new)][..]));
        usual(counts, pause.index(), pause.unknown())
    }

    /// Takes note of a pause.
    pub fn paused(&mut self, class: Class, sessions: u32, is_new: bool, pause: Pause) {
        let (at, habits) = (pause.index(), self.habits_mut(class));
        let such = &mut habits.pauses_by[acquaintance(sessions)][usize::from(is_new)];
        seen([&mut habits.pauses[at], &mut such[at]]);
    }

    /// How probable the sign of a detection is.
    #[must_use]
    pub fn sign(&self, class: Class, sessions: u32, is_new: bool, detection: u8, unknown: f64) -> f64 {
        self.habits(class)
            .and_then(|habits| habits.signs.get(detection as usize))
            .map_or(Rate::default(), |sign| sign[acquaintance(sessions) / 2][usize::from(is_new)])
            .given(unknown, PRESUMED_SIGN)
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
        self.new_places.given(NEW_PLACE, PRESUMED)
    }

    /// How probable it is that a forward leads where its actor never went.
    #[must_use]
    pub fn forward_newness(&self) -> f64 {
        self.forwards.given(NEW_FORWARD, PRESUMED)
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
        let (at, such) = (origin as usize, &mut habits.origins_by[degree][usize::from(is_new)]);
        seen([&mut habits.origins[at], &mut such[at]]);
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

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        let signs = |habits: &Habits| habits.signs.capacity() * size_of::<[[Rate; 2]; DEGREES / 2]>();
        self.classes.capacity() * size_of::<Habits>() + self.classes.iter().map(signs).sum::<usize>()
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
