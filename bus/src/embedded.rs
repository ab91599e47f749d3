//! The log on one machine's disk (fjall): one partition per topic, one process at a time.
//!
//! DELIVERY: a record is in the page cache when `append` returns, so it survives the process; [`Embedded::sync`] puts
//! it on the disk. Offsets and counts never repeat, not even after a power cut (see [`epoch`]). In the verdicts topic
//! a record deletes the older one of its key. In the others, records are deleted once every group that needs them has
//! committed past them. A full disk: nothing is appended while less than the reserve is free; it goes on by itself.
//! A failed disk: the log takes nothing more until a restart, and everything acknowledged is kept.

mod entry;
mod epoch;
mod holder;
mod lane;
mod reader;
mod space;
mod store;

use crate::{
    Error, From, Log, Position, Reader,
    signer::{self, Signer},
};
use epoch::Epoch;
use futures::future::BoxFuture;
use interdict_schemas::{Digest, Message, Topic, topic::MAX_RECORD};
use lane::{Lane, lock};
pub(crate) use lane::{Seal, Sessions, Written};
use space::Space;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use store::{Keyspaces, fault};

/// How the local log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that must stay free on the disk: below, nothing is appended. Default 64 MiB.
    pub reserve: u64,
    /// Deletable records that a commit leaves lying, so that it seldom costs more than writing it down. Default 1024.
    pub slack: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { reserve: 64 << 20, slack: 1024 }
    }
}

/// The log on this machine's disk. One process holds it at a time.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    keyspaces: Keyspaces,
    lanes: [Arc<Lane>; Topic::ALL.len()],
    epoch: Epoch,
    signer: Signer,
    space: Space,
    slack: u64,
    failure: OnceLock<String>,
    /// Changes written so far, and how many of them are known to be on disk.
    written: AtomicU64,
    synced: Mutex<u64>,
}

/// The groups that must have read a topic's records before they are deleted; none: nothing is trimmed.
const fn readers_of(topic: Topic) -> &'static [&'static str] {
    match topic {
        Topic::Events => &["collector", "detector"],
        Topic::Recordings | Topic::Alerts => &["collector"],
        Topic::Verdicts => &[],
    }
}

fn commit_key(topic: Topic, group: &str) -> String {
    format!("commit/{}/{group}", topic.name())
}

impl Embedded {
    /// Opens the log in this folder, or makes it. Blocks for as long as it takes to read the journal (at most some
    /// seconds).
    ///
    /// # Errors
    /// When another process holds it, the folder cannot be used, or what is in it cannot be read.
    pub fn open(path: &Path, settings: Settings) -> Result<Arc<Self>, Error> {
        let broken = |detail: String| Error::Broken { path: path.to_owned(), detail };
        std::fs::create_dir_all(path).map_err(|error| broken(error.to_string()))?;
        let keyspaces = Keyspaces::open(path)?;
        holder::write(path);
        let mut ends = Vec::new();
        for topic in Topic::ALL {
            ends.push((topic, Lane::find_end(path, keyspaces.topic(topic))?));
        }
        let epoch = Epoch::open(path, &keyspaces, &ends)?;
        let open = |topic| Lane::open(path, &keyspaces, &epoch.spool, topic).map(Arc::new);
        let [events, recordings, alerts, verdicts] = Topic::ALL.map(open);
        let lanes = [events?, recordings?, alerts?, verdicts?];
        Ok(Arc::new(Self {
            path: path.to_owned(),
            space: Space::new(path, settings.reserve),
            slack: settings.slack,
            lanes,
            signer: Signer::open(&path.join(signer::FILE))?,
            epoch,
            keyspaces,
            failure: OnceLock::new(),
            written: AtomicU64::new(0),
            synced: Mutex::new(0),
        }))
    }

    /// Whether the log takes records now.
    ///
    /// # Errors
    /// While the disk is below its reserve, or once the log has failed.
    pub fn health(&self) -> Result<(), Error> {
        self.failed()?;
        self.keyspaces.probe().map_err(|error| self.fail(&error))?;
        self.space.check()
    }

    /// The id under which records are counted.
    pub(crate) fn spool(&self) -> &str {
        &self.epoch.spool
    }

