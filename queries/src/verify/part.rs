//! Which part of the lake is asked for: a stretch of time or a session, as the numbers of the logs that it touches,
//! widened to the checkpoints around them, so that a signature stands at both ends.

use super::check::{number, text};
use crate::{Error, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::lake::Table;
use interdict_schemas::{Time, Topic};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What is to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    /// The whole lake.
    #[default]
    All,
    /// What lies between two moments, both included.
    Between(Time, Time),
    /// One session.
    Session(String),
}

/// The numbers of one topic that a part consists of, and the days that hold them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extent {
    pub(super) spans: HashMap<String, RangeInclusive<u64>>,
    pub(super) days: Option<RangeInclusive<String>>,
}

/// Finds them; nothing where all is asked for.
pub(super) async fn extent(lake: &Snapshot, topic: Topic, part: &Part) -> Result<Option<Extent>, Error> {
    let micros = |time: &Time| ScalarValue::TimestampMicrosecond(Some(time.0), Some("UTC".into()));
    let (condition, values) = match part {
        Part::All => return Ok(None),
        Part::Between(from, to) => ("time between $1 and $2", vec![micros(from), micros(to)]),
        Part::Session(session) => ("session = $1", vec![ScalarValue::from(session.as_str())]),
    };
    let table = table(topic).name();
    let sql = format!(
        "with touched as (select spool, min(sequence) as first, max(sequence) as last from {table} \
         where {condition} and spool is not null and previous is not null group by spool), \
         before as (select t.spool, max(c.last) + 1 as first from touched t join checkpoints c \
           on c.log = t.spool and c.chain = '{topic}' and c.last < t.first group by t.spool), \
         behind as (select t.spool, min(c.last) as last from touched t join checkpoints c \
           on c.log = t.spool and c.chain = '{topic}' and c.last >= t.last group by t.spool) \
         select t.spool, coalesce(b.first, t.first) as first, coalesce(e.last, t.last) as last \
         from touched t left join before b on b.spool = t.spool left join behind e on e.spool = t.spool"
    );
    let mut extent = Extent::default();
    for batch in lake.ask(&sql, values).await?.collect().await? {
        for row in 0..batch.num_rows() {
            let Some(spool) = text(&batch, "spool", row)? else { continue };
            extent.spans.insert(spool, number(&batch, "first", row)?..=number(&batch, "last", row)?);
        }
    }
    let spans = extent.spans.clone();
    for (spool, span) in &spans {
        let sql = format!(
            "select cast(min(date) as varchar) as first, cast(max(date) as varchar) as last from {table} \
             where spool = $1 and sequence between $2 and $3"
        );
        let bound = |value: &u64| ScalarValue::Int64(i64::try_from(*value).ok());
        let values = vec![ScalarValue::from(spool.as_str()), bound(span.start()), bound(span.end())];
        for batch in lake.ask(&sql, values).await?.collect().await? {
            for row in 0..batch.num_rows() {
                if let (Some(first), Some(last)) = (text(&batch, "first", row)?, text(&batch, "last", row)?) {
                    extent.widen(first, last);
                }
            }
        }
    }
    Ok(Some(extent))
}

impl Extent {
    fn widen(&mut self, first: String, last: String) {
        self.days = Some(match self.days.take() {
            None => first..=last,
            Some(days) => {
                let (start, end) = days.into_inner();
                start.min(first)..=end.max(last)
            }
        });
    }
}

/// The table whose rows are a chain's records.
pub(super) const fn table(topic: Topic) -> Table {
    match topic {
        Topic::Recordings => Table::Recordings,
        _ => Table::Events,
    }
}
