//! The reading side: SQL and hunts over the lake, replay of sessions, proof that nothing is missing, and events from
//! files of other systems' logs. It never writes to the lake and depends on no other part than the contracts.

pub mod case;
mod dialect;
mod engine;
mod error;
pub mod export;
mod follow;
pub mod forensics;
mod function;
pub mod hunt;
pub mod import;
mod neutral;
mod outfile;
pub mod output;
mod rejected;
pub mod replay;
pub mod serve;
mod snapshot;
pub mod verify;
mod view;

pub use dialect::too_deep;
pub use engine::{Engine, Settings};
pub use error::Error;
pub use follow::follow;
pub use function::{REPLAY, Travelling};
pub use neutral::neutral;
pub use outfile::Outfile;
pub use snapshot::{Rows, Snapshot};
