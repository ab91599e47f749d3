//! Free space on the disk under the log. The log stops before the disk is full, because a store that runs out of
//! space in the middle of a write must be restarted, while one that stops in time goes on by itself.
//!
//! Asking the system costs about as much as an append, so the answer is good for a while: for a number of bytes, and
//! for a time, because others write to the same disk.

use crate::Error;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How much may be appended on one answer.
const CREDIT: u64 = 1 << 20;
/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_millis(20);
/// Each byte of a record is written to the journal and again when tables are made of it.
const COPIES: u64 = 2;

#[derive(Debug)]
pub(super) struct Space {
    path: PathBuf,
    reserve: u64,
    started: Instant,
    /// Bytes left on the last answer.
    credit: AtomicI64,
    /// When the last answer stops being good, microseconds since `started`.
    expires: AtomicU64,
}

impl Space {
    pub(super) fn new(path: &Path, reserve: u64) -> Self {
        Self {
            path: path.to_owned(),
            reserve,
            started: Instant::now(),
            credit: AtomicI64::new(0),
            expires: AtomicU64::new(0),
        }
    }

    /// Whether `bytes` may be appended.
    pub(super) fn admit(&self, bytes: usize) -> Result<(), Error> {
        let cost = (bytes as u64).saturating_mul(COPIES);
        let now = self.now();
        let cost_signed = i64::try_from(cost).unwrap_or(i64::MAX);
        if now < self.expires.load(Ordering::Relaxed)
            && self.credit.fetch_sub(cost_signed, Ordering::Relaxed) >= cost_signed
        {
            return Ok(());
        }
        let spare = self.spare(self.reserve.saturating_add(cost))?;
        self.credit.store(i64::try_from(spare.min(CREDIT)).unwrap_or(i64::MAX), Ordering::Relaxed);
        let good_for = u64::try_from(GOOD_FOR.as_micros()).unwrap_or(u64::MAX);
        self.expires.store(now.saturating_add(good_for), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the reserve is there now.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.spare(self.reserve).map(drop)
    }

    /// Whether there is room for upkeep, which is what makes space again and so may use the reserve.
    pub(super) fn check_upkeep(&self) -> Result<(), Error> {
        self.spare(self.reserve / 4).map(drop)
    }

    /// Bytes free beyond `needed`.
    fn spare(&self, needed: u64) -> Result<u64, Error> {
        let stat = rustix::fs::statvfs(&self.path)
            .map_err(|error| Error::Broken { path: self.path.clone(), detail: error.to_string() })?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let full = || {
            self.expires.store(0, Ordering::Relaxed);
            Error::Full { path: self.path.clone(), free, needed }
        };
        free.checked_sub(needed).ok_or_else(full)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserve_above_the_free_space_refuses() {
        let folder = tempfile::tempdir().expect("folder");
        let space = Space::new(folder.path(), u64::MAX / 2);
        for result in [space.admit(1), space.check(), space.check_upkeep()] {
            assert!(matches!(result, Err(Error::Full { free, needed, .. }) if free < needed), "{result:?}");
        }
    }

    #[test]
    fn record_larger_than_one_answer_is_admitted_while_there_is_space() {
        let folder = tempfile::tempdir().expect("folder");
        let space = Space::new(folder.path(), 1);
        for bytes in [1, 3 << 20, 1 << 10, 2 << 20] {
            assert_eq!(space.admit(bytes), Ok(()));
        }
    }
}
