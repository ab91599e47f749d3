//! The thin enforcing data path: authenticates, admits, inspects, records, forwards. Knows nothing of the lake, of
//! detections or of queries; speaks to the rest through the bus alone.
//!
//! DELIVERY: an action's record is appended to the local log before its bytes go to the target. Sessions that a killed
//! process left open are recorded as lost when the next one starts.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod clock;
pub mod config;
pub mod disclose;
pub mod emit;
pub mod gate;
mod gateway;
pub mod identity;
mod listen;
pub mod mask;
mod mistake;
pub mod policy;
pub mod protocol;
#[cfg(test)]
mod rig;
mod secret;
pub mod session;
pub mod tls;
pub mod upstream;
pub mod verdicts;

pub use config::Config;
pub use gateway::{Error, Gateway, Ready, run};
pub use secret::Secret;
