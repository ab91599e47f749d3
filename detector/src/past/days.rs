//! The events of the lake, a day at a time: all at once there are too many to be put in order in bounded memory. A day
//! that fits is put in order here, by one copy of each row; a larger one by the engine, which does it on disk.
//!
//! One task reads, another puts in order and makes events, beside whoever does something with them: so the next day is
//! there when one ends.

use super::order::Ordered;
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

/// Bytes of rows that a day may have to be put in order here. Twice as many are held, of a day and the next.
pub(super) const HELD: usize = 512 << 20;

/// Memory that ordering a larger day may take before it spills to disk.
const SORT_MEMORY: usize = 256 << 20;

/// Rows that are read, and become events, at a time: an event takes more memory than its row, and the engine must have
/// two batches of the largest statements to put them in order.
const BATCH: usize = 2048;

/// Batches of events that are made before they are asked for.
const AHEAD: usize = 4;

/// The events of a span, streaming, by time, then bus partition, then offset.
#[derive(Debug)]
pub(super) struct Days {
    batches: mpsc::Receiver<Result<Batch, Error>>,
    /// Those that read and put in order; they end with this.
    reading: JoinSet<()>,
    events: u64,
    unreadable: u64,
}

/// Events, and how many rows beside them are none.
type Batch = (Vec<Located<Event>>, u64);

/// Rows that come before all that are told later.
type Rows = Result<Vec<RecordBatch>, DataFusionError>;

impl Days {
    /// Of the events of a span those for which `and`, empty or another condition of SQL, holds too. The context has the
    /// table as `events`; `table` is where it is, for errors. The engine puts days in order that have more than `held`
    /// bytes.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) async fn open(
        context: SessionContext,
        table: String,
        span: &Span,
        and: &str,
        held: usize,
    ) -> Result<Self, Error> {
        let days = count(&context, span).await.map_err(|source| Error::read(&table, source))?;
        let events = days.iter().map(|(_, events)| events).sum();
        let wanted = format!("{}{and}", span.rows());
        let ((tell_rows, rows), (tell, batches)) = (mpsc::channel(1), mpsc::channel(AHEAD));
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            for (day, _) in days {
                let of_day = format!("select * from events where date = cast({day} as date) and {wanted}");
                if let Err(error) = read(&context, &of_day, held, &tell_rows).await {
                    // Nobody hears it who has gone.
                    drop(tell_rows.send(Err(error)).await);
                    return;
                }
            }
        });
        reading.spawn_blocking(move || put_in_order(rows, &table, &tell));
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
        while let Some(ended) = self.reading.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        Ok(None)
    }
}

/// Tells the rows of a day: all at once if they fit, otherwise in order.
async fn read(
    context: &SessionContext,
    of_day: &str,
    held: usize,
    tell: &mpsc::Sender<Rows>,
) -> Result<(), DataFusionError> {
    // Not before the day before is taken: otherwise three would be held. Whoever takes none has gone, and this ends too.
    let Ok(place) = tell.reserve().await else { return Ok(()) };
    if let Some(rows) = whole(context, of_day, held).await? {
        place.send(Ok(rows));
        return Ok(());
    }
    drop(place);
    let mut rows = context.sql(&format!("{of_day} order by {}", Ordered::BY)).await?.execute_stream().await?;
    while let Some(batch) = rows.next().await.transpose()? {
        if tell.send(Ok(vec![batch])).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The rows of a day, if they have no more than `held` bytes.
async fn whole(
    context: &SessionContext,
    of_day: &str,
    held: usize,
) -> Result<Option<Vec<RecordBatch>>, DataFusionError> {
    if held == 0 {
        return Ok(None);
    }
    let (mut batches, mut bytes) = (Vec::new(), 0);
    let mut rows = context.sql(of_day).await?.execute_stream().await?;
    while let Some(batch) = rows.next().await.transpose()? {
        bytes += batch.get_array_memory_size();
        if bytes > held {
            return Ok(None);
        }
        batches.push(batch);
    }
    Ok(Some(batches))
}

/// Tells the events that rows are, in order, until there are none or something fails.
fn put_in_order(mut rows: mpsc::Receiver<Rows>, table: &str, tell: &mpsc::Sender<Result<Batch, Error>>) {
    let failed = |source| Error::read(table, source);
    while let Some(rows) = rows.blocking_recv() {
        let ordered = rows.and_then(|rows| Ok(Ordered::of(rows, BATCH)?));
        let (ordered, error) = match ordered {
            Ok(ordered) => (Some(ordered), None),
            Err(error) => (None, Some(Err(failed(error)))),
        };
        let batches = ordered.into_iter().flatten();
        let batches = batches.map(|rows| rows.map(|rows| taken(&rows, table)).map_err(|error| failed(error.into())));
        for batch in batches.chain(error) {
            let is_last = batch.is_err();
            if tell.blocking_send(batch).is_err() || is_last {
                return;
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::{Days, HELD, ordering};
    use crate::past::tables::Span;
    use crate::simulation::Plan;
    use datafusion::datasource::MemTable;
    use datafusion::prelude::SessionContext;
    use interdict_schemas::lake::{Located, Place, Record, Table, rows};
    use interdict_schemas::{Event, Message, Time};
    use std::sync::Arc;

    fn context(events: &[Located<Event>]) -> SessionContext {
        let record = |located: &Located<Event>| {
            let message = Located { place: located.place.clone(), value: Message::Event(located.value.clone()) };
            Record::try_from(&message).expect("a record")
        };
        let batch = |some: &[Located<Event>]| {
            rows(Table::Events, &some.iter().map(record).collect::<Vec<_>>()).expect("rows")
        };
        let table = MemTable::try_new(Table::Events.schema(), vec![events.chunks(1_000).map(batch).collect()]);
        let (config, runtime) = ordering().expect("a runtime");
        let context = SessionContext::new_with_config_rt(config, runtime);
        context.register_table("events", Arc::new(table.expect("a table"))).expect("registered");
        context
    }

    async fn told(context: &SessionContext, held: usize) -> Vec<Located<Event>> {
        let span = Span { since: Time(i64::MIN), until: Time(i64::MAX) };
        let mut days = Days::open(context.clone(), "events".to_owned(), &span, "", held).await.expect("a table");
        let mut told = Vec::new();
        while let Some(events) = days.next().await.expect("events") {
            told.extend(events);
        }
        assert_eq!((days.events(), days.unreadable()), (told.len() as u64, 0));
        told
    }

    #[tokio::test]
    async fn days_come_in_order_whether_they_fit_or_not() {
        let plan = Plan { days: 4, identities: 40, sessions_per_day: 500, ..Plan::default() };
        let at = |(nth, value): (u64, Event)| {
            let place = Place { stamp: None, partition: u32::try_from(nth % 3).expect("small"), offset: nth / 3 };
            Located { place, value }
        };
        let mut events: Vec<_> = (0..).zip(plan.stream()).map(at).collect();
        // Some at the same time, in partitions that are told apart.
        let time = events[100].value.time;
        events.iter_mut().skip(100).take(50).for_each(|event| event.value.time = time);
        let mut ordered = events.clone();
        ordered.sort_by_key(|event| (event.value.time, event.place.partition, event.place.offset));
        assert_ne!(events, ordered);
        events.reverse();
        let context = context(&events);
        // All days fit, none does, and each is given up on the way.
        for held in [HELD, 0, 100_000] {
            assert!(told(&context, held).await == ordered, "{held} bytes held");
        }
    }
}
