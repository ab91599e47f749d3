//! `interdict blast-radius`: what an identity, a target or a host reached, what it learned, and what could come next.

use crate::cli;
use crate::grid::grid;
use crate::settings::Settings;
use crate::stored::Stored;
use crate::when::Span;
use anyhow::Context as _;
use interdict_detector::Fact;
use interdict_detector::blast::{Blast, Query, Radius, dot};
use interdict_queries::Outfile;
use interdict_schemas::Hop;
use std::io::Write as _;
use std::path::Path;

/// An edge that was used on so many days is one that its user takes anyhow.
const HABIT_DAYS: u32 = 3;

pub(crate) async fn run(args: cli::BlastRadius, config: &Path) -> anyhow::Result<()> {
    let span = Span::between(args.since, args.until, ["--since", "--until"])?;
    let settings = Settings::detector(config)?;
    let stored = Stored::open(args.stored, config, &settings, span).await?;
    let query = Query {
        subject: args.subject.clone(),
        since: span.from,
        until: span.to,
        hops: args.hops,
        habit_days: HABIT_DAYS,
    };
    let pass = move || {
        let mut blast = Blast::new(query);
        let read = stored.read(|fact| {
            if let Fact::Event(event) = fact {
                blast.observe(&event);
            }
            Ok(())
        })?;
        anyhow::Ok((blast.answer(), read))
    };
    let (radius, read) = tokio::task::spawn_blocking(pass).await.context("the pass panicked")??;
    let radius = radius.with_context(|| {
        format!(
            "nothing in {read} is an identity, a target or a host named `{}`; `interdict sessions` lists who was where",
            args.subject
        )
    })?;
    if let Some(file) = &args.dot {
        Outfile::write_whole(file, dot(&radius).as_bytes())?;
    }
    let mut out = std::io::stdout();
    match args.output {
        cli::Shown::Json => writeln!(out, "{}", serde_json::to_string_pretty(&radius)?)?,
        cli::Shown::Table => write!(out, "{}", tables(&radius))?,
    }
    Ok(())
}

fn tables(radius: &Radius) -> String {
    let mut text = String::new();
    let mut add = |title: &str, table: String, rows: usize| {
        text.push_str(&format!("{title}\n"));
        text.push_str(&if rows == 0 { "  nothing\n".to_owned() } else { format!("{table}\n") });
    };
    if !radius.visitors.is_empty() {
        let visitors = radius.visitors.iter().map(|one| {
            let (sessions, first, last) = (one.sessions.to_string(), one.first.to_string(), one.last.to_string());
            [one.root.clone(), one.actor.clone(), one.account.clone(), sessions, first, last]
        });
        let table = grid(["root", "actor", "account", "sessions", "first", "last"], visitors);
        add("Who came to it", table, radius.visitors.len());
    }
    let identities = radius.identities.iter();
    let table = grid(
        ["root", "actor", "sessions"],
        identities.map(|one| [one.root.clone(), one.actor.clone(), one.sessions.to_string()]),
    );
    add("Who acted", table, radius.identities.len());
    let reached = radius.reached.iter().map(|one| {
        [
            one.first.to_string(),
            one.target.clone(),
            one.protocol.clone(),
            one.account.clone(),
            one.hops.to_string(),
            one.sessions.to_string(),
            path(&one.path),
        ]
    });
    let table = grid(["first", "target", "protocol", "account", "hops", "sessions", "path"], reached);
    add("Reached", table, radius.reached.len());
    let learned = radius.learned.iter().map(|one| {
        [
            one.first.to_string(),
            one.kind.to_string(),
            one.value.clone(),
            one.target.clone().unwrap_or_default(),
            one.times.to_string(),
            path(&one.path),
        ]
    });
    add("Learned", grid(["first", "kind", "value", "target", "times", "path"], learned), radius.learned.len());
    let next = radius.next.iter().map(|one| {
        [
            one.target.clone(),
            one.account.clone().unwrap_or_default(),
            one.reason.name().to_owned(),
            one.since.to_string(),
            path(&one.path),
            one.evidence.clone(),
        ]
    });
    let table = grid(["target", "account", "because", "since", "path", "evidence"], next);
    add("Could be reached next", table, radius.next.len());
    text
}

/// `config-db (s1, start) -> bastion (s2, disclosed)`
fn path(hops: &[Hop]) -> String {
    let hop = |hop: &Hop| format!("{} ({}, {})", hop.target, hop.session, hop.cause);
    hops.iter().map(hop).collect::<Vec<_>>().join(" -> ")
}
