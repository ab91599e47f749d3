//! A place in a group: which partitions of a topic are this process's own.
//!
//! It says who is to publish, nothing about who may read. For a moment two members may both hold a partition to be
//! theirs, or none: whoever builds on it must bear both.

use std::{any::Any, collections::BTreeSet};
use tokio::sync::watch;

/// A place in a group. It is given up when this is dropped.
pub struct Membership {
    dealt: watch::Receiver<Option<BTreeSet<u32>>>,
    // What keeps the place.
    _hold: Option<Box<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("dealt", &*self.dealt.borrow()).finish_non_exhaustive()
    }
}

impl Membership {
    /// The only member of its group: every partition is its own, for good.
    #[must_use]
    pub fn of_all(partitions: u32) -> Self {
        let (_, mut dealt) = watch::channel(Some((0..partitions).collect()));
        dealt.mark_changed();
        Self { dealt, _hold: None }
    }

    /// A member to which `dealt` tells what is its own, for as long as `hold` lives.
    pub(crate) fn new(dealt: watch::Receiver<Option<BTreeSet<u32>>>, hold: Box<dyn Any + Send + Sync>) -> Self {
        Self { dealt, _hold: Some(hold) }
    }

    /// Waits until the partitions are dealt out, the first time or anew, and says which are this member's. Cancel safe.
    pub async fn changed(&mut self) -> BTreeSet<u32> {
        loop {
            if self.dealt.changed().await.is_err() {
                // A change that was told before the teller went is still to be seen.
                match self.dealt.has_changed() {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return std::future::pending().await,
                }
            }
            if let Some(own) = self.dealt.borrow_and_update().clone() {
                return own;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_only_member_hears_once_that_all_is_its_own() {
        let mut membership = Membership::of_all(3);
        assert_eq!(membership.changed().now_or_never(), Some(BTreeSet::from([0, 1, 2])));
        assert_eq!(membership.changed().now_or_never(), None);
    }

    #[test]
    fn a_member_hears_nothing_before_the_partitions_are_dealt_out() {
        let (deal, dealt) = watch::channel(None);
        let mut membership = Membership::new(dealt, Box::new(()));
        assert_eq!(membership.changed().now_or_never(), None);
        deal.send_replace(Some(BTreeSet::from([1])));
        assert_eq!(membership.changed().now_or_never(), Some(BTreeSet::from([1])));
        deal.send_replace(Some(BTreeSet::new()));
        assert_eq!(membership.changed().now_or_never(), Some(BTreeSet::new()));
    }
}
