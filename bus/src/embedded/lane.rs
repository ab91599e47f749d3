//! One topic in the store: where it ends, how records get in, how they leave.
//!
//! INVARIANT: the newest record is never deleted, so that the store alone tells the next offset and count.
//! INVARIANT: `end` is raised only after the store has the record, and only while `tail` is held.

use super::{Keyspaces, entry, epoch::floor_key, fault};
use crate::Error;
use fjall::Keyspace;
use interdict_schemas::{Digest, Stamp, Topic, chain, topic};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// Records deleted in one batch.
pub(super) const TRIM_BATCH: usize = 1024;

pub(super) struct Lane {
    pub(super) topic: Topic,
    pub(super) path: PathBuf,
    pub(super) records: Keyspace,
    tail: Mutex<Tail>,
    /// One past the newest record.
    end: AtomicU64,
    /// Everything before was deleted, or will be.
    start: AtomicU64,
    /// Told of every append.
    pub(super) arrivals: Notify,
    trimming: Mutex<()>,
}

#[derive(Debug)]
struct Tail {
    /// The next record's offset: `end`, or above it in a new epoch.
    next: u64,
    /// Stamped records so far, in this epoch.
    count: u64,
    /// The chain's head after the last of them.
    head: Digest,
    /// Where the newest record of each key is; only for a compacted topic.
    newest: HashMap<String, u64>,
}

/// Where a record came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) offset: u64,
    /// Its place in the count, if it carries a stamp.
    pub(crate) sequence: u64,
}

/// What becomes of the set of open sessions together with a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sessions<'a> {
    Keep,
    /// Adds the session with this value.
    Open(&'a str, &'a [u8]),
    Close(&'a str),
}

/// Who counts a record: the proxy and the spool of its stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal<'a> {
    pub(crate) proxy: &'a str,
    pub(crate) spool: &'a str,
}

impl Seal<'_> {
    /// The most bytes that the stamp takes.
    pub(super) fn size(&self) -> usize {
        self.proxy.len() + self.spool.len() + 72
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("topic", &self.topic).field("end", &self.end).finish_non_exhaustive()
    }
}

fn start_key(topic: Topic) -> String {
    format!("start/{}", topic.name())
}

impl Lane {
    /// Where the topic ends, before its lane is opened.
    pub(super) fn find_end(path: &Path, records: &Keyspace) -> Result<u64, Error> {
        let Some(guard) = records.last_key_value() else { return Ok(0) };
        let key = guard.key().map_err(|error| fault(path, &error))?;
        let offset = entry::offset(&key).ok_or_else(|| strange(path, "a key is not an offset"))?;
        Ok(offset.saturating_add(1))
    }

