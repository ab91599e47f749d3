//! `interdict replay`: a terminal as it was, or a transcript of statements and requests.

use crate::{cli, lake};
use anyhow::Context as _;
use interdict_queries::replay::{Frames, Pace, Transcript, Version, export, play, print};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(args: cli::Replay, config: &Path) -> anyhow::Result<()> {
    let idle = Duration::try_from_secs_f64(args.idle_limit).context("--idle-limit must be seconds, 0 or more")?;
    let engine = lake::open(args.lake, config)?;
    let snapshot = engine.snapshot().await?;
    let frames = Frames::open(&snapshot, &args.session).await;
    if let Some(path) = args.export {
        let version = if args.asciicast == 2 { Version::V2 } else { Version::V3 };
        let frames = frames?;
        let file = std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = std::io::BufWriter::new(file);
        export(frames, version, &mut file).await?;
        file.flush().with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(());
    }
    let mut out = std::io::stdout();
    match frames {
        Ok(frames) => {
            play(frames, Pace { speed: args.speed, idle: Some(idle) }, &mut out).await?;
        }
        Err(interdict_queries::Error::NoRecording { .. }) => {
            print(Transcript::open(&snapshot, &args.session).await?, &mut out).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
