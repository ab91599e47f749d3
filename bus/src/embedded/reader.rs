//! Reads one topic of the embedded log; woken by the append itself.

use super::{entry, fault, lane::Lane, lane::strange};
use crate::{Error, Position, Reader, Record};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Bytes returned by one `next` at most, unless a single record is larger.
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Tape {
    lane: Arc<Lane>,
    next: u64,
}

impl Tape {
    pub(super) fn new(lane: Arc<Lane>, from: u64) -> Self {
        let next = from.max(lane.start());
        Self { lane, next }
    }

    /// What is there now; nothing if everything was read.
    fn read(&mut self, most: usize) -> Result<Vec<Record>, Error> {
        let end = self.lane.end();
        self.next = self.next.max(self.lane.start());
        if self.next >= end {
            return Ok(Vec::new());
        }
        let path = &self.lane.path;
        let mut records = Vec::new();
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
            let (key, start) = (entry.key.to_owned(), value.len() - entry.envelope.len());
            bytes += value.len();
            // It stays where the store has read it.
            let value = Bytes::from_owner(value).slice(start..);
            records.push(Record { position: Position { partition: 0, offset }, key, value });
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
