//! The events of all sessions, in the order of their time. What is held is the sessions that are open, those that are
//! soon to open, and the starts of one day: a dozen bytes per task and nothing per identity.

use super::attack::{self, Window};
use super::dice::Dice;
use super::playing::Playing;
use super::population::Population;
use super::routine::{self, Start};
use super::truth::{Attack, Label};
use super::visit::Visit;
use super::{AttackKind, Plan};
use interdict_schemas::{Event, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What waits for its time.
#[derive(Debug)]
enum Waiting {
    Visit(Visit),
    Open(Box<Playing>),
}

impl Waiting {
    fn label(&self) -> Label {
        match self {
            Self::Visit(visit) => visit.label,
            Self::Open(playing) => playing.visit.label,
        }
    }
}

/// A place in the queue: the time, then the order in which it was queued, so that equal times have one order.
type Turn = Reverse<(Time, u64, usize)>;

/// Events in time order; see [`Plan::stream`].
#[derive(Debug)]
pub struct Stream {
    population: Population,
    start: Time,
    days: u32,
    rate: u64,
    dice: Dice,
    // Days whose starts have been drawn.
    drawn: u32,
    starts: std::vec::IntoIter<Start>,
    next: Option<(Time, Start)>,
    queue: BinaryHeap<Turn>,
    waiting: Vec<Option<Waiting>>,
    free: Vec<usize>,
    queued: u64,
    visits: Vec<Visit>,
    attacks: Vec<Attack>,
}

impl Stream {
    pub(super) fn new(plan: &Plan) -> Self {
        let days = plan.days.clamp(1, MOST_DAYS);
        let sessions = plan.sessions_per_day.min(MOST_SESSIONS);
        let population = Population::new(plan.seed, plan.identities, days, sessions);
        let start = Time(plan.start.day().saturating_mul(DAY_US));
        let mut stream = Self {
            population,
            start,
            days,
            rate: routine::rate(&population, sessions),
            dice: Dice::new(plan.seed, 0),
            drawn: 0,
            starts: Vec::new().into_iter(),
            next: None,
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            free: Vec::new(),
            queued: 0,
            visits: Vec::new(),
            attacks: Vec::new(),
        };
        stream.draw_attacks(plan);
        stream.advance();
        stream
    }

    /// The attacks among the events, all known from the start.
    #[must_use]
    pub fn attacks(&self) -> &[Attack] {
        &self.attacks
    }

    /// The first day's midnight.
    #[must_use]
    pub fn start(&self) -> Time {
        self.start
    }

    /// How many days there are.
    #[must_use]
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Attacks begin once there is habit to tell them from: half way through, or after two weeks.
    #[must_use]
    pub fn quiet_days(&self) -> u32 {
        (self.days / 2).min(14)
    }

    /// The next event and whose it is.
    pub fn next_labelled(&mut self) -> Option<(Label, Event)> {
        loop {
            let turn = self.queue.peek().map(|Reverse((time, ..))| *time);
            match (self.next, turn) {
                (Some((begins, start)), turn) if turn.is_none_or(|turn| begins <= turn) => self.begin(begins, start),
                (_, None) => return None,
                (..) => {
                    let Reverse((_, _, slot)) = self.queue.pop()?;
                    let Some(waiting) = self.waiting.get_mut(slot).and_then(Option::take) else { continue };
                    let label = waiting.label();
                    let (event, left) = match waiting {
                        Waiting::Visit(visit) => match visit.open(&self.population) {
                            Some(opened) => opened,
                            None => {
                                self.free.push(slot);
                                continue;
                            }
                        },
                        Waiting::Open(playing) => playing.play(&self.population),
                    };
                    match left {
                        Some(playing) => self.wait_in(slot, playing.due(), Waiting::Open(Box::new(playing))),
                        None => self.free.push(slot),
                    }
                    return Some((label, event));
                }
            }
        }
    }

    fn draw_attacks(&mut self, plan: &Plan) {
        let mut dice = Dice::new(plan.seed, 1);
        let kinds = if plan.kinds.is_empty() { AttackKind::ALL } else { &plan.kinds };
        let quiet = self.quiet_days();
        let end = self.midnight(self.days);
        for (number, kind) in (0..plan.attacks).zip(kinds.iter().cycle()) {
            let start = self.midnight(dice.between(quiet, self.days - 1));
            // Any time of the day, but not so late that nothing could follow.
            let start = start.plus_micros(i64::from(dice.below(80_000_000)) * 1000);
            let window = Window { start, end };
            let (attack, visits) = attack::plan(&self.population, *kind, number, window, &mut dice);
            self.attacks.push(attack);
            for visit in visits {
                self.wait(visit.opens, Waiting::Visit(visit));
            }
        }
    }

    fn midnight(&self, day: u32) -> Time {
        self.start.plus_micros(i64::from(day) * DAY_US)
    }

    /// Goes to the next start, which may be on a later day.
    fn advance(&mut self) {
        loop {
            if let Some(start) = self.starts.next() {
                let time = self.midnight(self.drawn - 1).plus_micros(i64::from(start.at) * 1000);
                self.next = Some((time, start));
                return;
            }
            if self.drawn == self.days {
                self.next = None;
                return;
            }
            let date = self.midnight(self.drawn).day();
            self.starts = routine::starts(&self.population, self.rate, self.drawn, date, &mut self.dice).into_iter();
            self.drawn += 1;
        }
    }

    fn begin(&mut self, begins: Time, start: Start) {
        let mut visits = std::mem::take(&mut self.visits);
        let number = self.drawn - 1;
        let midnight = begins.plus_micros(-i64::from(start.at) * 1000);
        routine::play(&self.population, start, (midnight, number), &mut self.dice, &mut visits);
        for visit in visits.drain(..) {
            self.wait(visit.opens, Waiting::Visit(visit));
        }
        self.visits = visits;
        self.advance();
    }

    fn wait(&mut self, due: Time, waiting: Waiting) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.waiting.push(None);
            self.waiting.len() - 1
        });
        self.wait_in(slot, due, waiting);
    }

    fn wait_in(&mut self, slot: usize, due: Time, waiting: Waiting) {
        if let Some(place) = self.waiting.get_mut(slot) {
            *place = Some(waiting);
            self.queue.push(Reverse((due, self.queued, slot)));
            self.queued += 1;
        }
    }
}

const DAY_US: i64 = 86_400_000_000;
// Beyond these, numbers would not fit.
const MOST_DAYS: u32 = 36_500;
const MOST_SESSIONS: u32 = 100_000_000;

impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next_labelled().map(|(_, event)| event)
    }
}
