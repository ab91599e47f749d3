//! One question asked again whenever the lake has something new; of each answer, the rows that were not told before.
//!
//! DELIVERY: a row is told once, as soon as it is in the lake. What is remembered is a fingerprint of each row told, at
//! most [`REMEMBERED`] of them: beyond that the oldest half is forgotten, and a row of it may come again.

use crate::{Engine, Error, Rows};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use futures::StreamExt as _;
use futures::stream;
use interdict_schemas::lake::Table;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The most rows remembered: 16 bytes each.
const REMEMBERED: usize = 2_000_000;

/// Asks again every so often. The answer never ends; dropping it ends the asking.
///
/// # Errors
/// When the first question fails: later ones fail as rows do.
pub async fn follow(engine: Arc<Engine>, sql: String, every: Duration) -> Result<Rows, Error> {
    let schema = engine.sql(&sql).await?.schema();
    let state = State { engine, sql, every, seen: Seen::default(), rows: None, versions: None };
    let batches = stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next().await {
            Ok(batch) => Some((Ok(batch), Some(state))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Rows::new(schema, batches.boxed()))
}

struct State {
    engine: Arc<Engine>,
    sql: String,
    every: Duration,
    seen: Seen,
    rows: Option<Rows>,
    /// The versions of the tables that were asked last.
    versions: Option<[Option<u64>; Table::ALL.len()]>,
}

impl State {
    async fn next(&mut self) -> Result<RecordBatch, Error> {
        loop {
            if let Some(rows) = &mut self.rows {
                match rows.next().await? {
                    Some(batch) => {
                        let fresh = self.seen.fresh(&batch)?;
                        if fresh.num_rows() > 0 {
                            return Ok(fresh);
                        }
                        continue;
                    }
                    None => {
                        self.rows = None;
                        tokio::time::sleep(self.every).await;
                    }
                }
            }
            let lake = self.engine.snapshot().await?;
            let versions = Table::ALL.map(|table| lake.version(table));
            if self.versions == Some(versions) {
                tokio::time::sleep(self.every).await;
                continue;
            }
            self.rows = Some(lake.sql(&self.sql).await?);
            self.versions = Some(versions);
        }
    }
}

/// Rows told.
#[derive(Default)]
struct Seen {
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    fn fresh(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(batch.columns(), &RandomState::with_seed(0), &mut hashes).map_err(Error::planning)?;
        let fresh: BooleanArray = hashes.iter().map(|hash| Some(self.hashes.insert(*hash))).collect();
        self.order
            .extend(hashes.iter().zip(fresh.iter()).filter(|(_, fresh)| *fresh == Some(true)).map(|(hash, _)| *hash));
        if self.order.len() > REMEMBERED {
            for hash in self.order.drain(..REMEMBERED / 2) {
                self.hashes.remove(&hash);
            }
        }
        filter_record_batch(batch, &fresh).map_err(|error| Error::Query(error.to_string()))
    }
}
