//! `interdict alerts`: what the lake holds, what is raised from now on, and what people say of it.

use crate::cli::{self, Output, Usage};
use crate::feed::Feed;
use crate::lake;
use crate::settings::Settings;
use crate::told::{Recorded, Told};
use crate::verdicts;
use anyhow::{Context as _, bail};
use arrow::array::RecordBatch;
use futures::StreamExt as _;
use interdict_queries::{Snapshot, neutral};
use interdict_schemas::lake::{self as stored, Located};
use interdict_schemas::{Alert, Finding, Resolution, Severity, Time};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

/// The columns of an alert on a line of CSV.
const HEADER: &str = "time,severity,risk,detection,root,actor,title,id";

pub(crate) async fn run(args: cli::Alerts, config: &Path) -> anyhow::Result<()> {
    match args.command {
        Some(cli::AlertCommand::Show { id, rows }) => return show(&id, rows, config).await,
        Some(cli::AlertCommand::Resolve(args)) => return resolve(args, config).await,
        None => {}
    }
    if !args.follow {
        let query = listing(&args, Time::from(jiff::Timestamp::now()));
        return lake::ask(args.rows, config, &query).await.map(drop);
    }
    if args.rows.lake.is_some() {
        let words = "--follow hears of alerts on the bus as they are raised, and reads no lake: leave --lake out";
        return Err(Usage(words.to_owned()).into());
    }
    let settings = Settings::load(config)?;
    let feed = Feed::open(&settings).await?;
    if settings.is_embedded() && matches!(feed, Feed::Log(_)) {
        // Nobody else can write to the log while it is open here, so that this would be for ever.
        let data = settings.data.display();
        bail!("nobody runs `interdict up` on {data}, so that no alert can be raised; start it first");
    }
    let mut alerts = feed.alerts().await?;
    if args.rows.output == Output::Csv {
        line(HEADER)?;
    }
    while let Some(alert) = alerts.next().await {
        line(&shown(&alert?, args.rows.output)?)?;
    }
    Ok(())
}

/// The alerts that are asked for, newest first. What is longest stands last.
fn listing(args: &cli::Alerts, now: Time) -> String {
    let mut conditions = vec!["true".to_owned()];
    conditions.extend(args.since.map(|since| format!("a.time >= timestamptz '{}'", since.time(now))));
    conditions.extend(args.root.as_deref().map(|root| format!("a.root = {}", lake::literal(root))));
    conditions.extend(args.actor.as_deref().map(|actor| format!("a.actor = {}", lake::literal(actor))));
    conditions.extend(args.severity.map(|least| {
        let names = Severity::ALL.iter().filter(|severity| **severity >= least);
        let names: Vec<_> = names.map(|severity| lake::literal(severity.name())).collect();
        format!("a.severity in ({})", names.join(", "))
    }));
    conditions.extend(args.open.then(|| "r.finding is null".to_owned()));
    format!(
        "select a.id, a.time, a.severity, a.risk, a.detection, a.root, a.actor, a.verdict, r.finding as resolution, \
         r.author as resolved_by, r.note, a.title from alerts a left join resolutions r on r.alert = a.id \
         where {} order by a.time desc, a.id limit {}",
        conditions.join(" and "),
        args.limit
    )
}

/// All that the lake knows of one alert.
async fn show(id: &str, rows: cli::Rows, config: &Path) -> anyhow::Result<()> {
    let snapshot = lake::open(rows.lake, config)?.snapshot().await?;
    let alert =
        rows_of(&snapshot, "alerts where id", id, stored::alerts).await?.pop().with_context(|| unknown(id))?;
    if rows.output == Output::Csv {
        line(HEADER)?;
    }
    if rows.output != Output::Table {
        return Ok(line(&shown(&alert, rows.output)?)?);
    }
    let verdicts = rows_of(&snapshot, "verdicts where alert", id, stored::verdicts).await?;
    let resolution = rows_of(&snapshot, "resolutions where alert", id, stored::resolutions).await?.pop();
    write!(std::io::stdout().lock(), "{}", Told { alert, verdicts, recorded: Some(Recorded(resolution)) })?;
    Ok(())
}

/// The rows of a view whose key is `id`, oldest first.
async fn rows_of<T>(
    snapshot: &Snapshot,
    key: &str,
    id: &str,
    read: impl Fn(&RecordBatch) -> Result<Vec<Located<T>>, stored::Error>,
) -> anyhow::Result<Vec<T>> {
    let query = format!("select * from {key} = {} order by time", lake::literal(id));
    let mut rows = Vec::new();
    for batch in snapshot.sql(&query).await?.collect().await? {
        rows.extend(read(&batch)?.into_iter().map(|row| row.value));
    }
    Ok(rows)
}

fn unknown(id: &str) -> String {
    format!("no alert in the lake has the id `{id}`; `interdict alerts` lists them, a few seconds late")
}

/// Records what a person found. The lake knows the alert's root, under which it belongs on the bus.
async fn resolve(args: cli::Resolve, config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let snapshot = lake::open(args.lake, config)?.snapshot().await?;
    let alert = rows_of(&snapshot, "alerts where id", &args.id, stored::alerts).await?.pop();
    let alert = alert.with_context(|| unknown(&args.id))?;
    let involved: BTreeSet<&str> = alert.chain.iter().map(|hop| hop.actor.as_str()).collect();
    let involved = involved.into_iter().collect::<Vec<_>>().join(", ");
    let root = alert.root.clone();
    let resolution = Resolution {
        alert: args.id,
        time: Time::from(jiff::Timestamp::now()),
        root,
        finding: if args.found.benign { Finding::Benign } else { Finding::Malicious },
        by: args.by.unwrap_or_else(verdicts::person),
        note: args.note,
    };
    let follows = match resolution.finding {
        Finding::Benign => "its verdicts are taken back, and what it did becomes habit".to_owned(),
        Finding::Malicious => {
            format!("whoever was in it is stopped, whatever was before: {}", neutral(&involved))
        }
    };
    let words = format!(
        "recorded for alert {}; once a detector that remembers it hears of that, {follows}; see `interdict verdicts list`",
        resolution.alert
    );
    Feed::open(&settings).await?.resolve(resolution).await?;
    Ok(line(&words)?)
}

/// One alert as one line, or as a few for people.
fn shown(alert: &Alert, output: Output) -> anyhow::Result<String> {
    Ok(match output {
        Output::Json => json(alert)?.to_string(),
        Output::Csv => {
            let time = alert.time.to_string();
            lake::csv(&[
                &time,
                alert.severity.name(),
                &alert.risk.to_string(),
                &alert.detection,
                &alert.root,
                &alert.actor,
                &alert.title,
                &alert.id,
            ])
        }
        Output::Table => format!(
            "{} {:<8} risk {:<4} {}\n    {}",
            alert.time,
            alert.severity,
            alert.risk,
            neutral(&alert.title),
            neutral(&alert.explanation)
        ),
    })
}

/// An alert as the bus has it, but with moments as people and other programs read them.
fn json(alert: &Alert) -> serde_json::Result<serde_json::Value> {
    let mut said = serde_json::to_value(alert)?;
    let moment =
        |at: Time| jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.into(), |at| at.to_string().into());
    if let Some(time) = said.get_mut("time") {
        *time = moment(alert.time);
    }
    let hops = said.get_mut("chain").and_then(serde_json::Value::as_array_mut);
    for (hop, said) in alert.chain.iter().zip(hops.into_iter().flatten()) {
        if let Some(time) = said.get_mut("time") {
            *time = moment(hop.time);
        }
    }
    Ok(said)
}

fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
