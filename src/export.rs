//! `interdict export`: what the lake holds, in forms that other tools read.

use crate::cli::{Export, ExportForm};
use crate::when::{Span, When};
use crate::{case, lake};
use interdict_queries::export::{self, Layout};
use interdict_queries::verify::Part;
use interdict_queries::{Outfile, Settings};
use std::io::Write;
use std::path::Path;

/// Runs it; `Ok(false)` when a case was checked and is not what was signed.
pub(crate) async fn run(args: Export, config: &Path) -> anyhow::Result<bool> {
    let settings = Settings { spill: args.spill_mib << 20, skip_broken: args.skip_broken, ..Settings::default() };
    if let ExportForm::Case { alert, check, key } = args.form {
        return case::run(case::Arguments { alert, check, key, out: args.out, lake: args.lake, settings }, config)
            .await;
    }
    let engine = lake::open_with(args.lake, config, settings)?;
    let snapshot = engine.snapshot().await?;
    let mut file = args.out.as_deref().map(Outfile::create).transpose()?;
    let mut standard = std::io::stdout();
    let out: &mut dyn Write = match &mut file {
        Some(file) => file,
        None => &mut standard,
    };
    let told = match args.form {
        ExportForm::Ocsf { from, to, session, security_lake: Some(folder), region, account, source } => {
            let (region, account) = (region.unwrap_or_default(), account.unwrap_or_default());
            let layout = Layout { folder, source, region, account };
            let (count, files) = export::security_lake(&snapshot, &part(session, from, to)?, &layout).await?;
            format!("{count} events in {files} files")
        }
        ExportForm::Ocsf { from, to, session, .. } => {
            let count = export::events(&snapshot, &part(session, from, to)?, out).await?;
            format!("{count} events")
        }
        ExportForm::Transcript { session } => {
            format!("{} entries", export::transcript(&snapshot, &session, out).await?)
        }
        ExportForm::Har { session } => format!("{} requests", export::har(&snapshot, &session, out).await?),
        ExportForm::Case { .. } => return Ok(true),
    };
    if let Some(file) = file {
        file.finish()?;
    }
    writeln!(std::io::stderr(), "{told}")?;
    lake::say_left_out(&snapshot)?;
    Ok(true)
}

fn part(session: Option<String>, from: Option<When>, to: Option<When>) -> anyhow::Result<Part> {
    if let Some(session) = session {
        return Ok(Part::Session(session));
    }
    let Span { from, to } = Span::between(from, to, ["--from", "--to"])?;
    Ok(Part::Between(from, to))
}
