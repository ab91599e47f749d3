//! When things happen: hours and weekdays. People work by day in three time zones; jobs follow them and build at
//! night; services do not care.

use super::dice::Dice;
use super::population::Sort;

/// Milliseconds of a day.
pub(super) const DAY_MS: u32 = 86_400_000;
const HOUR_MS: u32 = 3_600_000;

// How much happens in each local hour, from midnight on.
const PEOPLE: [u32; 24] = [1, 0, 0, 0, 0, 1, 4, 14, 45, 80, 90, 85, 50, 70, 90, 85, 75, 55, 25, 12, 8, 6, 4, 2];
const JOBS: [u32; 24] =
    [20, 35, 40, 30, 15, 10, 12, 20, 45, 70, 80, 75, 55, 65, 80, 80, 70, 55, 30, 20, 15, 12, 15, 18];
const SERVICES: [u32; 24] =
    [30, 28, 28, 28, 28, 30, 32, 36, 40, 44, 46, 46, 44, 44, 46, 46, 44, 42, 40, 38, 36, 34, 32, 30];
// Local time is UTC plus so many hours.
const ZONES: [u32; 3] = [1, 9, 17];

/// The weekday of a day since 1970: 0 is Monday.
pub(super) fn weekday(day: i64) -> u32 {
    // The first of January 1970 was a Thursday.
    u32::try_from((day + 3).rem_euclid(7)).unwrap_or_default()
}

pub(super) fn is_weekend(day: i64) -> bool {
    weekday(day) >= 5
}

/// How much of a working day's activity this day has, in percent.
pub(super) fn activity(sort: Sort, day: i64) -> u32 {
    match sort {
        _ if !is_weekend(day) => 100,
        Sort::Person | Sort::Administrator => 5,
        Sort::Job | Sort::Agent => 30,
        Sort::Service => 95,
    }
}

/// A moment of the UTC day, in milliseconds, at which an identity of this sort and team does something.
pub(super) fn moment(sort: Sort, team: u32, dice: &mut Dice) -> u32 {
    let hours = match sort {
        Sort::Person | Sort::Administrator => &PEOPLE,
        Sort::Job | Sort::Agent => &JOBS,
        Sort::Service => &SERVICES,
    };
    let mut left = dice.below(hours.iter().sum());
    let mut local = 0;
    for (hour, share) in (0..).zip(hours) {
        if left < *share {
            local = hour;
            break;
        }
        left -= share;
    }
    utc(local, team) * HOUR_MS + dice.below(HOUR_MS)
}

/// The UTC hour of a team's local hour.
pub(super) fn utc(local: u32, team: u32) -> u32 {
    let zone = ZONES.get((team % 3) as usize).copied().unwrap_or_default();
    (local + 24 - zone) % 24
}
