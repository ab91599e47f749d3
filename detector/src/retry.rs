//! Waits that double, with jitter, so that many who wait for one thing do not come back at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The next wait.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(60))
    }
}

impl Backoff {
    /// From `first`, doubling up to `most`.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// Waits between half of the next wait and all of it.
    pub async fn wait(&mut self) {
        let half = self.next / 2;
        // A fresh RandomState is seeded by the system.
        let share = (RandomState::new().hash_one(()) % 1024) as u32;
        tokio::time::sleep(half + half * share / 1024).await;
        self.next = self.next.saturating_mul(2).min(self.most);
    }

    /// Begins anew.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}
