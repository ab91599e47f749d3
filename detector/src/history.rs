//! What the lake knows: the events within the horizon, in the order of their times, and from which offsets the bus
//! continues. Rows and offsets are of one snapshot, so that no event is missed or folded twice.

use crate::resolved::Resolved;
use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableError};
use futures::StreamExt;
use interdict_bus::From as Offsets;
use interdict_schemas::lake::txn::{IMPORTED, Txn};
use interdict_schemas::lake::{self, Located, Place, Table};
use interdict_schemas::{Event, Resolution, Time, Topic};
use std::collections::VecDeque;
use std::sync::Arc;
use url::Url;

/// Memory that ordering a day may take before it spills to disk.
const SORT_MEMORY: usize = 256 << 20;

/// Rows read at a time: each becomes an event, which takes more memory than its row.
const BATCH: usize = 2048;

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
    /// There is no table.
    #[error("there is no lake table {0}; it is made when the collector first runs")]
    Missing(String),
    /// A file that the table lists is not there.
    #[error(
        "lake table {table}: its file {file} is missing; put it back from a backup, or, if it is lost for good, take it \
         out of the table with Delta's `FSCK REPAIR TABLE`; `interdict verify` then shows what is lost"
    )]
    File {
        /// Where the table is.
        table: String,
        /// The file.
        file: String,
    },
    /// The cluster that should have read gave no answer; says which part of it is at fault.
    #[error("{0}")]
    Cluster(String),
    /// The events cannot be read.
    #[error("lake table {table}: {source}; run `interdict verify` to see what is wrong")]
    Read {
        /// Where it is.
        table: String,
        /// Why not.
        source: Box<DataFusionError>,
    },
}

impl Error {
    /// Why reading failed; a file that is missing is named.
    pub(crate) fn read(table: &str, source: DataFusionError) -> Self {
        if let Some(error) = interdict_cluster::Error::of(&source) {
            return Self::Cluster(error.to_string());
        }
        let table = table.to_owned();
        // The reader of Parquet hands the storage's error on as text.
        let text = source.to_string();
        let lost = text.split_once("Object at location ").and_then(|(_, rest)| rest.split_once(" not found"));
        if let Some((file, _)) = lost {
            return Self::File { table, file: file.to_owned() };
        }
        Self::Read { table, source: Box::new(source) }
    }
}

/// The events of the lake, streaming.
pub struct History {
    table: String,
    /// Nothing where no lake is.
    context: Option<SessionContext>,
    /// Those that are left.
    days: VecDeque<i32>,
    /// The condition on a row, beside its day.
    wanted: String,
    stream: Option<SendableRecordBatchStream>,
    next: Offsets,
    imported: u64,
    unreadable: u64,
    resolved: Resolved,
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
        Self::after(lake, partitions, since, &Offsets::new()).await
    }

    /// As [`History::open`], of each partition only the events from an offset on.
    ///
    /// # Errors
    /// When there is a table and it cannot be opened.
    pub async fn after(lake: &str, partitions: u32, since: Time, after: &Offsets) -> Result<Self, Error> {
        let url = url_of(lake, Table::Events)?;
        let table = url.to_string();
        let failed = |source| Error::Table { table: table.clone(), source: Box::new(source) };
        let mut history = Self {
            table: table.clone(),
            context: None,
            days: VecDeque::new(),
            wanted: after.iter().map(wanted).collect(),
            stream: None,
            next: after.clone(),
            imported: 0,
            unreadable: 0,
            resolved: Resolved::default(),
        };
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
        for partition in (0..partitions).chain([IMPORTED]) {
            let id = Txn::Next { topic: Topic::Events, partition }.to_string();
            let store = delta.log_store();
            let version =
                delta.snapshot().map_err(failed)?.transaction_version(store.as_ref(), id).await.map_err(failed)?;
            let offset = version.and_then(|version| u64::try_from(version).ok());
            if partition == IMPORTED {
                history.imported = offset.unwrap_or(0);
            } else if let Some(offset) = offset {
                history.next.insert(partition, offset);
            }
        }
        history.resolved = Resolved::open(lake, since, &mut history.next).await?;
        for (partition, offset) in after {
            let next = history.next.entry(*partition).or_insert(*offset);
            *next = (*next).max(*offset);
        }
        let opened = days(&delta, since).await.map_err(|source| Error::read(&table, source))?;
        (history.context, history.days) = (Some(opened.0), opened.1);
        Ok(history)
    }

    /// From where the bus is to be read once everything here was.
    #[must_use]
    pub const fn next_offsets(&self) -> &Offsets {
        &self.next
    }

    /// Everything imported so far has a smaller number.
    #[must_use]
    pub const fn imported(&self) -> u64 {
        self.imported
    }

    /// The next resolution that was given before an event of this time and place; with none, the next of all. To be
    /// folded before that event.
    pub(crate) fn resolution(&mut self, event: Option<(Time, &Place)>) -> Option<Located<Resolution>> {
        self.resolved.before(event)
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
        let Some(context) = &self.context else { return Ok(None) };
        loop {
            if let Some(stream) = &mut self.stream {
                match stream.next().await.transpose().map_err(|source| Error::read(&self.table, source))? {
                    Some(batch) => {
                        let (events, unreadable) = events(&batch, &self.table);
                        self.unreadable += unreadable;
                        return Ok(Some(events));
                    }
                    None => self.stream = None,
                }
            }
            let Some(day) = self.days.pop_front() else { return Ok(None) };
            let read = ordered(context, day, &self.wanted).await;
            self.stream = Some(read.map_err(|source| Error::read(&self.table, source))?);
        }
    }
}

