//! The lake in the order of time: by time, then bus partition, then offset. One state of the tables is read, so it
//! works while a collector writes. One day is ordered at a time, and what does not fit into memory is ordered on disk,
//! so memory is bounded however long the past is.

use crate::history::{Error, ordering, url_of};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Date32Type, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableError};
use futures::StreamExt;
use interdict_cluster::{Address, Cluster};
use interdict_schemas::lake::{self, Located, Place, Table};
use interdict_schemas::{Event, Resolution, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// Something that the fold is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every fact is an event; boxing it would cost each one")]
pub enum Fact {
    /// Something happened.
    Event(Event),
    /// A person said what an alert was.
    Resolution(Resolution),
}

/// The events and resolutions of the lake, streaming, oldest first.
pub struct Past {
    context: SessionContext,
    table: String,
    // Days still to be read, and how many events each has.
    days: VecDeque<(i32, u64)>,
    span: [Time; 2],
    stream: Option<SendableRecordBatchStream>,
    resolutions: VecDeque<Located<Resolution>>,
    events: u64,
    unreadable: u64,
}

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Past").field("table", &self.table).field("days", &self.days).finish_non_exhaustive()
    }
}

impl Past {
    /// Opens what happened from `since` to `until`, both included.
    ///
    /// # Errors
    /// When there is no table of events, or a table cannot be opened.
    pub async fn open(lake: &str, since: Time, until: Time) -> Result<Self, Error> {
        Self::open_on(None, lake, since, until).await
    }

    /// The same, where a cluster reads and orders, if one is given.
    ///
    /// # Errors
    /// As [`Self::open`], and when the cluster gives no answer.
    pub async fn open_on(cluster: Option<Address>, lake: &str, since: Time, until: Time) -> Result<Self, Error> {
        let url = url_of(lake, Table::Events)?;
        let table = url.to_string();
        let read = |source| Error::read(&table, source);
        let (config, runtime) = ordering().map_err(read)?;
        let cluster = cluster.map(|address| Cluster::new(address, Arc::new(())));
        let context = match &cluster {
            None => SessionContext::new_with_config_rt(config, runtime),
            // Its sorts are spread over executors, each with memory of its own.
            Some(cluster) => {
                let parts = SessionConfig::new().target_partitions();
                cluster.context(config.with_target_partitions(parts), runtime)
            }
        };
        let is_remote = cluster.is_some();
        if register(&context, lake, Table::Events, is_remote).await?.is_none() {
            return Err(Error::Missing(table));
        }
        let has_resolutions = register(&context, lake, Table::Resolutions, is_remote).await?.is_some();
        let mut past = Self {
            context,
            table: table.clone(),
            days: VecDeque::new(),
            span: [since, until],
            stream: None,
            resolutions: VecDeque::new(),
            events: 0,
            unreadable: 0,
        };
        past.days = past.count().await.map_err(read)?;
        past.events = past.days.iter().map(|(_, events)| events).sum();
        if has_resolutions {
            past.resolutions = past.resolved().await?;
        }
        Ok(past)
    }

    /// How many events there are in the days that are read, for a progress bar.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Rows that could not be read as events; each was logged.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next facts, oldest first; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read any further.
    pub async fn next(&mut self) -> Result<Option<Vec<Fact>>, Error> {
        loop {
            if let Some(stream) = &mut self.stream {
                match stream.next().await.transpose().map_err(|source| Error::read(&self.table, source))? {
                    Some(batch) => return Ok(Some(self.facts(&batch))),
                    None => self.stream = None,
                }
            }
            let Some((day, _)) = self.days.pop_front() else { break };
            let stream = self.day(day).await.map_err(|source| Error::read(&self.table, source))?;
            self.stream = Some(stream);
        }
        let rest: Vec<_> = self.resolutions.drain(..).map(|located| Fact::Resolution(located.value)).collect();
        Ok((!rest.is_empty()).then_some(rest))
    }

