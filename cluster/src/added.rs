//! The rows that came to a table after one of its versions, by what its log says of each commit: the files that it added.
//! Such a file may have been replaced by another since, with other rows beside its own; until somebody vacuums, it is still
//! there, and is what is read.
//!
//! A commit that also removes files put rows elsewhere: compaction, retention of what is on hold. Nothing in it is new.

use crate::Error;
use deltalake::DeltaTable;
use deltalake::kernel::{Action, Add};
use deltalake::logstore::get_actions;

/// The files that were added after a version; all that ever were if there is none.
pub(crate) async fn since(delta: &DeltaTable, version: Option<u64>) -> Result<Vec<Add>, Error> {
    let failed = |detail: String| Error::Location { location: delta.table_url().to_string(), detail };
    let Some(last) = delta.version() else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for version in version.map_or(0, |version| version + 1)..=last {
        let commit = delta.log_store().read_commit_entry(version).await;
        let commit = commit.map_err(|error| failed(error.to_string()))?;
        let gone = || failed(format!("what commit {version} added is not known any more; begin to follow anew"));
        let actions = get_actions(version, &commit.ok_or_else(gone)?).map_err(|error| failed(error.to_string()))?;
        if actions.iter().any(|action| matches!(action, Action::Remove(_))) {
            continue;
        }
        files.extend(actions.into_iter().filter_map(|action| match action {
            Action::Add(add) if add.data_change => Some(add),
            _ => None,
        }));
    }
    Ok(files)
}
