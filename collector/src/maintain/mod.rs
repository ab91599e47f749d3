//! What keeps a lake healthy: compaction, retention, vacuum, holds, and how it stands.
//!
//! DELIVERY: every rewrite of files is one Delta commit on top of a version in which each file that it takes away
//! still stands. If another commit came first, the newer version is looked at and the commit is tried again; if one of
//! the files is gone by then, nothing is done. So no row is lost or doubled whoever else writes (a collector, another
//! maintenance, another engine), and a collector never waits: its appends and these commits do not conflict. A crash
//! leaves files that no version names; vacuum removes them.
//!
//! What is rewritten gets a digest of its own, so a file is taken only if it still has the digest that stands in the log:
//! otherwise maintenance would hide what `interdict verify` is there to find. Such a file is left, and so is one that is
//! gone or cannot be read; all others are seen to (`shelf.rs`, `left.rs`).

mod compact;
mod held;
mod hold;
mod left;
mod read;
mod retain;
mod shelf;
mod sort;
mod status;
mod taken;
mod upkeep;

pub use compact::Compacted;
pub use hold::{Hold, Kind as HoldKind};
pub use left::Left;
pub use retain::Retained;
pub use status::Status;
pub(crate) use upkeep::run as upkeep;

use crate::Error;
use crate::file;
use crate::location::Lake;
use crate::table::{failed, schema};
use arrow::datatypes::SchemaRef;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError, Path};
use futures::TryStreamExt as _;
use interdict_schemas::lake::{PARTITION, Table};
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use taken::Taken;

/// A file of this size is big enough: engines read it well, and it fits memory more than once.
pub const TARGET: u64 = 64 << 20;

/// How often a commit is tried on top of newer and newer versions.
const TRIES: u32 = 200;

/// How long files that no version names any more are kept, so that who reads an older version can end.
pub const GRACE: Duration = Duration::from_secs(7 * 86_400);

/// A table as maintenance sees it.
#[derive(Debug)]
pub struct Keeper {
    table: Table,
    delta: DeltaTable,
    lake: Lake,
}

impl Keeper {
    /// Opens a table of the lake; `None` if it is not there.
    ///
    /// # Errors
    /// When the storage fails or the table cannot be read.
    pub async fn open(lake: &Lake, table: Table) -> Result<Option<Self>, Error> {
        let fail = |source| failed("open", table, source);
        let url = lake.table(table);
        if url.to_file_path().is_ok_and(|folder| !folder.is_dir()) {
            return Ok(None);
        }
        let mut delta = DeltaTableBuilder::from_url(url).and_then(DeltaTableBuilder::build).map_err(fail)?;
        if !delta.verify_deltatable_existence().await.map_err(fail)? {
            return Ok(None);
        }
        delta.load().await.map_err(fail)?;
        Ok(Some(Self { table, delta, lake: lake.clone() }))
    }

    /// Removes the files that no version of the last [`GRACE`] names; how many. Those on hold stand in versions.
    ///
    /// # Errors
    /// When the storage fails, or something below the table's folder is a link: its files would be somebody else's.
    pub async fn vacuum(&mut self, dry_run: bool) -> Result<usize, Error> {
        if let Ok(folder) = self.lake.table(self.table).to_file_path()
            && let Some(link) = link(&folder)?
        {
            return Err(Error::Link(link));
        }
        let fail = |source| failed("vacuum", self.table, source);
        let retention = deltalake_duration(GRACE);
        let vacuum = self.delta.clone().vacuum().with_retention_period(retention);
        let (delta, found) = vacuum
            .with_mode(deltalake::operations::vacuum::VacuumMode::Full)
            .with_dry_run(dry_run)
            .await
            .map_err(fail)?;
        self.delta = delta;
        Ok(found.files_deleted.len())
    }

