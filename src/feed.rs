//! Verdicts and alerts as commands see them, wherever the log is: through a running gateway, in the local log when
//! nobody runs, or on Kafka.

use anyhow::Context as _;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use interdict_bus::{From, Log};
use interdict_schemas::{Alert, Envelope, Event, Message, Resolution, Topic, Verdict};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::control::{self, Control};
use crate::settings::Settings;

/// How many records are asked for at a time.
const BATCH: usize = 1024;

/// By topic's name: the offset behind the last record of each partition.
pub(crate) type Ends = BTreeMap<String, BTreeMap<u32, u64>>;

/// Where verdicts and alerts are.
pub(crate) enum Feed {
    /// In a process that holds the local log.
    Running(Control),
    /// In a log that this process may open.
    Log(Arc<dyn Log>),
}

impl Feed {
    /// Opens what the configuration names.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if settings.is_embedded()
            && let Some(control) = Control::connect(&settings.data.join(control::SOCKET)).await?
        {
            return Ok(Self::Running(control));
        }
        Ok(Self::Log(settings.open_log().await?))
    }

    /// Every verdict's newest state, oldest first.
    pub(crate) async fn verdicts(&self) -> anyhow::Result<Vec<Verdict>> {
        match self {
            Self::Running(control) => control.verdicts().await,
            Self::Log(log) => verdicts(&**log).await,
        }
    }

    /// How far each partition of each topic goes.
    pub(crate) async fn ends(&self) -> anyhow::Result<Ends> {
        match self {
            Self::Running(control) => control.ends().await,
            Self::Log(log) => ends(&**log).await,
        }
    }

    /// Gives a verdict, or replaces the one of the same id.
    pub(crate) async fn give(&self, verdict: Verdict) -> anyhow::Result<()> {
        match self {
            Self::Running(control) => control.give(&verdict).await,
            Self::Log(log) => {
                log.append(&[Message::Verdict(verdict)]).await?;
                Ok(())
            }
        }
    }

    /// Puts simulated events on the bus.
    pub(crate) async fn play(&self, events: Vec<Event>) -> anyhow::Result<()> {
        match self {
            Self::Running(control) => control.play(&events).await,
            Self::Log(log) => {
                let messages: Vec<_> = events.into_iter().map(Message::Event).collect();
                log.append(&messages).await?;
                Ok(())
            }
        }
    }

    /// Says what an alert turned out to be.
    pub(crate) async fn resolve(&self, resolution: Resolution) -> anyhow::Result<()> {
        match self {
            Self::Running(control) => control.resolve(&resolution).await,
            Self::Log(log) => {
                log.append(&[Message::Resolution(resolution)]).await?;
                Ok(())
            }
        }
    }

    /// Alerts raised from now on.
    pub(crate) async fn alerts(&self) -> anyhow::Result<BoxStream<'static, anyhow::Result<Alert>>> {
        Ok(match self {
            Self::Running(control) => control.alerts().await?.boxed(),
            Self::Log(log) => alerts(&**log).await?.boxed(),
        })
    }
}

/// Reads the verdicts topic to its present end.
pub(crate) async fn verdicts(log: &dyn Log) -> anyhow::Result<Vec<Verdict>> {
    let mut ends = BTreeMap::new();
    for partition in 0..log.partitions(Topic::Verdicts).await? {
        ends.insert(partition, log.end(Topic::Verdicts, partition).await?);
    }
    let mut reader = log.reader(Topic::Verdicts, From::new()).await?;
    let mut newest: BTreeMap<String, Verdict> = BTreeMap::new();
    while ends.iter().any(|(partition, end)| reader.position(*partition) < *end) {
        for record in reader.next(BATCH).await? {
            let envelope =
                record.envelope().with_context(|| format!("verdicts, offset {}", record.position.offset))?;
            if let Some(Envelope { message: Message::Verdict(verdict), .. }) = envelope {
                newest.insert(verdict.id.clone(), verdict);
            }
        }
    }
    let mut verdicts: Vec<Verdict> = newest.into_values().collect();
    verdicts.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    Ok(verdicts)
}

/// How far each partition of each topic goes now.
pub(crate) async fn ends(log: &dyn Log) -> anyhow::Result<Ends> {
    let mut ends = Ends::new();
    for topic in Topic::ALL {
        for partition in 0..log.partitions(topic).await? {
            let end = log.end(topic, partition).await?;
            ends.entry(topic.name().to_owned()).or_default().insert(partition, end);
        }
    }
    Ok(ends)
}

/// Alerts raised from now on. Never ends.
pub(crate) async fn alerts(
    log: &dyn Log,
) -> anyhow::Result<impl stream::Stream<Item = anyhow::Result<Alert>> + Send + use<>> {
    let mut from = From::new();
    for partition in 0..log.partitions(Topic::Alerts).await? {
        from.insert(partition, log.end(Topic::Alerts, partition).await?);
    }
    let reader = log.reader(Topic::Alerts, from).await?;
    let records = stream::try_unfold((reader, VecDeque::new()), |(mut reader, mut waiting)| async move {
        while waiting.is_empty() {
            waiting.extend(reader.next(BATCH).await?);
        }
        anyhow::Ok(waiting.pop_front().map(|record| (record, (reader, waiting))))
    });
    Ok(records.try_filter_map(|record| async move {
        match Envelope::decode(&record.value)?.message {
            Message::Alert(alert) => Ok(Some(alert)),
            _ => Ok(None),
        }
    }))
}
