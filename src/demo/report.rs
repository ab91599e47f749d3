//! What the lake says of the demo, and whether every promise was kept.

use super::cast;
use super::say;
use super::stage::Stage;
use super::story::Outcome;
use crate::up::Running;
use anyhow::{Context as _, bail};
use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use interdict_queries::output::{self, Format};
use interdict_queries::{Engine, Outfile, Settings};
use interdict_schemas::{Alert, Topic, lake};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the lake may take to hold all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The figures.
pub(crate) struct Report {
    events_recorded: i64,
    events_in_lake: i64,
    /// Alerts of the compromised agent that led to a verdict.
    pub(crate) pivots: Vec<Alert>,
    false_alerts: usize,
    blocked_before_hop: Option<usize>,
    detect_to_block_ms: Option<f64>,
    verified: bool,
    bot_silent: bool,
    table: String,
    query: &'static str,
}

/// The question that shows the story.
const STORY: &str = "select opened, root, actor, target, protocol, state, reason from sessions where root = 'dana@corp.example' \
     or opened > now() - interval '10 minutes' order by coalesce(opened, time)";

impl Report {
    /// Waits until the lake holds what the log holds, then asks it.
    pub(crate) async fn collect(stage: &Stage, outcome: &Outcome, running: Running) -> anyhow::Result<Self> {
        let log = std::sync::Arc::clone(&running.log);
        let engine = Engine::open(&stage.settings.collector.lake.display().to_string(), Settings::default())?;
        let start = Instant::now();
        let (events_recorded, events_in_lake) = loop {
            let recorded = i64::try_from(log.end(Topic::Events, 0).await?)?;
            let held = number(&engine, "select count(*) from events").await?.unwrap_or_default();
            let raised = i64::try_from(log.end(Topic::Alerts, 0).await?)?;
            let kept = number(&engine, "select count(*) from alert_revisions").await?.unwrap_or_default();
            if (recorded, raised) == (held, kept) {
                break (recorded, held);
            }
            if start.elapsed() > PATIENCE {
                bail!("the lake holds {held} of {recorded} events after {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let alerts = alerts(&engine).await?;
        let bot = |alert: &&Alert| alert.root == cast::BOT;
        let false_alerts = alerts.iter().filter(bot).count();
        // Hops of the compromised agent in order; one that was refused, or closed before it was admitted, went nowhere.
        let states = texts(
            &engine,
            &format!(
                "select case when verdict is not null and coalesce(actions, 0) = 0 then 'stopped' else state end \
                 from sessions where root = '{}' order by coalesce(opened, time)",
                cast::PERSON
            ),
        )
        .await?;
        let blocked_before_hop = states.iter().position(|state| state == "stopped").map(|index| index + 1);
        let took = number(
            &engine,
            &format!(
                "select cast(max(extract(epoch from (closed - opened)) * 1000000) as bigint) from sessions \
                 where root = '{}' and verdict is not null",
                cast::PERSON
            ),
        )
        .await?;
        let verified = crate::verify::whole(&engine).await?.is_whole();
        let mut table = Vec::new();
        output::write(engine.sql(STORY).await?, Format::Table, None, &mut table).await?;
        running.stop().await?;
        Ok(Self {
            events_recorded,
            events_in_lake,
            pivots: alerts
                .into_iter()
                .filter(|alert| alert.verdict.is_some() && alert.root == cast::PERSON)
                .collect(),
            false_alerts,
            blocked_before_hop,
            #[expect(clippy::cast_precision_loss, reason = "microseconds of a demo")]
            detect_to_block_ms: took.map(|micros| micros as f64 / 1000.0),
            verified,
            bot_silent: outcome.steps.iter().all(|step| step.who != cast::BOT || !step.stopped),
            table: String::from_utf8(table).context("a table is text")?,
            query: STORY,
        })
    }

    /// Whether the pivot was refused at its second hop, the bot stayed silent, and nothing is missing.
    pub(crate) fn holds(&self) -> bool {
        self.blocked_before_hop.is_some_and(|hop| hop <= 2)
            && self.false_alerts == 0
            && self.bot_silent
            && !self.pivots.is_empty()
            && self.verified
            && self.events_recorded == self.events_in_lake
    }

    /// As the terminal shows it.
    pub(crate) fn print(&self) {
        say(format_args!("5  the same, from the lake:\n\n  interdict sql \"{}\"\n", self.query));
        say(&self.table);
        match (self.blocked_before_hop, self.detect_to_block_ms) {
            (Some(hop), Some(took)) => say(format_args!(
                "  hop {hop} was judged and refused within {took:.1} ms, before its target was dialled"
            )),
            (Some(hop), None) => say(format_args!("  hop {hop} was refused before it was admitted")),
            _ => say("  nothing was refused"),
        }
        say(format_args!(
            "  {} events recorded, {} in the lake, {}; {} alerts about the agent, {} about the bot",
            self.events_recorded,
            self.events_in_lake,
            if self.verified { "no gap and no double" } else { "NOT WHOLE" },
            self.pivots.len(),
            self.false_alerts,
        ));
    }

    /// As JSON.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let report = json!({
            "events_recorded": self.events_recorded,
            "events_in_lake": self.events_in_lake,
            "alerts": self.pivots.len(),
            "false_alerts": self.false_alerts,
            "blocked_before_hop": self.blocked_before_hop,
            "detect_to_block_ms": self.detect_to_block_ms,
            "verified": self.verified,
        });
        Ok(Outfile::write_whole(path, format!("{report:#}\n").as_bytes())?)
    }
}

async fn batches(engine: &Engine, query: &str) -> anyhow::Result<Vec<RecordBatch>> {
    Ok(engine.sql(query).await?.collect().await?)
}

/// The one number that a query answers.
async fn number(engine: &Engine, query: &str) -> anyhow::Result<Option<i64>> {
    let batches = batches(engine, query).await?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).context("an aggregate has a row")?;
    let column = batch.column(0).as_primitive_opt::<Int64Type>().context("an aggregate is a number")?;
    Ok((!column.is_null(0)).then(|| column.value(0)))
}

/// The one column of text that a query answers.
async fn texts(engine: &Engine, query: &str) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for batch in batches(engine, query).await? {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
        texts.extend(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()));
    }
    Ok(texts)
}

/// Every alert in its latest revision.
async fn alerts(engine: &Engine) -> anyhow::Result<Vec<Alert>> {
    let mut alerts = Vec::new();
    for batch in batches(engine, "select * from alerts order by time").await? {
        alerts.extend(lake::alerts(&batch)?.into_iter().map(|located| located.value));
    }
    Ok(alerts)
}