    /// The files that stand, by day.
    fn files(&self) -> Result<Vec<(String, LogicalFileView)>, Error> {
        let fail = |source| failed("list files of", self.table, source);
        let state = self.delta.snapshot().map_err(fail)?;
        let day = |view: &LogicalFileView| {
            view.partition_values_map().get(PARTITION).cloned().flatten().unwrap_or_default()
        };
        let mut files: Vec<_> = state.log_data().iter().map(|view| (day(&view), view)).collect();
        files.sort_by(|left, right| (&left.0, left.1.path()).cmp(&(&right.0, right.1.path())));
        Ok(files)
    }

    fn stored(&self) -> Result<SchemaRef, Error> {
        Ok(file::stored(schema(&self.delta, self.table)?.as_ref()))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let options = PutOptions::from(PutMode::Overwrite);
        let put = self.delta.object_store().put_opts(&Path::from(path), bytes.into(), options).await;
        put.map(|_| ()).map_err(|source| Error::Storage { doing: "put", table: self.table.name(), source })
    }

    /// Puts `adds` in the place of `inputs`, if all of them still stand; whether it was done.
    async fn replace(
        &mut self,
        inputs: &[String],
        adds: &[Add],
        operation: DeltaOperation,
        data_change: bool,
    ) -> Result<bool, Error> {
        self.exchange(inputs, adds, &Taken::default(), operation, data_change).await
    }

    /// The same, with a record of the rows that are in `inputs` and not in `adds`.
    async fn exchange(
        &mut self,
        inputs: &[String],
        adds: &[Add],
        taken: &Taken,
        operation: DeltaOperation,
        data_change: bool,
    ) -> Result<bool, Error> {
        let fail = |source| failed("commit to", self.table, source);
        for turn in 0..TRIES {
            self.delta.update_state().await.map_err(fail)?;
            let state = self.delta.snapshot().map_err(fail)?;
            let mut standing: HashMap<String, LogicalFileView> =
                state.log_data().iter().map(|view| (view.path().into_owned(), view)).collect();
            let mut actions: Vec<Action> = Vec::with_capacity(inputs.len() + adds.len());
            for input in inputs {
                let Some(view) = standing.remove(input) else { return Ok(false) };
                actions.push(Action::Remove(view.remove_action(data_change)));
            }
            actions.extend(adds.iter().cloned().map(Action::Add));
            // INVARIANT: no retries inside: Delta would carry the commit past one that removed the same files, if
            // that one too said that it changes no data.
            let properties = CommitProperties::default()
                .with_max_retries(0)
                .with_application_transactions(taken.above(&self.delta, self.table).await?);
            let commit = CommitBuilder::from(properties).with_actions(actions).build(
                Some(state),
                self.delta.log_store(),
                operation.clone(),
            );
            match commit.await {
                Ok(done) => {
                    self.delta.state = Some(done.snapshot());
                    return Ok(true);
                }
                Err(DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) }) => {
                    tokio::time::sleep(Duration::from_millis(u64::from(turn.min(20)))).await;
                }
                Err(source) => return Err(fail(source)),
            }
        }
        Err(fail(DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(200) }))
    }
}

/// The first link below a folder, which storage follows as if it were what it leads to.
fn link(folder: &std::path::Path) -> Result<Option<PathBuf>, Error> {
    let fail = |source| Error::Folder { folder: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_symlink() {
            return Ok(Some(entry.path()));
        }
        if kind.is_dir()
            && let Some(found) = link(&entry.path())?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn deltalake_duration(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or_else(|_| chrono::Duration::days(7))
}

/// All objects below the lake's own folder `name`.
async fn objects(lake: &Lake, name: &str) -> Result<Vec<(Path, Vec<u8>)>, Error> {
    let fail = |source| Error::Storage { doing: "read", table: "_holds", source };
    let store = deltalake::logstore::store_for(lake.url(), std::iter::empty::<(String, String)>())
        .map_err(|_| Error::Location(lake.display().to_string()))?;
    let listed: Vec<_> = store.list(Some(&Path::from(name))).try_collect().await.map_err(fail)?;
    let mut found = Vec::with_capacity(listed.len());
    for meta in listed {
        let bytes = store.get(&meta.location).await.map_err(fail)?.bytes().await.map_err(fail)?;
        found.push((meta.location, bytes.to_vec()));
    }
    Ok(found)
}
