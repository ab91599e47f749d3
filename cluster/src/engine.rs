//! The side that asks: a session whose plans go to a cluster, and a Delta table as that session, or one here, reads it.

use crate::added;
use crate::address::Address;
use crate::broken::LeftOut;
use crate::codec::{Codec, Functions};
use crate::split::Split;
use crate::subquery::OneRow;
use crate::table::Files;
use crate::{Error, MAX_MESSAGE};
use ballista_core::config::{
    BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS, BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE,
    BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS,
};
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::optimizer::ballista_default_optimizer_rules;
use datafusion::catalog::TableProvider;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::DeltaTable;
use std::sync::Arc;

/// Partitions into which rows are dealt where they have to be: more than most clusters have processors to spare, few
/// enough that a small question is not all overhead. Ballista's own number.
const PARTITIONS: usize = 16;

/// How long executors wait for a connection to each other before they count a partition as lost, and how long before
/// they try again. Ballista's own are twenty seconds and three.
const CONNECT_S: usize = 5;
const AGAIN_MS: usize = 500;

/// A cluster, and the functions that plans for it may call.
#[derive(Debug, Clone)]
pub struct Cluster {
    address: Address,
    codec: Arc<Codec>,
}

impl Cluster {
    /// The cluster of this scheduler. Nothing is sent yet.
    #[must_use]
    pub fn new(address: Address, functions: Arc<dyn Functions>) -> Self {
        Self { address, codec: Arc::new(Codec::new(functions)) }
    }

    /// A session whose questions are answered there. What cannot travel uses `runtime`, here.
    #[must_use]
    pub fn context(&self, config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
        let config = config
            .upgrade_for_ballista()
            .with_target_partitions(PARTITIONS)
            .set_usize(BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, MAX_MESSAGE)
            .set_usize(BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS, CONNECT_S)
            .set_usize(BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, AGAIN_MS);
        let mut rules = ballista_default_optimizer_rules();
        rules.insert(0, Arc::new(OneRow));
        let split = Split::new(self.address.clone(), Arc::clone(&self.codec));
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_optimizer_rules(rules)
            // The last of all: it sees the plan as it would be run.
            .with_physical_optimizer_rule(Arc::new(split))
            .build();
        SessionContext::new_with_state(state)
    }
}

/// The table at the version that `delta` has, as the list of its files: whatever is written or compacted meanwhile, a
/// question sees this one state. `name` is what errors call it.
///
/// # Errors
/// When a cluster cannot read what the table has.
pub fn table(name: &str, delta: &DeltaTable) -> Result<Arc<dyn TableProvider>, Error> {
    Ok(Arc::new(Files::elsewhere(name, delta)?))
}

/// The same for a session whose questions this process answers. `sought` are the columns in which one value is looked
/// for. Files that cannot be read are left out, and noted, if `left_out` is given. The session's runtime gets the table's
/// storage, if it has not got it.
///
/// # Errors
/// When the table's storage cannot be used.
pub async fn table_here(
    name: &str,
    delta: &DeltaTable,
    session: &SessionContext,
    sought: &'static [&'static str],
    left_out: Option<&Arc<LeftOut>>,
) -> Result<Arc<dyn TableProvider>, Error> {
    here(delta, session, Files::here(name, delta, sought, left_out.map(Arc::clone))).await
}

/// The same with only those rows that came after a version of the table, and not from other files of it; with all that ever
/// came if there is no version.
///
/// # Errors
/// When the table's storage cannot be used, or only Delta's own reader can read it.
pub async fn added_here(
    name: &str,
    delta: &DeltaTable,
    session: &SessionContext,
    sought: &'static [&'static str],
    since: Option<u64>,
) -> Result<Arc<dyn TableProvider>, Error> {
    let files = Files::here(name, delta, sought, None)?.only(added::since(delta, since).await?);
    here(delta, session, Ok(files)).await
}

/// The same for who keeps rows: each has its texts for itself, and does not keep all those that were read beside it.
///
/// # Errors
/// When the table's storage cannot be used.
pub async fn rows_here(
    name: &str,
    delta: &DeltaTable,
    session: &SessionContext,
) -> Result<Arc<dyn TableProvider>, Error> {
    here(delta, session, Files::kept(name, delta)).await
}

async fn here(
    delta: &DeltaTable,
    session: &SessionContext,
    files: Result<Files, Error>,
) -> Result<Arc<dyn TableProvider>, Error> {
    let unusable = |detail: String| Error::Location { location: delta.table_url().to_string(), detail };
    match files {
        Ok(files) => {
            let registered = delta.update_datafusion_session(&session.state());
            registered.map_err(|error| unusable(error.to_string()))?;
            Ok(Arc::new(files))
        }
        // Somebody else wrote to it: only Delta's own reader knows all that there may be.
        Err(Error::Table { table, what }) => {
            tracing::debug!(table, what, "read by Delta's own reader, which is slower");
            delta.table_provider().await.map_err(|error| unusable(error.to_string()))
        }
        Err(error) => Err(error),
    }
}
