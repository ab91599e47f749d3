//! `interdict export`: what the lake holds, in forms that other tools read.

use crate::cli::{Export, ExportForm};
use crate::lake;
use crate::when::Span;
use anyhow::Context as _;
use interdict_queries::export;
use interdict_queries::verify::Part;
use std::io::Write;
use std::path::Path;

pub(crate) async fn run(args: Export, config: &Path) -> anyhow::Result<()> {
    let engine = lake::open(args.lake, config)?;
    let snapshot = engine.snapshot().await?;
    let mut out: Box<dyn Write + Send> = match &args.out {
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(std::io::BufWriter::new(file))
        }
        None => Box::new(std::io::stdout()),
    };
    let (count, what) = match args.form {
        ExportForm::Ocsf { from, to, session } => {
            let part = match session {
                Some(session) => Part::Session(session),
                None => {
                    let Span { from, to } = Span::between(from, to, ["--from", "--to"])?;
                    Part::Between(from, to)
                }
            };
            (export::events(&snapshot, &part, &mut out).await?, "events")
        }
        ExportForm::Transcript { session } => (export::transcript(&snapshot, &session, &mut out).await?, "entries"),
        ExportForm::Har { session } => (export::har(&snapshot, &session, &mut out).await?, "requests"),
    };
    writeln!(std::io::stderr(), "{count} {what}")?;
    Ok(())
}
