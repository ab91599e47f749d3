//! What a detection is, and the list of all. A detection looks at one root's state as it is after an event and says
//! what it sees; it keeps no state, reads no clock and names no protocol. A new one is a file here and a line below.

mod disclosed_target;
mod new_edge_burst;

use crate::names::{Name, Names};
use crate::root::{Root, Sight};
use crate::settings::Settings;
use interdict_schemas::{Event, Hop, Technique, Time};

/// What a detection sees.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The detector's settings.
    pub settings: &'a Settings,
    /// What names stand for.
    pub names: &'a Names,
    /// The event's root, after the event.
    pub root: &'a Root,
    /// What the event showed.
    pub sight: &'a Sight,
}

impl<'a> View<'a> {
    /// What a name stands for.
    #[must_use]
    pub fn text(&self, name: Name) -> &'a str {
        self.names.text(name)
    }
}

/// How much a finding proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Rare. Alone it only alerts.
    Rarity,
    /// Strong cause: it blocks.
    Cause,
}

/// What a judge weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// How much it proves.
    pub strength: Strength,
    /// Days before on which the edge had been opened.
    pub days_known: u32,
    /// Seconds from the evidence to its use.
    pub gap_s: i64,
    /// An account or credential was used, not just a place.
    pub credential: bool,
    /// One principal learned, another of the same root acted.
    pub handed_on: bool,
    /// Never-seen targets.
    pub new_targets: usize,
}

/// What a detection says of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which detection.
    pub detection: &'static str,
    /// What the chain starts with: findings of one detection and root with the same start are one alert.
    pub start: String,
    /// Who acted last.
    pub actor: String,
    /// The time of the newest evidence.
    pub time: Time,
    /// The event that raised it.
    pub trigger: String,
    /// One line.
    pub title: String,
    /// Sentences.
    pub explanation: String,
    /// The chain, oldest hop first.
    pub chain: Vec<Hop>,
    /// ATT&CK techniques seen.
    pub techniques: Vec<Technique>,
    /// What a judge weighs.
    pub signals: Signals,
}

/// Looks for one kind of movement.
pub trait Detection: Send + Sync + std::fmt::Debug {
    /// Its stable name, in alerts and settings.
    fn name(&self) -> &'static str;

    /// What it sees at this event.
    fn observe(&self, view: View<'_>, event: &Event) -> Vec<Finding>;
}

/// All detections, in the order in which they are asked.
pub const ALL: &[&dyn Detection] = &[&disclosed_target::DisclosedTarget, &new_edge_burst::NewEdgeBurst];
