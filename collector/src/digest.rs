//! The digest of each file, beside its name in the table's log: a file that is changed afterwards is found by
//! `interdict verify`, whatever is in it.

use crate::Error;
use deltalake::kernel::Add;
use deltalake::{DeltaTable, Path};
use futures::TryStreamExt as _;
use interdict_schemas::lake::{FILE_DIGEST, Table};
use sha2::{Digest as _, Sha256};

/// The same files, with their digests.
///
/// # Errors
/// When a file that was just written cannot be read back, or is not as long as it was.
pub(crate) async fn noted(delta: &DeltaTable, table: Table, adds: Vec<Add>) -> Result<Vec<Add>, Error> {
    let store = delta.object_store();
    let mut noted = Vec::with_capacity(adds.len());
    for mut add in adds {
        let unread = |reason: String| Error::Unread { table: table.name(), file: add.path.clone(), reason };
        let path = Path::parse(&add.path).unwrap_or_else(|_| Path::from(add.path.as_str()));
        let read = store.get_opts(&path, Default::default()).await.map_err(|error| unread(error.to_string()))?;
        let (hash, length) = read
            .into_stream()
            .try_fold((Sha256::new(), 0_i64), async |(mut hash, length), bytes| {
                hash.update(&bytes);
                Ok((hash, length + i64::try_from(bytes.len()).unwrap_or(i64::MAX)))
            })
            .await
            .map_err(|error| unread(error.to_string()))?;
        if length != add.size {
            return Err(unread(format!("it has {length} bytes and was written with {}", add.size)));
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        add.tags.get_or_insert_default().insert(FILE_DIGEST.to_owned(), Some(hex));
        noted.push(add);
    }
    Ok(noted)
}
