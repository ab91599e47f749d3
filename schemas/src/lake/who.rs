//! The columns that say who, from where and to what, shared by `events` and `sessions`.

use super::Error;
use super::column::{address, filled, maybe_text, port, text, texts};
use super::rows::{Row, when};
use super::view::{Column, View};
use crate::{Account, Delegation, Event, Identity, Principal, PrincipalKind, Protocol, Source, Target};
use arrow::array::{ArrayRef, Int32Array, ListArray, StringArray};
use std::net::IpAddr;

/// The columns, in the schema's order.
pub(super) fn columns(rows: &[Row<'_, Event>]) -> Vec<ArrayRef> {
    let mut columns = Vec::with_capacity(64);
    columns.extend(when(rows, |row| row.value.time));
    columns.extend([
        text(rows, |row| &row.value.session),
        text(rows, |row| &row.value.identity.issuer),
        text(rows, |row| &row.value.identity.root().id),
        text(rows, |row| row.value.identity.root().kind.name()),
        text(rows, |row| &row.value.identity.actor().id),
        text(rows, |row| row.value.identity.actor().kind.name()),
        texts(rows, |row| Some(row.value.identity.chain().iter().map(|link| link.id.as_str()))),
        texts(rows, |row| Some(row.value.identity.chain().iter().map(|link| link.kind.name()))),
        texts(rows, |row| Some(row.value.identity.groups.iter().map(String::as_str))),
        maybe_text(rows, |row| row.value.identity.delegation.as_ref().and_then(|grant| filled(&grant.id))),
        maybe_text(rows, |row| row.value.identity.delegation.as_ref().and_then(|grant| filled(&grant.parent))),
        address(rows, |row| row.value.source.address),
        port(rows, |row| row.value.source.port),
        maybe_text(rows, |row| row.value.source.host.as_deref()),
        maybe_text(rows, |row| row.value.source.target.as_deref()),
        text(rows, |row| &row.value.target.name),
        text(rows, |row| row.value.target.protocol.name()),
        maybe_text(rows, |row| row.value.target.host.as_deref()),
        address(rows, |row| row.value.target.address),
        port(rows, |row| row.value.target.port),
        maybe_text(rows, |row| row.value.target.alias.as_deref()),
        maybe_text(rows, |row| filled(&row.value.account.name)),
        maybe_text(rows, |row| row.value.account.credential.as_deref()),
    ]);
    columns
}

/// Reads the same columns back.
pub(super) struct Who {
    issuer: Column<StringArray>,
    chain: Column<ListArray>,
    chain_kinds: Column<ListArray>,
    groups: Column<ListArray>,
    delegation: Column<StringArray>,
    parent_delegation: Column<StringArray>,
    source_address: Column<StringArray>,
    source_port: Column<Int32Array>,
    source_host: Column<StringArray>,
    source_target: Column<StringArray>,
    target: Column<StringArray>,
    protocol: Column<StringArray>,
    target_host: Column<StringArray>,
    target_address: Column<StringArray>,
    target_port: Column<Int32Array>,
    target_alias: Column<StringArray>,
    account: Column<StringArray>,
    credential: Column<StringArray>,
}

impl Who {
    pub(super) fn new(view: View<'_>) -> Result<Self, Error> {
        Ok(Self {
            issuer: view.column("issuer")?,
            chain: view.column("chain")?,
            chain_kinds: view.column("chain_kinds")?,
            groups: view.column("groups")?,
            delegation: view.column("delegation")?,
            parent_delegation: view.column("parent_delegation")?,
            source_address: view.column("source_address")?,
            source_port: view.column("source_port")?,
            source_host: view.column("source_host")?,
            source_target: view.column("source_target")?,
            target: view.column("target")?,
            protocol: view.column("protocol")?,
            target_host: view.column("target_host")?,
            target_address: view.column("target_address")?,
            target_port: view.column("target_port")?,
            target_alias: view.column("target_alias")?,
            account: view.column("account")?,
            credential: view.column("credential")?,
        })
    }

    pub(super) fn identity(&self, row: usize) -> Result<Identity, Error> {
        let (ids, kinds) = (self.chain.texts(row)?, self.chain_kinds.texts(row)?);
        if ids.len() != kinds.len() {
            return Err(self.chain_kinds.invalid(row));
        }
        let chain = ids
            .into_iter()
            .zip(kinds)
            .map(|(id, kind)| {
                let kind = PrincipalKind::parse(&kind).ok_or_else(|| self.chain_kinds.invalid(row))?;
                Ok(Principal { id, kind })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let mut identity = Identity::new(self.issuer.need(row)?, chain).map_err(|_| self.chain.invalid(row))?;
        identity.groups = self.groups.texts(row)?;
        identity.delegation =
            self.delegation.maybe(row).map(|id| Delegation { id, parent: self.parent_delegation.owned(row) });
        Ok(identity)
    }

    pub(super) fn source(&self, row: usize) -> Result<Source, Error> {
        Ok(Source {
            address: self.source_address.maybe_parsed(row, ip)?,
            port: self.source_port.port(row)?,
            host: self.source_host.maybe(row),
            target: self.source_target.maybe(row),
        })
    }

    pub(super) fn target(&self, row: usize) -> Result<Target, Error> {
        Ok(Target {
            name: self.target.need(row)?.to_owned(),
            protocol: self.protocol.parsed(row, Protocol::parse)?,
            host: self.target_host.maybe(row),
            address: self.target_address.maybe_parsed(row, ip)?,
            port: self.target_port.port(row)?,
            alias: self.target_alias.maybe(row),
        })
    }

    pub(super) fn account(&self, row: usize) -> Account {
        Account { name: self.account.owned(row), credential: self.credential.maybe(row) }
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}
