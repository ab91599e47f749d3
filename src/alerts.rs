//! `interdict alerts`: what the lake holds, or what is raised from now on.

use crate::cli::{self, Output};
use crate::feed::Feed;
use crate::lake;
use crate::settings::Settings;
use futures::StreamExt as _;
use interdict_queries::neutral;
use interdict_schemas::Alert;
use std::io::Write as _;
use std::path::Path;

pub(crate) async fn run(args: cli::Alerts, config: &Path) -> anyhow::Result<()> {
    if !args.follow {
        let query =
            "select time, severity, risk, detection, root, actor, title, verdict, id from alerts order by time desc";
        return lake::ask(args.rows, config, query).await;
    }
    let feed = Feed::open(&Settings::load(config)?).await?;
    let mut alerts = feed.alerts().await?;
    if args.rows.output == Output::Csv {
        line("time,severity,risk,detection,root,actor,title,id")?;
    }
    while let Some(alert) = alerts.next().await {
        line(&shown(&alert?, args.rows.output)?)?;
    }
    Ok(())
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
