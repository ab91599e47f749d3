//! Reads one topic of the embedded log; woken by the append itself.

use super::{entry, fault, lane::Lane, lane::strange};
use crate::pack::Pack;
use crate::{Error, Position, Reader, Record};
use futures::future::BoxFuture;
use std::sync::Arc;

/// Records that there is room for from the start.
const ROOM: usize = 4_096;

/// Bytes returned by one `next` at most, unless a single record is larger.
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Tape {
    lane: Arc<Lane>,
    next: u64,
    pack: Pack,
}

impl Tape {
    pub(super) fn new(lane: Arc<Lane>, from: u64) -> Self {
        let next = from.max(lane.start());
        Self { lane, next, pack: Pack::default() }
    }

    /// What is there now; nothing if everything was read.
    fn read(&mut self, most: usize) -> Result<Vec<Record>, Error> {
        let end = self.lane.end();
        self.next = self.next.max(self.lane.start());
        if self.next >= end {
            return Ok(Vec::new());
        }
        let path = &self.lane.path;
        let there = usize::try_from(end - self.next).unwrap_or(usize::MAX);
        let mut records = Vec::with_capacity(there.min(most).min(ROOM));
        let mut bytes = 0;
        // Everything before `end` is visible, because `end` is raised after the store has the record.
        let mut reached = end;
        for guard in self.lane.records.range(self.next.to_be_bytes()..end.to_be_bytes()) {
            let (key, value) = guard.into_inner().map_err(|error| fault(path, &error))?;
            let offset = entry::offset(&key).ok_or_else(|| strange(path, "a key is not an offset"))?;
            if records.len() >= most.max(1) || bytes >= MOST_BYTES {
                reached = offset;
                break;
            }
            let entry = entry::parse(&value).ok_or_else(|| strange(path, "a record"))?;
            bytes += value.len();
            let record = self.pack.record(Position { partition: 0, offset }, entry.key.as_bytes(), entry.envelope);
            records.push(record.ok_or_else(|| strange(path, "a record"))?);
        }
        self.next = reached;
        Ok(records)
    }
}

impl Reader for Tape {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            loop {
                let lane = self.lane.clone();
                let arrival = lane.arrivals.notified();
                tokio::pin!(arrival);
                // Registered before looking, so that an append in between is not missed.
                arrival.as_mut().enable();
                let records = self.read(most)?;
                if !records.is_empty() {
                    return Ok(records);
                }
                arrival.await;
            }
        })
    }

    fn position(&self, partition: u32) -> u64 {
        if partition == 0 { self.next } else { 0 }
    }
}
