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
use arrow::datatypes::{DataType, Date32Type};
use datafusion::scalar::ScalarValue;

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
                let column = arrow::compute::cast(batch.column_by_name(column)?, &DataType::Date32).ok()?;
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
