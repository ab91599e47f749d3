//! Places for questions: so many are answered at once, and half of them at most for one identity, so that nobody's
//! questions wait for ever behind another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// All places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    // Of those who have or wait for a place; the others' shares are gone.
    own: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// One of them; given back when dropped.
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _own: (OwnedSemaphorePermit, Arc<Semaphore>),
}

impl Places {
    pub(super) fn new(all: usize) -> Self {
        let all = all.min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(all)), each: all.div_ceil(2), own: Mutex::default() }
    }

    /// Waits for a place for this identity. Cancel safe.
    pub(super) async fn take(&self, root: &str) -> Result<Place, AcquireError> {
        let share = self.share(root);
        let own = Arc::clone(&share).acquire_owned().await?;
        let all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Place { _all: all, _own: (own, share) })
    }

    fn share(&self, root: &str) -> Arc<Semaphore> {
        // The map is whole after every statement that changes it.
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, share| share.strong_count() > 0);
        if let Some(share) = own.get(root).and_then(Weak::upgrade) {
            return share;
        }
        let share = Arc::new(Semaphore::new(self.each));
        own.insert(root.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn one_identity_leaves_room_for_another() {
        let places = Places::new(4);
        let (first, second) =
            (places.take("dana").await.expect("a place"), places.take("dana").await.expect("a place"));
        assert!(places.take("dana").now_or_never().is_none(), "half of them at most");
        let erin = places.take("erin").now_or_never().expect("at once").expect("a place");
        drop(first);
        let third = places.take("dana").now_or_never().expect("at once").expect("a place");
        let _eve = places.take("eve").now_or_never().expect("at once").expect("the last");
        assert!(places.take("sam").now_or_never().is_none(), "there are four");
        drop((second, third, erin));
        assert_eq!(places.share("sam").available_permits(), 2);
        assert_eq!(places.own.lock().expect("whole").len(), 2, "eve's and sam's");
    }
}
