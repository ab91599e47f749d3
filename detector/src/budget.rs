//! How many alerts a person can look at in a day. Chains that are not clear enough to stop anything compete: an alert is
//! raised for what is rarer than what the last days brought, so that about so many come, few on a quiet day.

use crate::fingerprint::Map;
use interdict_schemas::Time;
use std::collections::VecDeque;

/// The competition.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Budget {
    day: i64,
    // The best of each chain today.
    today: Map<u32, f64>,
    // What it took on each of the last days to be among the first.
    past: VecDeque<f64>,
}

const DAYS: usize = 7;

impl Budget {
    /// Whether a chain of this score is among so many of a usual day; `least` is what it takes in any case.
    pub(crate) fn admits(&mut self, chain: u32, score: f64, time: Time, per_day: u32, least: f64) -> bool {
        if per_day == 0 {
            return false;
        }
        let day = time.day();
        // A clock that was led astray is led back, and the day with it.
        if day != self.day {
            if self.day > 0 {
                self.past.push_back(self.bar(per_day, least));
                let beyond = self.past.len().saturating_sub(DAYS);
                self.past.drain(..beyond);
            }
            self.today.clear();
            self.day = day;
        }
        let best = self.today.entry(chain).or_insert(score);
        *best = best.max(score);
        let bar = self.past.iter().sum::<f64>() / self.past.len().max(1) as f64;
        score >= bar.max(least)
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.today.capacity() * 17 + self.past.capacity() * 8
    }

    fn bar(&self, per_day: u32, least: f64) -> f64 {
        let mut scores: Vec<f64> = self.today.values().copied().collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        scores.get(per_day as usize - 1).copied().unwrap_or(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_follows_what_the_last_days_brought() {
        let mut budget = Budget::default();
        let day = |day: i64| Time(day * 86_400_000_000);
        for chain in 0..10 {
            assert!(budget.admits(chain, f64::from(chain), day(1), 3, 0.0));
        }
        // On the first day the third of ten had 7.
        assert!(!budget.admits(20, 6.9, day(2), 3, 0.0));
        assert!(budget.admits(21, 7.0, day(2), 3, 0.0));
        // A day with fewer than the budget takes no more than the least, and the bar is the mean of the days.
        assert!(budget.admits(22, 4.0, day(3), 3, 1.0));
    }
}
