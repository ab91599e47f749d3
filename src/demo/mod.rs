//! `interdict demo`: real servers, real clients, the whole of interdict in one process; a routine bot that must stay
//! silent and a compromised agent that must be stopped. Decides nothing itself: it plays, looks and reports.

mod cast;
mod clients;
mod history;
mod picture;
mod report;
pub(crate) mod servers;
mod stage;
mod story;

use crate::cli;
use anyhow::Context as _;
use report::Report;
use stage::Stage;
use std::io::Write as _;

/// Runs the demo. `Ok(false)` when a promise was broken.
pub(crate) async fn run(args: cli::Demo) -> anyhow::Result<bool> {
    let temporary = tempfile::Builder::new().prefix("interdict-demo-").tempdir()?;
    let folder = match &args.keep {
        Some(keep) => {
            std::fs::create_dir(keep)
                .with_context(|| format!("--keep wants a folder that is new: {}", keep.display()))?;
            keep.canonicalize()?
        }
        None => temporary.path().to_owned(),
    };
    // PostgreSQL runs as its own user and must reach its folder below this one.
    set_reachable(&folder)?;

    say("1  real servers: PostgreSQL, OpenSSH, and an HTTP service that stands for a cluster's API");
    let stage = Stage::build(&folder).await?;
    say("2  interdict up: proxy, collector and detector in this process");
    let running = stage.up().await?;
    let outcome = story::play(&stage).await?;
    picture::timeline(&outcome);
    let report = Report::collect(&stage, &outcome, running).await?;
    picture::chain(&report);
    report.print();
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    Ok(report.holds())
}

fn set_reachable(folder: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

/// One line of the demo's narration.
pub(crate) fn say(line: impl std::fmt::Display) {
    // Who looks away does not end it: whether its promises hold is in the exit code.
    let _ = writeln!(std::io::stdout(), "{line}");
}
