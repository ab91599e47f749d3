//! What belongs to a case, out of one state of the lake.

use super::Seal;
use super::folder::Folder;
use super::manifest::{FORMAT, Manifest, NAME, SIGNATURE, Session, Version};
use crate::replay::{self, Frames};
use crate::verify::{self, Options, Part};
use crate::{Error, Snapshot, export};
use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::scalar::ScalarValue;
use interdict_schemas::lake::Table;
use interdict_schemas::{Digest, Time, chain};
use std::io::{self, Write};
use std::path::Path;

/// What went into an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Sessions of the alert's chain.
    pub sessions: usize,
    /// Of these, those of which the lake holds nothing any more.
    pub absent: usize,
    /// Files, the manifest and its signature not among them.
    pub files: usize,
    /// Whether what the gateways wrote in the time of the case is there, once and unchanged.
    pub whole: bool,
}

/// Writes the case of an alert into `out`; `below` is where its files are kept until then. `options` say what proofs are
/// believed; the part that is proven is the time of the case.
///
/// # Errors
/// When the lake knows no such alert, cannot be read, or what is written is not taken.
pub async fn export<W: Write>(
    lake: &Snapshot,
    alert: &str,
    options: Options,
    seal: &dyn Seal,
    below: &Path,
    out: W,
) -> Result<(Case, W), Error> {
    let chained = replay::sessions_of(lake, alert).await?;
    let mut folder = Folder::new(below)?;
    let id = || vec![ScalarValue::from(alert)];
    let ask = async |sql: &str, values: Vec<ScalarValue>| lake.ask(sql, values).await;
    folder
        .rows("alerts", ask("select * from alert_revisions where id = $1 order by revision, bus_offset", id()).await?)
        .await?;
    folder
        .rows(
            "resolutions",
            ask("select * from resolution_records where alert = $1 order by bus_offset", id()).await?,
        )
        .await?;
    let sql = "select * from verdict_records where alert = $1 \
               or id in (select verdict from alert_revisions where id = $1 and verdict is not null) order by id, bus_offset";
    folder.rows("verdicts", ask(sql, id()).await?).await?;

    let places: Vec<_> = (1..=chained.len()).map(|at| format!("${at}")).collect();
    let among = format!("session in ({})", places.join(", "));
    let sessions = || chained.iter().map(|session| ScalarValue::from(session.as_str())).collect::<Vec<_>>();
    for (name, table, order) in [
        ("sessions", "session_facts", "time, bus_partition, bus_offset"),
        ("events", "events", "time, bus_partition, bus_offset"),
        ("disclosures", "disclosures", "time, bus_partition, bus_offset"),
        ("recordings", "recordings", "session, \"index\""),
    ] {
        let sql = format!("select * from {table} where {among} order by {order}");
        folder.rows(name, ask(&sql, sessions()).await?).await?;
    }
    folder.rows("checkpoints", ask(&checkpoints(&among), sessions()).await?).await?;

    let mut listed = Vec::with_capacity(chained.len());
    for (session, nth) in chained.iter().zip(1..) {
        listed.push(one(lake, &mut folder, session, nth).await?);
    }
    let (from, to) = span(lake, &among, &chained, alert).await?;
    let report = verify::check(lake, &Options { part: Part::Between(from, to), ..options }).await?;
    folder.put("verify.json", &serde_json::to_vec_pretty(&report).map_err(io::Error::other)?)?;

    let tables = Table::ALL
        .into_iter()
        .filter_map(|table| Some(Version { table: table.name().to_owned(), version: lake.version(table)? }));
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        alert: alert.to_owned(),
        made: jiff::Timestamp::now().to_string(),
        interdict: env!("CARGO_PKG_VERSION").to_owned(),
        key: Digest(seal.key()).to_string(),
        from: from.to_string(),
        to: to.to_string(),
        tables: tables.collect(),
        sessions: listed,
        left_out: lake.left_out(),
        files: folder.files().to_vec(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
    let signature: String = seal.sign(&chain::case(&text)).iter().map(|byte| format!("{byte:02x}")).collect();
    let absent = manifest.sessions.iter().filter(|session| session.folder.is_none()).count();
    let case = Case { sessions: chained.len(), absent, files: manifest.files.len(), whole: report.is_whole() };
    let out = folder.archive([(NAME, &text), (SIGNATURE, format!("{signature}\n").as_bytes())], out)?;
    Ok((case, out))
}

/// One session as it was: what was done in it, its terminal if it had one, its requests if there were any.
async fn one(lake: &Snapshot, folder: &mut Folder, session: &str, nth: usize) -> Result<Session, Error> {
    let place = format!("sessions/{nth:03}");
    let transcript = format!("{place}/transcript.jsonl");
    let mut out = folder.create(&transcript)?;
    match export::transcript(lake, session, &mut out).await {
        Err(Error::NoSession { .. }) => {
            folder.leave(&transcript)?;
            return Ok(Session { session: session.to_owned(), folder: None });
        }
        done => done?,
    };
    folder.keep(&transcript)?;
    match Frames::open(lake, session).await {
        Err(Error::NoRecording { .. }) => {}
        frames => {
            let name = format!("{place}/terminal.cast");
            replay::export(frames?, replay::Version::V3, &mut folder.create(&name)?).await?;
            folder.keep(&name)?;
        }
    }
    let requests = format!("{place}/requests.har");
    match export::har(lake, session, &mut folder.create(&requests)?).await {
        Ok(0) | Err(Error::NoRequests { .. }) => folder.leave(&requests)?,
        Ok(_) => folder.keep(&requests)?,
        Err(error) => return Err(error),
    }
    Ok(Session { session: session.to_owned(), folder: Some(place) })
}

/// The signed words around the records of the sessions, and those by which a key handed over to another.
fn checkpoints(among: &str) -> String {
    let touched = |table: &str| {
        format!(
            "select 'interdict.{table}' as chain, spool, min(sequence) as first, max(sequence) as last from {table} \
             where {among} and spool is not null group by spool"
        )
    };
    format!(
        "with touched as ({} union all {}), \
         around as (select t.chain, t.spool, max(t.first) as first, max(t.last) as last, \
             max(case when c.last < t.first then c.last end) as before, \
             min(case when c.last >= t.last then c.last end) as behind \
           from touched t join checkpoints c on c.log = t.spool and c.chain = t.chain group by t.chain, t.spool) \
         select c.* from checkpoints c join around a on c.log = a.spool and c.chain = a.chain \
         where c.successor is not null \
           or c.last between coalesce(a.before, a.first) and coalesce(a.behind, a.last) \
         order by c.log, c.chain, c.last, c.time",
        touched("events"),
        touched("recordings"),
    )
}

/// From the first to the last moment of all that is told of.
async fn span(lake: &Snapshot, among: &str, sessions: &[String], alert: &str) -> Result<(Time, Time), Error> {
    let sql = format!(
        "select min(first) as first, max(last) as last from ( \
           select min(time) as first, max(time) as last from events where {among} \
           union all select min(time), max(time) from alert_revisions where id = ${})",
        sessions.len() + 1
    );
    let values = sessions.iter().map(String::as_str).chain([alert]).map(ScalarValue::from).collect::<Vec<_>>();
    for batch in lake.ask(&sql, values).await?.collect().await? {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let at = |name: &str| {
            let column = cast(batch.column_by_name(name)?, &micros).ok()?;
            column.as_primitive::<TimestampMicrosecondType>().iter().next().flatten().map(Time)
        };
        if let Some(span) = at("first").zip(at("last")) {
            return Ok(span);
        }
    }
    Err(Error::NoAlert { alert: alert.to_owned() })
}
