//! The columns that say who, from where and to what, shared by `events` and `sessions`.

use super::Error;
use super::column::{Heads, address, are_same, filled, is_same, maybe_repeated, port, repeated, repeated_texts};
use super::rows::{Row, when};
use super::runs::Runs;
use super::view::{Column, Texts, View};
use super::words::Words;
use crate::borrowed::{AccountRef, Address, IdentityRef, PrincipalRef, SourceRef, TargetRef};
use crate::list::List;
use crate::{EventRef, PrincipalKind, Protocol};
use arrow::array::{ArrayRef, Int32Array, ListArray};
use std::rc::Rc;

/// The columns, in the schema's order.
pub(super) fn columns<'a>(rows: &'a [Row<'a, EventRef<'a>>]) -> Vec<ArrayRef> {
    // Of a session's events most of it is said once.
    let who = &Heads::of(rows, |left, right| is_of_same(left.value, right.value));
    let mut columns = Vec::with_capacity(64);
    columns.extend(when(rows, |row| row.value.time));
    columns.extend([
        repeated(who, |row| row.value.session),
        repeated(who, |row| row.value.identity.issuer),
        repeated(who, |row| row.value.identity.root().id),
        repeated(who, |row| row.value.identity.root().kind.name()),
        repeated(who, |row| row.value.identity.actor().id),
        repeated(who, |row| row.value.identity.actor().kind.name()),
        repeated_texts(who, |row| Some(row.value.identity.chain().iter().map(|link| link.id))),
        repeated_texts(who, |row| Some(row.value.identity.chain().iter().map(|link| link.kind.name()))),
        repeated_texts(who, |row| Some(row.value.identity.groups.iter().copied())),
        maybe_repeated(who, |row| row.value.identity.delegation.and_then(|(id, _)| filled(id))),
        maybe_repeated(who, |row| row.value.identity.delegation.and_then(|(_, parent)| filled(parent))),
        address(who, |row| &row.value.source.address),
        port(who, |row| row.value.source.port),
        maybe_repeated(who, |row| row.value.source.host),
        maybe_repeated(who, |row| row.value.source.target),
        repeated(who, |row| row.value.target.name),
        repeated(who, |row| row.value.target.protocol.name()),
        maybe_repeated(who, |row| row.value.target.host),
        address(who, |row| &row.value.target.address),
        port(who, |row| row.value.target.port),
        maybe_repeated(who, |row| row.value.target.alias),
        maybe_repeated(who, |row| filled(row.value.account.name)),
        maybe_repeated(who, |row| row.value.account.credential),
    ]);
    columns
}

/// Whether two events say the same of who, from where and to what. Neighbours that were read beside each other share it.
fn is_of_same(left: &EventRef<'_>, right: &EventRef<'_>) -> bool {
    Rc::ptr_eq(&left.identity, &right.identity)
        && Rc::ptr_eq(&left.source, &right.source)
        && Rc::ptr_eq(&left.target, &right.target)
        && is_same(left.session, right.session)
        && is_same(left.account.name, right.account.name)
        && are_same(left.account.credential, right.account.credential)
}

/// Which rows say the same as the one before.
#[derive(Default)]
pub(super) struct WhoRuns {
    /// Of who acts.
    pub(super) identity: Runs,
    /// Of where from.
    pub(super) source: Runs,
    /// Of where to.
    pub(super) target: Runs,
}

/// Reads the same columns back.
pub(super) struct Who {
    issuer: Column<Words>,
    chain: Texts,
    chain_kinds: Texts,
    groups: Texts,
    delegation: Column<Words>,
    parent_delegation: Column<Words>,
    source_address: Column<Words>,
    source_port: Column<Int32Array>,
    source_host: Column<Words>,
    source_target: Column<Words>,
    target: Column<Words>,
    protocol: Column<Words>,
    target_host: Column<Words>,
    target_address: Column<Words>,
    target_port: Column<Int32Array>,
    target_alias: Column<Words>,
    account: Column<Words>,
    credential: Column<Words>,
}

