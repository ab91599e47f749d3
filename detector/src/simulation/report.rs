//! What a simulation came to: plain figures, for a table, a page or a file.

use super::truth::{Attack, AttackKind, Routine};
use interdict_schemas::Time;
use serde::Serialize;

/// An attack that an alert told of in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caught {
    /// Which detection was first.
    pub detection: String,
    /// The alert's id.
    pub alert: String,
    /// Its title.
    pub title: String,
    /// When.
    pub time: Time,
    /// The hop that the attack had reached by then.
    pub hop: u32,
    /// Microseconds since that hop's session opened.
    pub after_us: i64,
}

/// What became of one attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The attack.
    #[serde(flatten)]
    pub attack: Attack,
    /// The first alert that told of it, if one did.
    pub caught: Option<Caught>,
    /// The first hop at which a verdict on it was given: its session is cut.
    pub cut: Option<u32>,
    /// The first hop that a verdict would have refused before it was admitted. In life no later hop happens.
    pub refused: Option<u32>,
    /// Whether that is a hold: somebody is asked, and may let it go on.
    pub held: bool,
}

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DayCount {
    /// Events.
    pub events: u64,
    /// Alerts about attacks.
    pub true_alerts: u64,
    /// Alerts about legitimate activity.
    pub false_alerts: u64,
    /// Hops of attacks.
    pub hops: u64,
    /// Legitimate sessions that a verdict would have refused.
    pub false_blocks: u64,
}

/// One kind of attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// Which.
    pub kind: AttackKind,
    /// How many there were.
    pub attacks: u64,
    /// Of these, caught.
    pub caught: u64,
    /// Of these, with a hop refused or cut.
    pub stopped: u64,
}

/// One detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetectionCount {
    /// Its name.
    pub detection: String,
    /// Attacks that it was the first to tell of.
    pub first: u64,
    /// Its alerts about attacks.
    pub true_alerts: u64,
    /// Its alerts about legitimate activity.
    pub false_alerts: u64,
}

/// One kind of legitimate activity, on the days that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NoiseCount {
    /// Which.
    pub kind: Routine,
    /// Its sessions that were admitted.
    pub sessions: u64,
    /// Alerts about it.
    pub alerts: u64,
    /// Its sessions that a verdict would have refused.
    pub blocks: u64,
    /// Of these, until somebody approves.
    pub holds: u64,
    /// Of these, by a verdict on an attack that acted as the same identity.
    pub collateral: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The first day's midnight.
    pub start: Time,
    /// Days before this one had no attacks; noise is counted from here on.
    pub quiet_days: u32,
    /// Events in all.
    pub events: u64,
    /// Every day.
    pub days: Vec<DayCount>,
    /// Every attack, in the order of the truth.
    pub attacks: Vec<Outcome>,
    /// Every kind of which there was an attack.
    pub kinds: Vec<KindCount>,
    /// Every detection that said something.
    pub detections: Vec<DetectionCount>,
    /// Every kind of legitimate activity that there was.
    pub noise: Vec<NoiseCount>,
    /// Alerts that tell of an attack's foothold alone, or of an attack long after it ended: neither true nor false.
    pub neutral_alerts: u64,
}

impl Report {
    /// Attacks that were caught.
    #[must_use]
    pub fn caught(&self) -> u64 {
        self.attacks.iter().filter(|outcome| outcome.caught.is_some()).count() as u64
    }

    /// Attacks of which a hop was refused or cut.
    #[must_use]
    pub fn stopped(&self) -> u64 {
        self.attacks.iter().filter(|outcome| outcome.is_stopped()).count() as u64
    }

    /// Attacks of which a hop was refused or cut until somebody approves.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.attacks.iter().filter(|outcome| outcome.is_stopped() && outcome.held).count() as u64
    }

    /// Caught attacks in percent; nothing missed of nothing is 100.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.attacks.is_empty() { 100.0 } else { 100.0 * self.caught() as f64 / self.attacks.len() as f64 }
    }

    /// Days on which noise is counted, at least 1.
    #[must_use]
    pub fn counted_days(&self) -> u64 {
        (self.days.len() as u64).saturating_sub(u64::from(self.quiet_days)).max(1)
    }

    /// False alerts a day, on the days that count.
    #[must_use]
    pub fn false_alerts_per_day(&self) -> f64 {
        self.noise.iter().map(|noise| noise.alerts).sum::<u64>() as f64 / self.counted_days() as f64
    }

    /// Legitimate sessions that a verdict would have refused, and how many there were in all.
    #[must_use]
    pub fn false_blocks(&self) -> (u64, u64) {
        let blocks = self.noise.iter().map(|noise| noise.blocks).sum();
        (blocks, self.noise.iter().map(|noise| noise.sessions).sum())
    }

    /// Of the legitimate sessions that a verdict would have refused, those that somebody could approve.
    #[must_use]
    pub fn false_holds(&self) -> u64 {
        self.noise.iter().map(|noise| noise.holds).sum()
    }

    /// How many attacks were caught at each hop; the first element is hop 1.
    #[must_use]
    pub fn hops(&self) -> Vec<u64> {
        let mut hops = Vec::new();
        for caught in self.attacks.iter().filter_map(|outcome| outcome.caught.as_ref()) {
            let hop = (caught.hop as usize).max(1);
            hops.resize(hops.len().max(hop), 0);
            if let Some(count) = hops.get_mut(hop - 1) {
                *count += 1;
            }
        }
        hops
    }
}

impl Outcome {
    /// Whether a hop was refused or cut.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.cut.is_some() || self.refused.is_some()
    }
}

/// The interval in which a share of `part` in `whole` lies with 95 % confidence, in percent (Wilson).
#[must_use]
pub fn interval(part: u64, whole: u64) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 100.0);
    }
    let (z, n) = (1.96_f64, whole as f64);
    let share = part as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + z * z / n);
    (((middle - half) * scale).max(0.0), ((middle + half) * scale).min(100.0))
}
