//! The way to a target over SSH: the host key must be the pinned one, and the key that opens it never leaves here.
//! Refuses everything that a target might open or ask for by itself.

use super::wire::{KEEPALIVE, Valve, Wire};
use crate::gate::Permit;
use crate::upstream::{self, Credential};
use russh::client::{self, AuthResult, Handle};
use russh::keys::ssh_key::{self, Fingerprint, HashAlg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, SshId, cipher};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long a target may take from its first byte to the end of authentication.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Unread messages of one channel, each at most [`PACKET`] bytes, before its connection is no longer read.
const MESSAGES: usize = 32;
/// The largest packet of data taken.
const PACKET: u32 = 32 << 10;
/// Connections kept for a next channel.
const IDLE: usize = 4;

/// Why a target is not served. Names the target, never its credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Dial(#[from] Box<upstream::Error>),
    #[error(
        "target {0} has no pinned host key; set its host_key to the line that ssh-keyscan prints, or its fingerprint"
    )]
    Unpinned(String),
    #[error("target {target}: host_key {pin:?} is neither an OpenSSH public key nor a SHA256 fingerprint")]
    Pin { target: String, pin: String },
    #[error(
        "target {target}: its host key does not match the pinned one: it shows {shown}; if it was changed on purpose, change host_key"
    )]
    HostKey { target: String, shown: String },
    #[error("target {target} has no key for account {account:?}; set key_file in its credential")]
    NoKey { target: String, account: String },
    #[error(
        "target {target}: the key for account {account:?} cannot be read; it must be an unencrypted OpenSSH or PEM private key"
    )]
    Key { target: String, account: String },
    #[error("target {target} does not accept the gateway's key for account {account:?}; add its public key there")]
    Rejected { target: String, account: String },
    #[error("target {target} did not finish the SSH handshake within {} s", HANDSHAKE.as_secs())]
    Slow { target: String },
    #[error("target {target}: {source}")]
    Ssh { target: String, source: russh::Error },
}

/// What a target's host key must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pin {
    Key(Box<PublicKey>),
    Fingerprint(Fingerprint),
}

impl Pin {
    /// `ssh-ed25519 AAAA…`, the same after a host name as ssh-keyscan prints it, or `SHA256:…`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(fingerprint) = text.parse::<Fingerprint>() {
            return fingerprint.is_sha256().then_some(Self::Fingerprint(fingerprint));
        }
        let key = PublicKey::from_openssh(text)
            .or_else(|error| text.split_once(' ').map_or(Err(error), |(_, key)| PublicKey::from_openssh(key.trim())));
        key.ok().map(|key| Self::Key(Box::new(key)))
    }

    fn admits(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(pinned) => pinned.key_data() == key.key_data(),
            Self::Fingerprint(pinned) => *pinned == key.fingerprint(HashAlg::Sha256),
        }
    }
}

/// Looks at the host key, and at nothing else.
pub(super) struct Pinned {
    pin: Pin,
    shown: Arc<OnceLock<String>>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.clone(),
            PublicKeyOrCertificate::Certificate(certificate) => PublicKey::new(certificate.public_key().clone(), ""),
        };
        let admitted = self.pin.admits(&key);
        if !admitted {
            let shown = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
            // Only the first is told; a re-exchange that shows another ends the connection just the same.
            let _already = self.shown.set(shown);
        }
        Ok(admitted)
    }
}

/// A connection to a target, authenticated. Dropping it ends it at once.
pub(super) struct Upstream {
    handle: Handle<Pinned>,
    valve: Arc<Valve>,
}

impl Upstream {
    /// Opens a session channel.
    pub(super) async fn open(&self) -> Result<Channel<client::Msg>, russh::Error> {
        self.handle.channel_open_session().await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.valve.cut();
    }
}

/// A client connection's connections to its target: one for each channel that lives, because russh delivers the
/// messages of all channels of a connection through one loop, where a channel that is not read would stop the others.
#[derive(Default)]
pub(super) struct Upstreams(Mutex<Vec<Upstream>>);

