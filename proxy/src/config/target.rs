//! One target: from the file as written to what it means. What its protocol needs must be there, and what it cannot
//! use must not.

use super::raw::{self, Mode};
use super::resolve::File;
use super::{Target, UpstreamTls, secrets};
use crate::secret::Secret;
use crate::upstream::{Credential, Sealed};
use interdict_schemas::Protocol;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Addresses that are taken.
#[derive(Debug, Default)]
pub(super) struct Listeners(HashSet<SocketAddr>);

pub(super) fn resolve(
    raw: raw::Target,
    has_tls: bool,
    listeners: &mut Listeners,
    file: &mut File<'_>,
) -> Option<Target> {
    let protocol = *raw.protocol.as_ref();
    match protocol {
        Protocol::Postgres | Protocol::Ssh | Protocol::Http => {}
        Protocol::Kubernetes => {
            let words = "kubernetes is not served by this build; use http for a cluster's API";
            file.wrong::<()>(raw.protocol.span(), words);
        }
        // Known from other systems' logs alone.
        other => {
            file.wrong::<()>(raw.protocol.span(), format!("{other} is not served; use postgres, ssh or http"));
            return None;
        }
    }
    let listen = *raw.listen.as_ref();
    // Port 0 is a free one, another each time.
    if !listeners.0.insert(listen) && listen.port() != 0 {
        file.wrong::<()>(raw.listen.span(), format!("another target listens on {listen}; choose another address"));
    }
    let listen_tls = listen_tls(&raw, has_tls, file);
    let (host, port) = address(&raw.address, file)?;
    let upstream_tls = upstream_tls(raw.upstream_tls, protocol, &host, file);
    let host_key = match (protocol, raw.host_key) {
        (Protocol::Ssh, None) => file.wrong(
            raw.name.span(),
            "an ssh target needs host_key, as ssh-keyscan prints it (\"ssh-ed25519 AAAA...\"); without it anybody could pose as the target",
        ),
        (Protocol::Ssh, Some(key)) => Some(Some(key.into_inner())),
        (_, Some(key)) => file.wrong(key.span(), format!("host_key is for ssh targets, and this one is {protocol}; remove it")),
        (_, None) => Some(None),
    };
    let place = raw.credential.as_ref().map_or_else(|| raw.name.span(), Spanned::span);
    let credential = raw.credential.map(Spanned::into_inner).unwrap_or_default();
    let account = credential.account.clone().unwrap_or_default();
    let credential = self::credential(credential, protocol, place, file);
    Some(Target {
        name: raw.name.into_inner(),
        protocol,
        listen,
        listen_tls: listen_tls?,
        host,
        port,
        aliases: raw.aliases,
        addresses: raw.addresses,
        accounts: raw.accounts,
        tags: raw.tags,
        fail_open: raw.fail_open,
        escaped_slashes: raw.escaped_slashes,
        account,
        credential: Sealed::new(credential?),
        upstream_tls: upstream_tls?,
        host_key: host_key?,
    })
}

/// A listener that takes tokens speaks TLS, unless only this machine can reach it or the file says otherwise.
fn listen_tls(raw: &raw::Target, has_tls: bool, file: &mut File<'_>) -> Option<bool> {
    let loopback = raw.listen.as_ref().ip().is_loopback();
    let asked = raw.tls.as_ref().map(|asked| *asked.as_ref());
    let wanted = match (raw.protocol.as_ref(), &raw.tls) {
        (Protocol::Ssh, Some(asked)) => {
            return file.wrong(asked.span(), "ssh brings its own encryption; remove tls");
        }
        (Protocol::Ssh, None) => false,
        (Protocol::Postgres, Some(asked)) if !*asked.as_ref() => {
            return file.wrong(
                asked.span(),
                "a postgres listener takes tokens as passwords and always needs tls; remove tls = false",
            );
        }
        (Protocol::Postgres, _) => true,
        (_, _) => asked.unwrap_or(!loopback),
    };
    if wanted && !has_tls {
        let place = raw.tls.as_ref().map_or_else(|| raw.listen.span(), Spanned::span);
        return file.wrong(
            place,
            "this listener takes tokens and needs tls: write a [tls] section with certificate and key",
        );
    }
    Some(wanted)
}

