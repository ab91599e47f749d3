//! The section `[detector]`: raw as written, and resolved. Reading files is the caller's business.

use crate::actor::FIRSTS;
use crate::detection;
use crate::settings::{Reach, Settings, Without};
use crate::sinks::webhook;
use interdict_schemas::Mode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// `[detector]` as it is written. Every key may be left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Days remembered, 1 to 63; default 60.
    pub horizon_days: Option<u32>,
    /// Days that are only learned from; default 7.
    pub learning_days: Option<u32>,
    /// Evidence in nats that makes an alert; default 2.5.
    pub alert_nats: Option<f64>,
    /// Evidence in nats that holds for approval; default 7.25.
    pub hold_nats: Option<f64>,
    /// Evidence in nats that stops; default 14.
    pub block_nats: Option<f64>,
    /// Alerts a day for which rarity competes; default 9.
    pub budget: Option<u32>,
    /// Targets whose reach is worse than others'.
    pub crown_jewels: Option<Vec<String>>,
    /// `[detector.detections]`: what each may do.
    #[serde(default)]
    pub detections: BTreeMap<String, Reach>,
    /// `enforce` (default) or `shadow`.
    pub mode: Option<Mode>,
    /// How long a verdict lasts; default 24.
    pub verdict_hours: Option<u32>,
    /// New targets that make a burst; default 4.
    pub burst_targets: Option<usize>,
    /// Within how many seconds, 60 to 2592000 (30 days); default 1800.
    pub burst_window_s: Option<u32>,
    /// People's accounts from one client machine that make a fan-out, 2 to 32; default 4.
    pub fan_out_accounts: Option<usize>,
    /// Targets that they must reach, 2 to 32; default 8.
    pub fan_out_targets: Option<usize>,
    /// Within how many seconds, 60 to 2592000 (30 days); default one day.
    pub fan_out_window_s: Option<u32>,
    /// Machines that many people share, such as terminal servers, as sessions name them; a last `*` stands for anything.
    pub shared_sources: Option<Vec<String>>,
    /// Folder or URL where snapshots of the state are kept; default `detector` in the lake's place.
    pub snapshots: Option<String>,
    /// How often one is written, seconds; 0: none is. Default 900.
    pub snapshot_every_s: Option<u32>,
    /// `[detector.without]`: parts left out, for measurements.
    #[serde(default)]
    pub without: Without,
    /// `[detector.webhook]`.
    pub webhook: Option<RawWebhook>,
}

/// `[detector.webhook]` as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWebhook {
    /// Where alerts are posted: https, or http to a loopback address.
    pub url: String,
    /// File with the key that signs them, at least 16 bytes.
    pub secret_file: PathBuf,
}

/// What the detector needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the fold is told.
    pub settings: Settings,
    /// The lake's folder or URL, from `[lake]`.
    pub lake: String,
    /// Where snapshots of the state are kept, if any are.
    pub snapshots: Option<Snapshots>,
    /// Where alerts are posted, if anywhere.
    pub webhook: Option<webhook::Config>,
}

/// Snapshots of the state, so that a restart need not fold the past again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    /// Folder or URL where they are kept.
    pub place: String,
    /// How often one is written; one more is at the end.
    pub every: Duration,
}

/// Seconds between two snapshots: what was folded since is folded again after a crash.
const SNAPSHOT_EVERY_S: u32 = 900;

