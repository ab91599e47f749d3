//! How far has been judged, as the verdicts topic says.

use crate::Error;
use crate::retry::Backoff;
use interdict_bus::{Error as BusError, From as Offsets, Log, Record};
use interdict_schemas::{Envelope, Message, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

// Reading on must bring records until the end is reached; a bus that brings none for so long is not well.
const PATIENCE: Duration = Duration::from_secs(30);
const BATCH: usize = 1024;

/// Per partition of the events topic: everything before this offset has been judged and published.
pub(crate) type Marks = BTreeMap<u32, u64>;

/// The marks as they are now.
pub(crate) async fn read(log: &dyn Log) -> Result<Marks, Error> {
    let mut marks = Marks::new();
    for partition in 0..log.partitions(Topic::Verdicts).await? {
        let end = log.end(Topic::Verdicts, partition).await?;
        let mut reader = log.reader(Topic::Verdicts, Offsets::from([(partition, 0)])).await?;
        while reader.position(partition) < end {
            let read = tokio::time::timeout(PATIENCE, reader.next(BATCH)).await;
            note(&mut marks, &read.map_err(|_| Error::Marks { position: reader.position(partition), end })??);
        }
    }
    Ok(marks)
}

/// The marks as others set them, read in a task of its own.
#[derive(Debug)]
pub(crate) struct Follower {
    marks: watch::Receiver<Marks>,
    _end: DropGuard,
}

impl Follower {
    pub(crate) fn start(log: Arc<dyn Log>) -> Self {
        let (news, marks) = watch::channel(Marks::new());
        let end = CancellationToken::new();
        let ended = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = follow(log, news) => {}
            }
        });
        Self { marks, _end: end.drop_guard() }
    }

    /// Waits until a mark has moved, and says where all stand. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Marks {
        if self.marks.changed().await.is_err() {
            return std::future::pending().await;
        }
        self.marks.borrow_and_update().clone()
    }
}

/// For ever. What cannot be read now is read later; until then others' marks count as they were.
async fn follow(log: Arc<dyn Log>, news: watch::Sender<Marks>) {
    let mut backoff = Backoff::default();
    loop {
        let read: Result<std::convert::Infallible, BusError> = async {
            let mut reader = log.reader(Topic::Verdicts, Offsets::new()).await?;
            loop {
                let records = reader.next(BATCH).await?;
                backoff.reset();
                news.send_if_modified(|marks| note(marks, &records));
            }
        }
        .await;
        let Err(error) = read;
        tracing::warn!(%error, "the marks of other detectors cannot be read; trying again");
        backoff.wait().await;
    }
}

/// Takes marks in; whether one has moved.
fn note(marks: &mut Marks, records: &[Record]) -> bool {
    let mut moved = false;
    for record in records {
        match Envelope::decode(&record.value).map(|envelope| envelope.message) {
            Ok(Message::Judged(judged)) => {
                let mark = marks.entry(judged.partition).or_insert(0);
                moved |= judged.offset > *mark;
                *mark = judged.offset.max(*mark);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(at = ?record.position, %error, "a verdict cannot be read; skipped"),
        }
    }
    moved
}