impl Who {
    pub(super) fn new(view: View<'_>) -> Result<Self, Error> {
        Ok(Self {
            issuer: view.column("issuer")?,
            chain: view.column::<ListArray>("chain")?.borrowed()?,
            chain_kinds: view.column::<ListArray>("chain_kinds")?.borrowed()?,
            groups: view.column::<ListArray>("groups")?.borrowed()?,
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

    /// Which of so many rows say the same as the one before.
    pub(super) fn runs(&self, rows: usize) -> WhoRuns {
        let identity =
            [&self.chain, &self.chain_kinds, &self.groups].into_iter().fold(Runs::of(rows), Runs::by_texts);
        let said = [&self.issuer, &self.delegation, &self.parent_delegation];
        let source = Runs::of(rows).by_numbers(&self.source_port);
        let whence = [&self.source_address, &self.source_host, &self.source_target];
        let target = Runs::of(rows).by_numbers(&self.target_port);
        let where_to = [&self.target, &self.protocol, &self.target_host, &self.target_address, &self.target_alias];
        WhoRuns {
            identity: said.into_iter().fold(identity, Runs::by),
            source: whence.into_iter().fold(source, Runs::by),
            target: where_to.into_iter().fold(target, Runs::by),
        }
    }

    /// The first of a row's chain and what it is, the last and what that is.
    pub(super) fn ends(&self, row: usize) -> [Option<&str>; 4] {
        let [[root, actor], [root_kind, actor_kind]] = [&self.chain, &self.chain_kinds].map(|texts| texts.ends(row));
        [root, root_kind, actor, actor_kind]
    }

    pub(super) fn identity(&self, row: usize) -> Result<IdentityRef<'_>, Error> {
        let (ids, kinds) = (self.chain.at(row)?, self.chain_kinds.at(row)?);
        if ids.len() != kinds.len() {
            return Err(self.chain_kinds.invalid(row));
        }
        let mut chain = List::default();
        for (id, kind) in ids.iter().zip(kinds.iter()) {
            let kind = PrincipalKind::parse(kind).ok_or_else(|| self.chain_kinds.invalid(row))?;
            chain.push(PrincipalRef { id, kind });
        }
        let delegation = match (self.delegation.filled(row)?, self.parent_delegation.filled(row)?) {
            (None, Some(_)) => return Err(self.parent_delegation.invalid(row)),
            (id, parent) => id.map(|id| (id, parent.unwrap_or_default())),
        };
        IdentityRef::new(self.issuer.need(row)?, chain, self.groups.at(row)?, delegation)
            .ok_or_else(|| self.chain.invalid(row))
    }

    pub(super) fn source(&self, row: usize) -> Result<SourceRef<'_>, Error> {
        Ok(SourceRef {
            address: address_of(&self.source_address, row)?,
            port: self.source_port.port(row)?,
            host: self.source_host.filled(row)?,
            target: self.source_target.filled(row)?,
        })
    }

    pub(super) fn target(&self, row: usize) -> Result<TargetRef<'_>, Error> {
        Ok(TargetRef {
            name: self.target.need(row)?,
            protocol: self.protocol.parsed(row, Protocol::parse)?,
            host: self.target_host.filled(row)?,
            address: address_of(&self.target_address, row)?,
            port: self.target_port.port(row)?,
            alias: self.target_alias.filled(row)?,
        })
    }

    pub(super) fn account(&self, row: usize) -> Result<AccountRef<'_>, Error> {
        Ok(AccountRef { name: self.account.or_empty(row)?, credential: self.credential.filled(row)? })
    }
}

/// Null is none; what does not parse, or is written in another form than the one in which addresses are, is an error.
fn address_of(column: &Column<Words>, row: usize) -> Result<Option<Address<'_>>, Error> {
    let parse = |text| Address::parse(text).filter(|address| address.text == text).ok_or_else(|| column.invalid(row));
    column.text(row).map(parse).transpose()
}
