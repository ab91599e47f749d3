//! `interdict replay`: terminals as they were, or transcripts of statements and requests; of a session, or of all that an
//! alert is about.

use crate::when::When;
use crate::{cli, lake};
use anyhow::Context as _;
use interdict_queries::replay::{Frames, Pace, Transcript, Version, began, export, play, print, sessions_of};
use interdict_queries::{Error, Outfile, Snapshot, neutral};
use interdict_schemas::Time;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(args: cli::Replay, config: &Path) -> anyhow::Result<()> {
    let idle = Duration::try_from_secs_f64(args.idle_limit).context("--idle-limit must be seconds, 0 or more")?;
    let engine = lake::open(args.lake, config)?;
    let snapshot = engine.snapshot().await?;
    let pace = Pace { speed: args.speed, idle: Some(idle), ..Pace::default() };
    if let Some(alert) = &args.alert {
        for session in sessions_of(&snapshot, alert).await? {
            writeln!(std::io::stdout(), "--- session {}", neutral(&session))?;
            show(&snapshot, &session, pace, args.at).await?;
        }
        return Ok(());
    }
    let session = args.session.context("name a session, or an alert with --alert")?;
    if let Some(path) = args.export {
        let version = if args.asciicast == 2 { Version::V2 } else { Version::V3 };
        let frames = Frames::open(&snapshot, &session).await?;
        let mut file = Outfile::create(&path)?;
        export(frames, version, &mut file).await?;
        return Ok(file.finish()?);
    }
    show(&snapshot, &session, pace, args.at).await
}

/// Plays a session's terminal, or prints its transcript where there is none.
async fn show(lake: &Snapshot, session: &str, pace: Pace, at: Option<When>) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match Frames::open(lake, session).await {
        Ok(frames) => {
            let from = at.map_or(Duration::ZERO, |at| after(at, frames.began()));
            play(frames, Pace { from, ..pace }, &mut out).await?;
        }
        Err(Error::NoRecording { .. }) => {
            let transcript = Transcript::open(lake, session).await?;
            let transcript = match at {
                Some(at) => {
                    let began = began(lake, session).await?;
                    let micros = i64::try_from(after(at, began).as_micros()).unwrap_or(i64::MAX);
                    transcript.since(began.plus_micros(micros))
                }
                None => transcript,
            };
            print(transcript, &mut out).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// How long after the beginning somebody means.
fn after(at: When, began: Time) -> Duration {
    match at {
        When::Ago(seconds) => Duration::from_secs(seconds.unsigned_abs()),
        When::At(time) => Duration::from_micros(time.micros_since(began).max(0).unsigned_abs()),
    }
}
