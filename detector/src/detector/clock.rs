//! The clock of events: that of the newest, but for those that claim a time far from the others.

use super::{DAY_S, Detector};
use crate::actor::Cuts;
use crate::novelty::NEWNESS_DAYS;
use interdict_schemas::Time;
use std::cmp::Ordering;

const DAY_US: i64 = DAY_S * 1_000_000;
/// At least so many events in a row must agree before the clock moves by more than a day, forward or back; and at most.
const AGREE: u32 = 16;
const AGREE_AT_MOST: u32 = 1 << 14;

impl Detector {
    /// Takes note of an event's time, and forgets a little of what is old by it.
    pub(super) fn tick(&mut self, time: Time) {
        let (first, newest) = (*self.first.get_or_insert(time), self.newest);
        if self.counts.events == 1 {
            self.newest = time;
        } else {
            let ahead = time.micros_since(newest);
            self.counts.future += u64::from(ahead > DAY_US);
            self.counts.late += u64::from(ahead < -60_000_000);
            if ahead.unsigned_abs() <= DAY_US.unsigned_abs() {
                self.newest = newest.max(time);
                self.apart = (0, 0);
                let (day, of_it, _) = self.pace;
                self.pace = match time.day().cmp(&day) {
                    Ordering::Less => self.pace,
                    Ordering::Equal => (day, of_it.saturating_add(1), self.pace.2),
                    Ordering::Greater => (time.day(), 1, of_it),
                };
            } else {
                // A quiet weekend looks like this too, and a clock that was led astray: it follows once enough events
                // in a row agree.
                let day = time.day();
                self.apart = if self.apart.0 == day { (day, self.apart.1 + 1) } else { (day, 1) };
                if self.apart.1 >= self.needed() || ahead > 0 && self.counts.events < u64::from(AGREE) {
                    (self.newest, self.apart) = (time, (0, 0));
                }
            }
        }
        self.first = Some(first.min(time));
        let before = |seconds: i64| self.newest.plus_seconds(-seconds);
        let cuts = Cuts {
            habit: before(i64::from(self.settings.horizon_days) * DAY_S),
            firsts: before(self.settings.burst_window_s.max(NEWNESS_DAYS * DAY_S) + 2 * DAY_S),
            day: before(2 * DAY_S),
        };
        self.population.age(self.newest.day());
        self.actors.age_some(cuts, &self.chains);
        self.places.age_some(cuts);
    }

    /// So many events in a row must agree before the clock moves by more than a day: an eighth of a day's, so that no one
    /// source of many leads it astray, and what is seldom is heard all the same.
    fn needed(&self) -> u32 {
        let (_, today, before) = self.pace;
        (today.max(before) / 8).clamp(AGREE, AGREE_AT_MOST)
    }
}
