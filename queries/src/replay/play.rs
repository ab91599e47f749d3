//! A recording on a live terminal, in the time it took, or faster.

use super::screen::Screen;
use super::{Frames, Shown};
use crate::Error;
use std::io::Write;
use std::time::Duration;
use tokio::time::Instant;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// 1 is as it was, 2 twice as fast. What is not above 0 shows everything at once.
    pub speed: f64,
    /// No pause is longer than this, before it is sped up.
    pub idle: Option<Duration>,
    /// What was shown until so long after the beginning is shown at once.
    pub from: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { speed: 1.0, idle: None, from: Duration::ZERO }
    }
}

impl Pace {
    /// How long to wait before a frame that came so long after the one before it, and stands at `at` in the recording.
    fn pause(&self, after: Duration, at: Duration) -> Duration {
        // Of a pause that was jumped into, what is left of it.
        let after = after.min(at.saturating_sub(self.from));
        let after = self.idle.map_or(after, |idle| after.min(idle));
        let paced = after.as_secs_f64() / self.speed;
        if self.speed > 0.0 { Duration::try_from_secs_f64(paced).unwrap_or(after) } else { Duration::ZERO }
    }
}

/// Plays to a terminal; returns the exit status if one was recorded. Only what draws is given to the terminal, and it
/// is left with its attributes, its cursor and its screen as it had them. What was typed is not shown: the target
/// echoed what it wanted seen.
///
/// # Errors
/// When the lake cannot be read on or the terminal does not take what is written.
pub async fn play(mut frames: Frames, pace: Pace, out: &mut dyn Write) -> Result<Option<String>, Error> {
    let mut screen = Screen::default();
    let mut exit = None;
    let mut due = Instant::now();
    let mut at = Duration::ZERO;
    let played = loop {
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        // Against the time the frame was due, so that writing slowly does not add up.
        at += frame.after;
        if at <= pace.from {
            due = Instant::now();
        }
        due += pace.pause(frame.after, at);
        tokio::time::sleep_until(due).await;
        match frame.shown {
            Shown::Output(text) => {
                let written = out.write_all(screen.pass(&text).as_bytes()).and_then(|()| out.flush());
                if let Err(error) = written {
                    break Err(error.into());
                }
            }
            Shown::Exit(status) => exit = Some(status),
            Shown::Input(_) | Shown::Resize(..) => {}
        }
    };
    let restored = out.write_all(screen.restore().as_bytes()).and_then(|()| out.flush());
    played?;
    restored?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    #[test]
    fn pause_is_limited_and_then_sped_up() {
        let check = |speed: f64, idle: Option<u64>, after: u64, expected: u64| {
            let pace = Pace { speed, idle: idle.map(Duration::from_millis), ..Pace::default() };
            let after = Duration::from_millis(after);
            assert_eq!(pace.pause(after, after), Duration::from_millis(expected), "{pace:?}");
        };
        check(1.0, None, 5_000, 5_000);
        check(2.0, None, 5_000, 2_500);
        check(0.5, Some(2_000), 5_000, 4_000);
        check(1.0, Some(2_000), 500, 500);
        for everything_at_once in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            check(everything_at_once, None, 5_000, 0);
        }
    }
    #[test]
    fn what_came_before_the_start_takes_no_time() {
        let pace = Pace { from: Duration::from_secs(10), ..Pace::default() };
        let check = |after: u64, at: u64, expected: u64| {
            let [after, at] = [after, at].map(Duration::from_secs);
            assert_eq!(pace.pause(after, at), Duration::from_secs(expected), "{after:?} {at:?}");
        };
        check(4, 4, 0);
        check(6, 10, 0);
        check(5, 12, 2);
        check(5, 20, 5);
    }
}
