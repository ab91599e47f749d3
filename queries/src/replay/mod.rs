//! Sessions as they were: a terminal played again or exported, or what was said as a transcript.

mod cast;
mod frame;
mod play;
mod screen;
mod transcript;
mod utf8;

pub use cast::{Version, export};
pub use frame::{Frame, Frames, Shown};
pub use play::{Pace, play};
pub use transcript::{Entry, Transcript, print};

use crate::{Error, Snapshot};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::scalar::ScalarValue;
use interdict_schemas::Time;

/// When a session was opened, or refused.
///
/// # Errors
/// When the lake knows no such session.
pub async fn began(lake: &Snapshot, session: &str) -> Result<Time, Error> {
    let sql = "select min(coalesce(opened, time)) as began from session_facts where session = $1";
    for batch in lake.ask(sql, vec![text(session)]).await?.collect().await? {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let column = batch.column_by_name("began").and_then(|column| cast(column, &micros).ok());
        if let Some(column) = column.filter(|column| !column.is_empty() && column.is_valid(0)) {
            return Ok(Time(column.as_primitive::<TimestampMicrosecondType>().value(0)));
        }
    }
    Err(Error::NoSession { session: session.to_owned() })
}

/// The sessions in an alert's chain, in the order of its hops, each once.
///
/// # Errors
/// When the lake knows no such alert.
pub async fn sessions_of(lake: &Snapshot, alert: &str) -> Result<Vec<String>, Error> {
    let sql = "select hop['session'] as session from (select unnest(chain) as hop from alerts where id = $1) \
               group by hop['session'] order by min(hop['time'])";
    let mut sessions = Vec::new();
    for batch in lake.ask(sql, vec![text(alert)]).await?.collect().await? {
        let column = batch.column_by_name("session").and_then(|column| cast(column, &DataType::Utf8).ok());
        let found = column.iter().flat_map(|column| column.as_string::<i32>().iter().flatten().map(str::to_owned));
        sessions.extend(found.collect::<Vec<_>>());
    }
    if sessions.is_empty() { Err(Error::NoAlert { alert: alert.to_owned() }) } else { Ok(sessions) }
}

/// The days in which a session's rows lie: other days' files are not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    first: i32,
    /// Absent while the session is open.
    last: Option<i32>,
}

impl Days {
    async fn of(lake: &Snapshot, session: &str) -> Result<Self, Error> {
        let sql = "select min(date) as first, max(case when state <> 'open' then date end) as last \
                   from session_facts where session = $1";
        for batch in lake.ask(sql, vec![text(session)]).await?.collect().await? {
            let day = |column: &str| {
                let column = cast(batch.column_by_name(column)?, &DataType::Date32).ok()?;
                (column.is_valid(0)).then(|| column.as_primitive::<Date32Type>().value(0))
            };
            if batch.num_rows() > 0
                && let Some(first) = day("first")
            {
                return Ok(Self { first, last: day("last") });
            }
        }
        Err(Error::NoSession { session: session.to_owned() })
    }

    /// Values for a condition `date between $2 and $3`; a day is added for what was recorded late.
    fn values(self, session: &str) -> Vec<ScalarValue> {
        let last = self.last.map_or(i32::MAX, |day| day.saturating_add(1));
        vec![text(session), ScalarValue::Date32(Some(self.first)), ScalarValue::Date32(Some(last))]
    }
}

fn text(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.to_owned()))
}
