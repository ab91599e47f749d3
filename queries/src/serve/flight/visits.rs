//! Who is there: one stay per token and address, admitted at its first call, and ended when the token ends, a verdict
//! cuts it, or nobody has called for a while. Calls come on any connection, so a stay is not tied to one.

use crate::serve::door::{Caller, Door, Visit};
use crate::serve::refusal::{Kind, Refusal};
use futures::FutureExt as _;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A stay ends when nobody has called for so long.
const IDLE: Duration = Duration::from_secs(300);

/// Who calls: the token's digest, never the token, and from where.
type Key = ([u8; 32], IpAddr);

/// One caller's place. Held while it is being admitted, so that calls that come together admit once.
#[derive(Clone, Default)]
struct Slot {
    visit: Arc<tokio::sync::Mutex<Option<Arc<dyn Visit>>>>,
    used: Arc<Mutex<Option<Instant>>>,
}

/// All stays.
pub(super) struct Visits {
    door: Arc<dyn Door>,
    most: usize,
    slots: Mutex<HashMap<Key, Slot>>,
}

impl Visits {
    pub(super) fn new(door: Arc<dyn Door>, most: usize) -> Self {
        Self { door, most, slots: Mutex::default() }
    }

    /// The stay of whoever holds the token, admitted if it is new.
    pub(super) async fn visit(&self, token: &str, user: &str, peer: SocketAddr) -> Result<Arc<dyn Visit>, Refusal> {
        let key = (Sha256::digest(token.as_bytes()).into(), peer.ip());
        let slot = self.slot(key)?;
        let mut place = slot.visit.lock().await;
        if let Some(visit) = place.as_ref() {
            if let Some(refusal) = visit.revoked().now_or_never() {
                return Err(refusal);
            }
            if now() < visit.expires().0 {
                return Ok(Arc::clone(visit));
            }
            visit.leave("client", "the token ended");
            *place = None;
        }
        let admitted = self.door.admit(Caller { token, peer, user, database: "" }).await;
        match admitted {
            Ok(visit) => {
                *place = Some(Arc::clone(&visit));
                Ok(visit)
            }
            Err(refusal) => {
                self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                Err(refusal)
            }
        }
    }

    fn slot(&self, key: Key) -> Result<Slot, Refusal> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.most && !slots.contains_key(&key) {
            return Err(Refusal::new(Kind::Busy, "too many are there at once; try again later"));
        }
        let slot = slots.entry(key).or_default().clone();
        *slot.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(slot)
    }

    /// Ends the stays of those who are not there any more. What still runs for them has a bound of its own.
    pub(super) fn sweep(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            let Ok(place) = slot.visit.try_lock() else { return true };
            let Some(visit) = place.as_ref() else { return true };
            let used = *slot.used.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = used.is_none_or(|used| used.elapsed() > IDLE);
            let over = visit.revoked().now_or_never().is_some() || now() >= visit.expires().0;
            if idle || over {
                visit.leave("client", if over { "" } else { "nobody called any more" });
            }
            !(idle || over)
        });
    }

    /// Ends every stay.
    pub(super) fn close(&self) {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.into_values() {
            if let Ok(place) = slot.visit.try_lock()
                && let Some(visit) = place.as_ref()
            {
                visit.leave("shutdown", "");
            }
        }
    }
}

/// Microseconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