impl Upstreams {
    /// One that is idle, or else a new one.
    pub(super) async fn take(&self, permit: &Permit) -> Result<Upstream, Error> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some(upstream) if upstream.handle.is_closed() => {}
                Some(upstream) => return Ok(upstream),
                None => return connect(permit).await,
            }
        }
    }

    /// Keeps one whose channel ended as it should for the next.
    pub(super) fn give(&self, upstream: Upstream) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(upstream);
        }
    }

    /// Ends those that are idle.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Upstream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(permit: &Permit) -> Result<Upstream, Error> {
    let target = &permit.target().name;
    let text = permit.target().host_key.as_deref().ok_or_else(|| Error::Unpinned(target.clone()))?;
    let pin = Pin::parse(text).ok_or_else(|| Error::Pin { target: target.clone(), pin: text.to_owned() })?;
    let key = key(permit)?;
    let stream = upstream::dial(permit).await.map_err(Box::new)?;
    let valve = Valve::new();
    // Whatever happens from here on, the socket does not outlive this function or the upstream it returns.
    let guard = Cut(Some(Arc::clone(&valve)));
    let shown = Arc::new(OnceLock::new());
    let handler = Pinned { pin: pin.clone(), shown: Arc::clone(&shown) };
    let handshake = async {
        let ssh = |source| match shown.get() {
            Some(shown) => Error::HostKey { target: target.clone(), shown: shown.clone() },
            None => Error::Ssh { target: target.clone(), source },
        };
        let wire = Wire::new(stream, Arc::clone(&valve));
        let mut handle = client::connect_stream(Arc::new(config(&pin)), wire, handler).await.map_err(ssh)?;
        let account = &permit.target().account;
        let hash = if key.algorithm().is_rsa() {
            handle.best_supported_rsa_hash().await.map_err(ssh)?.flatten().or(Some(HashAlg::Sha256))
        } else {
            None
        };
        let signer = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        match handle.authenticate_publickey(account, signer).await.map_err(ssh)? {
            AuthResult::Success => Ok(handle),
            AuthResult::Failure { .. } => Err(Error::Rejected { target: target.clone(), account: account.clone() }),
        }
    };
    let handle =
        tokio::time::timeout(HANDSHAKE, handshake).await.map_err(|_| Error::Slow { target: target.clone() })??;
    Ok(Upstream { handle, valve: guard.keep() })
}

fn key(permit: &Permit) -> Result<ssh_key::PrivateKey, Error> {
    let (target, account) = (permit.target().name.clone(), permit.target().account.clone());
    let Credential::Key(secret) = upstream::credential(permit) else {
        return Err(Error::NoKey { target, account });
    };
    // What the parser says of a key might say something of the key.
    let text = std::str::from_utf8(secret.expose()).ok();
    text.and_then(|text| decode_secret_key(text, None).ok()).ok_or(Error::Key { target, account })
}

fn config(pin: &Pin) -> client::Config {
    let mut config = client::Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-interdict")),
        channel_buffer_size: MESSAGES,
        maximum_packet_size: PACKET,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 3,
        nodelay: true,
        ..client::Config::default()
    };
    config.preferred = super::server::preferred();
    // AES-GCM has hardware behind it, and this side chooses.
    config.preferred.cipher = Cow::Borrowed(&[
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ]);
    if let Pin::Key(pinned) = pin {
        // A target with several host keys shows the kind it is asked for.
        let mut kinds = config.preferred.key.into_owned();
        kinds.retain(|kind| match kind {
            ssh_key::Algorithm::Rsa { .. } => pinned.algorithm().is_rsa(),
            kind => *kind == pinned.algorithm(),
        });
        config.preferred.key = Cow::Owned(kinds);
    }
    config
}

/// Cuts a stream when dropped, unless it is kept.
struct Cut(Option<Arc<Valve>>);

impl Cut {
    fn keep(mut self) -> Arc<Valve> {
        self.0.take().unwrap_or_else(Valve::new)
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(valve) = &self.0 {
            valve.cut();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::key::safe_rng;

    #[test]
    fn a_pin_admits_its_key_alone() {
        let make = || PrivateKey::random(&mut safe_rng(), ssh_key::Algorithm::Ed25519).unwrap().public_key().clone();
        let (key, other) = (make(), make());
        let line = key.to_openssh().unwrap();
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        for text in [&line, &format!("{line} root@host\n"), &format!("host.example {line}"), &fingerprint] {
            let pin = Pin::parse(text).unwrap();
            assert!(pin.admits(&key), "{text}");
            assert!(!pin.admits(&other), "{text}");
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "SHA256:short", "MD5:aa:bb", "anything"] {
            assert_eq!(Pin::parse(text), None, "{text}");
        }
    }
}
