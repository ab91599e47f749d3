//! The idempotent producer. Partitions are chosen here, so that whoever asks for a key's partition gets the same one.

use super::{Context, Settings, fault, headers::headers};
use crate::{Error, Position, Record, partition_of};
use interdict_schemas::{Envelope, Message, Stamp, Topic};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, future_producer::DeliveryFuture},
};
use std::{
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

/// A producer and what it must know of the topics.
pub(crate) struct Producer {
    client: FutureProducer<Context>,
    brokers: String,
    partitions: u32,
}

/// Resolves to where the record came to stand, once all replicas in sync have it.
pub(crate) struct Sending {
    delivery: DeliveryFuture,
    brokers: String,
}

impl Producer {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let brokers = settings.brokers.clone();
        let client = settings
            .producer()
            .create_with_context(Context)
            .map_err(|error| fault(&brokers, "a producer", &error))?;
        Ok(Self { client, brokers, partitions: settings.partitions })
    }

    /// Hands over a record of the local log; nothing while the producer's queue is full.
    pub(crate) fn send(&self, topic: Topic, record: &Record) -> Result<Option<Sending>, Error> {
        let envelope = Envelope::decode(&record.value).map_err(|error| Error::Refused {
            what: format!("record {} of the local log's {topic}", record.position.offset),
            detail: format!("it cannot be read: {error}"),
        })?;
        self.place(topic, &record.key, &record.value, &envelope.message, envelope.stamp.as_ref())
    }

    /// Hands over an encoded message; nothing while the producer's queue is full.
    pub(super) fn place(
        &self,
        topic: Topic,
        key: &str,
        value: &[u8],
        message: &Message,
        stamp: Option<&Stamp>,
    ) -> Result<Option<Sending>, Error> {
        let partition = partition_of(key, super::topics::partitions(topic, self.partitions));
        let record = FutureRecord::to(topic.name())
            .partition(i32::try_from(partition).unwrap_or_default())
            .key(key)
            .payload(value)
            .headers(headers(message, stamp));
        match self.client.send_result(record) {
            Ok(delivery) => Ok(Some(Sending { delivery, brokers: self.brokers.clone() })),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(None),
            Err((error, _)) => Err(fault(&self.brokers, &format!("a record for {topic}"), &error)),
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

impl Future for Sending {
    type Output = Result<Position, Error>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let what = "a record";
        Poll::Ready(match ready!(Pin::new(&mut self.delivery).poll(task)) {
            Ok(Ok(delivery)) => Ok(Position {
                partition: u32::try_from(delivery.partition).unwrap_or_default(),
                offset: u64::try_from(delivery.offset).unwrap_or_default(),
            }),
            Ok(Err((error, _))) => Err(fault(&self.brokers, what, &error)),
            Err(_) => Err(Error::Refused { what: what.to_owned(), detail: "the producer was closed".to_owned() }),
        })
    }
}
