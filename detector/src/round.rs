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
const STEP: usize = 2;

impl Round {
    /// The numbers whose turn it is, of those before `end`. `next` says where the next one is at or after a number, or how
    /// far it has looked.
    pub(crate) fn turn(&mut self, today: u16, end: u32, next: impl Fn(u32) -> u32) -> [Option<u32>; STEP] {
        let mut turns = [None; STEP];
        if self.at == 0 {
            if self.through == Some(today) {
                return turns;
            }
            self.begun = today;
        }
        for turn in &mut turns {
            let number = next(self.at);
            if number < end {
                *turn = Some(number);
                self.at = number.saturating_add(1);
            }
            if number >= end || self.at == end {
                self.at = 0;
                self.through = Some(self.begun);
                break;
            }
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::Round;

    #[test]
    fn everything_has_one_turn_a_day() {
        let mut round = Round::default();
        let all = |number| number;
        let day =
            |round: &mut Round, day| (0..10).flat_map(|_| round.turn(day, 5, all)).flatten().collect::<Vec<_>>();
        assert_eq!(day(&mut round, 7), [0, 1, 2, 3, 4]);
        assert!(day(&mut round, 7).is_empty());
        assert_eq!(day(&mut round, 8), [0, 1, 2, 3, 4]);
        // One that takes longer than its day is followed by the next one at once.
        assert_eq!(round.turn(9, 5, all), [Some(0), Some(1)]);
        assert_eq!(day(&mut round, 10), [2, 3, 4, 0, 1, 2, 3, 4]);
        assert_eq!(Round::default().turn(1, 0, all), [None; 2]);
        // What is not there has no turn.
        let mut round = Round::default();
        let even = |number: u32| number.next_multiple_of(2);
        let some: Vec<_> = (0..10).flat_map(|_| round.turn(1, 7, even)).flatten().collect();
        assert_eq!(some, [0, 2, 4, 6]);
        let none: Vec<_> = (0..10).flat_map(|_| Round::default().turn(1, 7, |_| 100)).flatten().collect();
        assert!(none.is_empty());
    }
}
