//! What the fold is told: horizons, thresholds, bounds. All of it stands in `[detector]`; see `config.rs` for the keys.

use interdict_schemas::Mode;

/// The settings of a [`crate::Detector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How far back causes are looked for and habit counts, in days; 1 to 63.
    pub horizon_days: u32,
    /// HABIT: an identity *habitually* opens a target over a protocol if it did so on at least this many distinct
    /// days (UTC) before the day of the event, within the horizon. The event's own day does not count, so that
    /// an attacker who tries again and again within a day does not make a habit of it.
    pub habit_days: u32,
    /// Never-seen targets within `burst_window_s` that make a burst.
    pub burst_targets: usize,
    /// The burst's window, seconds of event time.
    pub burst_window_s: i64,
    /// How long a verdict lasts, hours.
    pub verdict_hours: u32,
    /// Whether verdicts are carried out or only logged.
    pub mode: Mode,
    /// How much is remembered at most.
    pub bounds: Bounds,
}

/// What bounds the memory of one detector. What is dropped for a bound is counted (`Counts::forgotten`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions of one root; the oldest go first.
    pub sessions: usize,
    /// Values learned by one root; the first learned go first.
    pub lessons: usize,
    /// Edges of habit of one root; those not used for longest go first.
    pub edges: usize,
    /// Alerts of one root that may still grow; the oldest go first.
    pub alerts: usize,
    /// Event ids in which a duplicate is looked for: at least this many, at most twice as many.
    pub recent: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            horizon_days: 60,
            habit_days: 3,
            burst_targets: 10,
            burst_window_s: 600,
            verdict_hours: 24,
            mode: Mode::Enforce,
            bounds: Bounds::default(),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { sessions: 4096, lessons: 65_536, edges: 16_384, alerts: 256, recent: 1 << 18 }
    }
}
