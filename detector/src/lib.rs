//! Sees an identity pivot from one system to the next and stops it. The core is a fold over events ([`Detector`]),
//! pure: facts in, decisions out, the same live and in batch. Around it stand the bus, the lake and the webhook.

pub mod acquaintances;
pub mod actor;
pub mod actors;
mod asked;
pub mod backtest;
pub mod blast;
mod budget;
pub mod chain;
pub mod config;
pub mod detection;
mod detector;
mod discovery;
pub mod fan;
mod few;
mod filter;
pub mod fingerprint;
pub mod groups;
mod habit;
mod index;
mod judge;
pub mod learned;
pub mod likelihood;
mod live;
pub mod machine;
mod marks;
pub mod merge;
pub mod novelty;
mod open;
pub mod outbox;
mod past;
mod place;
mod places;
pub mod population;
mod recent;
mod retry;
mod rhythm;
mod round;
mod seat;
mod session;
mod settings;
pub mod simulation;
pub mod sinks;
mod slab;
pub mod snapshot;
pub mod step;
mod texts;
mod weight;
mod words;

pub use config::{Config, Raw};
pub use detector::{AHEAD, Counts, Detector, Restoring, Size};
pub use judge::Output;
pub use live::GROUP;
pub use past::{Error as HistoryError, Fact, History, Past};
pub use retry::Backoff;
pub use settings::{Bounds, Reach, Settings, Without};

use interdict_bus::Log;
use live::Live;
use sinks::webhook::Webhook;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Why the detector ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bus failed.
    #[error("detector: {0}")]
    Bus(#[from] interdict_bus::Error),
    /// The lake cannot be read.
    #[error("detector: {0}")]
    History(#[from] past::Error),
    /// The webhook cannot be set up.
    #[error("detector: {0}")]
    Webhook(#[from] sinks::webhook::Error),
    /// The verdicts topic ends later than it can be read.
    #[error("detector: verdicts could be read to offset {position}, but they end at {end}; check the bus")]
    Marks {
        /// Read so far.
        position: u64,
        /// Where the topic ends.
        end: u64,
    },
    /// It was told to stop while it waited for the bus; what it could not publish is judged again at the next start.
    #[error("detector: stopped while the bus took nothing")]
    Stopped,
}

/// Runs the detector until `shutdown`.
///
/// # Errors
/// See [`Error`].
pub async fn run(config: Config, log: Arc<dyn Log>, shutdown: CancellationToken) -> Result<(), Error> {
    let (ready, _) = oneshot::channel();
    run_ready(config, log, ready, shutdown).await
}

/// As [`run`]; `ready` hears when history is folded, the partitions are dealt out, and the first judged marks of its own
/// ones are on the bus.
///
/// # Errors
/// See [`Error`].
pub async fn run_ready(
    config: Config,
    log: Arc<dyn Log>,
    ready: oneshot::Sender<()>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let webhook = match config.webhook.clone() {
        Some(webhook) => Some(Webhook::start(webhook, Arc::clone(&log)).await?),
        None => None,
    };
    let live = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        live = Live::open(&config, log, shutdown.clone()) => live?,
    };
    let own = live.own();
    let both = shutdown.child_token();
    let judge = async {
        let ended = live.run(ready).await;
        both.cancel();
        ended
    };
    let deliver = async {
        if let Some(webhook) = webhook {
            webhook.deliver(own, both.clone()).await;
        }
    };
    tokio::join!(judge, deliver).0
}
