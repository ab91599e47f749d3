//! The issuer's keys: from a JWKS file, a JWKS document or OIDC discovery. Cached; asked for again when they age, when
//! a file changes, or when a token names a key that is not known, though never more often than [`Limits::again`], so
//! that a flood of made-up key ids cannot hammer the issuer. Old keys are kept while the issuer is down, for a while.

use super::Error;
use super::token::Header;
use crate::config::KeySource;
use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// The largest document taken from an issuer.
const MAX_DOCUMENT: usize = 1 << 20;

/// How keys age.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Keys older than this are asked for again, in the background.
    pub(super) fresh: Duration,
    /// Keys older than this are not used any more, although the issuer is down.
    pub(super) keep: Duration,
    /// The least time between two requests to the issuer.
    pub(super) again: Duration,
    /// How long one request may take.
    pub(super) timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(300),
            keep: Duration::from_secs(24 * 3600),
            again: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
        }
    }
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    issuer: String,
    source: KeySource,
    limits: Limits,
    client: reqwest::Client,
    held: ArcSwap<Held>,
    // Held while the issuer is asked: one request at a time, whoever wants it.
    asked: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Held {
    keys: Vec<Key>,
    at: Option<Instant>,
    file: Option<Mark>,
}

/// What tells one version of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(SystemTime, u64);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    // INVARIANT: asymmetric ones only, and only those that this kind of key can make.
    algorithms: Vec<Algorithm>,
    decoding: Arc<DecodingKey>,
}

impl Keys {
    pub(super) fn new(issuer: &str, source: KeySource, limits: Limits) -> Result<Arc<Self>, Error> {
        let secure = match &source {
            KeySource::Url(url) | KeySource::Discovery(url) => url.scheme() == "https",
            KeySource::File(_) => true,
        };
        let client = reqwest::Client::builder()
            .timeout(limits.timeout)
            // A redirect must not lead from https to where anybody can answer.
            .https_only(secure)
            .redirect(reqwest::redirect::Policy::limited(3))
            .build()
            .map_err(|error| Error::Keys(error.to_string()))?;
        let held = match &source {
            KeySource::File(path) => read(path)?,
            KeySource::Url(_) | KeySource::Discovery(_) => Held::default(),
        };
        let held = ArcSwap::from_pointee(held);
        Ok(Arc::new(Self { issuer: issuer.to_owned(), source, limits, client, held, asked: Mutex::new(None) }))
    }

    pub(super) async fn warm(&self) -> Result<(), Error> {
        if matches!(self.source, KeySource::File(_)) {
            return Ok(());
        }
        self.refresh(None).await
    }

    /// The key a token names.
    pub(super) async fn find(self: &Arc<Self>, header: &Header) -> Result<Arc<DecodingKey>, Error> {
        if let KeySource::File(path) = &self.source {
            self.reread(path);
            return self.held.load().find(header);
        }
        let held = self.held.load_full();
        let age = held.at.map(|at| at.elapsed());
        if age.is_some_and(|age| age < self.limits.keep)
            && let Ok(key) = held.find(header)
        {
            if age.is_some_and(|age| age >= self.limits.fresh) {
                self.renew(&held);
            }
            return Ok(key);
        }
        let refreshed = self.refresh(Some(&held)).await;
        let held = self.held.load();
        if held.at.is_none_or(|at| at.elapsed() >= self.limits.keep) {
            return Err(refreshed
                .err()
                .unwrap_or_else(|| Error::Keys("the issuer did not answer; asked just now".into())));
        }
        held.find(header)
    }

    /// Asks in the background, unless somebody is asking.
    fn renew(self: &Arc<Self>, seen: &Arc<Held>) {
        if self.asked.try_lock().is_ok() {
            let (keys, seen) = (Arc::clone(self), Arc::clone(seen));
            tokio::spawn(async move {
                // The failure has been logged, and the keys held stay.
                let _logged = keys.refresh(Some(&seen)).await;
            });
        }
    }

    /// Asks the issuer, unless the keys are other than those `seen`, or it was asked a moment ago.
    async fn refresh(&self, seen: Option<&Arc<Held>>) -> Result<(), Error> {
        let mut asked = self.asked.lock().await;
        if seen.is_some_and(|seen| !Arc::ptr_eq(seen, &self.held.load())) {
            return Ok(());
        }
        if asked.is_some_and(|at| at.elapsed() < self.limits.again) {
            return Ok(());
        }
        let fetched = self.fetch().await;
        *asked = Some(Instant::now());
        let keys = fetched.inspect_err(|error| {
            tracing::warn!(%error, issuer = self.issuer, held = self.held.load().keys.len(), "the issuer's keys were not renewed");
        })?;
        tracing::info!(issuer = self.issuer, keys = keys.len(), "the issuer's keys were renewed");
        self.held.store(Arc::new(Held { keys, at: Some(Instant::now()), file: None }));
        Ok(())
    }

