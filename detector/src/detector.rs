//! The fold: events in, alerts and verdicts out. The same code for live, rebuild and batch.
//!
//! The clock is the event's, and each root has its own: what is said of a root depends on that root's events in their
//! order and on nothing else, so that partitions may be folded one after the other or mixed. A duplicate (the same
//! event id, recently) changes nothing. A late event counts at the time it carries.

use crate::detection::{self, Detection, View};
use crate::judge::{Output, judge};
use crate::names::Names;
use crate::recent::Recent;
use crate::root::Root;
use crate::settings::Settings;
use interdict_schemas::{Event, Time};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was folded and what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events folded.
    pub events: u64,
    /// Events dropped because their id had been seen.
    pub duplicates: u64,
    /// Events older than their root's newest.
    pub late: u64,
    /// Detections, or folds of an event, that failed and were passed over.
    pub broken: u64,
    /// Sessions, values, edges and alerts dropped for a bound.
    pub forgotten: u64,
}

/// The fold.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    detections: Vec<&'static dyn Detection>,
    names: Names,
    // Below this many names a sweep is not worth it.
    sweep_at: usize,
    roots: HashMap<Box<str>, Root>,
    recent: Recent,
    counts: Counts,
    newest: Time,
}

const FIRST_SWEEP: usize = 1 << 16;

impl Detector {
    /// A detector that knows nothing yet, with every detection.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, detection::ALL.to_vec())
    }

    /// A detector with these detections only.
    #[must_use]
    pub fn with(settings: Settings, detections: Vec<&'static dyn Detection>) -> Self {
        let recent = Recent::new(settings.bounds.recent);
        Self {
            settings,
            detections,
            names: Names::default(),
            sweep_at: FIRST_SWEEP,
            roots: HashMap::new(),
            recent,
            counts: Counts::default(),
            newest: Time::default(),
        }
    }

    /// Folds one event in and says what follows from it, the verdict before its alert.
    pub fn observe(&mut self, event: &Event) -> Vec<Output> {
        if !self.recent.admit(&event.id) {
            self.counts.duplicates += 1;
            return Vec::new();
        }
        self.counts.events += 1;
        self.newest = self.newest.max(event.time);
        let id = event.identity.root().id.as_str();
        if !self.roots.contains_key(id) {
            self.roots.insert(id.into(), Root::default());
        }
        let Some(root) = self.roots.get_mut(id) else { return Vec::new() };
        self.counts.late += u64::from(event.time < root.clock);
        let (names, settings) = (&mut self.names, &self.settings);
        // A fold or a detection that panics is a fault of ours in one event; the others must still be judged.
        let Ok((sight, forgotten)) = catch_unwind(AssertUnwindSafe(|| root.fold(event, names, settings))) else {
            self.counts.broken += 1;
            tracing::error!(event = event.id, root = id, "folding this event failed; it is passed over");
            return Vec::new();
        };
        self.counts.forgotten += forgotten as u64;
        let mut outputs = Vec::new();
        for detection in &self.detections {
            let view = View { settings, names, root, sight: &sight };
            let Ok(findings) = catch_unwind(AssertUnwindSafe(|| detection.observe(view, event))) else {
                self.counts.broken += 1;
                tracing::error!(
                    event = event.id,
                    detection = detection.name(),
                    "detection failed; it is passed over"
                );
                continue;
            };
            for finding in findings {
                outputs.extend(judge(&mut root.known, finding, event, settings));
            }
        }
        self.sweep();
        outputs
    }

    /// Drops roots of which nothing was seen since `before`. It only frees memory: with `before` at least a horizon
    /// in the past, nothing that is dropped could have been used again.
    pub fn release(&mut self, before: Time) {
        self.roots.retain(|_, root| root.clock >= before);
        self.roots.shrink_to_fit();
    }

    /// What was folded and what went wrong.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Time of the newest event.
    #[must_use]
    pub const fn newest(&self) -> Time {
        self.newest
    }

    /// How many roots are remembered.
    #[must_use]
    pub fn roots(&self) -> usize {
        self.roots.len()
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Forgets names out of use each time their number has doubled, which costs a constant share per name.
    fn sweep(&mut self) {
        if self.names.len() < self.sweep_at {
            return;
        }
        let mut marks = self.names.marks();
        self.roots.values().for_each(|root| root.mark(&mut marks));
        self.names.sweep(&marks);
        self.sweep_at = self.names.len().saturating_mul(2).max(FIRST_SWEEP);
    }
}