fn address(address: &Spanned<String>, file: &mut File<'_>) -> Option<(String, u16)> {
    let text: &str = address.as_ref();
    let parsed = text.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // An IPv6 address needs its brackets, or its last group would be taken for a port.
        let whole = !host.is_empty() && (bare.is_some() || !host.contains(':'));
        Some((host.to_owned(), port.parse().ok().filter(|port| *port != 0)?)).filter(|_| whole)
    });
    match parsed {
        Some(parsed) => Some(parsed),
        None => file.wrong(
            address.span(),
            format!("address {text:?} is not host:port; write for example \"db.internal:5432\""),
        ),
    }
}

fn upstream_tls(
    raw: Option<Spanned<raw::UpstreamTls>>,
    protocol: Protocol,
    host: &str,
    file: &mut File<'_>,
) -> Option<UpstreamTls> {
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let Some(raw) = raw else {
        let off = loopback || protocol == Protocol::Ssh;
        return Some(if off { UpstreamTls::Off } else { UpstreamTls::Verify { roots: None } });
    };
    let span = raw.span();
    let raw = raw.into_inner();
    match (raw.mode, raw.ca_file) {
        _ if protocol == Protocol::Ssh => file.wrong(span, "ssh brings its own encryption; remove upstream_tls"),
        (Mode::Off, None) => Some(UpstreamTls::Off),
        (Mode::Off, Some(ca)) => {
            file.wrong(ca.span(), "ca_file has no use while mode is \"off\"; remove one of them")
        }
        (Mode::Verify, None) => Some(UpstreamTls::Verify { roots: None }),
        (Mode::Verify, Some(ca)) => {
            file.existing(&ca, "upstream_tls.ca_file").map(|roots| UpstreamTls::Verify { roots: Some(roots) })
        }
    }
}

fn credential(
    raw: raw::Credential,
    protocol: Protocol,
    place: Range<usize>,
    file: &mut File<'_>,
) -> Option<Credential> {
    let raw::Credential { account, password_file, key_file, header, value_file } = raw;
    let account = account.filter(|account| !account.is_empty());
    match (protocol, account, password_file, key_file, value_file, header) {
        (Protocol::Postgres, Some(_), Some(password), None, None, None) => {
            secret(&password, "password_file", secrets::read_line, file).map(Credential::Password)
        }
        (Protocol::Postgres, ..) => {
            file.wrong(place, "a postgres target needs credential = { account, password_file } and nothing else")
        }
        (Protocol::Ssh, Some(_), None, Some(key), None, None) => {
            secret(&key, "key_file", secrets::read, file).map(Credential::Key)
        }
        (Protocol::Ssh, ..) => {
            file.wrong(place, "an ssh target needs credential = { account, key_file } and nothing else")
        }
        (_, _, None, None, None, None) => Some(Credential::None),
        (_, _, None, None, Some(value), header) => {
            let value = secret(&value, "value_file", secrets::read_line, file);
            let name = match header {
                None => Some(http::header::AUTHORIZATION),
                Some(header) => match header.as_ref().parse() {
                    Ok(name) => Some(name),
                    Err(_) => file.wrong(header.span(), format!("{:?} is no header name", header.as_ref())),
                },
            };
            Some(Credential::Header { name: name?, value: value? })
        }
        _ => file
            .wrong(place, "an http target takes credential = { header, value_file }, an account beside it, or none"),
    }
}

fn secret(
    path: &Spanned<PathBuf>,
    key: &str,
    read: fn(&Path) -> Result<Secret, String>,
    file: &mut File<'_>,
) -> Option<Secret> {
    let full = file.near(path.as_ref());
    match read(&full) {
        Ok(secret) => Some(secret),
        Err(error) => file.wrong(path.span(), format!("{key} {}: {error}", full.display())),
    }
}
