//! `interdict sessions`: who was where, newest first.

use crate::cli;
use crate::lake::{self, literal};
use std::io::Write as _;
use std::path::Path;

pub(crate) async fn run(args: cli::Sessions, config: &Path) -> anyhow::Result<()> {
    let filters = [("root", args.root), ("actor", args.actor), ("target", args.target), ("state", args.state)];
    let mut conditions: Vec<String> =
        filters.into_iter().filter_map(|(column, value)| Some(format!("{column} = {}", literal(&value?)))).collect();
    conditions.push("true".into());
    let query = format!(
        "select session, coalesce(opened, time) as opened, state, root, actor, target, protocol, account, actions, \
         denied, reason, detail from sessions where {} order by coalesce(opened, time) desc, session limit {}",
        conditions.join(" and "),
        args.limit,
    );
    if lake::ask(args.rows, config, &query).await? == args.limit {
        writeln!(std::io::stderr(), "the newest {} are shown; --limit shows more", args.limit)?;
    }
    Ok(())
}
