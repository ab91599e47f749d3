//! The topics on Kafka: made when they are missing, verified when they are there. A topic that an administrator made
//! otherwise is never changed; the error says what must be changed.

use super::{Context, Settings, context::is_away, fault, settings::MESSAGE_BYTES};
use crate::Error;
use interdict_schemas::{Topic, topic::MAX_RECORD};
use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Between two looks at whether new topics are there.
const PAUSE: Duration = Duration::from_millis(50);

/// How many partitions a topic must have.
pub(super) const fn partitions(topic: Topic, configured: u32) -> u32 {
    match topic {
        Topic::Verdicts => 1,
        Topic::Events | Topic::Recordings | Topic::Alerts => configured,
    }
}

/// What a topic is made with; README's configuration says which keys change it.
fn configuration(topic: Topic, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut entries = vec![
        ("max.message.bytes", MESSAGE_BYTES.to_string()),
        // With three replicas or more, one may be away, and an acknowledged record stands on two.
        ("min.insync.replicas", if settings.replication >= 3 { "2" } else { "1" }.to_owned()),
    ];
    if topic.is_compacted() {
        entries.push(("cleanup.policy", "compact".to_owned()));
    } else {
        entries.push(("cleanup.policy", "delete".to_owned()));
        entries.push(("retention.ms", settings.retention.as_millis().to_string()));
    }
    entries
}

/// Makes what is missing and verifies the rest.
pub(super) async fn ensure(admin: &Arc<AdminClient<Context>>, settings: &Settings) -> Result<(), Error> {
    let deadline = Instant::now() + settings.timeout;
    let found = found(admin, settings).await?;
    let missing: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| !found.contains_key(topic.name())).collect();
    create(admin, settings, &missing).await?;
    let found = loop {
        let found = self::found(admin, settings).await?;
        if Topic::ALL.iter().all(|topic| found.get(topic.name()).is_some_and(|topic| topic.is_led)) {
            break found;
        }
        if Instant::now() >= deadline {
            let detail = "a topic has a partition without a leader".to_owned();
            return Err(Error::Unreachable { brokers: settings.brokers.clone(), detail });
        }
        tokio::time::sleep(PAUSE).await;
    };
    for topic in Topic::ALL {
        let expected = partitions(topic, settings.partitions);
        let actual = found.get(topic.name()).map_or(0, |topic| topic.partitions);
        if actual != expected {
            let remedy = if topic == Topic::Verdicts {
                "delete the topic: it is made again with one".to_owned()
            } else {
                format!("set bus.kafka.partitions = {actual}, or delete the topic: it is made again")
            };
            let detail = format!("it has {actual} partitions, {expected} are needed; {remedy}");
            return Err(Error::Topic { topic, detail });
        }
    }
    verify(admin, settings).await
}

struct Found {
    partitions: u32,
    is_led: bool,
}

/// The cluster's topics. All are asked for, because asking for one by name may make it.
async fn found(admin: &Arc<AdminClient<Context>>, settings: &Settings) -> Result<BTreeMap<String, Found>, Error> {
    let (admin, timeout) = (admin.clone(), settings.timeout);
    let asked = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, timeout)?;
        let found = metadata.topics().iter().map(|topic| {
            let is_led =
                topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader() >= 0);
            let partitions = u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX);
            (topic.name().to_owned(), Found { partitions, is_led })
        });
        Ok::<_, KafkaError>(found.collect())
    });
    let answer = asked.await.map_err(|error| ended(&error))?;
    answer.map_err(|error| fault(&settings.brokers, "the list of topics", &error))
}

async fn create(admin: &AdminClient<Context>, settings: &Settings, missing: &[Topic]) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let replication = i32::try_from(settings.replication).unwrap_or(i32::MAX);
    let configurations: Vec<_> = missing.iter().map(|topic| configuration(*topic, settings)).collect();
    let new = missing.iter().zip(&configurations).map(|(topic, configuration)| {
        let count = i32::try_from(partitions(*topic, settings.partitions)).unwrap_or(i32::MAX);
        let new = NewTopic::new(topic.name(), count, TopicReplication::Fixed(replication));
        configuration.iter().fold(new, |new, (key, value)| new.set(key, value))
    });
    let new: Vec<_> = new.collect();
    let options =
        AdminOptions::new().request_timeout(Some(settings.timeout)).operation_timeout(Some(settings.timeout));
    let made = admin.create_topics(&new, &options).await;
    let made = made.map_err(|error| fault(&settings.brokers, "to make topics", &error))?;
    for (result, topic) in made.into_iter().zip(missing) {
        match result {
            // Another part of interdict was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code @ RDKafkaErrorCode::InvalidReplicationFactor)) => {
                return Err(Error::Setting {
                    key: "bus.kafka.replication".to_owned(),
                    detail: format!(
                        "{replication} is more than there are brokers ({code}); lower it, or add brokers"
                    ),
                });
            }
            Err((name, code)) if is_away(code) => {
                let detail = format!("to make {name}: {code}");
                return Err(Error::Unreachable { brokers: settings.brokers.clone(), detail });
            }
            Err((name, code)) => {
                let entries: Vec<_> =
                    configuration(*topic, settings).iter().map(|(key, value)| format!("{key}={value}")).collect();
                return Err(Error::Refused {
                    what: format!("to make topic {name}"),
                    detail: format!(
                        "{code}; grant this user Create, or make it: {} partitions, {replication} replicas, {}",
                        partitions(*topic, settings.partitions),
                        entries.join(" ")
                    ),
                });
            }
        }
    }
    Ok(())
}

/// Whether the topics' configuration keeps what the bus promises.
async fn verify(admin: &AdminClient<Context>, settings: &Settings) -> Result<(), Error> {
    let topics: Vec<_> = Topic::ALL.iter().map(|topic| ResourceSpecifier::Topic(topic.name())).collect();
    let options = AdminOptions::new().request_timeout(Some(settings.timeout));
    let described = admin.describe_configs(&topics, &options).await;
    let described = described.map_err(|error| fault(&settings.brokers, "the topics' configuration", &error))?;
    for (result, topic) in described.into_iter().zip(Topic::ALL) {
        match result {
            Ok(resource) => conforms(topic, &resource).map_err(|detail| Error::Topic { topic, detail })?,
            Err(code) => {
                tracing::warn!(%topic, %code, "its configuration cannot be verified; grant this user DescribeConfigs");
            }
        }
    }
    Ok(())
}

fn conforms(topic: Topic, resource: &ConfigResource) -> Result<(), String> {
    let value = |name: &str| resource.get(name).and_then(|entry| entry.value.as_deref());
    if let Some(policy) = value("cleanup.policy") {
        let expected = if topic.is_compacted() { "compact" } else { "delete" };
        if policy != expected {
            let loss = if topic.is_compacted() { "verdicts would expire" } else { "records would be lost" };
            return Err(format!("its cleanup.policy is {policy}, so that {loss}; set it to {expected}"));
        }
    }
    if let Some(bytes) = value("max.message.bytes").and_then(|bytes| bytes.parse::<usize>().ok())
        && bytes < MAX_RECORD + MAX_RECORD / 16
    {
        return Err(format!(
            "its max.message.bytes is {bytes}, so that it refuses large records; set it to {MESSAGE_BYTES}"
        ));
    }
    Ok(())
}

/// A blocking call that did not come back: it was cancelled with the runtime.
pub(super) fn ended(error: &tokio::task::JoinError) -> Error {
    Error::Refused { what: "a question to the broker".to_owned(), detail: error.to_string() }
}
