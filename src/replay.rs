//! `interdict replay`: terminals as they were, or transcripts of statements and requests; of a session, or of all that an
//! alert is about.

use crate::when::When;
use crate::{cli, lake};
use anyhow::{Context as _, bail};
use interdict_queries::replay::{Frames, Pace, Transcript, Version, began, export, play, print, sessions_of};
use interdict_queries::{Error, Outfile, Settings, Snapshot, neutral};
use interdict_schemas::Time;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(args: cli::Replay, config: &Path) -> anyhow::Result<()> {
    let idle = Duration::try_from_secs_f64(args.idle_limit).context("--idle-limit must be seconds, 0 or more")?;
    let settings = Settings { skip_broken: args.skip_broken, ..Settings::default() };
    let engine = lake::open_with(args.lake, config, settings)?;
    let snapshot = engine.snapshot().await?;
    let pace = Pace { speed: args.speed, idle: Some(idle), ..Pace::default() };
    if let Some(alert) = &args.alert {
        chain(&snapshot, alert, pace, args.at).await?;
        return lake::say_left_out(&snapshot);
    }
    let session = args.session.context("name a session, or an alert with --alert")?;
    if let Some(path) = args.export {
        let version = if args.asciicast == 2 { Version::V2 } else { Version::V3 };
        let frames = Frames::open(&snapshot, &session).await?;
        let mut file = Outfile::create(&path)?;
        export(frames, version, &mut file).await?;
        file.finish()?;
        return lake::say_left_out(&snapshot);
    }
    show(&snapshot, &session, pace, args.at).await?;
    lake::say_left_out(&snapshot)
}

/// Shows every session of an alert that can be shown, and fails if there are others: those are named in their place.
async fn chain(lake: &Snapshot, alert: &str, pace: Pace, at: Option<When>) -> anyhow::Result<()> {
    let sessions = sessions_of(lake, alert).await?;
    let mut missing = 0;
    for session in &sessions {
        writeln!(std::io::stdout(), "--- session {}", neutral(session))?;
        let Err(error) = show(lake, session, pace, at).await else { continue };
        let cause = error.downcast_ref();
        if !matches!(cause, Some(Error::NoSession { .. } | Error::File { .. })) {
            return Err(error);
        }
        missing += 1;
        writeln!(std::io::stderr(), "{}", neutral(&error.to_string()))?;
    }
    if missing > 0 {
        bail!("{missing} of the {} sessions of alert {alert} could not be shown whole", sessions.len());
    }
    Ok(())
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
