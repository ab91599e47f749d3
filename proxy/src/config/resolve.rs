//! From the file as written to what it means. Goes on after a mistake, so that a person sees all of them at once.

use super::target::Listeners;
use super::{Barrier, Config, Error, Identity, KeySource, Mask, OnTimeout, Raw, Tls, raw};
use crate::disclose::Entry;
use crate::mistake::Mistake;
use interdict_bus::Durability;
use jsonwebtoken::Algorithm;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use url::Url;

/// Algorithms believed if none are listed.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
const WORDS: &str = "use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA";

/// The file's text and place, and what has been found wrong with it.
pub(super) struct File<'a> {
    path: &'a Path,
    text: &'a str,
    mistakes: Vec<(usize, Mistake)>,
}

impl File<'_> {
    /// Notes a mistake; returns nothing, so that `?` leaves what cannot be resolved.
    pub(super) fn wrong<T>(&mut self, span: Range<usize>, message: impl Display) -> Option<T> {
        self.mistakes.push((span.start, Mistake::at(self.path, self.text, span.start, message.to_string())));
        None
    }

    /// A path as it is meant: relative to the file.
    pub(super) fn near(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A file that must exist.
    pub(super) fn existing(&mut self, path: &Spanned<PathBuf>, key: &str) -> Option<PathBuf> {
        let full = self.near(path.as_ref());
        match std::fs::metadata(&full) {
            Ok(_) => Some(full),
            Err(error) => self.wrong(path.span(), format!("{key} {}: {error}", full.display())),
        }
    }
}

pub(super) fn resolve(raw: Raw, text: &str, path: &Path) -> Result<Config, Error> {
    let mut file = File { path, text, mistakes: Vec::new() };
    let config = config(raw, &mut file);
    let File { mut mistakes, .. } = file;
    mistakes.sort_by_key(|(offset, _)| *offset);
    let mistakes: Vec<_> = mistakes.into_iter().map(|(_, mistake)| mistake).collect();
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(Error::Mistakes(mistakes)),
    }
}

fn config(raw: Raw, file: &mut File<'_>) -> Option<Config> {
    let identity = identity(raw.identity.into_inner(), file);
    let policy = match &raw.policy.path {
        Some(path) => file.existing(path, "policy.path"),
        None => Some(file.near(Path::new("policies"))),
    };
    let has_tls = raw.tls.is_some();
    let tls = match &raw.tls {
        Some(tls) => {
            let certificate = file.existing(&tls.certificate, "tls.certificate");
            let key = file.existing(&tls.key, "tls.key");
            certificate.zip(key).map(|(certificate, key)| Some(Tls { certificate, key }))
        }
        None => Some(None),
    };
    let mut listeners = Listeners::default();
    let mut names = HashMap::new();
    let mut targets = Vec::new();
    let mut inventory = Vec::new();
    for target in raw.target {
        let target = target.into_inner();
        named(&target.name, &mut names, file);
        if let Some(target) = super::target::resolve(target, has_tls, &mut listeners, file) {
            inventory.push(Entry {
                name: target.name.clone(),
                host: Some(target.host.clone()),
                aliases: target.aliases.clone(),
                addresses: target.addresses.clone(),
                accounts: target.accounts.clone(),
            });
            targets.push(Arc::new(target));
        }
    }
    for system in raw.inventory {
        let raw::System { name, host, aliases, addresses, accounts } = system.into_inner();
        named(&name, &mut names, file);
        inventory.push(Entry { name: name.into_inner(), host, aliases, addresses, accounts });
    }
    let rules = super::mask::resolve(raw.mask, &targets, file);
    let gateway = raw.gateway;
    let key = match &gateway.decoy_key_file {
        Some(path) => file.existing(path, "gateway.decoy_key_file"),
        None => None,
    };
    let name = match gateway.name {
        None => "gateway".to_owned(),
        Some(name) if name.as_ref().trim().is_empty() => {
            file.wrong(name.span(), "gateway.name is empty; it stands in every record, so give one")?
        }
        Some(name) => name.into_inner(),
    };
    Some(Config {
        data: file.near(raw.data.as_deref().unwrap_or(Path::new("data"))),
        name,
        durability: match gateway.durability {
            Some(raw::Durability::Disk) => Durability::Disk,
            Some(raw::Durability::Os) | None => Durability::Os,
        },
        handshake: Duration::from_secs(within(gateway.handshake_s, 10, 1..=300, "gateway.handshake_s", file)),
        drain: Duration::from_secs(gateway.drain_s.unwrap_or(10)),
        connections: within(gateway.connections, 1_000, 1..=1_000_000, "gateway.connections", file),
        identity: identity?,
        policy: policy?,
        tls: tls?,
        barrier: Barrier {
            bound: Duration::from_millis(within(raw.barrier.bound_ms, 250, 1..=60_000, "barrier.bound_ms", file)),
            on_timeout: raw.barrier.on_timeout.unwrap_or(OnTimeout::Refuse),
        },
        targets,
        inventory,
        mask: Mask { key, rules },
    })
}