    async fn fetch(&self) -> Result<Vec<Key>, Error> {
        match &self.source {
            KeySource::File(path) => Ok(read(path)?.keys),
            KeySource::Url(url) => parse(&self.document(url.clone()).await?, url.as_str()),
            KeySource::Discovery(url) => {
                let url = self.discover(url).await?;
                parse(&self.document(url.clone()).await?, url.as_str())
            }
        }
    }

    /// OIDC Discovery 1.0 section 4: the document must name the issuer it was fetched for.
    async fn discover(&self, url: &Url) -> Result<Url, Error> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: Url,
        }
        let bytes = self.document(url.clone()).await?;
        let found: Discovery =
            serde_json::from_slice(&bytes).map_err(|error| Error::Keys(format!("{url}: {error}")))?;
        if found.issuer != self.issuer {
            return Err(Error::Keys(format!(
                "{url} describes issuer {:?}, not {:?}; identity.issuer must be exactly what the issuer calls itself",
                found.issuer, self.issuer
            )));
        }
        Ok(found.jwks_uri)
    }

    async fn document(&self, url: Url) -> Result<Vec<u8>, Error> {
        let failed = |error: reqwest::Error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Error::Keys(format!("{error}{cause}"))
        };
        let mut response = self.client.get(url.clone()).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(Error::Keys(format!("{url} answers {}", response.status())));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_DOCUMENT {
                return Err(Error::Keys(format!("{url} sends more than {MAX_DOCUMENT} bytes")));
            }
        }
        Ok(bytes)
    }

    /// Reads a key file again if it has changed; a broken one leaves the keys as they were.
    fn reread(&self, path: &Path) {
        let held = self.held.load_full();
        if mark(path).ok() == held.file {
            return;
        }
        match read(path) {
            Ok(fresh) => {
                tracing::info!(path = %path.display(), keys = fresh.keys.len(), "the key file was read again");
                self.held.store(Arc::new(fresh));
            }
            Err(error) => tracing::error!(%error, "the key file changed but cannot be used; the keys before stay"),
        }
    }
}

impl Held {
    fn find(&self, header: &Header) -> Result<Arc<DecodingKey>, Error> {
        let fits = |key: &&Key| key.algorithms.contains(&header.algorithm);
        let Some(id) = &header.key else {
            let mut fitting = self.keys.iter().filter(fits);
            return match (fitting.next(), fitting.count()) {
                (Some(key), 0) => Ok(Arc::clone(&key.decoding)),
                (first, others) => Err(Error::NoKeyId(others + usize::from(first.is_some()))),
            };
        };
        let key = self.keys.iter().filter(fits).find(|key| key.id.as_ref() == Some(id));
        key.map(|key| Arc::clone(&key.decoding)).ok_or_else(|| Error::UnknownKey(id.clone()))
    }
}

fn mark(path: &Path) -> std::io::Result<Mark> {
    let metadata = std::fs::metadata(path)?;
    Ok(Mark(metadata.modified()?, metadata.len()))
}

fn read(path: &Path) -> Result<Held, Error> {
    let failed = |error: std::io::Error| {
        let path = path.display();
        Error::Keys(format!("{path}: {error}; `interdict token --new-key` makes one for trying interdict out"))
    };
    // Marked before it is read: a change between the two is read again, not missed.
    let mark = mark(path).map_err(failed)?;
    if mark.1 > MAX_DOCUMENT as u64 {
        return Err(Error::Keys(format!("{} has more than {MAX_DOCUMENT} bytes", path.display())));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let keys = parse(&bytes, &path.display().to_string())?;
    Ok(Held { keys, at: Some(Instant::now()), file: Some(mark) })
}

/// The usable keys of a JWKS (RFC 7517 section 5): a key of a kind that is not known is passed over, as it asks.
fn parse(bytes: &[u8], from: &str) -> Result<Vec<Key>, Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set =
        serde_json::from_slice(bytes).map_err(|error| Error::Keys(format!("{from} is no JWKS: {error}")))?;
    let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(Error::Keys(format!("{from} holds no key that verifies signatures")));
    }
    Ok(keys)
}

fn usable(key: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature)
        || common.key_operations.as_ref().is_some_and(|uses| !uses.contains(&KeyOperations::Verify))
    {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        // A shared secret has no place among public keys.
        _ => return None,
    };
    if let Some(only) = common.key_algorithm {
        algorithms.retain(|algorithm| only.to_string() == format!("{algorithm:?}"));
    }
    let decoding = Arc::new(DecodingKey::from_jwk(&jwk).ok()?);
    Some(Key { id: common.key_id.clone(), algorithms, decoding })
}
