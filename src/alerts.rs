//! `interdict alerts`: what the lake holds, what is raised from now on, and what people say of it.

mod told;

use crate::cli::{self, Output, Usage};
use crate::feed::Feed;
use crate::lake;
use crate::settings::Settings;
use crate::verdicts;
use anyhow::{Context as _, bail};
use arrow::array::AsArray as _;
use futures::StreamExt as _;
use interdict_queries::neutral;
use interdict_schemas::lake as stored;
use interdict_schemas::{Alert, Finding, Resolution, Time};
use std::io::Write as _;
use std::path::Path;
use told::Told;

pub(crate) async fn run(args: cli::Alerts, config: &Path) -> anyhow::Result<()> {
    match args.command {
        Some(cli::AlertCommand::Show { id, rows }) => return show(&id, rows, config).await,
        Some(cli::AlertCommand::Resolve(args)) => return resolve(args, config).await,
        None => {}
    }
    if !args.follow {
        let query = "select a.time, a.severity, a.risk, a.detection, a.root, a.actor, a.title, a.verdict, \
                     r.finding as resolution, r.author as resolved_by, r.note, a.id \
                     from alerts a left join resolutions r on r.alert = a.id order by a.time desc";
        return lake::ask(args.rows, config, query).await;
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
        line("time,severity,risk,detection,root,actor,title,id")?;
    }
    while let Some(alert) = alerts.next().await {
        line(&shown(&alert?, args.rows.output)?)?;
    }
    Ok(())
}

/// All that the lake knows of one alert.
async fn show(id: &str, rows: cli::Rows, config: &Path) -> anyhow::Result<()> {
    let snapshot = lake::open(rows.lake, config)?.snapshot().await?;
    let ask = async |of: &str, id: &str| {
        snapshot.sql(&format!("select * from {of} = {}", lake::literal(id))).await?.collect().await
    };
    let mut alerts = Vec::new();
    for batch in ask("alerts where id", id).await? {
        alerts.extend(stored::alerts(&batch)?);
    }
    let alert = alerts.pop().with_context(|| unknown(id))?.value;
    match rows.output {
        Output::Table => {}
        output => return Ok(line(&shown(&alert, output)?)?),
    }
    let (mut verdicts, mut resolutions) = (Vec::new(), Vec::new());
    for batch in ask("verdicts where id", alert.verdict.as_deref().unwrap_or_default()).await? {
        verdicts.extend(stored::verdicts(&batch)?);
    }
    for batch in ask("resolutions where alert", id).await? {
        resolutions.extend(stored::resolutions(&batch)?);
    }
    let verdict = verdicts.pop().map(|located| located.value);
    let resolution = resolutions.pop().map(|located| located.value);
    write!(std::io::stdout().lock(), "{}", Told { alert, verdict, resolution })?;
    Ok(())
}

fn unknown(id: &str) -> String {
    format!("no alert in the lake has the id `{id}`; `interdict alerts` lists them, a few seconds late")
}

/// Records what a person found. The lake knows the alert's root, under which it belongs on the bus.
async fn resolve(args: cli::Resolve, config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let query = format!("select root from alerts where id = {}", lake::literal(&args.id));
    let rows = lake::open(args.lake, config)?.sql(&query).await?.collect().await?;
    let root = rows.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).ok()?;
        Some(column.as_string::<i32>().value(0).to_owned())
    });
    let root = root.with_context(|| unknown(&args.id))?;
    let resolution = Resolution {
        alert: args.id,
        time: Time::from(jiff::Timestamp::now()),
        root,
        finding: if args.found.benign { Finding::Benign } else { Finding::Malicious },
        by: args.by.unwrap_or_else(verdicts::person),
        note: args.note,
    };
    let follows = match resolution.finding {
        Finding::Benign => "its verdicts are taken back, and what it did becomes habit",
        Finding::Malicious => "whoever was in it is stopped, whatever was before",
    };
    let words = format!("recorded for alert {}: {follows}; see `interdict verdicts list`", resolution.alert);
    Feed::open(&settings).await?.resolve(resolution).await?;
    Ok(line(&words)?)
}

/// One alert as one line, or as a few for people.
fn shown(alert: &Alert, output: Output) -> anyhow::Result<String> {
    Ok(match output {
        Output::Json => serde_json::to_string(alert)?,
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

fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
