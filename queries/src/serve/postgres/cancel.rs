//! Cancel requests: which running question a key stops. Refuses a key that is not exactly right, in silence, as
//! PostgreSQL does.

use async_trait::async_trait;
use pgwire::api::cancel::CancelHandler;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// What a connection runs now, to be cancelled; renewed with each question.
pub(super) type Current = Arc<Mutex<CancellationToken>>;

/// The keys of all connections.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: Mutex<HashMap<i32, (i32, Current)>>,
}

/// One connection's key; taken back when dropped.
#[derive(Debug)]
pub(super) struct Issued {
    keys: Arc<Keys>,
    pub(super) process: i32,
    pub(super) secret: i32,
}

impl Keys {
    pub(super) fn issue(self: &Arc<Self>, current: Current) -> Issued {
        let secret: i32 = rand::random();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Clients keep it as a process number, which is positive.
            let process = rand::random::<i32>() & i32::MAX;
            if let Entry::Vacant(place) = held.entry(process) {
                place.insert((secret, current));
                return Issued { keys: Arc::clone(self), process, secret };
            }
        }
    }

    /// Cancels what the key's connection runs; whether it is a living connection's.
    pub(super) fn cancel(&self, process: i32, secret: i32) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // One comparison of a word takes the same time whatever differs.
        let Some((_, current)) = held.get(&process).filter(|(right, _)| *right == secret) else { return false };
        current.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        true
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        self.keys.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.process);
    }
}

/// As the connection of a cancel request asks for it.
#[derive(Debug)]
pub(super) struct Canceller(pub(super) Arc<Keys>);

#[async_trait]
impl CancelHandler for Canceller {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let secret = match request.secret_key {
            SecretKey::I32(secret) => Some(secret),
            SecretKey::Bytes(bytes) => <[u8; 4]>::try_from(bytes.as_ref()).ok().map(i32::from_be_bytes),
        };
        if !secret.is_some_and(|secret| self.0.cancel(request.pid, secret)) {
            tracing::info!("cancel request ignored: no connection has its key");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_of_a_living_connection_cancels() {
        let keys = Arc::new(Keys::default());
        let current = Current::default();
        let issued = keys.issue(Arc::clone(&current));
        let (process, secret) = (issued.process, issued.secret);
        assert!(!keys.cancel(process, secret ^ 1));
        assert!(!keys.cancel(process ^ 1, secret));
        assert!(!current.lock().expect("lock").is_cancelled());
        assert!(keys.cancel(process, secret));
        assert!(current.lock().expect("lock").is_cancelled());
        drop(issued);
        assert!(!keys.cancel(process, secret));
    }
}
