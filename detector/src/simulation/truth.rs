//! What is true of each event, beside the events and never in them.

use interdict_schemas::{Protocol, Time};
use serde::Serialize;

/// Defines an enum whose variants have one stable name and one line each.
macro_rules! told {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal, $line:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum $name { $(#[doc = $line] #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every one, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn line(self) -> &'static str {
                match self { $(Self::$variant => $line),+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

told! {
    /// A kind of legitimate activity.
    Routine {
        Ordinary = "ordinary", "Sessions to the places an identity uses, now and then to a new one.";
        Runbook = "runbook", "Automation that reads an inventory, logs in to hosts and calls a cluster, every working day.";
        FirstRunbook = "first_runbook", "The same, by somebody who never did it before.";
        NestedAgents = "nested_agents", "An agent's delegates share one task across protocols.";
        ReadThenUse = "read_then_use", "Somebody reads where a place is and goes there.";
        SecretFetch = "secret_fetch", "A job reads a credential from the store of secrets and uses it.";
        OnCall = "on_call", "Odd hours, a privileged account, places of other teams.";
        Onboarding = "onboarding", "Somebody new opens everything for the first time.";
        RollOut = "roll_out", "Many identities get the same new place on one day.";
        Scan = "scan", "One identity goes to every host, every night.";
        SharedAccount = "shared_account", "An administrator goes on from a host as a shared account.";
        Tunnel = "benign_tunnel", "Somebody forwards a port through a bastion to a host of the team.";
        RetryStorm = "retry_storm", "Automation is refused and tries again and again.";
    }
}

told! {
    /// A kind of attack.
    AttackKind {
        Flagship = "flagship", "What a database told is used over SSH, and what is found there on a cluster.";
        AccountSwitch = "account_switch", "One identity reaches a host, another one goes on from it.";
        Relay = "two_identity_relay", "One identity reads where a place is, another one, elsewhere, goes there.";
        Fanout = "fanout_burst", "Fifteen new hosts in about twenty minutes.";
        Spread = "slow_spread", "A new host every day or two, each from the one before.";
        Tunnel = "tunnel", "A channel through a bastion, then on from there.";
        Overreach = "delegation_overreach", "A delegate reaches what nobody in its chain ever used.";
        Splice = "delegation_splice", "A delegate acts under a grant that was made for somebody else.";
        Bypass = "bypass_hop", "One hop does not pass the gateway.";
    }
}

told! {
    /// Why an attack could make a hop.
    Cause {
        Foothold = "foothold", "The attacker acts as this identity.";
        Disclosure = "disclosure", "A response told where it is.";
        Credential = "credential", "A response held its credential.";
        Host = "host", "From a host that was reached before.";
        Switch = "switch", "As another identity, from a host that was reached before.";
        Relay = "relay", "As another identity, which was told.";
        Channel = "channel", "Through a forwarded channel.";
        Delegation = "delegation", "By a delegation that reaches further than it should.";
        Unseen = "unseen", "Past the gateway.";
    }
}

/// Whose an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Legitimate, of this kind.
    Legitimate(Routine),
    /// An attack's.
    Attack {
        /// The attack's place in [`super::Stream::attacks`].
        attack: u32,
        /// The hop, from 1.
        hop: u32,
    },
}

/// One hop of an attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// When the session opens.
    pub time: Time,
    /// The session; absent in events if it is not observed.
    pub session: String,
    /// Root of the identity.
    pub root: String,
    /// Who acts.
    pub actor: String,
    /// From where.
    pub source: String,
    /// To which target.
    pub target: String,
    /// Over which protocol.
    #[serde(serialize_with = "protocol")]
    pub protocol: Protocol,
    /// As which account.
    pub account: String,
    /// Why it could be made.
    pub cause: Cause,
    /// Whether it passes the gateway.
    pub observed: bool,
}

fn protocol<S: serde::Serializer>(protocol: &Protocol, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(protocol.name())
}

/// One attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attack {
    /// What kind.
    pub kind: AttackKind,
    /// The hops in order; the first is the foothold.
    pub hops: Vec<Hop>,
}
