//! One answer as it comes, and the record of it. Owns every bound of a running question: its deadline, its rows, its
//! cancellation, the verdict that may cut it. Refuses to outlive any of them: what runs is dropped at the deadline even
//! if nobody asks for the next row.

use super::door::Visit;
use super::places::Place;
use super::refusal::{Kind, Refusal};
use crate::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use interdict_cluster::LeftOut;
use interdict_schemas::{Outcome, Status};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What may stop a question.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) started: Instant,
    pub(super) time: Duration,
    pub(super) cancel: CancellationToken,
}

impl Stop {
    pub(super) fn deadline(&self) -> Instant {
        self.started + self.time
    }

    /// Races what is done for a question against all that may stop it.
    pub(super) async fn race<T>(&self, visit: &dyn Visit, work: impl Future<Output = T>) -> Result<T, Refusal> {
        tokio::select! {
            biased;
            refusal = visit.revoked() => Err(refusal),
            () = self.cancel.cancelled() => Err(Refusal::cancelled()),
            () = tokio::time::sleep_until(self.deadline()) => Err(Refusal::late(self.time)),
            done = work => Ok(done),
        }
    }
}

/// The record of a question's outcome: written once, whatever becomes of the question.
pub(super) struct Record {
    visit: Arc<dyn Visit>,
    action: String,
    started: Instant,
    rows: u64,
    sent: Arc<AtomicU64>,
    left_out: Option<Arc<LeftOut>>,
    settled: bool,
}

impl Record {
    pub(super) fn new(
        visit: Arc<dyn Visit>,
        action: String,
        started: Instant,
        left_out: Option<Arc<LeftOut>>,
    ) -> Self {
        Self { visit, action, started, rows: 0, sent: Arc::default(), left_out, settled: false }
    }

    /// The files that the question went on without so far.
    fn left_out(&self) -> BTreeSet<String> {
        self.left_out.iter().flat_map(|left_out| left_out.files().into_keys()).collect()
    }

    fn settle(&mut self, status: Status, code: &str, detail: &str) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.settled, true) {
            return Ok(());
        }
        let outcome = Outcome {
            status,
            code: code.to_owned(),
            detail: detail.to_owned(),
            rows: self.rows,
            bytes_in: 0,
            bytes_out: self.sent.load(Ordering::Relaxed),
            duration_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        self.visit.result(&self.action, outcome)
    }

    pub(super) fn fail(&mut self, refusal: &Refusal) {
        // The client is told of the failure either way.
        if let Err(error) = self.settle(Status::Failure, refusal.kind.sqlstate(), &refusal.message) {
            tracing::error!(%error, action = self.action, "a question's failure could not be recorded");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Err(error) = self.settle(Status::Unknown, "", "the client went away before the last row") {
            tracing::error!(%error, action = self.action, "a question's end could not be recorded");
        }
    }
}

/// What runs, and its place among those that may run at once.
pub(super) struct Running {
    pub(super) stream: SendableRecordBatchStream,
    pub(super) memory: usize,
    pub(super) _place: Place,
}

/// An answer as it comes.
pub(super) struct Answer {
    schema: SchemaRef,
    running: Arc<Mutex<Option<Running>>>,
    record: Record,
    visit: Arc<dyn Visit>,
    stop: Stop,
    most: u64,
    /// Files of which whoever asks has been warned.
    warned: BTreeSet<String>,
    _watch: AbortOnDropHandle<()>,
}

/// What is said of files that were left out.
fn without(files: &str) -> String {
    format!("the answer is without the rows of files that cannot be read: {files}")
}

impl Answer {
    pub(super) fn new(running: Running, schema: SchemaRef, record: Record, stop: Stop, most: u64) -> Self {
        let running = Arc::new(Mutex::new(Some(running)));
        let watch = tokio::spawn({
            let (running, deadline) = (Arc::clone(&running), stop.deadline());
            async move {
                tokio::time::sleep_until(deadline).await;
                running.lock().await.take();
            }
        });
        let visit = Arc::clone(&record.visit);
        Self {
            schema,
            running,
            record,
            visit,
            stop,
            most,
            warned: BTreeSet::new(),
            _watch: AbortOnDropHandle::new(watch),
        }
    }

    /// The columns.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Where whoever hands rows on counts their bytes.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.record.sent)
    }

    /// What is to be warned of since this was asked last, in words.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        let left_out = self.record.left_out();
        let news = left_out.difference(&self.warned).map(|file| without(file)).collect();
        self.warned = left_out;
        news
    }

    /// The next rows; `None` after the last one, once the outcome is recorded.
    pub(super) async fn next(&mut self) -> Option<Result<RecordBatch, Refusal>> {
        if self.record.settled {
            return None;
        }
        let next = self.pull().await;
        let refusal = match next {
            Ok(Some(batch)) => return Some(Ok(batch)),
            Ok(None) => {
                let left_out = Vec::from_iter(self.record.left_out());
                let detail = if left_out.is_empty() { String::new() } else { without(&left_out.join(", ")) };
                match self.record.settle(Status::Success, "00000", &detail) {
                    Ok(()) => return None,
                    Err(refusal) => refusal,
                }
            }
            Err(refusal) => {
                self.record.fail(&refusal);
                refusal
            }
        };
        self.running.lock().await.take();
        Some(Err(refusal))
    }

    async fn pull(&mut self) -> Result<Option<RecordBatch>, Refusal> {
        let work = async {
            let mut running = self.running.lock().await;
            let Some(Running { stream, memory, .. }) = running.as_mut() else {
                return Err(Refusal::late(self.stop.time));
            };
            let batch = stream.next().await.transpose();
            batch.map_err(|error| Refusal::from(Error::running(error, *memory)))
        };
        let batch = self.stop.race(&*self.visit, work).await??;
        if let Some(batch) = &batch {
            self.record.rows += batch.num_rows() as u64;
            if self.record.rows > self.most {
                let words = format!("the answer has more than the {} rows it may have", self.most);
                return Err(Refusal::new(Kind::Rows, words).hint("Add a limit, or aggregate."));
            }
        }
        Ok(batch)
    }
}
