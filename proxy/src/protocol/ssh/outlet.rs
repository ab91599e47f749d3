//! One stream of a target's output on its way to the client. Holds back the few bytes at its end that might be the
//! beginning of something to be recorded first.

use crate::disclose::Scan;
use bytes::{Bytes, BytesMut};
use interdict_schemas::Disclosure;

/// A stream that is scanned.
// INVARIANT: what `pass` or `settle` gives away teaches nothing that `taught` has not told before. So a caller that
// records what is taught before it sends what is given has the record of a disclosure stand before the client knows it.
#[derive(Debug)]
pub(super) struct Outlet {
    scan: Scan,
    held: BytesMut,
}

impl Outlet {
    pub(super) fn new(scan: Scan) -> Self {
        Self { scan, held: BytesMut::new() }
    }

    /// Takes the next bytes, and gives those that may go on.
    pub(super) fn pass(&mut self, data: Bytes) -> Bytes {
        self.scan.feed(&data);
        let pending = self.scan.pending();
        if self.held.is_empty() && pending == 0 {
            return data;
        }
        self.held.extend_from_slice(&data);
        let ready = self.held.len().saturating_sub(pending);
        self.held.split_to(ready).freeze()
    }

    /// Whether bytes are held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives all that is held back: nothing more came for a while, and a prompt must not wait.
    pub(super) fn settle(&mut self) -> Bytes {
        self.scan.settle();
        self.held.split().freeze()
    }

    /// What was taught since the last call.
    pub(super) fn taught(&mut self) -> Vec<Disclosure> {
        self.scan.take()
    }
}
