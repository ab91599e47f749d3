//! The sessions that live now, so that a verdict can cut them.

use super::table::Table;
use crate::emit::Subject;
use interdict_schemas::{Stop, Time, Verdict};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Why a session was cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} by verdict {verdict}: {reason}", if *.waits { "held for a person's approval" } else { "stopped" })]
pub struct Revoked {
    /// The verdict's id.
    pub verdict: String,
    /// Its reason.
    pub reason: String,
    /// Whether a person may let the session go on.
    pub waits: bool,
}

impl Revoked {
    pub(crate) fn by(verdict: &Verdict) -> Self {
        let (id, reason) = (verdict.id.clone(), verdict.reason.clone());
        Self { verdict: id, reason, waits: verdict.effect == Stop::Hold }
    }
}

/// Every live session.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<String, Arc<Entry>>>);

#[derive(Debug)]
struct Entry {
    subject: Arc<Subject>,
    revoked: watch::Sender<Option<Revoked>>,
}

/// A session's place in the registry; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Live {
    entry: Arc<Entry>,
    registry: Arc<Registry>,
}

impl Registry {
    pub(crate) fn enter(self: &Arc<Self>, subject: Arc<Subject>) -> Live {
        let entry = Arc::new(Entry { subject, revoked: watch::Sender::new(None) });
        self.entries().insert(entry.subject.session.clone(), Arc::clone(&entry));
        Live { entry, registry: Arc::clone(self) }
    }

    /// Cuts every session that the table forbids; returns how many.
    pub(crate) fn cut(&self, table: &Table, now: Time) -> usize {
        let mut cut = 0;
        for entry in self.entries().values() {
            let Some(verdict) = table.forbids(entry.subject.seen(), now) else { continue };
            let revoked = Revoked::by(verdict);
            // The first verdict is the one that cut it.
            let first = entry.revoked.send_if_modified(|held| {
                let first = held.is_none();
                held.get_or_insert(revoked);
                first
            });
            cut += usize::from(first);
        }
        cut
    }

    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        // The map is whole after every statement that changes it, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    pub(crate) fn subject(&self) -> &Arc<Subject> {
        &self.entry.subject
    }

    /// Waits until a verdict cuts the session; at once if one has. Cancel safe.
    pub(crate) async fn revoked(&self) -> Revoked {
        let mut watched = self.entry.revoked.subscribe();
        let seen = watched.wait_for(Option::is_some).await.map(|held| held.clone());
        match seen {
            Ok(Some(revoked)) => revoked,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// What cut the session, if anything has.
    pub(crate) fn cut(&self) -> Option<Revoked> {
        self.entry.revoked.borrow().clone()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.registry.entries().remove(&self.entry.subject.session);
    }
}
