//! Reads one topic of Kafka, all its partitions, by assignment: no group, so no rebalance and no wait for one.
//!
//! POSITIONS move with the records read. Compaction leaves holes; where the client says that a partition was read to
//! its end, the position moves at least to what was known as its end before.

use super::{Asker, Context, context::is_away};
use crate::pack::Pack;
use crate::{Error, From, Position, Reader, Record};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use interdict_schemas::Topic;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes returned by one `next` at most, unless a single record is larger.
const MOST_BYTES: usize = 8 << 20;

pub(super) struct Tape {
    asker: Arc<Asker>,
    topic: Topic,
    consumer: StreamConsumer<Context>,
    places: BTreeMap<u32, Place>,
    pack: Pack,
    /// An error that has not been answered yet. One after which reading cannot go on stays, and comes again.
    held: Option<KafkaError>,
    /// Whether the brokers are away; said once.
    away: bool,
}

struct Place {
    next: u64,
    /// The partition's end when reading began.
    known_end: u64,
}

impl Tape {
    pub(super) async fn open(asker: Arc<Asker>, topic: Topic, from: &From) -> Result<Self, Error> {
        let mut places = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..asker.partitions(topic) {
            let (first, end) = asker.bounds(topic, partition).await?;
            let next = from.get(&partition).copied().unwrap_or(first);
            within(topic, partition, next, first, end)?;
            let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            assignment
                .add_partition_offset(topic.name(), number, offset)
                .map_err(|error| asker.fault("an assignment", &error))?;
            places.insert(partition, Place { next, known_end: end });
        }
        if let Some(partition) = from.keys().find(|partition| !places.contains_key(partition)) {
            return Err(Error::Partition { topic, partition: *partition });
        }
        let mut config = asker.settings.consumer();
        // The client wants a group's name even where it never joins one.
        config.set("group.id", "interdict-reader");
        let consumer: StreamConsumer<Context> =
            config.create_with_context(Context).map_err(|error| asker.fault("a consumer", &error))?;
        consumer.assign(&assignment).map_err(|error| asker.fault("an assignment", &error))?;
        Ok(Self { asker, topic, consumer, places, pack: Pack::default(), held: None, away: false })
    }

    /// Moves past a record.
    fn take(
        topic: Topic,
        places: &mut BTreeMap<u32, Place>,
        pack: &mut Pack,
        message: &BorrowedMessage<'_>,
    ) -> Result<Record, Error> {
        let strange = |detail: &str| Error::Topic {
            topic,
            detail: format!("record {} of partition {}: {detail}", message.offset(), message.partition()),
        };
        let (Ok(partition), Ok(offset)) = (u32::try_from(message.partition()), u64::try_from(message.offset()))
        else {
            return Err(strange("impossible position"));
        };
        let position = Position { partition, offset };
        let record = message.key().and_then(|key| pack.record(position, key, message.payload().unwrap_or_default()));
        let record = record.ok_or_else(|| strange("its key is not text; only interdict may write here"))?;
        if let Some(place) = places.get_mut(&partition) {
            place.next = offset.saturating_add(1);
        }
        Ok(record)
    }

    /// Takes note that a partition was read to its end.
    fn note_end(places: &mut BTreeMap<u32, Place>, partition: i32) {
        if let Some(place) = u32::try_from(partition).ok().and_then(|index| places.get_mut(&index)) {
            place.next = place.next.max(place.known_end);
        }
    }

    /// Answers an error: waiting helps, or reading cannot go on.
    async fn answer(&mut self, error: &KafkaError) -> Result<(), Error> {
        match error.rdkafka_error_code() {
            Some(code) if is_away(code) => {
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(topic = %self.topic, %code, "reading waits until the broker answers");
                }
                Ok(())
            }
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                for (partition, place) in &self.places {
                    let (first, end) = self.asker.bounds(self.topic, *partition).await?;
                    within(self.topic, *partition, place.next, first, end)?;
                }
                Err(self.asker.fault("to read on", error))
            }
            _ => Err(self.asker.fault("to read on", error)),
        }
    }

    fn is_back(&mut self) {
        if std::mem::replace(&mut self.away, false) {
            tracing::info!(topic = %self.topic, "reading goes on");
        }
    }
}

/// Whether reading can begin at `next`.
fn within(topic: Topic, partition: u32, next: u64, first: u64, end: u64) -> Result<(), Error> {
    if next < first {
        return Err(Error::Gone { topic, partition, offset: next, first });
    }
    if next > end {
        let detail = format!(
            "partition {partition} ends at {end}, and {next} was to be read: it was deleted and made again, or has lost \
             records; restore it, or start with a new lake"
        );
        return Err(Error::Topic { topic, detail });
    }
    Ok(())
}

impl Reader for Tape {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            loop {
                if let Some(error) = self.held.clone() {
                    self.answer(&error).await?;
                    self.held = None;
                }
                let (mut records, mut bytes, mut is_back) = (Vec::new(), 0, false);
                let mut stream = self.consumer.stream();
                // From here to the return nothing waits again, so a dropped future holds no record.
                let mut received = stream.next().await;
                while let Some(result) = received {
                    match result {
                        Ok(message) => {
                            let record = Self::take(self.topic, &mut self.places, &mut self.pack, &message)?;
                            bytes += record.value.len();
                            records.push(record);
                        }
                        Err(KafkaError::PartitionEOF(partition)) => {
                            is_back = true;
                            Self::note_end(&mut self.places, partition);
                        }
                        Err(error) => {
                            self.held = Some(error);
                            break;
                        }
                    }
                    if records.len() >= most.max(1) || bytes >= MOST_BYTES {
                        break;
                    }
                    received = stream.next().now_or_never().flatten();
                }
                drop(stream);
                if is_back || !records.is_empty() {
                    self.is_back();
                }
                if !records.is_empty() {
                    return Ok(records);
                }
            }
        })
    }

    fn position(&self, partition: u32) -> u64 {
        self.places.get(&partition).map_or(0, |place| place.next)
    }

    fn pause(&mut self, partition: u32, paused: bool) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition(self.topic.name(), self.asker.number(self.topic, partition)?);
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        done.map_err(|error| self.asker.fault("to pause or resume reading", &error))
    }
}