    /// Signs how the chains stand.
    pub(crate) const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What was noted under this name.
    pub(crate) fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let value = self.keyspaces.meta.get(name).map_err(|error| fault(&self.path, &error))?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }

    /// Notes something under a name.
    pub(crate) fn write_note(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.keyspaces.meta.insert(name, value).map_err(|error| self.fail(&error))
    }

    /// Appends one encoded message to a topic.
    pub(crate) fn put(
        &self,
        topic: Topic,
        key: &str,
        encoded: &[u8],
        seal: Option<Seal<'_>>,
        sessions: Sessions<'_>,
    ) -> Result<Written, Error> {
        let size = encoded.len() + seal.map_or(0, |seal| seal.size());
        if size.saturating_add(key.len()) > MAX_RECORD {
            return Err(Error::Record { topic, size });
        }
        self.failed()?;
        self.space.admit(size + key.len())?;
        let written = self.lane(topic).append(&self.keyspaces, key, encoded, seal, sessions);
        self.written.fetch_add(1, Ordering::AcqRel);
        written.map_err(|error| self.fail(&error))
    }

    /// Puts everything appended before the call on the disk. Callers that come together share one sync.
    ///
    /// # Errors
    /// When the disk fails; then the log takes nothing more.
    pub fn sync(&self) -> Result<(), Error> {
        let mine = self.written.load(Ordering::Acquire);
        let mut synced = lock(&self.synced);
        if *synced >= mine {
            return Ok(());
        }
        let all = self.written.load(Ordering::Acquire);
        self.keyspaces.sync().map_err(|error| self.fail(&error))?;
        *synced = all;
        Ok(())
    }

    /// Deletes a topic's records before `before`, in short steps.
    pub(crate) async fn trim(&self, topic: Topic, before: u64) -> Result<(), Error> {
        self.space.check_upkeep()?;
        while self.lane(topic).trim(&self.keyspaces, before).map_err(|error| self.fail(&error))? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The set of open sessions.
    pub(crate) fn sessions(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        self.keyspaces.sessions().map_err(|error| fault(&self.path, &error))
    }

    /// How many stamped records a topic has had, and the head of their chain.
    pub(crate) fn head_of(&self, topic: Topic) -> (u64, Digest) {
        self.lane(topic).head()
    }

    /// One past the newest record.
    pub(crate) fn end_of(&self, topic: Topic) -> u64 {
        self.lane(topic).end()
    }

    /// The oldest offset that was not trimmed.
    pub(crate) fn start_of(&self, topic: Topic) -> u64 {
        self.lane(topic).start()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lane(&self, topic: Topic) -> &Arc<Lane> {
        let [events, recordings, alerts, verdicts] = &self.lanes;
        match topic {
            Topic::Events => events,
            Topic::Recordings => recordings,
            Topic::Alerts => alerts,
            Topic::Verdicts => verdicts,
        }
    }

    fn partition(&self, topic: Topic, partition: u32) -> Result<&Arc<Lane>, Error> {
        if partition == 0 { Ok(self.lane(topic)) } else { Err(Error::Partition { topic, partition }) }
    }

    fn failed(&self) -> Result<(), Error> {
        match self.failure.get() {
            None => Ok(()),
            Some(detail) => Err(Error::Broken { path: self.path.clone(), detail: detail.clone() }),
        }
    }

    /// Remembers the first failure: after it nothing is written, because the store cannot tell how far it got.
    fn fail(&self, error: &fjall::Error) -> Error {
        let first = fault(&self.path, error);
        if let Error::Broken { detail, .. } = &first
            && self.failure.set(detail.clone()).is_ok()
        {
            tracing::error!(path = %self.path.display(), detail, "the local log has failed; restart is needed");
        }
        self.failed().err().unwrap_or(first)
    }

    fn read_commit(&self, topic: Topic, group: &str) -> Result<Option<u64>, Error> {
        let value = self.keyspaces.meta.get(commit_key(topic, group)).map_err(|error| fault(&self.path, &error))?;
        Ok(value.as_deref().and_then(entry::offset))
    }

    /// What no group needs any more.
    fn needless(&self, topic: Topic) -> Result<u64, Error> {
        let mut least = u64::MAX;
        for group in readers_of(topic) {
            least = least.min(self.read_commit(topic, group)?.unwrap_or(0));
        }
        Ok(if readers_of(topic).is_empty() { 0 } else { least })
    }
}

impl Log for Embedded {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Box::pin(async move {
            let mut positions = Vec::with_capacity(messages.len());
            for message in messages {
                let bytes = crate::encoded(message)?;
                let written = self.put(message.topic(), &message.key(), &bytes, None, Sessions::Keep)?;
                positions.push(Position { partition: 0, offset: written.offset });
            }
            Ok(positions)
        })
    }

    fn partitions(&self, _: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        Box::pin(async { Ok(1) })
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { Ok(self.partition(topic, partition)?.end()) })
    }

    fn reader(&self, topic: Topic, from: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        Box::pin(async move {
            for partition in from.keys() {
                self.partition(topic, *partition)?;
            }
            let tape = reader::Tape::new(self.lane(topic).clone(), from.get(&0).copied().unwrap_or(0));
            Ok(Box::new(tape) as Box<dyn Reader>)
        })
    }

    fn commit<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let lane = self.partition(topic, partition)?;
            self.failed()?;
            self.space.check_upkeep()?;
            let insert = self.keyspaces.meta.insert(commit_key(topic, group), offset.to_be_bytes());
            insert.map_err(|error| self.fail(&error))?;
            self.written.fetch_add(1, Ordering::AcqRel);
            let needless = self.needless(topic)?;
            if needless.min(lane.end()).saturating_sub(lane.start()) > self.slack {
                self.trim(topic, needless).await?;
            }
            Ok(())
        })
    }

    fn committed<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
    ) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        Box::pin(async move {
            self.partition(topic, partition)?;
            self.read_commit(topic, group)
        })
    }
}