/// The events of a batch, and how many rows are none. One row that is none must not cost the others: then they are
/// taken one by one.
pub(crate) fn events(batch: &RecordBatch, table: &str) -> (Vec<Located<Event>>, u64) {
    if let Ok(events) = lake::events(batch) {
        return (events, 0);
    }
    let (mut events, mut unreadable) = (Vec::new(), 0);
    for row in 0..batch.num_rows() {
        match lake::events(&batch.slice(row, 1)) {
            Ok(event) => events.extend(event),
            Err(error) => {
                unreadable += 1;
                tracing::error!(table, %error, "a row of the lake is no event; skipped");
            }
        }
    }
    (events, unreadable)
}

/// How events are put in order: a day at a time, in bounded memory. All at once there are too many to be merged in it.
pub(crate) fn ordering() -> Result<(SessionConfig, Arc<RuntimeEnv>), DataFusionError> {
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(SORT_MEMORY)));
    // One sort has all of the memory. Several share it, and leave too little to whoever merges what they have sorted.
    Ok((SessionConfig::new().with_batch_size(BATCH).with_target_partitions(1), runtime.build_arc()?))
}

/// The days there are since then.
async fn days(delta: &DeltaTable, since: Time) -> Result<(SessionContext, VecDeque<i32>), DataFusionError> {
    let (config, runtime) = ordering()?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    context.register_table(Table::Events.name(), delta.table_provider().await?)?;
    let day = lake::day(since);
    let sql = format!("select distinct date from events where date >= cast({day} as date) order by date");
    let mut days = VecDeque::new();
    for batch in context.sql(&sql).await?.collect().await? {
        let date = cast(batch.column(0), &DataType::Date32)?;
        days.extend(date.as_primitive::<Date32Type>().values());
    }
    Ok((context, days))
}

/// What is not known of a partition yet.
fn wanted((partition, offset): (&u32, &u64)) -> String {
    format!(" and not (bus_partition = {partition} and bus_offset < {offset})")
}

async fn ordered(
    context: &SessionContext,
    day: i32,
    wanted: &str,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let sql = format!(
        "select * from events where date = cast({day} as date){wanted} order by time, bus_partition, bus_offset"
    );
    context.sql(&sql).await?.execute_stream().await
}

pub(crate) fn url_of(lake: &str, table: Table) -> Result<Url, Error> {
    let wrong = || Error::Location(lake.into());
    let base = if lake.contains("://") {
        Url::parse(&format!("{}/", lake.trim_end_matches('/'))).map_err(|_| wrong())?
    } else {
        let folder = std::path::absolute(lake).map_err(|_| wrong())?;
        Url::from_directory_path(folder).map_err(|()| wrong())?
    };
    base.join(table.name()).map_err(|_| wrong())
}
