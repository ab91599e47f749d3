//! Posts each alert, signed, to one URL.
//!
//! DELIVERY: at least once, in order within a partition. It reads the alerts from the bus as the group `webhook` and
//! commits an offset once the receiver answered 2xx, or refused the alert for good (4xx but 408 and 429), which is
//! logged. Everything else is tried again, for as long as it takes; meanwhile the alerts wait on the bus, not in
//! memory. After a crash the last alert may come again: its id and revision are the same. Should the bus drop alerts
//! before they could be delivered, the number is logged; they stand in the lake. Of several detectors, each delivers
//! the partitions that are its own: alerts have the keys of events, and so their partitions.

use crate::retry::Backoff;
use hmac::{Hmac, Mac};
use interdict_bus::{Error as BusError, From as Offsets, Log, Record};
use interdict_schemas::{Alert, Envelope, Message, Topic};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The consumer group under which delivered alerts are committed.
pub const GROUP: &str = "webhook";

/// `t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>">`
pub const SIGNATURE: &str = "x-interdict-signature";

const TIMEOUT: Duration = Duration::from_secs(10);
const BATCH: usize = 64;

/// Where and how alerts are posted.
#[derive(Clone)]
pub struct Config {
    url: Url,
    secret: Vec<u8>,
    backoff: Backoff,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl Config {
    /// To this URL, signed with this key.
    #[must_use]
    pub fn new(url: Url, secret: Vec<u8>) -> Self {
        Self { url, secret, backoff: Backoff::default() }
    }

    /// With other waits between attempts.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }
}

/// What an attempt came to.
enum Attempt {
    Delivered,
    Refused(String),
    Again(String),
}

/// A webhook that knows from where it has to deliver.
#[derive(Debug)]
pub struct Webhook {
    config: Config,
    client: reqwest::Client,
    log: Arc<dyn Log>,
    from: Offsets,
}

/// Why there can be no webhook.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No HTTP client can be made.
    #[error("webhook: no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The bus failed.
    #[error("webhook: {0}")]
    Bus(#[from] BusError),
}

impl Webhook {
    /// Finds out from where to deliver. The first time that is the end of the alerts: old ones are not sent out when
    /// a webhook is configured. To be called before anything new is judged.
    ///
    /// # Errors
    /// When no client can be made or the bus does not answer.
    pub async fn start(config: Config, log: Arc<dyn Log>) -> Result<Self, Error> {
        let client =
            reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
        let mut from = Offsets::new();
        for partition in 0..log.partitions(Topic::Alerts).await? {
            let offset = match log.committed(GROUP, Topic::Alerts, partition).await? {
                Some(offset) => offset,
                None => {
                    let end = log.end(Topic::Alerts, partition).await?;
                    log.commit(GROUP, Topic::Alerts, partition, end).await?;
                    end
                }
            };
            from.insert(partition, offset);
        }
        Ok(Self { config, client, log, from })
    }

    /// Delivers the partitions that `own` names, until `shutdown`. A failure of the bus is logged and waited out: an alert that cannot be posted must
    /// not stop the detector.
    pub async fn deliver(mut self, mut own: watch::Receiver<BTreeSet<u32>>, shutdown: CancellationToken) {
        let mut backoff = self.config.backoff.clone();
        let stopped = shutdown.clone().cancelled_owned();
        let work = async {
            loop {
                let dealt = own.borrow_and_update().clone();
                let pumped = tokio::select! {
                    pumped = self.pump(&dealt, &mut backoff) => pumped,
                    Ok(()) = own.changed() => {
                        let anew = own.borrow().clone();
                        self.resume(&dealt, &anew).await
                    }
                };
                match pumped {
                    Ok(()) => {}
                    Err(BusError::Gone { partition, offset, first, .. }) => {
                        let lost = first.saturating_sub(offset);
                        tracing::error!(
                            partition,
                            lost,
                            "alerts left the bus before the webhook took them; they stand in the lake's alerts table"
                        );
                        self.from.insert(partition, first);
                    }
                    Err(error) => {
                        tracing::error!(%error, "webhook cannot read alerts; trying again");
                        backoff.wait().await;
                    }
                }
            }
        };
        tokio::select! {
            () = stopped => {}
            () = work => {}
        }
    }

    /// Finds out how far the owner before has delivered the partitions that are new.
    async fn resume(&mut self, before: &BTreeSet<u32>, own: &BTreeSet<u32>) -> Result<(), BusError> {
        for partition in own.difference(before) {
            if let Some(offset) = self.log.committed(GROUP, Topic::Alerts, *partition).await? {
                self.from.insert(*partition, offset);
            }
        }
        Ok(())
    }

    async fn pump(&mut self, own: &BTreeSet<u32>, backoff: &mut Backoff) -> Result<(), BusError> {
        let mut reader = self.log.reader(Topic::Alerts, self.from.clone()).await?;
        loop {
            let records = reader.next(BATCH).await?;
            for record in &records {
                let next = record.position.offset.saturating_add(1);
                if own.contains(&record.position.partition) {
                    self.handle(record).await;
                    self.log.commit(GROUP, Topic::Alerts, record.position.partition, next).await?;
                    backoff.reset();
                }
                self.from.insert(record.position.partition, next);
            }
        }
    }

    async fn handle(&self, record: &Record) {
        let alert = match Envelope::decode(&record.value).map(|envelope| envelope.message) {
            Ok(Message::Alert(alert)) => alert,
            Ok(_) => {
                return tracing::error!(at = ?record.position, "a record on the alerts topic is no alert; skipped");
            }
            Err(error) => return tracing::error!(at = ?record.position, %error, "alert cannot be read; skipped"),
        };
        let mut backoff = self.config.backoff.clone();
        loop {
            match self.post(&alert).await {
                Attempt::Delivered => return,
                Attempt::Refused(why) => {
                    return tracing::error!(alert = alert.id, why, "webhook refused an alert; not sent again");
                }
                Attempt::Again(why) => {
                    tracing::warn!(alert = alert.id, why, "webhook did not take an alert; it waits on the bus");
                    backoff.wait().await;
                }
            }
        }
    }

    async fn post(&self, alert: &Alert) -> Attempt {
        let body = match serde_json::to_vec(alert) {
            Ok(body) => body,
            Err(error) => return Attempt::Refused(error.to_string()),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let request = self
            .client
            .post(self.config.url.clone())
            .header("content-type", "application/json")
            .header(SIGNATURE, signature(&self.config.secret, now, &body))
            .body(body);
        match request.send().await {
            Ok(response) => match response.status() {
                status if status.is_success() => Attempt::Delivered,
                status if status.is_client_error() && !matches!(status.as_u16(), 408 | 429) => {
                    Attempt::Refused(status.to_string())
                }
                status => Attempt::Again(status.to_string()),
            },
            // The URL can hold a token; the message must not.
            Err(error) => Attempt::Again(error.without_url().to_string()),
        }
    }
}

/// The signature's header value.
#[must_use]
pub fn signature(secret: &[u8], seconds: u64, body: &[u8]) -> String {
    let mut hex = String::new();
    // A key of any length makes an HMAC; there is no other error.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            hex.push_str(&format!("{byte:02x}"));
        }
    }
    format!("t={seconds},v1={hex}")
}
