//! What the lake holds, in forms that other tools read: events as OCSF, in JSON lines or in Parquet as Amazon Security Lake
//! wants it, an HTTP session as HAR 1.2, a session's transcript as JSON lines. Written as it is read; memory does not grow
//! with how much there is.

mod har;
mod security_lake;
mod shape;

pub use har::har;
pub use security_lake::{Layout, security_lake};

use crate::replay::Transcript;
use crate::verify::Part;
use crate::{Error, Rows, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::{Time, lake, ocsf};
use std::io::Write;

/// Writes events as OCSF, one object a line, in the order of time; returns how many.
///
/// # Errors
/// When the lake knows no such session, cannot be read, or the writer does not take what is written.
pub async fn events(lake: &Snapshot, part: &Part, out: &mut dyn Write) -> Result<u64, Error> {
    let mut rows = ask(lake, part).await?;
    let mut count = 0;
    while let Some(batch) = rows.next().await? {
        for event in lake::events(&batch)? {
            writeln!(out, "{}", ocsf::event(&event.value))?;
            count += 1;
        }
    }
    out.flush()?;
    is_there(part, count)
}

/// How many events there are of a part; none of a session is a session that the lake does not know.
fn is_there(part: &Part, count: u64) -> Result<u64, Error> {
    match part {
        Part::Session(session) if count == 0 => Err(Error::NoSession { session: session.clone() }),
        _ => Ok(count),
    }
}

/// The events of a part, in the order of time.
async fn ask(lake: &Snapshot, part: &Part) -> Result<Rows, Error> {
    let time = |time: &Time| ScalarValue::TimestampMicrosecond(Some(time.0), Some("UTC".into()));
    let (condition, values) = match part {
        Part::All => ("true", Vec::new()),
        Part::Between(from, to) => ("time between $1 and $2", vec![time(from), time(to)]),
        Part::Session(session) => ("session = $1", vec![ScalarValue::from(session.as_str())]),
    };
    let sql = format!("select * from events where {condition} order by time, bus_partition, bus_offset");
    lake.ask(&sql, values).await
}

/// Writes a session's transcript, one entry a line; returns how many.
///
/// # Errors
/// When the lake knows no such session, cannot be read, or the writer does not take what is written.
pub async fn transcript(lake: &Snapshot, session: &str, out: &mut dyn Write) -> Result<u64, Error> {
    let mut transcript = Transcript::open(lake, session).await?;
    let mut count = 0;
    while let Some(entry) = transcript.next().await? {
        let line = serde_json::to_string(&entry).map_err(std::io::Error::other)?;
        writeln!(out, "{line}")?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}
