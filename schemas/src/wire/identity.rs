//! Identities, sources and targets.

use super::{Error, Result, option, pb, present, text};
use crate::{Delegation, Identity, Principal, Protocol, Source, Target};

impl From<&Identity> for pb::Identity {
    fn from(identity: &Identity) -> Self {
        let delegation = identity.delegation.clone().unwrap_or_default();
        Self {
            issuer: identity.issuer.clone(),
            chain: identity.chain().iter().map(|p| pb::Principal { id: p.id.clone(), kind: p.kind.into() }).collect(),
            groups: identity.groups.clone(),
            delegation: delegation.id,
            parent_delegation: delegation.parent,
        }
    }
}

impl TryFrom<pb::Identity> for Identity {
    type Error = Error;

    fn try_from(identity: pb::Identity) -> Result<Self> {
        let chain = identity
            .chain
            .into_iter()
            .map(|p| Ok(Principal { id: present(p.id, "principal.id")?, kind: p.kind.try_into()? }))
            .collect::<Result<Vec<_>>>()?;
        let mut result = Self::new(identity.issuer, chain).map_err(|_| Error::Missing("identity.chain"))?;
        result.groups = identity.groups;
        result.delegation = (!identity.delegation.is_empty())
            .then_some(Delegation { id: identity.delegation, parent: identity.parent_delegation });
        Ok(result)
    }
}

fn address(value: Option<std::net::IpAddr>) -> String {
    value.map(|address| address.to_string()).unwrap_or_default()
}

fn parse_address(value: &str, field: &'static str) -> Result<Option<std::net::IpAddr>> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| Error::Missing(field))
}

fn port(value: u32, field: &'static str) -> Result<u16> {
    value.try_into().map_err(|_| Error::Missing(field))
}

impl From<&Source> for pb::Source {
    fn from(source: &Source) -> Self {
        Self {
            address: address(source.address),
            port: source.port.into(),
            host: text(&source.host),
            target: text(&source.target),
        }
    }
}

impl TryFrom<pb::Source> for Source {
    type Error = Error;

    fn try_from(source: pb::Source) -> Result<Self> {
        Ok(Self {
            address: parse_address(&source.address, "source.address")?,
            port: port(source.port, "source.port")?,
            host: option(source.host),
            target: option(source.target),
        })
    }
}

impl From<&Target> for pb::Target {
    fn from(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            protocol: target.protocol.name().to_owned(),
            host: text(&target.host),
            address: address(target.address),
            port: target.port.into(),
            alias: text(&target.alias),
        }
    }
}

impl TryFrom<pb::Target> for Target {
    type Error = Error;

    fn try_from(target: pb::Target) -> Result<Self> {
        Ok(Self {
            name: present(target.name, "target.name")?,
            protocol: Protocol::parse(&target.protocol).ok_or(Error::Missing("target.protocol"))?,
            host: option(target.host),
            address: parse_address(&target.address, "target.address")?,
            port: port(target.port, "target.port")?,
            alias: option(target.alias),
        })
    }
}
