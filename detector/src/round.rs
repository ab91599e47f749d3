//! The round of ageing through all things of one kind, a few at every event, so that no event waits for all. One round a
//! day is enough; between two, nothing is touched.

use serde::{Deserialize, Serialize};

/// Where the round is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    at: u32,
    // The day on which it began, and that on which the last one did which is through.
    begun: u16,
    through: Option<u16>,
}

/// Things that are aged at one event.
const STEP: u32 = 2;

impl Round {
    /// The numbers whose turn it is, of those before `end`.
    pub(crate) fn turn(&mut self, today: u16, end: u32) -> std::ops::Range<u32> {
        if self.at == 0 {
            if self.through == Some(today) {
                return 0..0;
            }
            self.begun = today;
        }
        let from = self.at;
        self.at = from.saturating_add(STEP).min(end);
        if self.at == end {
            self.at = 0;
            self.through = Some(self.begun);
        }
        from..from.saturating_add(STEP).min(end)
    }
}

#[cfg(test)]
mod tests {
    use super::Round;

    #[test]
    fn everything_has_one_turn_a_day() {
        let mut round = Round::default();
        let day = |round: &mut Round, day| (0..10).flat_map(|_| round.turn(day, 5)).collect::<Vec<_>>();
        assert_eq!(day(&mut round, 7), [0, 1, 2, 3, 4]);
        assert!(day(&mut round, 7).is_empty());
        assert_eq!(day(&mut round, 8), [0, 1, 2, 3, 4]);
        // One that takes longer than its day is followed by the next one at once.
        assert_eq!(round.turn(9, 5), 0..2);
        assert_eq!(day(&mut round, 10), [2, 3, 4, 0, 1, 2, 3, 4]);
        assert_eq!(Round::default().turn(1, 0), 0..0);
    }
}
