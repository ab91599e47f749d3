//! The lake as SQL. Owns where the lake is and what a query may use; refuses nothing and writes nothing itself: each
//! question is put to a [`Snapshot`], so that everything within it sees one state of each table.

use crate::function::{REPLAY, Travelling};
use crate::snapshot::Scope;
use crate::{Error, Rows, Snapshot};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use interdict_cluster::{Address, Cluster};
use interdict_schemas::lake::Table;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// Footers of files are kept in this part of the memory, beside it: a year has hundreds, and each question asks them all.
const FOOTERS: usize = 4;

/// What a query may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of memory for all running queries together; beyond it, what can be sorted or grouped on disk is. A fourth as
    /// much, beside it, keeps what files say of themselves.
    pub memory: usize,
    /// Bytes of disk for what does not fit in the memory, of all running queries together.
    pub spill: u64,
    /// How long one query may take.
    pub time: Option<Duration>,
    /// Threads' worth of work at a time.
    pub partitions: Option<NonZeroUsize>,
    /// Where sessions are replayed, for `replay_url`: an address with `{session}` in it, or before it.
    pub replay: String,
    /// Whether questions go on without files that cannot be read; [`Snapshot::left_out`] says which. Each is read twice then,
    /// and a cluster leaves nothing out.
    pub skip_broken: bool,
    /// The cluster that answers; this process if left out. The memory of its parts is their own matter.
    pub cluster: Option<Address>,
}

impl Default for Settings {
    /// 512 MiB, 32 GiB of disk, no limit of time, as many partitions as there are processors, [`REPLAY`], nothing left out, this process.
    fn default() -> Self {
        Self {
            memory: 512 << 20,
            spill: 32 << 30,
            time: None,
            partitions: None,
            replay: REPLAY.to_owned(),
            skip_broken: false,
            cluster: None,
        }
    }
}

/// A lake and what queries on it may use. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Engine {
    lake: Url,
    settings: Settings,
    runtime: Arc<RuntimeEnv>,
    // Kept between queries so that only new commits of a table's log are read.
    tables: Mutex<HashMap<Table, DeltaTable>>,
}

impl Engine {
    /// A lake by folder or URL. Tables that do not exist yet are empty, so a lake that does not exist yet is too.
    ///
    /// # Errors
    /// When the location is neither, or is a file.
    pub fn open(lake: &str, settings: Settings) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Location { location: lake.to_owned(), detail };
        let url = match Url::parse(lake) {
            // One letter is a drive, not a scheme.
            Ok(url) if url.scheme().len() > 1 => url,
            _ => {
                let path = std::path::absolute(Path::new(lake)).map_err(|error| wrong(error.to_string()))?;
                if path.is_file() {
                    return Err(wrong("it is a file, not a folder".to_owned()));
                }
                Url::from_directory_path(&path).map_err(|()| wrong("it is not a path".to_owned()))?
            }
        };
        let top = NonZeroUsize::new(3).unwrap_or(NonZeroUsize::MIN);
        let pool = TrackConsumersPool::new(FairSpillPool::new(settings.memory), top);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_max_temp_directory_size(settings.spill)
            .with_metadata_cache_limit(settings.memory / FOOTERS)
            .build_arc()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { lake: url, settings, runtime, tables: Mutex::default() })
    }

    /// Where it is.
    #[must_use]
    pub const fn lake(&self) -> &Url {
        &self.lake
    }

    /// The newest state of every table, for any number of questions.
    ///
    /// # Errors
    /// When a table exists and cannot be opened.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        self.snapshot_of(Scope { left_out: self.settings.skip_broken.then(Arc::default), since: None }).await
    }

    /// The same with less than all of it.
    pub(crate) async fn snapshot_of(&self, scope: Scope) -> Result<Snapshot, Error> {
        let mut tables = self.tables.lock().await;
        let mut current = HashMap::new();
        for table in Table::ALL {
            let failed = |source| Error::Table { table: table.name(), source: Box::new(source) };
            let delta = match tables.remove(&table) {
                Some(mut delta) => {
                    delta.update_state().await.map_err(failed)?;
                    Some(delta)
                }
                None => self.load(table).await.map_err(failed)?,
            };
            if let Some(delta) = delta {
                tables.insert(table, delta.clone());
                current.insert(table, delta);
            }
        }
        drop(tables);
        Snapshot::new(self.context(), current, &self.settings, scope).await
    }

    /// The state of a lake in which nothing has been written yet: every name, no row.
    ///
    /// # Errors
    /// When a view cannot be planned.
    pub(crate) async fn empty(&self) -> Result<Snapshot, Error> {
        Snapshot::new(self.context(), HashMap::new(), &self.settings, Scope::default()).await
    }

    /// Where its queries run.
    pub(crate) fn runtime(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    /// One question to the newest state.
    ///
    /// # Errors
    /// When the statement is wrong or would change something, or a table cannot be opened.
    pub async fn sql(&self, sql: &str) -> Result<Rows, Error> {
        self.snapshot().await?.sql(sql).await
    }

    async fn load(&self, table: Table) -> Result<Option<DeltaTable>, DeltaTableError> {
        let mut url = self.lake.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(table.name()).push("");
        }
        if url.to_file_path().is_ok_and(|path| !path.exists()) {
            return Ok(None);
        }
        let delta = DeltaTableBuilder::from_url(url)?.build()?;
        if !delta.verify_deltatable_existence().await? {
            return Ok(None);
        }
        let mut delta = delta;
        delta.load().await?;
        Ok(Some(delta))
    }

    fn context(&self) -> SessionContext {
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            // A snapshot brings its own.
            .with_create_default_catalog_and_schema(false)
            // Moments without a zone, and the present one, are UTC's like all that is stored.
            .set_str("datafusion.execution.time_zone", "UTC")
            // Where Delta's own reader is used, partition columns may be dictionaries, on which the in-list form of dynamic
            // join filters fails.
            .set_usize("datafusion.optimizer.hash_join_inlist_pushdown_max_size", 0)
            .set_usize("datafusion.optimizer.hash_join_inlist_pushdown_max_distinct_values", 0);
        if let Some(partitions) = self.settings.partitions {
            config = config.with_target_partitions(partitions.get());
        }
        let runtime = Arc::clone(&self.runtime);
        match &self.settings.cluster {
            None => SessionContext::new_with_config_rt(config, runtime),
            Some(address) => Cluster::new(address.clone(), Arc::new(Travelling)).context(config, runtime),
        }
    }
}
