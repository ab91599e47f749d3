//! From the bus, and from files, into the lake: eight Delta tables, partitioned by date and sorted within their files.
//!
//! DELIVERY: a record stands in each of its tables exactly once. A table's rows and the bus positions they reach are
//! one Delta commit, so a crash anywhere leaves each table at some position and nothing between; reading resumes at
//! the lowest, and each table passes over what it has. What a writer sent twice carries the same stamp and is dropped;
//! the highest sequence of every spool is committed the same way. The bus is told to forget only what all tables have.
//! A record that cannot be read is logged with its place and kept as it was in `_rejected` beside its table, where
//! `interdict lake status` counts it; it never blocks the others. Compaction, retention and vacuum may run beside a collector; a second collector takes over
//! from the first, which ends. How all that is kept: `table.rs`.

mod batch;
mod commit;
pub mod config;
mod cut;
mod error;
mod file;
mod import;
mod lane;
mod location;
pub mod maintain;
mod storage;
mod table;
mod term;

pub use config::Config;
pub use error::Error;
pub use import::{Import, Imported};
pub use location::Lake;

use futures::future::try_join_all;
use interdict_bus::Log;
use interdict_schemas::Topic;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Collects all topics until `shutdown`, then writes what the bus still holds and returns. Whatever fails on the way
/// is logged and tried again, with nothing lost.
///
/// Dropping the future is as good as a crash: harmless.
///
/// # Errors
/// When only a person can mend it (the lake's path, a table of another schema), or when the last write failed; the
/// bus then keeps what is not in the lake.
pub async fn run(config: Config, log: Arc<dyn Log>, shutdown: CancellationToken) -> Result<(), Error> {
    let term = term::Term::default();
    let lanes = Topic::ALL.into_iter().map(|topic| lane::run(topic, &config, &log, &term, &shutdown));
    let lanes = try_join_all(lanes);
    let upkeep = async {
        maintain::upkeep(&config, &shutdown).await;
        std::future::pending().await
    };
    tokio::select! {
        done = lanes => done.map(|_| ()),
        never = upkeep => never,
    }
}
