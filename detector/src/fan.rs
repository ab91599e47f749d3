//! That somebody fans out from a machine, and how it is told. Whether they do is decided in `seat.rs`.

use crate::actor::ActorId;
use crate::chain::HopId;
use crate::detection::View;
use crate::fingerprint::Fingerprint;
use crate::words;
use interdict_schemas::Time;
use serde::{Deserialize, Serialize};

/// Somebody fans out from a machine.
#[derive(Debug, Clone)]
pub struct Fan {
    /// The machine.
    pub source: Box<str>,
    /// Since when.
    pub since: Time,
    /// How many accounts are used there.
    pub accounts: usize,
    /// Some of them, newest last.
    pub names: Vec<ActorId>,
    /// How many targets were reached from there.
    pub targets: usize,
    /// How the first account came there; nothing if accounts were collected there.
    pub carried: Option<Carried>,
    // What it follows.
    pub(crate) newest: Option<(HopId, u32)>,
}

/// An account that was used from a machine that somebody fanned out from, before it was used from another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Carried {
    /// The account.
    pub who: ActorId,
    /// The machine.
    pub from: Box<str>,
    /// How many accounts were used there.
    pub accounts: usize,
    pub(crate) seat: Fingerprint,
}

impl Fan {
    /// `since 2026-… 5 accounts (ann, ben, …) went from desk-7 to 9 targets`
    pub(crate) fn words(&self, view: &View<'_>) -> String {
        let mut names: Vec<_> = self.names.iter().map(|who| view.ground.actors.name(*who)).collect();
        if names.len() < self.accounts {
            names.push("…");
        }
        format!(
            "since {} {} ({}) went {}",
            self.since,
            words::many(self.accounts, "account"),
            names.join(", "),
            self.way()
        )
    }

    fn way(&self) -> String {
        format!("from {} to {}", self.source, words::many(self.targets, "target"))
    }

    /// An alert about it in one line.
    pub(crate) fn title(&self, view: &View<'_>) -> String {
        let accounts = words::many(self.accounts, "account");
        match &self.carried {
            None => format!("{accounts} fanned out {}", self.way()),
            Some(Carried { who, from, .. }) => format!(
                "{} was carried over from {from} and used {} ({accounts} in all)",
                view.ground.actors.name(*who),
                self.way()
            ),
        }
    }
}