fn named(name: &Spanned<String>, names: &mut HashMap<String, ()>, file: &mut File<'_>) {
    let text: &str = name.as_ref();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        file.wrong::<()>(name.span(), format!("the name {text:?} is not one word; policies and verdicts need one"));
    } else if names.insert(text.to_owned(), ()).is_some() {
        file.wrong::<()>(name.span(), format!("the name {text:?} is used twice; every system needs its own"));
    }
}

fn within<T: PartialOrd + Copy + Display>(
    value: Option<Spanned<T>>,
    usual: T,
    range: std::ops::RangeInclusive<T>,
    key: &str,
    file: &mut File<'_>,
) -> T {
    let Some(value) = value else { return usual };
    if !range.contains(value.as_ref()) {
        let message = format!("{key} is {}; it must be {} to {}", value.as_ref(), range.start(), range.end());
        file.wrong::<()>(value.span(), message);
    }
    value.into_inner()
}

fn identity(raw: raw::Identity, file: &mut File<'_>) -> Option<Identity> {
    let issuer: &str = raw.issuer.as_ref();
    let keys = match (&raw.jwks_file, &raw.jwks_url) {
        (Some(_), Some(url)) => file.wrong(
            url.span(),
            "identity names both jwks_file and jwks_url; keep one, so that it is clear whose keys count",
        ),
        // It need not be there yet: `interdict token --new-key` makes it. Without it the gateway does not start.
        (Some(path), None) => Some(KeySource::File(file.near(path.as_ref()))),
        (None, Some(url)) => secure(url.as_ref(), url.span(), "identity.jwks_url", file).map(KeySource::Url),
        (None, None) => {
            let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            secure(&url, raw.issuer.span(), "identity.issuer", file).map(KeySource::Discovery)
        }
    };
    if raw.audience.as_ref().is_empty() {
        file.wrong::<()>(
            raw.audience.span(),
            "identity.audience is empty; name the aud that tokens for this gateway carry",
        );
    }
    let algorithms = match raw.algorithms {
        None => ALGORITHMS.to_vec(),
        Some(listed) if listed.as_ref().is_empty() => {
            file.wrong(listed.span(), format!("identity.algorithms is empty, so no token is ever believed; {WORDS}"))?
        }
        Some(listed) => listed.into_inner().iter().filter_map(|name| algorithm(name, file)).collect(),
    };
    Some(Identity {
        issuer: issuer.to_owned(),
        audience: raw.audience.into_inner(),
        algorithms,
        groups_claim: raw.groups_claim.unwrap_or_else(|| "groups".into()),
        max_depth: within(raw.max_delegation_depth, 8, 1..=64, "identity.max_delegation_depth", file),
        leeway: Duration::from_secs(within(raw.leeway_s, 30, 0..=300, "identity.leeway_s", file)),
        keys: keys?,
    })
}

fn algorithm(name: &Spanned<String>, file: &mut File<'_>) -> Option<Algorithm> {
    let text: &str = name.as_ref();
    match Algorithm::from_str(text) {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) => file.wrong(
            name.span(),
            format!(
                "{text} is signed with a shared secret, which whoever checks tokens could forge them with; {WORDS}"
            ),
        ),
        Ok(algorithm) => Some(algorithm),
        Err(_) => file.wrong(name.span(), format!("{text:?} is no signature algorithm that is believed; {WORDS}")),
    }
}

/// An address that keys may come from: whoever can change an answer on its way could forge every identity.
fn secure(text: &str, span: Range<usize>, key: &str, file: &mut File<'_>) -> Option<Url> {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            return file.wrong(
                span,
                format!("{key} {text:?} is no URL ({error}); write https://..., or set identity.jwks_file"),
            );
        }
    };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Some(url),
        "http" if loopback => Some(url),
        "http" => {
            file.wrong(span, format!("{key} is plain http, where keys can be replaced on their way; use https"))
        }
        other => file.wrong(span, format!("{key} has scheme {other:?}; use https")),
    }
}
