//! Counts as probabilities, and evidence in nats.
//!
//! MODEL. A session is explained by one of two hypotheses: its actor does what it habitually does, or somebody moves
//! with its access. Each detection looks at one sign. What habit says of a sign is counted, first for everybody of a
//! class and then for the actor itself (a beta prior from the class, updated by the actor's own counts: the wider count
//! decides until the narrower one knows better). What movement says of it is a fixed, documented probability of the
//! detection. Evidence is the natural logarithm of their ratio, in nats; signs are added as if they were independent
//! given whether the edge is new, which is why habit is counted apart for new and for known edges.

/// How often something was the case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// Times it could have been.
    pub trials: u32,
    /// Times it was.
    pub hits: u32,
}

impl Rate {
    /// Counts one more.
    pub fn count(&mut self, hit: bool) {
        if self.trials == u32::MAX {
            self.fade();
        }
        self.trials += 1;
        self.hits += u32::from(hit);
    }

    /// Halves both, which keeps the ratio and lets what is long past fade.
    pub fn fade(&mut self) {
        self.trials /= 2;
        self.hits /= 2;
    }

    /// The probability, given `prior` with the weight of so many trials; within (0, 1).
    #[must_use]
    pub fn given(self, prior: f64, weight: f64) -> f64 {
        let p = (f64::from(self.hits) + weight * prior) / (f64::from(self.trials) + weight);
        p.clamp(1e-6, 1.0 - 1e-6)
    }
}

/// What is usual for a class, and how much more so for such an edge of such an actor.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    /// The probability, for the class.
    pub all: f64,
    /// By how much it is greater for such an edge.
    pub lift: f64,
}

impl Usual {
    /// The probability for one actor of whom this was counted, with the class's weight in so many trials.
    #[must_use]
    pub fn of(self, own: Rate, weight: f64) -> f64 {
        (own.given(self.all, weight) * self.lift.clamp(0.1, 10.0)).min(1.0)
    }
}

/// Evidence of a sign that is there, or is not, between these nats.
#[must_use]
pub fn nats(is_there: bool, movement: f64, habit: f64) -> f64 {
    if is_there { (movement / habit).ln() } else { ((1.0 - movement) / (1.0 - habit)).ln() }
}

/// In which of eight buckets an actor is, by how many sessions it has opened: what is usual for a newcomer is not for
/// one that is known for months. The bounds double: 0, 1, 3, 7, 15, 31, 63, 127.
#[must_use]
pub fn acquaintance(sessions: u32) -> usize {
    (sessions.saturating_add(1).ilog2() as usize).min(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_overrule_the_prior_in_time() {
        let mut rate = Rate::default();
        assert!((rate.given(0.25, 10.0) - 0.25).abs() < 1e-9);
        (0..990).for_each(|_| rate.count(false));
        assert!(rate.given(0.25, 10.0) < 0.003);
        assert_eq!(rate.trials, 990);
    }

    #[test]
    fn acquaintance_doubles() {
        let buckets: Vec<_> = [0, 1, 2, 3, 6, 7, 126, 127, u32::MAX].iter().map(|n| acquaintance(*n)).collect();
        assert_eq!(buckets, [0, 1, 1, 2, 2, 3, 6, 7, 7]);
    }

    #[test]
    fn evidence_is_signed() {
        assert!(nats(true, 0.5, 0.01) > 3.9);
        assert!(nats(false, 0.5, 0.01) < 0.0);
    }
}