/// Why `[detector]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value out of range.
    #[error("[detector] {key} = {value}: must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it is set to.
        value: u64,
        /// What it may be.
        range: &'static str,
    },
    /// Evidence that is no number, or thresholds out of order.
    #[error(
        "[detector] alert_nats = {alert}, hold_nats = {hold}, block_nats = {block}: must be numbers above 0, each at least the one before"
    )]
    Nats {
        /// `alert_nats`.
        alert: f64,
        /// `hold_nats`.
        hold: f64,
        /// `block_nats`.
        block: f64,
    },
    /// A detection that does not exist.
    #[error("[detector.detections] {name}: there is no such detection; there are {known}")]
    Detection {
        /// As written.
        name: String,
        /// All names.
        known: String,
    },
    /// More than a detection's strength allows.
    #[error(
        "[detector.detections] {0} = \"block\": rarity alone stops nobody; `hold`, which is the default, is the most it may do"
    )]
    Rarity(String),
    /// A URL that alerts cannot be posted to.
    #[error("[detector.webhook] url = \"{url}\": {detail}")]
    Url {
        /// As written.
        url: String,
        /// What is wrong.
        detail: String,
    },
    /// The key file cannot be used.
    #[error("[detector.webhook] secret_file {}: {detail}", path.display())]
    Secret {
        /// As written.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Shorter keys can be guessed from one signed alert.
const SHORTEST_SECRET: usize = 16;

impl Raw {
    /// Resolves the section. `lake` is the lake's folder or URL; `read` reads a file named in the section, relative to
    /// the configuration file.
    ///
    /// # Errors
    /// When a value is out of range, or the webhook's URL or key cannot be used.
    pub fn resolve(
        self,
        lake: impl Into<String>,
        read: impl FnOnce(&Path) -> std::io::Result<Vec<u8>>,
    ) -> Result<Config, Error> {
        let default = Settings::default();
        let horizon_days = self.horizon_days.unwrap_or(default.horizon_days);
        let learning_days = self.learning_days.unwrap_or(default.learning_days);
        let verdict_hours = self.verdict_hours.unwrap_or(default.verdict_hours);
        let burst_targets = self.burst_targets.unwrap_or(default.burst_targets);
        let check =
            |key, value: u64, valid, range| if valid { Ok(()) } else { Err(Error::Range { key, value, range }) };
        check("horizon_days", horizon_days.into(), (1..=63).contains(&horizon_days), "1 to 63")?;
        check("learning_days", learning_days.into(), learning_days <= horizon_days, "at most horizon_days")?;
        check("verdict_hours", verdict_hours.into(), (1..=8760).contains(&verdict_hours), "1 to 8760")?;
        check("burst_targets", burst_targets as u64, (2..=FIRSTS).contains(&burst_targets), "2 to 48")?;
        let fan_out_accounts = self.fan_out_accounts.unwrap_or(default.fan_out_accounts);
        let fan_out_targets = self.fan_out_targets.unwrap_or(default.fan_out_targets);
        check("fan_out_accounts", fan_out_accounts as u64, (2..=32).contains(&fan_out_accounts), "2 to 32")?;
        check("fan_out_targets", fan_out_targets as u64, (2..=32).contains(&fan_out_targets), "2 to 32")?;
        let burst_window_s = self.burst_window_s.map_or(default.burst_window_s, i64::from);
        let fan_out_window_s = self.fan_out_window_s.map_or(default.fan_out_window_s, i64::from);
        for (key, window) in [("burst_window_s", burst_window_s), ("fan_out_window_s", fan_out_window_s)] {
            check(key, window.unsigned_abs(), (60..=30 * 86_400).contains(&window), "60 to 2592000")?;
        }
        let alert = self.alert_nats.unwrap_or(default.alert_nats);
        let hold = self.hold_nats.unwrap_or(default.hold_nats.max(alert));
        let block = self.block_nats.unwrap_or(default.block_nats.max(hold));
        if !(alert > 0.0 && hold >= alert && block >= hold && block.is_finite()) {
            return Err(Error::Nats { alert, hold, block });
        }
        let (lake, every) = (lake.into(), self.snapshot_every_s.unwrap_or(SNAPSHOT_EVERY_S));
        let is_known = |name: &String| detection::ALL.iter().any(|detection| detection.name() == name.as_str());
        if let Some(name) = self.detections.keys().find(|name| !is_known(name)) {
            let known: Vec<_> = detection::ALL.iter().map(|detection| detection.name()).collect();
            return Err(Error::Detection { name: name.clone(), known: known.join(", ") });
        }
        let is_rarity = |name: &str| {
            let named = |detection: &&&dyn detection::Detection| detection.name() == name;
            detection::ALL.iter().find(named).is_some_and(|one| one.strength() == detection::Strength::Rarity)
        };
        let is_too_much = |(name, reach): &(&String, &Reach)| **reach == Reach::Block && is_rarity(name);
        if let Some((name, _)) = self.detections.iter().find(is_too_much) {
            return Err(Error::Rarity(name.clone()));
        }
        Ok(Config {
            settings: Settings {
                horizon_days,
                learning_days,
                detections: self.detections,
                alert_nats: alert,
                hold_nats: hold,
                block_nats: block,
                budget: self.budget.unwrap_or(default.budget),
                burst_targets,
                burst_window_s,
                fan_out_accounts,
                fan_out_targets,
                fan_out_window_s,
                shared_sources: self.shared_sources.unwrap_or_default(),
                crown_jewels: self.crown_jewels.unwrap_or_default(),
                verdict_hours,
                mode: self.mode.unwrap_or(default.mode),
                without: self.without,
                ..default
            },
            snapshots: (every > 0).then(|| Snapshots {
                place: self.snapshots.unwrap_or_else(|| format!("{}/detector", lake.trim_end_matches('/'))),
                every: Duration::from_secs(every.into()),
            }),
            lake,
            webhook: self.webhook.map(|webhook| webhook.resolve(read)).transpose()?,
        })
    }
}

impl RawWebhook {
    fn resolve(self, read: impl FnOnce(&Path) -> std::io::Result<Vec<u8>>) -> Result<webhook::Config, Error> {
        let wrong = |detail: String| Error::Url { url: self.url.clone(), detail };
        let url = Url::parse(&self.url).map_err(|error| wrong(error.to_string()))?;
        let is_loopback = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => {
                return Err(wrong("alerts tell of weaknesses; use https (http only to a loopback address)".into()));
            }
            other => return Err(wrong(format!("scheme {other} cannot be posted to; use https"))),
        }
        let unusable = |detail: String| Error::Secret { path: self.secret_file.clone(), detail };
        let mut secret = read(&self.secret_file).map_err(|error| unusable(error.to_string()))?;
        secret.truncate(secret.trim_ascii_end().len());
        if secret.len() < SHORTEST_SECRET {
            return Err(unusable(format!("holds {} bytes; a key needs at least {SHORTEST_SECRET}", secret.len())));
        }
        Ok(webhook::Config::new(url, secret))
    }
}
