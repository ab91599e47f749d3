//! `interdict sql`: one query to the lake.

use crate::{cli, lake};
use anyhow::{Context as _, bail};
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

/// The longest query read from a file or a pipe.
const MAX_QUERY: u64 = 1 << 20;

pub(crate) async fn run(args: cli::Sql, config: &Path) -> anyhow::Result<()> {
    let query = match (args.query, args.file, args.hunt) {
        (Some(query), ..) => query,
        (_, Some(file), _) => {
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (.., Some(hunt)) => hunt.sql.to_owned(),
        _ if std::io::stdin().is_terminal() => bail!("give a query, --file, --hunt, or pipe one in"),
        _ => {
            let mut query = String::new();
            std::io::stdin().take(MAX_QUERY).read_to_string(&mut query)?;
            query
        }
    };
    lake::ask(args.rows, config, &query).await
}
