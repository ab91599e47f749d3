//! A consumer group's client: from outside, to commit; or as a member, to be dealt partitions.
//!
//! A member reads nothing through its membership: what it is dealt is assigned and paused, because readers assign by
//! themselves (see `reader.rs`). While the partitions are dealt out anew a member keeps what it had: publishing twice
//! is harmless, publishing late is not.

use super::{Context, Settings, fault};
use crate::{Error, Membership};
use interdict_schemas::Topic;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a member's thread waits for news before it looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(100);
/// How long leaving a group may take; a member that does not get through is missed after the session timeout.
const FAREWELL: Duration = Duration::from_secs(2);

/// Who speaks for a group.
#[derive(Clone)]
pub(super) enum Group {
    /// No member.
    Outside(Arc<BaseConsumer<Context>>),
    /// A member, for as long as its membership lives.
    Member(Weak<BaseConsumer<Dealer>>),
}

/// Passes on what the group deals out.
pub(super) struct Dealer {
    topic: Topic,
    deal: watch::Sender<Option<BTreeSet<u32>>>,
}

/// A member's thread. Dropping it leaves the group, so that the others need not wait for the session timeout.
struct Place {
    end: CancellationToken,
    // Hangs up when the thread has left.
    left: Mutex<mpsc::Receiver<std::convert::Infallible>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end.cancel();
        let left = self.left.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Hung up, or too late: either way nothing is left to do.
        let _ = left.recv_timeout(FAREWELL);
    }
}

impl Group {
    /// Speaks for a group without being in it.
    pub(super) fn outside(settings: &Settings, group: &str) -> Result<Self, Error> {
        let mut config = settings.consumer();
        config.set("group.id", name(group));
        let client = config.create_with_context(Context).map_err(|error| wrong(settings, &error))?;
        Ok(Self::Outside(Arc::new(client)))
    }

    /// Joins a group. A thread of its own keeps the place, however busy the process is.
    pub(super) fn join(settings: &Settings, group: &str, topic: Topic) -> Result<(Self, Membership), Error> {
        let mut config = settings.consumer();
        let timeout = settings.session_timeout.as_millis();
        config
            .set("group.id", name(group))
            .set("session.timeout.ms", timeout.to_string())
            // Often enough that a member hears within a second that partitions are dealt out anew.
            .set("heartbeat.interval.ms", (timeout / 8).clamp(250, 1000).to_string());
        let (deal, dealt) = watch::channel(None);
        let dealer = Dealer { topic, deal };
        let client: BaseConsumer<Dealer> =
            config.create_with_context(dealer).map_err(|error| wrong(settings, &error))?;
        client.subscribe(&[topic.name()]).map_err(|error| wrong(settings, &error))?;
        let client = Arc::new(client);
        let member = Arc::downgrade(&client);
        let end = CancellationToken::new();
        let ended = end.clone();
        let (leaving, left) = mpsc::channel();
        let run = move || {
            while !ended.is_cancelled() {
                // Everything is paused; what comes all the same is read by the readers.
                if let Some(Err(error)) = client.poll(POLL) {
                    tracing::debug!(%topic, %error, "a member of a group hears");
                }
            }
            drop(client);
            drop(leaving);
        };
        std::thread::Builder::new().name(name(group)).spawn(run).map_err(|error| Error::Refused {
            what: format!("a place in the group {group}"),
            detail: format!("no thread can be started: {error}"),
        })?;
        Ok((Self::Member(member), Membership::new(dealt, Box::new(Place { end, left: Mutex::new(left) }))))
    }

    /// Whether it can still speak.
    pub(super) fn lives(&self) -> bool {
        match self {
            Self::Outside(_) => true,
            Self::Member(client) => client.strong_count() > 0,
        }
    }

    /// Commits; blocks until the broker has answered.
    pub(super) fn commit(&self, list: &TopicPartitionList) -> Result<(), KafkaError> {
        match self {
            Self::Outside(client) => {
                // Nothing is assigned, so this only lets the client's own events out of its queue.
                drop(client.poll(Duration::ZERO));
                client.commit(list, CommitMode::Sync)
            }
            Self::Member(client) => client.upgrade().ok_or(KafkaError::Canceled)?.commit(list, CommitMode::Sync),
        }
    }

    /// What was committed; blocks until the broker has answered.
    pub(super) fn committed(
        &self,
        list: TopicPartitionList,
        timeout: Duration,
    ) -> Result<TopicPartitionList, KafkaError> {
        match self {
            Self::Outside(client) => client.committed_offsets(list, timeout),
            Self::Member(client) => client.upgrade().ok_or(KafkaError::Canceled)?.committed_offsets(list, timeout),
        }
    }
}

fn name(group: &str) -> String {
    format!("interdict-{group}")
}

fn wrong(settings: &Settings, error: &KafkaError) -> Error {
    fault(&settings.brokers, "a consumer", error)
}

impl ClientContext for Dealer {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Context.error(error, reason);
    }
}

impl ConsumerContext for Dealer {
    fn rebalance(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if what != RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Given back, or lost: what is one's own is said when it is dealt out anew.
            if let Err(error) = client.unassign() {
                tracing::warn!(topic = %self.topic, %error, "partitions cannot be given back");
            }
            return;
        }
        // From the end, so that no committed offset is asked for; and nothing is fetched.
        let assigned =
            list.set_all_offsets(Offset::End).and_then(|()| client.assign(list)).and_then(|()| client.pause(list));
        if let Err(error) = assigned {
            tracing::warn!(topic = %self.topic, %error, "partitions cannot be taken");
        }
        let own = list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
        self.deal.send_replace(Some(own));
    }
}
