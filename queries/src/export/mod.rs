//! What the lake holds, in forms that other tools read: events as OCSF, in JSON lines or in Parquet as Amazon Security Lake
//! wants it, an HTTP session as HAR 1.2, a session's transcript as JSON lines. Written as it is read; memory does not grow
//! with how much there is.

mod security_lake;
mod shape;

pub use security_lake::{Layout, security_lake};

use crate::replay::{Entry, Transcript};
use crate::verify::Part;
use crate::{Error, Rows, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::{Action, Class, Outcome, Time, lake, ocsf};
use serde_json::{Value, json};
use std::io::Write;

/// Writes events as OCSF, one object a line, in the order of time; returns how many.
///
/// # Errors
/// When the lake cannot be read or the writer does not take what is written.
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
    Ok(count)
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

/// Writes an HTTP session as HAR; returns how many requests it has. Headers and bodies are not recorded, so there are
/// none; requests that policy denied have status 0 and say why.
///
/// # Errors
/// When the lake knows no such session, cannot be read, or the writer does not take what is written.
pub async fn har(lake: &Snapshot, session: &str, out: &mut dyn Write) -> Result<u64, Error> {
    let mut transcript = Transcript::open(lake, session).await?;
    let creator = json!({"name": "interdict", "version": env!("CARGO_PKG_VERSION")});
    write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
    let (mut count, mut host) = (0, String::new());
    while let Some(entry) = transcript.next().await? {
        match entry {
            Entry::Opened(event) => host = event.target.host.unwrap_or(event.target.name),
            Entry::Action { time, action, decision, outcome, .. }
                if matches!(action.class, Class::Request | Class::Api) =>
            {
                let separator = if count == 0 { "" } else { "," };
                write!(out, "{separator}{}", request(time, &host, &action, &decision.reason, outcome.as_ref()))?;
                count += 1;
            }
            _ => {}
        }
    }
    writeln!(out, "]}}}}")?;
    out.flush()?;
    Ok(count)
}

fn request(time: Time, host: &str, action: &Action, reason: &str, outcome: Option<&Outcome>) -> Value {
    let (method, path) = action.text.split_once(' ').unwrap_or(("GET", &action.text));
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        json!({"name": name, "value": value})
    });
    let (status, words, bytes_in, bytes_out, micros) = match outcome {
        Some(outcome) => {
            let status = outcome.code.parse::<u16>().unwrap_or(0);
            (status, outcome.detail.as_str(), outcome.bytes_in, outcome.bytes_out, outcome.duration_us)
        }
        None => (0, reason, 0, 0, 0),
    };
    #[expect(clippy::cast_precision_loss, reason = "exact up to centuries")]
    let millis = micros as f64 / 1000.0;
    json!({
        "startedDateTime": time.to_string(),
        "time": millis,
        "request": {
            "method": method, "url": format!("https://{host}{path}"), "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [], "queryString": query.collect::<Vec<_>>(), "headersSize": -1, "bodySize": bytes_in,
        },
        "response": {
            "status": status, "statusText": words, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "content": {"size": bytes_out, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": bytes_out,
        },
        "cache": {},
        "timings": {"send": 0, "wait": millis, "receive": 0},
    })
}