    fn facts(&mut self, batch: &RecordBatch) -> Vec<Fact> {
        let mut facts = Vec::with_capacity(batch.num_rows());
        let (events, unreadable) = crate::history::events(batch, &self.table);
        self.unreadable += unreadable;
        for event in events {
            let at = place(event.value.time, &event.place);
            while let Some(resolution) =
                self.resolutions.pop_front_if(|next| place(next.value.time, &next.place) < at)
            {
                facts.push(Fact::Resolution(resolution.value));
            }
            facts.push(Fact::Event(event.value));
        }
        facts
    }

    async fn count(&self) -> Result<VecDeque<(i32, u64)>, DataFusionError> {
        // On the day alone: counting by time would read a column of the whole lake for a progress bar.
        let sql = format!(
            "select date, count(*) as n from events where {} group by date order by date",
            self.days_within()
        );
        let mut days = VecDeque::new();
        for batch in self.context.sql(&sql).await?.collect().await? {
            let date = datafusion::arrow::compute::cast(batch.column(0), &lake_date())?;
            let (date, count) = (date.as_primitive::<Date32Type>(), batch.column(1).as_primitive::<Int64Type>());
            days.extend(
                (0..batch.num_rows()).map(|row| (date.value(row), u64::try_from(count.value(row)).unwrap_or(0))),
            );
        }
        Ok(days)
    }

    async fn day(&self, day: i32) -> Result<SendableRecordBatchStream, DataFusionError> {
        let sql = format!(
            "select * from events where date = cast({day} as date) and {} order by time, bus_partition, bus_offset",
            self.within()
        );
        self.context.sql(&sql).await?.execute_stream().await
    }

    async fn resolved(&self) -> Result<VecDeque<Located<Resolution>>, Error> {
        let sql =
            format!("select * from resolutions where {} order by time, bus_partition, bus_offset", self.within());
        let read = |source| Error::read(&self.table, source);
        let batches = self.context.sql(&sql).await.map_err(read)?.collect().await.map_err(read)?;
        let mut all = VecDeque::new();
        for batch in &batches {
            all.extend(lake::resolutions(batch).map_err(|error| read(DataFusionError::External(error.into())))?);
        }
        Ok(all)
    }

    /// The condition of the span on the time. The least number of all cannot be written in SQL.
    fn within(&self) -> String {
        let [since, until] = self.span.map(|time| time.0.max(-i64::MAX));
        format!("{} and cast(time as bigint) between {since} and {until}", self.days_within())
    }

    /// The condition of the span on the day, which passes over whole files.
    fn days_within(&self) -> String {
        let [since, until] = self.span.map(lake::day);
        format!("date between cast({since} as date) and cast({until} as date)")
    }
}

fn lake_date() -> datafusion::arrow::datatypes::DataType {
    datafusion::arrow::datatypes::DataType::Date32
}

fn place(time: Time, place: &Place) -> (Time, u32, u64) {
    (time, place.partition, place.offset)
}

/// Registers the newest state of a table, if there is one; for a cluster, as its files.
pub(crate) async fn register(
    context: &SessionContext,
    lake: &str,
    table: Table,
    is_remote: bool,
) -> Result<Option<DeltaTable>, Error> {
    let url = url_of(lake, table)?;
    let place = url.to_string();
    if let Ok(folder) = url.to_file_path()
        && !folder.join("_delta_log").is_dir()
    {
        return Ok(None);
    }
    let failed = |source| Error::Table { table: place.clone(), source: Box::new(source) };
    let delta: DeltaTable = match deltalake::open_table(url).await {
        Ok(delta) => delta,
        Err(DeltaTableError::NotATable(_)) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let provider = if is_remote {
        interdict_cluster::table(table.name(), &delta).map_err(|error| Error::Cluster(error.to_string()))?
    } else {
        delta.table_provider().await.map_err(|error| failed(error.into()))?
    };
    let registered = context.register_table(table.name(), provider);
    registered.map_err(|source| Error::read(&place, source))?;
    Ok(Some(delta))
}
