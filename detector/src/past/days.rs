//! The events of the lake, a day at a time: all at once there are too many to be put in order in bounded memory. What
//! of a day does not fit is put in order on disk.

use super::tables::{Error, Span};
use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt as _;
use interdict_schemas::Event;
use interdict_schemas::lake::{self, Located};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Memory that ordering a day may take before it spills to disk.
const SORT_MEMORY: usize = 256 << 20;

/// Rows read at a time: each becomes an event, which takes more memory than its row.
const BATCH: usize = 2048;

/// Batches that are read before they are asked for.
const AHEAD: usize = 4;

/// The events of a span, streaming, by time, then bus partition, then offset. They are read beside what is done with
/// them.
#[derive(Debug)]
pub(super) struct Days {
    batches: mpsc::Receiver<Result<Batch, Error>>,
    /// The one that reads; it ends with this.
    reading: JoinSet<()>,
    events: u64,
    unreadable: u64,
}

/// Events, and how many rows beside them are none.
type Batch = (Vec<Located<Event>>, u64);

impl Days {
    /// Of the events of a span those for which `and`, empty or another condition of SQL, holds too. The context has the
    /// table as `events`; `table` is where it is, for errors.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) async fn open(context: SessionContext, table: String, span: &Span, and: &str) -> Result<Self, Error> {
        let days = count(&context, span).await.map_err(|source| Error::read(&table, source))?;
        let events = days.iter().map(|(_, events)| events).sum();
        let wanted = format!("{}{and}", span.rows());
        let (tell, batches) = mpsc::channel(AHEAD);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            for (day, _) in days {
                if let Err(source) = read(&context, &table, day, &wanted, &tell).await {
                    // Nobody hears it who has gone.
                    drop(tell.send(Err(Error::read(&table, source))).await);
                    return;
                }
            }
        });
        Ok(Self { batches, reading, events, unreadable: 0 })
    }

    /// How many there are in the days that are read, wanted or not.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Rows that could not be read as events; each was logged.
    pub(super) const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read any further.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Located<Event>>>, Error> {
        if let Some(batch) = self.batches.recv().await {
            let (events, unreadable) = batch?;
            self.unreadable += unreadable;
            return Ok(Some(events));
        }
        // What broke down must not look like the end.
        if let Some(Err(error)) = self.reading.join_next().await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        Ok(None)
    }
}

/// Tells the events of a day.
async fn read(
    context: &SessionContext,
    table: &str,
    day: i32,
    wanted: &str,
    tell: &mpsc::Sender<Result<Batch, Error>>,
) -> Result<(), DataFusionError> {
    let sql = format!(
        "select * from events where date = cast({day} as date) and {wanted} order by time, bus_partition, bus_offset"
    );
    let mut stream = context.sql(&sql).await?.execute_stream().await?;
    while let Some(rows) = stream.next().await.transpose()? {
        if tell.send(Ok(taken(&rows, table))).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// One row that is no event must not cost the others: then they are taken one by one.
fn taken(rows: &RecordBatch, table: &str) -> Batch {
    if let Ok(events) = lake::events(rows) {
        return (events, 0);
    }
    let (mut events, mut unreadable) = (Vec::new(), 0);
    for row in 0..rows.num_rows() {
        match lake::events(&rows.slice(row, 1)) {
            Ok(event) => events.extend(event),
            Err(error) => {
                unreadable += 1;
                tracing::error!(table, %error, "a row of the lake is no event; skipped");
            }
        }
    }
    (events, unreadable)
}

/// The days there are, and how many events each has.
async fn count(context: &SessionContext, span: &Span) -> Result<Vec<(i32, u64)>, DataFusionError> {
    // On the day alone: counting by time would read a column of the whole lake for a progress bar.
    let sql = format!("select date, count(*) as n from events where {} group by date order by date", span.days());
    let mut days = Vec::new();
    for batch in context.sql(&sql).await?.collect().await? {
        let date = cast(batch.column(0), &DataType::Date32)?;
        let (date, counts) = (date.as_primitive::<Date32Type>(), batch.column(1).as_primitive::<Int64Type>());
        days.extend(date.values().iter().copied().zip(counts.values().iter().map(|count| count.unsigned_abs())));
    }
    Ok(days)
}

/// How events are put in order: in bounded memory.
pub(super) fn ordering() -> Result<(SessionConfig, Arc<RuntimeEnv>), DataFusionError> {
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(SORT_MEMORY)));
    // One sort has all of the memory. Several share it, and leave too little to whoever merges what they have sorted.
    Ok((SessionConfig::new().with_batch_size(BATCH).with_target_partitions(1), runtime.build_arc()?))
}
