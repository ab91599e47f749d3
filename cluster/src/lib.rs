//! A Ballista cluster for what outgrows one machine: its parts as interdict starts them, and how a plan gets there. And a
//! table of the lake as plans read it, there or in this process.
//!
//! A question is planned where it is asked, over one snapshot of each table, by the planner that also plans for one
//! process. What of the physical plan can travel is sent to the scheduler; what cannot (recursion, tables that are no
//! files) stays in the asking process, above what travels. So views, functions and refusals are the same in both, and
//! the cluster's parts know neither: they are told files, and functions by name and with what they look up.
//!
//! Refuses to write. The scheduler takes no plan that does, and executors have no storage but the lake's, for reading.
//! Ballista asks nobody who they are: its ports belong on a closed network.

mod added;
mod address;
mod broken;
mod codec;
mod engine;
mod error;
pub mod executor;
mod footers;
mod job;
mod question;
mod remote;
pub mod scheduler;
mod split;
mod storage;
mod subquery;
mod table;
mod window;

pub use address::Address;
pub use broken::LeftOut;
pub use codec::Functions;
pub use engine::{Cluster, added_here, rows_here, table, table_here};
pub use error::Error;

/// Bytes of the longest message between the parts: a plan with its files, or rows on their way.
const MAX_MESSAGE: usize = 64 << 20;

/// Waits for what was still to be said to clusters, for a second at most: for a process that is about to end.
pub async fn settle() {
    job::settle().await;
}
