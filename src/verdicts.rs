//! `interdict verdicts`: list, give and take back.

use crate::cli::{self, Output, VerdictCommand};
use crate::feed::Feed;
use crate::grid::grid;
use crate::lake;
use crate::settings::Settings;
use anyhow::Context as _;
use interdict_schemas::{Mode, Scope, Time, Verdict};
use std::io::Write as _;

pub(crate) async fn run(args: cli::Verdicts, settings: &Settings) -> anyhow::Result<()> {
    let feed = Feed::open(settings).await?;
    let now = Time::from(jiff::Timestamp::now());
    match args.command.unwrap_or(VerdictCommand::List { all: false }) {
        VerdictCommand::List { all } => {
            let mut verdicts = feed.verdicts().await?;
            verdicts.retain(|verdict| all || verdict.is_live(now));
            print(verdicts, args.output)
        }
        VerdictCommand::Add(give) => {
            let verdict = verdict(give, now);
            let (id, scope) = (verdict.id.clone(), verdict.scope.clone());
            feed.give(verdict).await?;
            writeln!(std::io::stdout(), "{id}")?;
            // It counts already: whoever is to be stopped is not to wait for a look at the lake.
            let named = [(&scope.root, lake::Column::Root), (&scope.actor, lake::Column::Chain)];
            for (who, column) in named {
                if let Some(who) = who {
                    lake::say_unknown(&settings.collector.lake, who, column).await?;
                }
            }
            Ok(())
        }
        VerdictCommand::Revoke { id, by } => {
            let verdicts = feed.verdicts().await?;
            let mut verdict = verdicts.into_iter().find(|verdict| verdict.id == id).with_context(|| {
                format!("no verdict has the id `{id}`; `interdict verdicts list --all` lists them")
            })?;
            // Who took it back, and when; who gave it stands in the record before.
            (verdict.revoked, verdict.time, verdict.by) = (true, now, by.unwrap_or_else(person));
            feed.give(verdict).await
        }
    }
}

fn verdict(give: cli::Give, now: Time) -> Verdict {
    let cli::Covered { root, actor, session, source, target } = give.covered;
    let scope = Scope { root, actor, session, source, target };
    let by = give.by.unwrap_or_else(person);
    Verdict {
        id: format!("v-{:032x}", rand::random::<u128>()),
        time: now,
        scope,
        effect: give.effect,
        mode: if give.shadow { Mode::Shadow } else { Mode::Enforce },
        until: now.plus_seconds(i64::from(give.hours) * 3600),
        reason: give.reason,
        evidence: Vec::new(),
        alert: None,
        by,
        revoked: false,
    }
}

/// The person that runs this command, as far as the system knows.
pub(crate) fn person() -> String {
    std::env::var("USER").unwrap_or_else(|_| user())
}

/// The user that runs this command, by number.
fn user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or_else(|_| "unknown".into(), |process| format!("uid {}", process.uid()))
}

/// The columns of a listing.
const COLUMNS: [&str; 8] = ["id", "given", "until", "effect", "mode", "scope", "by", "reason"];

fn print(verdicts: Vec<Verdict>, output: Output) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let cells = |verdict: &Verdict| {
        let until = if verdict.revoked { "revoked".into() } else { verdict.until.to_string() };
        [
            verdict.id.clone(),
            verdict.time.to_string(),
            until,
            verdict.effect.to_string(),
            verdict.mode.to_string(),
            verdict.scope.to_string(),
            verdict.by.clone(),
            verdict.reason.clone(),
        ]
    };
    match output {
        Output::Json => {
            for verdict in &verdicts {
                writeln!(out, "{}", serde_json::to_string(verdict)?)?;
            }
        }
        Output::Csv => {
            writeln!(out, "{}", COLUMNS.join(","))?;
            for verdict in &verdicts {
                writeln!(out, "{}", lake::csv(&cells(verdict)))?;
            }
        }
        Output::Table => {
            writeln!(out, "{}", grid(COLUMNS, verdicts.iter().map(cells)))?;
        }
    }
    Ok(())
}
