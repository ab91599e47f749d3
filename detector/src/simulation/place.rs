//! The protected systems: which there are, what they are called, how they are spoken to. Nothing is stored; a place is
//! its role and its number.

use super::dice::{Dice, mix};
use interdict_schemas::{Protocol, Target};
use std::net::{IpAddr, Ipv4Addr};

/// What a system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A database that says what runs where. Everybody's automation reads one.
    Inventory,
    /// A team's database.
    Database,
    /// A host that applications run on.
    App,
    /// A host that people go through.
    Bastion,
    /// A cluster's API.
    Cluster,
    /// A team's HTTP service.
    Api,
    /// The store of secrets.
    Vault,
    /// The pages that everybody reads.
    Wiki,
}

/// One protected system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) role: Role,
    pub(super) number: u32,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estate {
    seed: u64,
    teams: u32,
}

/// Hosts of one team.
pub(super) const APPS: u32 = 8;
const DATABASES: u32 = 2;

impl Estate {
    pub(super) fn new(seed: u64, teams: u32) -> Self {
        Self { seed, teams: teams.max(1) }
    }

    pub(super) fn teams(&self) -> u32 {
        self.teams
    }

    /// The place of this role that a team uses; `choice` chooses where a team has several.
    pub(super) fn of(&self, role: Role, team: u32, choice: u32) -> Place {
        let number = match role {
            Role::App => team * APPS + choice % APPS,
            Role::Database => team * DATABASES + choice % DATABASES,
            Role::Api => team,
            Role::Cluster => team / 8,
            Role::Bastion => team / 10,
            Role::Inventory => team / 40,
            Role::Vault | Role::Wiki => 0,
        };
        Place { role, number }
    }

    /// Any place of this role.
    pub(super) fn any(&self, role: Role, dice: &mut Dice) -> Place {
        self.of(role, dice.below(self.teams), dice.below(APPS))
    }

    /// The inventory's name.
    pub(super) fn name(&self, place: Place) -> String {
        let number = place.number;
        match place.role {
            Role::App => format!("app-{}-{}", number / APPS, number % APPS),
            Role::Database => format!("db-{}-{}", number / DATABASES, number % DATABASES),
            Role::Api => format!("api-{number}"),
            Role::Cluster => format!("cluster-{number}"),
            Role::Bastion => format!("bastion-{number}"),
            Role::Inventory => format!("inventory-{number}"),
            Role::Vault => "vault".into(),
            Role::Wiki => "wiki".into(),
        }
    }

    pub(super) fn host(&self, place: Place) -> String {
        format!("{}.corp.example", self.name(place))
    }

    /// Its other name.
    pub(super) fn alias(&self, place: Place) -> String {
        format!("{}.internal", self.name(place))
    }

    /// In 10.0.0.0/8, with the role in the first bits that vary.
    pub(super) fn address(&self, place: Place) -> IpAddr {
        let [_, high, mid, low] = place.number.wrapping_add(10).to_be_bytes();
        let role = place.role as u8;
        IpAddr::V4(Ipv4Addr::new(10, (role << 5) | (high & 31), mid, low))
    }

    /// The fingerprint of the credential that opens it.
    pub(super) fn credential(&self, place: Place) -> String {
        format!("SHA256:{:016x}", mix(self.seed, 0x5ec7 + place.role as u64, u64::from(place.number)))
    }

    pub(super) fn target(&self, place: Place) -> Target {
        let (protocol, port) = spoken(place.role);
        Target {
            name: self.name(place),
            protocol,
            host: Some(self.host(place)),
            address: Some(self.address(place)),
            port,
            alias: None,
        }
    }
}

impl Place {
    pub(super) fn protocol(self) -> Protocol {
        spoken(self.role).0
    }
}

fn spoken(role: Role) -> (Protocol, u16) {
    match role {
        Role::Inventory | Role::Database => (Protocol::Postgres, 5432),
        Role::App | Role::Bastion => (Protocol::Ssh, 22),
        Role::Cluster => (Protocol::Kubernetes, 6443),
        Role::Api | Role::Vault | Role::Wiki => (Protocol::Http, 443),
    }
}
