//! When offsets and counts start anew.
//!
//! What was appended with [`crate::Durability::Os`] survives the process, not the machine. After a power cut the log
//! may be shorter than what readers have seen and stored durably; would it give the same offsets and counts again,
//! readers would take new records for old ones and drop them. So the first open after the machine started gives the
//! log a new spool id, and lets offsets go on far above any that can have been given. The same boot: nothing changes.

use super::{Keyspaces, fault};
use crate::Error;
use fjall::PersistMode;
use interdict_schemas::Topic;
use std::path::Path;

/// More records than can have been appended since the store last synced its journal, by orders of magnitude.
const LEAP: u64 = 1 << 32;
const SPOOL: &str = "spool";
const BOOT: &str = "boot";

/// What holds until the machine starts again.
#[derive(Debug)]
pub(super) struct Epoch {
    /// The id under which records are counted.
    pub(super) spool: String,
}

/// The first offset of this epoch, per topic.
pub(super) fn floor_key(topic: Topic) -> String {
    format!("floor/{}", topic.name())
}

impl Epoch {
    /// The store's epoch; a new one if the machine was started since the last open. `ends` are one past the newest
    /// offset of each topic.
    pub(super) fn open(path: &Path, keyspaces: &Keyspaces, ends: &[(Topic, u64)]) -> Result<Self, Error> {
        Self::resume(path, keyspaces, ends, &boot())
    }

    fn resume(path: &Path, keyspaces: &Keyspaces, ends: &[(Topic, u64)], boot: &str) -> Result<Self, Error> {
        let fault = |error| fault(path, &error);
        let text = |key: &str| -> Result<Option<String>, Error> {
            let value = keyspaces.meta.get(key).map_err(fault)?;
            Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let earlier = text(SPOOL)?;
        if let Some(spool) = &earlier
            && text(BOOT)?.as_deref() == Some(boot)
        {
            return Ok(Self { spool: spool.clone() });
        }
        let spool = ulid::Ulid::new().to_string();
        let mut batch = keyspaces.db.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&keyspaces.meta, SPOOL, spool.as_str());
        batch.insert(&keyspaces.meta, BOOT, boot);
        if earlier.is_some() {
            for (topic, end) in ends {
                let floor = end.saturating_add(LEAP);
                batch.insert(&keyspaces.meta, floor_key(*topic), floor.to_be_bytes());
            }
        }
        batch.commit().map_err(fault)?;
        Ok(Self { spool })
    }
}

/// The kernel's id of this boot; empty where there is none, and then epochs never change.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_boot_starts_another_spool_and_leaps() {
        let folder = tempfile::tempdir().expect("folder");
        let keyspaces = Keyspaces::open(folder.path()).expect("open");
        let resume = |boot: &str, end: u64| {
            let epoch = Epoch::resume(folder.path(), &keyspaces, &[(Topic::Events, end)], boot).expect("epoch");
            let floor = keyspaces.meta.get(floor_key(Topic::Events)).expect("get");
            (epoch.spool, floor.and_then(|bytes| super::super::entry::offset(&bytes)))
        };
        let (first, floor) = resume("a", 0);
        assert_eq!(floor, None);
        assert_eq!(resume("a", 10), (first.clone(), None));
        let (second, floor) = resume("b", 10);
        assert_ne!(first, second);
        assert_eq!(floor, Some(10 + LEAP));
        assert_eq!(resume("b", 20), (second, Some(10 + LEAP)));
    }
}
