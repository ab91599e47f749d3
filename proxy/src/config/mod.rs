//! What the gateway is told: one file in, a resolved and valid [`Config`] out. Only this module reads the file, the
//! secrets it names and nothing else. Leaving a key out is never less safe than writing it.

mod error;
mod mask;
mod raw;
mod resolve;
mod secrets;
mod target;
#[cfg(test)]
mod tests;

pub use crate::mistake::Mistake;
pub use error::Error;
pub use raw::Raw;

pub(crate) use secrets::read as secret;

use crate::disclose::Entry;
use crate::mask::Rule;
use crate::upstream::Sealed;
use interdict_schemas::Protocol;
use jsonwebtoken::Algorithm;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything the gateway needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the local log, the lake and generated keys stand.
    pub data: PathBuf,
    /// The gateway's name, which stands in every record.
    pub name: String,
    /// How safe a record is when its append returns.
    pub durability: interdict_bus::Durability,
    /// How long a client may take from its first byte to its admission.
    pub handshake: Duration,
    /// How long live sessions may take to end at a shutdown.
    pub drain: Duration,
    /// The most connections that one listener serves at once.
    pub connections: usize,
    /// Whose tokens are believed.
    pub identity: Identity,
    /// A `.cedar` file, or a folder of them.
    pub policy: PathBuf,
    /// The listeners' certificate.
    pub tls: Option<Tls>,
    /// How long a new session waits for the detector.
    pub barrier: Barrier,
    /// What is protected.
    pub targets: Vec<Arc<Target>>,
    /// Every system worth recognising, the targets included.
    pub inventory: Vec<Entry>,
    /// What leaves masked.
    pub mask: Mask,
}

/// What leaves masked, and by which key decoys are made and recognised.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// The key's file, if not the one in the data folder.
    pub key: Option<PathBuf>,
    /// Each for one target.
    pub rules: Vec<Rule>,
}

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The `iss` a token must carry.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// The `aud` a token must carry.
    pub audience: String,
    /// The signature algorithms believed; asymmetric ones only.
    pub algorithms: Vec<Algorithm>,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// The most principals a delegation chain may have.
    pub max_depth: usize,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file, read again when it changes.
    File(PathBuf),
    /// A JWKS document.
    Url(url::Url),
    /// The issuer's own description of itself (OIDC discovery).
    Discovery(url::Url),
}

/// The listeners' certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM, leaf first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// How long a new session waits for the detector to have judged it, and what then.
#[derive(Debug, Clone, Copy)]
pub struct Barrier {
    /// The longest wait.
    pub bound: Duration,
    /// When that passes.
    pub on_timeout: OnTimeout,
}

/// What is done with a session that is not judged in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTimeout {
    /// It is not admitted.
    Refuse,
    /// It is.
    Admit,
}

/// A protected system.
#[derive(Debug)]
pub struct Target {
    /// Unique.
    pub name: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where clients reach it through the gateway.
    pub listen: SocketAddr,
    /// Whether the listener speaks TLS. PostgreSQL listeners always do.
    pub listen_tls: bool,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Other names by which it is known.
    pub aliases: Vec<String>,
    /// Addresses by which it is known.
    pub addresses: Vec<IpAddr>,
    /// Account names that give it away in a response.
    pub accounts: Vec<String>,
    /// For policies.
    pub tags: Vec<String>,
    /// Whether sessions are admitted while verdicts and the detector are out of reach. Identity, policy and the log
    /// are never waived.
    pub fail_open: bool,
    /// Whether paths with escaped slashes or parameters are forwarded over HTTP: what they mean differs from server to
    /// server, and policies and masks see them as they came.
    pub escaped_slashes: bool,
    /// The account used there; empty if the target knows none.
    pub account: String,
    /// What only [`crate::upstream::credential`] opens.
    pub credential: Sealed,
    /// How the connection to it is protected.
    pub upstream_tls: UpstreamTls,
    /// The SSH host key it must show, in OpenSSH's one-line form.
    pub host_key: Option<String>,
}

/// How the connection to a target is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamTls {
    /// Not at all (or, for SSH, by SSH).
    Off,
    /// By TLS with a verified certificate.
    Verify {
        /// PEM file of the authorities believed; the system's if absent.
        roots: Option<PathBuf>,
    },
}

impl Target {
    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// As events name it; `alias` is the name the client dialled, if it dialled one.
    #[must_use]
    pub fn named(&self, alias: Option<String>) -> interdict_schemas::Target {
        let address = self.host.parse().ok();
        interdict_schemas::Target {
            name: self.name.clone(),
            protocol: self.protocol,
            host: address.is_none().then(|| self.host.clone()),
            address: address.or_else(|| self.addresses.first().copied()),
            port: self.port,
            alias,
        }
    }
}

impl Config {
    /// Reads a configuration file and the secrets it names.
    ///
    /// # Errors
    /// Every mistake found, each with its place in the file and what to do.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a configuration's text; `path` is where it stands, against which relative paths are resolved.
    ///
    /// # Errors
    /// Every mistake found, each with its place in the file and what to do.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let raw: Raw = toml::from_str(text).map_err(|error| Error::syntax(path, text, &error))?;
        resolve::resolve(raw, text, path)
    }
}
