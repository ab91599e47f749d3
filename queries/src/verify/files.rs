//! The files of the lake's tables against what the tables' logs say of them: there, as long as they were, and with the
//! digest that the collector took of them.

use super::part::Days;
use super::report::Files;
use super::{MAX_BREAKS, Progress};
use crate::{Error, Snapshot};
use deltalake::{DeltaTable, ObjectStore, Path};
use interdict_schemas::Digest;
use interdict_schemas::lake::{FILE_DIGEST, PARTITION, Table};
use object_store::GetOptions;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of a file that are read and hashed at a time. A stream has the local disk's in pieces so small that handing them
/// over costs more than hashing them.
const PIECE: usize = 16 << 20;

/// A file of a table.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) path: Path,
    pub(super) size: u64,
    digest: Option<String>,
    /// Its day, as it stands in the log; absent where it has none.
    pub(super) day: Option<String>,
    /// What the log says of its rows, as JSON.
    pub(super) stats: Option<String>,
    /// Whether the log says that some of its rows are deleted.
    is_thinned: bool,
}

/// The files that a table's newest state consists of.
#[expect(deprecated, reason = "nothing else tells a file's tags")]
pub(super) fn of(delta: &DeltaTable, table: Table) -> Result<Vec<File>, Error> {
    let failed = |source| Error::Table { table: table.name(), source: Box::new(source) };
    let log = delta.snapshot().map_err(failed)?.log_data();
    let file = log.into_iter().map(|view| {
        let add = view.add_action();
        File {
            path: view.object_store_path(),
            size: u64::try_from(view.size()).unwrap_or_default(),
            digest: add.tags.and_then(|mut tags| tags.remove(FILE_DIGEST).flatten()),
            day: add.partition_values.get(PARTITION).cloned().flatten(),
            stats: add.stats,
            is_thinned: add.deletion_vector.is_some(),
        }
    });
    Ok(file.collect())
}

impl File {
    /// Whether it may hold rows of these days.
    pub(super) fn is_of(&self, days: Option<&[Days]>) -> bool {
        match (&self.day, days) {
            (Some(day), Some(days)) => days.iter().any(|days| days.contains(day)),
            _ => true,
        }
    }
}

/// Reads every file of these days once; tells the names of those that are not as they were, too.
pub(super) async fn check(
    lake: &Snapshot,
    days: Option<&[Days]>,
    progress: &Progress,
) -> Result<(Files, HashSet<String>), Error> {
    let (mut report, mut broken) = (Files::default(), HashSet::new());
    let mut all = Vec::new();
    for table in Table::ALL {
        let Some(delta) = lake.delta(table) else { continue };
        let files = of(delta, table)?;
        all.extend(files.into_iter().filter(|file| file.is_of(days)).map(|file| (table, delta.object_store(), file)));
    }
    // Whoever wrote the log may have written any size.
    let total = all.iter().fold(0_u64, |total, (.., file)| total.saturating_add(file.size));
    progress.total.store(total, Ordering::Relaxed);
    for (table, store, file) in all {
        report.checked += 1;
        if file.digest.is_none() {
            report.without_digest += 1;
        }
        let fault = fault(&store, &file).await;
        progress.done.fetch_add(file.size, Ordering::Relaxed);
        let name = || format!("{}/{}", table.name(), file.path);
        if fault.is_some() {
            broken.extend(file.path.filename().map(str::to_owned));
        }
        match fault {
            None => {}
            Some(Fault::Gone) => {
                report.missing += 1;
                list(&mut report.gone, name());
            }
            Some(Fault::Changed(how)) => {
                report.altered += 1;
                list(&mut report.changed, format!("{}: {how}", name()));
            }
        }
    }
    Ok((report, broken))
}

fn list(names: &mut Vec<String>, name: String) {
    if names.len() < MAX_BREAKS {
        names.push(name);
    }
}

enum Fault {
    Gone,
    Changed(String),
}

async fn fault(store: &Arc<dyn ObjectStore>, file: &File) -> Option<Fault> {
    let about = GetOptions { head: true, ..GetOptions::default() };
    let size = match store.get_opts(&file.path, about).await {
        Ok(found) => found.meta.size,
        Err(deltalake::ObjectStoreError::NotFound { .. }) => return Some(Fault::Gone),
        Err(error) => return Some(Fault::Changed(format!("it cannot be read: {error}"))),
    };
    if size != file.size {
        return Some(Fault::Changed(format!("it has {size} bytes and had {}", file.size)));
    }
    if file.is_thinned {
        return Some(Fault::Changed("its log deletes rows of it, which interdict never does".to_owned()));
    }
    let wanted = file.digest.as_ref()?;
    let found = match digest(store, file).await {
        Ok(digest) => digest.to_string(),
        Err(error) => return Some(Fault::Changed(format!("it cannot be read: {error}"))),
    };
    (found != *wanted).then(|| Fault::Changed(format!("its digest is {found} and was {wanted}")))
}

async fn digest(store: &Arc<dyn ObjectStore>, file: &File) -> Result<Digest, deltalake::ObjectStoreError> {
    let mut hash = Sha256::new();
    for from in (0..file.size).step_by(PIECE) {
        let piece = from..file.size.min(from + PIECE as u64);
        for bytes in store.get_ranges(&file.path, &[piece]).await? {
            hash.update(&bytes);
        }
    }
    Ok(Digest(hash.finalize().into()))
}
