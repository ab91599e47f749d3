//! What can be counted: the chunks within each recording, and tables that are fed from the same events.

use super::retired::Taken;
use super::tally::Tally;
use super::{Chunks, Count, MAX_BREAKS, Options};
use crate::{Error, Snapshot};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use interdict_schemas::Topic;
use interdict_schemas::lake::Table;

pub(super) async fn chunks(lake: &Snapshot, options: &Options) -> Result<Chunks, Error> {
    let found = without(lake, options, &Taken::default()).await?;
    if found.missing == 0 {
        return Ok(found);
    }
    match Taken::of(lake, &[Table::Recordings]).await? {
        taken if taken.is_empty() => Ok(found),
        taken => without(lake, options, &taken).await,
    }
}

/// Counts those missing that retention cannot have taken: it took none between two of which the first has a higher number.
async fn without(lake: &Snapshot, options: &Options, taken: &Taken) -> Result<Chunks, Error> {
    let before_first = if options.head_may_be_gone { "\"index\" - 1" } else { "-1" };
    let last = taken.last();
    let sessions = format!(
        "select session, \
         sum(case when \"index\" > coalesce(previous, {before_first}) + 1 and coalesce(before, 0) >= {last} \
             then \"index\" - coalesce(previous, {before_first}) - 1 else 0 end) as missing, \
         sum(case when \"index\" <= coalesce(previous, {before_first}) then 1 else 0 end) as doubled \
         from (select session, \"index\", spool, lag(\"index\") over (partition by session order by \"index\") as previous, \
                 lag(sequence) over (partition by session order by \"index\") as before \
               from recordings) group by session"
    );
    let mut chunks = Chunks::default();
    let sql = format!(
        "select count(*) as sessions, coalesce(sum(missing), 0) as missing, coalesce(sum(doubled), 0) as doubled \
         from ({sessions})"
    );
    for batch in lake.ask(&sql, taken.values()).await?.collect().await? {
        if batch.num_rows() > 0 {
            chunks.sessions = number(&batch, "sessions", 0)?;
            chunks.missing = number(&batch, "missing", 0)?;
            chunks.doubled = number(&batch, "doubled", 0)?;
        }
    }
    if chunks.missing + chunks.doubled > 0 {
        let sql = format!(
            "select session from ({sessions}) where missing > 0 or doubled > 0 order by session limit {MAX_BREAKS}"
        );
        for batch in lake.ask(&sql, taken.values()).await?.collect().await? {
            for row in 0..batch.num_rows() {
                chunks.broken.extend(text(&batch, "session", row)?);
            }
        }
    }
    Ok(chunks)
}

/// Rows of `events` come by `tally`, which has seen them all.
pub(super) async fn counts(lake: &Snapshot, tally: &Tally) -> Result<Vec<Count>, Error> {
    let mut counts = Vec::new();
    for (table, facts) in [(Table::Sessions, "session_facts"), (Table::Disclosures, "disclosures")] {
        let read = Read::of(lake, table, tally).await?;
        let (expected, is_same, read) = (tally.of(table), read.is_same(), read.both());
        if is_same && expected == found(lake, facts, &read, &Taken::default()).await? {
            counts.push(Count { table: table.name(), expected, found: expected });
            continue;
        }
        let mut count = count(lake, (table, facts), &read, &Taken::default()).await?;
        if count.expected != count.found {
            let taken = Taken::of(lake, &[Table::Events, table]).await?;
            if !taken.is_empty() {
                count = self::count(lake, (table, facts), &read, &taken).await?;
            }
        }
        counts.push(count);
    }
    Ok(counts)
}

/// Counts what was read by both, above what retention took of either.
async fn count(lake: &Snapshot, (table, facts): (Table, &str), read: &str, taken: &Taken) -> Result<Count, Error> {
    let above = if taken.is_empty() {
        "true".to_owned()
    } else {
        format!("(sequence is null or sequence > {})", taken.last())
    };
    let read = format!("{read} and {above}");
    let expected = match table {
        Table::Sessions => format!("events where kind in ('opened', 'refused', 'closed') and {read}"),
        // To ask each list for its length takes four times as long: it is cut out for that.
        _ => format!("(select unnest(disclosures) from events where {read})"),
    };
    let expected = single(lake, &format!("select count(*) as rows from {expected}"), taken).await?;
    Ok(Count { table: table.name(), expected, found: found(lake, facts, &read, taken).await? })
}

/// The rows of a table for which this holds.
async fn found(lake: &Snapshot, facts: &str, holds: &str, taken: &Taken) -> Result<u64, Error> {
    // Days that retention of an older build took of the events have nothing to be counted against.
    let kept = "date >= (select min(date) from events)";
    single(lake, &format!("select count(*) as rows from {facts} where {holds} and {kept}"), taken).await
}

/// Up to where `events` and another table have read each partition, as far as that is known: each table is committed by
/// itself, so while events are coming in, one may be a little ahead.
struct Read(Vec<(u32, [Option<i64>; 2])>);

impl Read {
    async fn of(lake: &Snapshot, table: Table, tally: &Tally) -> Result<Self, Error> {
        let mut read = Vec::new();
        for partition in tally.partitions() {
            let events = lake.next_offset(Table::Events, Topic::Events, partition).await?;
            let other = lake.next_offset(table, Topic::Events, partition).await?;
            read.push((partition, [events, other]));
        }
        Ok(Self(read))
    }

    /// Whether both have read the same.
    fn is_same(&self) -> bool {
        self.0.iter().all(|(_, [events, other])| events == other)
    }

    /// The condition that a row comes from what both have read.
    fn both(&self) -> String {
        let until = |[events, other]: [Option<i64>; 2]| Some(events?.min(other?));
        let ends = self.0.iter().filter_map(|(partition, ends)| Some((partition, until(*ends)?)));
        let conditions = ends.map(|(partition, end)| format!("(bus_partition <> {partition} or bus_offset < {end})"));
        let conditions = conditions.collect::<Vec<_>>();
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") }
    }
}

async fn single(lake: &Snapshot, sql: &str, taken: &Taken) -> Result<u64, Error> {
    let batches = lake.ask(sql, taken.values()).await?.collect().await?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    batch.map_or(Ok(0), |batch| number(batch, "rows", 0))
}

/// A count; what is absent or below 0 is 0.
pub(super) fn number(batch: &RecordBatch, column: &str, row: usize) -> Result<u64, Error> {
    let array = named(batch, column, &DataType::Int64)?;
    let value = array.is_valid(row).then(|| array.as_primitive::<Int64Type>().value(row));
    Ok(value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default())
}

pub(super) fn text(batch: &RecordBatch, column: &str, row: usize) -> Result<Option<String>, Error> {
    let array = named(batch, column, &DataType::Utf8)?;
    Ok(array.is_valid(row).then(|| array.as_string::<i32>().value(row).to_owned()))
}

fn named(batch: &RecordBatch, column: &str, kind: &DataType) -> Result<arrow::array::ArrayRef, Error> {
    let array = batch.column_by_name(column).ok_or_else(|| Error::Query(format!("no column {column}")))?;
    cast(array, kind).map_err(|error| Error::Query(error.to_string()))
}
