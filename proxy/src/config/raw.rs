//! The file as written. Keys that nobody knows are mistakes; sections of other parts are passed over, each part reads
//! its own.

use super::OnTimeout;
use interdict_schemas::Protocol;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use toml::Spanned;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    pub(super) data: Option<PathBuf>,
    #[serde(default)]
    pub(super) gateway: Gateway,
    pub(super) identity: Spanned<Identity>,
    #[serde(default)]
    pub(super) policy: Policy,
    pub(super) tls: Option<Tls>,
    #[serde(default)]
    pub(super) barrier: Barrier,
    #[serde(default)]
    pub(super) target: Vec<Spanned<Target>>,
    #[serde(default)]
    pub(super) inventory: Vec<Spanned<System>>,
    #[serde(default)]
    pub(super) mask: Vec<Spanned<Mask>>,
    #[serde(rename = "bus")]
    _bus: Option<IgnoredAny>,
    #[serde(rename = "lake")]
    _lake: Option<IgnoredAny>,
    #[serde(rename = "collector")]
    _collector: Option<IgnoredAny>,
    #[serde(rename = "detector")]
    _detector: Option<IgnoredAny>,
    #[serde(rename = "serve")]
    _serve: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gateway {
    pub(super) name: Option<Spanned<String>>,
    pub(super) durability: Option<Durability>,
    pub(super) handshake_s: Option<Spanned<u64>>,
    pub(super) drain_s: Option<u64>,
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) decoy_key_file: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Durability {
    Os,
    Disk,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) issuer: Spanned<String>,
    pub(super) jwks_url: Option<Spanned<String>>,
    pub(super) jwks_file: Option<Spanned<PathBuf>>,
    pub(super) audience: Spanned<String>,
    pub(super) algorithms: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) groups_claim: Option<String>,
    pub(super) max_delegation_depth: Option<Spanned<usize>>,
    pub(super) leeway_s: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) path: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Spanned<PathBuf>,
    pub(super) key: Spanned<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Barrier {
    pub(super) bound_ms: Option<Spanned<u64>>,
    pub(super) on_timeout: Option<OnTimeout>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) name: Spanned<String>,
    pub(super) protocol: Spanned<Protocol>,
    pub(super) listen: Spanned<SocketAddr>,
    pub(super) tls: Option<Spanned<bool>>,
    pub(super) address: Spanned<String>,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    #[serde(default)]
    pub(super) addresses: Vec<IpAddr>,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) fail_open: bool,
    #[serde(default)]
    pub(super) escaped_slashes: bool,
    pub(super) credential: Option<Spanned<Credential>>,
    pub(super) upstream_tls: Option<Spanned<UpstreamTls>>,
    pub(super) host_key: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    pub(super) account: Option<String>,
    pub(super) password_file: Option<Spanned<PathBuf>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) header: Option<Spanned<String>>,
    pub(super) value_file: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamTls {
    pub(super) mode: Mode,
    pub(super) ca_file: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Off,
    Verify,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mask {
    pub(super) target: Option<Spanned<String>>,
    pub(super) tag: Option<Spanned<String>>,
    pub(super) table: Option<Spanned<String>>,
    pub(super) column: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) checked_views: Vec<Spanned<String>>,
    pub(super) json: Option<Spanned<String>>,
    pub(super) under: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) action: MaskAction,
    #[serde(default)]
    pub(super) shape: Shape,
    pub(super) alphabet: Option<Spanned<Alphabet>>,
    #[serde(default)]
    pub(super) prefix: String,
    #[serde(default)]
    pub(super) suffix: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MaskAction {
    #[default]
    Decoy,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    #[default]
    Password,
    Token,
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Alphabet {
    Base62,
    Hex,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct System {
    pub(super) name: Spanned<String>,
    pub(super) host: Option<String>,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    #[serde(default)]
    pub(super) addresses: Vec<IpAddr>,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
}
