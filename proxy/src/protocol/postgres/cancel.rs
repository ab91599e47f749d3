//! Cancel requests: the client gets a key of the gateway's own, never the target's. Owns which session a key belongs
//! to. Refuses a key that is not exactly right, in silence, as PostgreSQL does.

use super::frame::CancelKey;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The sessions that can be cancelled.
#[derive(Debug, Default)]
pub(super) struct Keys {
    sessions: Mutex<HashMap<u32, Held>>,
}

#[derive(Debug)]
struct Held {
    secret: [u8; 4],
    asked: Arc<Notify>,
}

/// One session's key; taken back when dropped.
#[derive(Debug)]
pub(super) struct Issued<'a> {
    keys: &'a Keys,
    key: CancelKey,
    asked: Arc<Notify>,
}

impl Keys {
    /// A key for a new session.
    pub(super) fn issue(&self) -> Issued<'_> {
        let secret: [u8; 4] = rand::random();
        let asked = Arc::new(Notify::new());
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Clients keep it as a process number, which is positive.
            let process = rand::random::<u32>() >> 1;
            if let Entry::Vacant(place) = sessions.entry(process) {
                place.insert(Held { secret, asked: Arc::clone(&asked) });
                return Issued { keys: self, key: CancelKey { process, secret: secret.to_vec() }, asked };
            }
        }
    }

    /// A client asks to cancel; whether the key is a living session's.
    pub(super) fn ask(&self, key: &CancelKey) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = sessions.get(&key.process) else { return false };
        // In constant time: the secret is all that stands between a stranger and other people's statements.
        let same = held.secret.len() == key.secret.len()
            && held.secret.iter().zip(&key.secret).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0;
        if same {
            held.asked.notify_one();
        }
        same
    }
}

impl Issued<'_> {
    /// What the client is given.
    pub(super) fn key(&self) -> &CancelKey {
        &self.key
    }

    /// Told each time the client asks to cancel.
    pub(super) fn asked(&self) -> &Notify {
        &self.asked
    }
}

impl Drop for Issued<'_> {
    fn drop(&mut self) {
        self.keys.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_of_a_living_session_cancels() {
        let keys = Keys::default();
        let issued = keys.issue();
        let right = issued.key().clone();
        assert!(keys.ask(&right));
        let mut wrong = right.clone();
        wrong.secret[0] ^= 1;
        assert!(!keys.ask(&wrong));
        assert!(!keys.ask(&CancelKey { secret: Vec::new(), ..right.clone() }));
        assert!(!keys.ask(&CancelKey { process: right.process ^ 1, ..right.clone() }));
        drop(issued);
        assert!(!keys.ask(&right));
    }
}
