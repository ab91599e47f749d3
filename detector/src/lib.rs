//! Sees an identity pivot from one system to the next and stops it. The core is a fold over events ([`Detector`]),
//! pure: facts in, decisions out, the same live and in batch. Around it stand the bus, the lake and the webhook.

mod chain;
pub mod detection;
mod detector;
mod forensics;
pub mod graph;
pub mod habit;
mod judge;
pub mod learned;
pub mod names;
mod recent;
mod root;
mod settings;

pub use detector::{Counts, Detector};
pub use forensics::Forensics;
pub use judge::{Known, Output};
pub use root::{Root, Sight};
pub use settings::{Bounds, Settings};
