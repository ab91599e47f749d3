//! The fjall database under the log: its keyspaces, its sizes, and its errors in our words.

use super::holder;
use crate::Error;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, config::BlockSizePolicy};
use interdict_schemas::Topic;
use std::path::Path;

/// What is kept in memory of a topic before it is made a table. Small, so that a journal is soon obsolete and the
/// reserve is enough to write everything that is in memory.
const BUSY: u64 = 8 << 20;
const QUIET: u64 = 1 << 20;
/// The most that journals take before the store writes out what keeps them.
const JOURNALS: u64 = 64 << 20;
const CACHE: u64 = 16 << 20;
/// What is read of a table at once: topics are read from one end to the other.
const BLOCK: u32 = 32 << 10;

pub(super) struct Keyspaces {
    pub(super) db: Database,
    pub(super) meta: Keyspace,
    pub(super) sessions: Keyspace,
    topics: [Keyspace; Topic::ALL.len()],
}

impl std::fmt::Debug for Keyspaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyspaces").finish_non_exhaustive()
    }
}

impl Keyspaces {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let fault = |error| fault(path, &error);
        let db = Database::builder(path.join("store"))
            .worker_threads(2)
            .cache_size(CACHE)
            .max_journaling_size(JOURNALS)
            .open()
            .map_err(fault)?;
        let open = |name: &str, memory: u64| {
            let options = KeyspaceCreateOptions::default().max_memtable_size(memory);
            db.keyspace(name, || options.data_block_size_policy(BlockSizePolicy::all(BLOCK))).map_err(fault)
        };
        let topics =
            [open("events", BUSY)?, open("recordings", BUSY)?, open("alerts", QUIET)?, open("verdicts", QUIET)?];
        Ok(Self { meta: open("meta", QUIET)?, sessions: open("sessions", QUIET)?, topics, db })
    }

    pub(super) fn topic(&self, topic: Topic) -> &Keyspace {
        let [events, recordings, alerts, verdicts] = &self.topics;
        match topic {
            Topic::Events => events,
            Topic::Recordings => recordings,
            Topic::Alerts => alerts,
            Topic::Verdicts => verdicts,
        }
    }

    /// Puts the journal on the disk.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.db.persist(PersistMode::SyncData)
    }

    /// Fails once the store has failed, also in the background.
    pub(super) fn probe(&self) -> fjall::Result<()> {
        self.db.persist(PersistMode::Buffer)
    }

    pub(super) fn sessions(&self) -> fjall::Result<Vec<(String, Vec<u8>)>> {
        let mut sessions = Vec::new();
        for guard in self.sessions.iter() {
            let (key, value) = guard.into_inner()?;
            sessions.push((String::from_utf8_lossy(&key).into_owned(), value.to_vec()));
        }
        Ok(sessions)
    }
}

/// The store's error in our words.
pub(super) fn fault(path: &Path, error: &fjall::Error) -> Error {
    let detail = match error {
        fjall::Error::Locked => return Error::Held { path: path.to_owned(), holder: holder::read(path) },
        fjall::Error::Io(error) => error.to_string(),
        fjall::Error::Poisoned => "an earlier write or a flush in the background failed".to_owned(),
        other => other.to_string(),
    };
    Error::Broken { path: path.to_owned(), detail }
}
