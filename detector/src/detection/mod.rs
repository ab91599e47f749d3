//! Detections: each looks at one sign of a step and says how likely movement makes it. How likely habit makes it is
//! counted for it, see `likelihood.rs`. No clock, no I/O, no names of protocols.
//!
//! TO ADD ONE: a file with a unit struct that implements [`Detection`], and one line in [`ALL`].

mod account_carried;
mod account_switch;
mod burst;
mod chain_break;
mod convergence;
mod decoy_used;
mod delegation_overreach;
mod delegation_splice;
mod disclosure_used;
mod discovery;
mod fan_out;
mod off_rhythm;
mod other_account;
mod rare_path;
mod refused_before;
mod secret_used;
mod slow_spread;
mod tunnel;
mod unusual_hour;

use crate::fan::Fan;
use crate::step::{Ground, Step};
use interdict_schemas::{Technique, attack};

/// What a detection's sign can be worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Something seldom happens. It alerts, within the budget; very much of it asks a person.
    Rarity,
    /// More of something comes from one machine than anybody's habit has. It is said of the machine, not of its actors,
    /// whatever was learned so far and outside the budget; it stops nothing unless the settings say so.
    Floor,
    /// Something has a cause that habit does not explain. It stops, by policy.
    Cause,
    /// Something nobody does who is not moving. It stops at once.
    Proof,
}

/// What a detection sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sign {
    /// It has nothing to say of this step.
    Mute,
    /// Its sign is there, or it is not.
    Seen {
        /// Whether.
        is_there: bool,
        /// P(there | movement).
        movement: f64,
        /// P(there | habit) before anything was counted.
        unknown: f64,
    },
    /// It has set the step against habit itself: so many nats.
    Weighed(f64),
}

/// What a detection looks at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The step.
    pub step: &'a Step<'a>,
    /// What it stands against.
    pub ground: Ground<'a>,
    /// That somebody fans out from the machine it comes from, if that is news.
    pub fan: Option<&'a Fan>,
}

impl View<'_> {
    /// Who acts, in words: `runner, acting for dana`.
    #[must_use]
    pub fn who(&self) -> String {
        let actor = self.step.actor;
        let root = self.ground.actors.name(actor.root);
        if *actor.id == *root { root.to_owned() } else { format!("{}, acting for {root}", actor.id) }
    }

    /// Whether nobody was authenticated: the actor is the address that the session comes from, as a log of connections
    /// has it. The account is then what a client claims.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        let step = self.step;
        step.event.source.address.is_some_and(|address| step.actor.id.parse() == Ok(address))
    }

    /// The target's name.
    #[must_use]
    pub fn target(&self) -> &str {
        self.ground.places.name(self.step.edge.place)
    }
}

/// Looks for one sign of movement.
pub trait Detection: Send + Sync + std::fmt::Debug {
    /// Its stable name, in alerts and settings.
    fn name(&self) -> &'static str;

    /// What its sign can be worth.
    fn strength(&self) -> Strength {
        Strength::Rarity
    }

    /// What it sees in this step. Asked of every step, so it must be quick.
    fn sign(&self, view: &View<'_>) -> Sign;

    /// The sign in a sentence, without its full stop. Asked only when the sign is there and the step is suspicious.
    fn tell(&self, view: &View<'_>) -> String;

    /// The techniques it shows, besides moving over the step's protocol.
    fn techniques(&self, _view: &View<'_>) -> Vec<Technique> {
        Vec::new()
    }
}

/// The technique of moving to the step's target.
#[must_use]
pub fn movement(step: &Step<'_>) -> Technique {
    attack::movement(step.edge.protocol)
}

/// All detections, in the order in which they are asked. Alerts and habits refer to them by their place here, so a new
/// one goes to the end.
pub const ALL: &[&dyn Detection] = &[
    &rare_path::RarePath,
    &account_switch::AccountSwitch,
    &chain_break::ChainBreak,
    &disclosure_used::DisclosureUsed,
    &secret_used::SecretUsed,
    &other_account::OtherAccount,
    &delegation_overreach::DelegationOverreach,
    &delegation_splice::DelegationSplice,
    &tunnel::Tunnel,
    &burst::Burst,
    &slow_spread::SlowSpread,
    &convergence::Convergence,
    &refused_before::RefusedBefore,
    &unusual_hour::UnusualHour,
    &discovery::Discovery,
    &decoy_used::DecoyUsed,
    &off_rhythm::OffRhythm,
    &fan_out::FanOut,
    &account_carried::AccountCarried,
];
