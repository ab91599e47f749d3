//! How far an earlier detector has judged, as the verdicts topic says.

use crate::Error;
use interdict_bus::{From as Offsets, Log};
use interdict_schemas::{Envelope, Message, Topic};
use std::collections::BTreeMap;
use std::time::Duration;

// Reading on must bring records until the end is reached; a bus that brings none for so long is not well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Per partition of the events topic: everything before this offset has been judged and published.
pub(crate) async fn read(log: &dyn Log) -> Result<BTreeMap<u32, u64>, Error> {
    let mut marks = BTreeMap::new();
    for partition in 0..log.partitions(Topic::Verdicts).await? {
        let end = log.end(Topic::Verdicts, partition).await?;
        let mut reader = log.reader(Topic::Verdicts, Offsets::from([(partition, 0)])).await?;
        while reader.position(partition) < end {
            let read = tokio::time::timeout(PATIENCE, reader.next(1024)).await;
            for record in read.map_err(|_| Error::Marks { position: reader.position(partition), end })?? {
                match Envelope::decode(&record.value).map(|envelope| envelope.message) {
                    Ok(Message::Judged(judged)) => {
                        let mark = marks.entry(judged.partition).or_insert(0);
                        *mark = judged.offset.max(*mark);
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(at = ?record.position, %error, "a verdict cannot be read; skipped"),
                }
            }
        }
    }
    Ok(marks)
}
