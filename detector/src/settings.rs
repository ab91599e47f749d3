//! What the fold is told: horizons, thresholds, bounds. All of it stands in `[detector]`; see `config.rs` for the keys.

use interdict_schemas::Mode;
use std::collections::BTreeMap;

/// What a detection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It is not asked.
    Off,
    /// It is asked and told in alerts, and counts for nothing.
    Shadow,
    /// It counts for alerts.
    Alert,
    /// It counts for alerts and for holding.
    Hold,
    /// It counts for everything.
    Block,
}

/// The settings of a [`crate::Detector`].
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How far back causes are looked for and habit counts, in days; 1 to 63.
    pub horizon_days: u32,
    /// Days of events that are only learned from: until then nothing alerts but proof and causes.
    pub learning_days: u32,
    /// What each detection may do; what is not named may do what its strength allows.
    pub detections: BTreeMap<String, Reach>,
    /// A step with less evidence of its own, in nats, is no hop.
    pub hop_nats: f64,
    /// A chain with so much evidence, in nats, is an alert.
    pub alert_nats: f64,
    /// A chain with so much evidence is held for approval.
    pub hold_nats: f64,
    /// A chain with so much evidence of causes is stopped.
    pub block_nats: f64,
    /// Evidence of causes that a verdict needs at least, nats.
    pub cause_nats: f64,
    /// Alerts a day for which mere rarity competes.
    pub budget: u32,
    /// The most that a session's origin counts, nats.
    pub strongest_origin: f64,
    /// The most that another sign counts, nats.
    pub strongest_sign: f64,
    /// Never-seen targets within `burst_window_s` that make a burst.
    pub burst_targets: usize,
    /// The burst's window, seconds of event time.
    pub burst_window_s: i64,
    /// People's accounts that make a fan-out if they are used from one client machine within `fan_out_window_s`.
    pub fan_out_accounts: usize,
    /// Targets new to those accounts that they must reach from there.
    pub fan_out_targets: usize,
    /// The fan-out's window, seconds of event time.
    pub fan_out_window_s: i64,
    /// Machines that many people share: names or addresses as sessions have them; a last `*` stands for anything.
    pub shared_sources: Vec<String>,
    /// Targets whose reach is worse than others'.
    pub crown_jewels: Vec<String>,
    /// How long a verdict lasts, hours.
    pub verdict_hours: u32,
    /// Whether verdicts are carried out or only logged.
    pub mode: Mode,
    /// What is left out, to measure what it is worth.
    pub without: Without,
    /// How much is remembered at most.
    pub bounds: Bounds,
}

/// Parts that can be left out. For measurements; a gateway needs all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Without {
    /// Steps are judged alone: not joined to chains, and not asked who stood where they start.
    pub lineage: bool,
    /// Nothing is usual: only what was presumed before anything was counted.
    pub habit: bool,
    /// Nothing is learned from what responses disclose.
    pub disclosures: bool,
}

/// What bounds the memory of one detector. Sessions, lessons and places that are dropped for a bound are counted
/// (`Counts::forgotten`); edges and acquaintances are not: of an actor with so many of them, the one that goes says
/// little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions that may go on at once.
    pub sessions: usize,
    /// Values learned by one root; those not learned anew for longest go first.
    pub lessons: usize,
    /// Edges of habit of one actor; those not used for longest go first.
    pub edges: usize,
    /// Accounts and credentials of one actor, by edge; those not met for longest go first.
    pub acquaintances: usize,
    /// Places; of those that nobody used, and of those not met for long, one goes.
    pub places: usize,
    /// Event ids in which a duplicate is looked for: at least this many, at most twice as many.
    pub recent: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            horizon_days: 60,
            learning_days: 7,
            detections: BTreeMap::new(),
            hop_nats: 1.0,
            alert_nats: 2.5,
            hold_nats: 7.25,
            block_nats: 14.0,
            cause_nats: 1.0,
            budget: 9,
            strongest_origin: 8.0,
            strongest_sign: 6.5,
            burst_targets: 4,
            burst_window_s: 1800,
            fan_out_accounts: 4,
            fan_out_targets: 8,
            fan_out_window_s: 86_400,
            shared_sources: Vec::new(),
            crown_jewels: Vec::new(),
            verdict_hours: 24,
            mode: Mode::Enforce,
            without: Without::default(),
            bounds: Bounds::default(),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            sessions: 1 << 22,
            lessons: 4096,
            edges: 16_384,
            acquaintances: 1024,
            places: 1 << 20,
            recent: 1 << 18,
        }
    }
}