    pub(super) fn open(path: &Path, keyspaces: &Keyspaces, spool: &str, topic: Topic) -> Result<Self, Error> {
        let records = keyspaces.topic(topic).clone();
        let end = Self::find_end(path, &records)?;
        let number = |key: String| -> Result<u64, Error> {
            let value = keyspaces.meta.get(key).map_err(|error| fault(path, &error))?;
            Ok(value.as_deref().and_then(entry::offset).unwrap_or(0))
        };
        let floor = number(floor_key(topic))?;
        // A record below the floor was counted in an earlier epoch.
        let (count, head) = if end <= floor && floor > 0 {
            (0, None)
        } else {
            let value = records.last_key_value().map(fjall::Guard::value).transpose();
            match value.map_err(|error| fault(path, &error))? {
                None => (0, None),
                Some(bytes) => {
                    let newest = entry::parse(&bytes).ok_or_else(|| strange(path, "the newest record"))?;
                    (newest.count, newest.head)
                }
            }
        };
        let head = head.unwrap_or_else(|| chain::genesis(spool, topic, count));
        let mut newest = HashMap::new();
        if topic.is_compacted() {
            for guard in records.iter() {
                let (key, value) = guard.into_inner().map_err(|error| fault(path, &error))?;
                let offset = entry::offset(&key).ok_or_else(|| strange(path, "a key is not an offset"))?;
                let entry = entry::parse(&value).ok_or_else(|| strange(path, "a record"))?;
                newest.insert(entry.key.to_owned(), offset);
            }
        }
        Ok(Self {
            topic,
            path: path.to_owned(),
            records,
            tail: Mutex::new(Tail { next: end.max(floor), count, head, newest }),
            end: AtomicU64::new(end),
            start: AtomicU64::new(number(start_key(topic))?),
            arrivals: Notify::new(),
            trimming: Mutex::new(()),
        })
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(super) fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    /// How many stamped records there are, and the chain's head after them.
    pub(super) fn head(&self) -> (u64, Digest) {
        let tail = lock(&self.tail);
        (tail.count, tail.head)
    }

    /// Appends one encoded message; in the page cache when it returns.
    pub(super) fn append(
        &self,
        keyspaces: &Keyspaces,
        key: &str,
        encoded: &[u8],
        seal: Option<Seal<'_>>,
        sessions: Sessions<'_>,
    ) -> Result<Written, fjall::Error> {
        let room = encoded.len() + seal.map_or(0, |seal| seal.size());
        // The long part of the hash needs no lock.
        let sealed = seal.map(|seal| (seal, chain::record(encoded)));
        let mut tail = lock(&self.tail);
        let offset = tail.next;
        let count = tail.count + u64::from(sealed.is_some());
        let previous = tail.head;
        let head = match &sealed {
            Some((seal, record)) => chain::link(&previous, count, seal.proxy, record),
            None => previous,
        };
        let mut value = entry::begin(count, &head, key, room);
        value.extend_from_slice(encoded);
        if let Some((Seal { proxy, spool }, _)) = sealed {
            let (proxy, spool) = (proxy.to_owned(), spool.to_owned());
            topic::stamp(&mut value, &Stamp { proxy, spool, sequence: count, previous: Some(previous) });
        }
        let replaced = tail.newest.get(key).copied();
        if replaced.is_none() && matches!(sessions, Sessions::Keep) {
            self.records.insert(offset.to_be_bytes(), value)?;
        } else {
            let mut batch = keyspaces.db.batch();
            batch.insert(&self.records, offset.to_be_bytes(), value);
            if let Some(replaced) = replaced {
                batch.remove(&self.records, replaced.to_be_bytes());
            }
            match sessions {
                Sessions::Keep => {}
                Sessions::Open(session, value) => batch.insert(&keyspaces.sessions, session, value),
                Sessions::Close(session) => batch.remove(&keyspaces.sessions, session),
            }
            batch.commit()?;
        }
        if self.topic.is_compacted() {
            tail.newest.insert(key.to_owned(), offset);
        }
        tail.next = offset + 1;
        tail.count = count;
        tail.head = head;
        self.end.store(offset + 1, Ordering::Release);
        drop(tail);
        self.arrivals.notify_waiters();
        Ok(Written { offset, sequence: count })
    }

    /// Deletes up to [`TRIM_BATCH`] records before `before`; whether there is more to delete.
    pub(super) fn trim(&self, keyspaces: &Keyspaces, before: u64) -> Result<bool, fjall::Error> {
        let _one_at_a_time = lock(&self.trimming);
        let end = self.end();
        let before = before.min(end);
        let start = self.start();
        if before <= start {
            return Ok(false);
        }
        let mut batch = keyspaces.db.batch();
        let mut reached = before;
        // The newest record stays, whatever was asked. It comes out of sight all the same.
        let last = before.min(end.saturating_sub(1));
        // What was the newest when it was last trimmed may still lie before `start`.
        let from = start.saturating_sub(1);
        for (index, guard) in self.records.range(from.to_be_bytes()..last.to_be_bytes()).enumerate() {
            let key = guard.key()?;
            if index == TRIM_BATCH {
                reached = entry::offset(&key).unwrap_or(before);
                break;
            }
            batch.remove(&self.records, key);
        }
        batch.insert(&keyspaces.meta, start_key(self.topic), reached.to_be_bytes());
        batch.commit()?;
        self.start.store(reached, Ordering::Release);
        Ok(reached < before)
    }
}

/// What the lock guards is changed only after the store has taken the change, so a panic elsewhere leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn strange(path: &Path, what: &str) -> Error {
    Error::Broken { path: path.to_owned(), detail: format!("{what} cannot be read") }
}
