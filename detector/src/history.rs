//! What the lake knows: the events within the horizon, in the order of their times, and from which offsets the bus
//! continues. Rows and offsets are of one snapshot, so that no event is missed or folded twice.

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableError};
use futures::StreamExt;
use interdict_bus::From as Offsets;
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::lake::{self, Located, Table};
use interdict_schemas::{Event, Time, Topic};
use url::Url;

/// Memory that ordering the events may take before it spills to disk.
const SORT_MEMORY: usize = 256 << 20;

/// Why history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a folder nor a URL.
    #[error("lake {0}: neither a folder nor a URL")]
    Location(String),
    /// The table cannot be opened.
    #[error("lake table {table}: {source}; run `interdict verify` to see what is wrong")]
    Table {
        /// Where it is.
        table: String,
        /// Why not.
        source: Box<DeltaTableError>,
    },
    /// The events cannot be read.
    #[error("lake table {table}: {source}; run `interdict verify` to see what is wrong")]
    Read {
        /// Where it is.
        table: String,
        /// Why not.
        source: Box<DataFusionError>,
    },
}

/// The events of the lake, streaming.
pub struct History {
    table: String,
    stream: Option<SendableRecordBatchStream>,
    next: Offsets,
    unreadable: u64,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("table", &self.table).field("next", &self.next).finish_non_exhaustive()
    }
}

impl History {
    /// Opens the events since `since` for an events topic of so many partitions. A lake that does not exist yet is
    /// empty.
    ///
    /// # Errors
    /// When there is a table and it cannot be opened.
    pub async fn open(lake: &str, partitions: u32, since: Time) -> Result<Self, Error> {
        let url = url_of(lake, Table::Events)?;
        let table = url.to_string();
        let failed = |source| Error::Table { table: table.clone(), source: Box::new(source) };
        let mut history = Self { table: table.clone(), stream: None, next: Offsets::new(), unreadable: 0 };
        if let Ok(folder) = url.to_file_path()
            && !folder.join("_delta_log").is_dir()
        {
            return Ok(history);
        }
        let delta = match deltalake::open_table(url).await {
            Ok(delta) => delta,
            Err(DeltaTableError::NotATable(_)) => return Ok(history),
            Err(error) => return Err(failed(error)),
        };
        for partition in 0..partitions {
            let id = Txn::Next { topic: Topic::Events, partition }.to_string();
            let store = delta.log_store();
            let version =
                delta.snapshot().map_err(failed)?.transaction_version(store.as_ref(), id).await.map_err(failed)?;
            if let Some(offset) = version.and_then(|version| u64::try_from(version).ok()) {
                history.next.insert(partition, offset);
            }
        }
        let read = query(&delta, since).await;
        history.stream = Some(read.map_err(|source| Error::Read { table, source: Box::new(source) })?);
        Ok(history)
    }

    /// From where the bus is to be read once everything here was.
    #[must_use]
    pub const fn next_offsets(&self) -> &Offsets {
        &self.next
    }

    /// Rows that could not be read as events; each was logged.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next events, by time, then by partition and offset; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read any further.
    pub async fn next(&mut self) -> Result<Option<Vec<Located<Event>>>, Error> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let Some(batch) = stream.next().await else { return Ok(None) };
        let batch = batch.map_err(|source| Error::Read { table: self.table.clone(), source: Box::new(source) })?;
        if let Ok(events) = lake::events(&batch) {
            return Ok(Some(events));
        }
        // One row that is none must not cost the others: take them one by one.
        let mut events = Vec::new();
        for row in 0..batch.num_rows() {
            match lake::events(&batch.slice(row, 1)) {
                Ok(event) => events.extend(event),
                Err(error) => {
                    self.unreadable += 1;
                    tracing::error!(table = self.table, %error, "a row of the lake is no event; skipped");
                }
            }
        }
        Ok(Some(events))
    }
}

async fn query(delta: &DeltaTable, since: Time) -> Result<SendableRecordBatchStream, DataFusionError> {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(SORT_MEMORY, 1.0).build_arc()?;
    let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
    let provider = delta.table_provider().await?;
    context.register_table(Table::Events.name(), provider)?;
    let day = lake::day(since);
    let sql = format!(
        "select * from {} where date >= cast({day} as date) order by time, bus_partition, bus_offset",
        Table::Events.name()
    );
    context.sql(&sql).await?.execute_stream().await
}

fn url_of(lake: &str, table: Table) -> Result<Url, Error> {
    let wrong = || Error::Location(lake.into());
    let base = if lake.contains("://") {
        Url::parse(&format!("{}/", lake.trim_end_matches('/'))).map_err(|_| wrong())?
    } else {
        let folder = std::path::absolute(lake).map_err(|_| wrong())?;
        Url::from_directory_path(folder).map_err(|()| wrong())?
    };
    base.join(table.name()).map_err(|_| wrong())
}
