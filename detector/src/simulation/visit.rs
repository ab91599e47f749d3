//! One session that is to be played, in few bytes, and its first event, from which all others are made.

use super::dice::{mix, share};
use super::place::{Place, Role};
use super::playing::Playing;
use super::population::Population;
use super::truth::Label;
use interdict_schemas::{
    Account, Delegation, DisclosureKind, Event, Identity, Kind, Principal, PrincipalKind, Refused, Source, Target,
    Time,
};
use std::net::{IpAddr, Ipv4Addr};

/// Who vouches for everybody here. No real issuer can have this name, so what was simulated is always told apart.
pub const ISSUER: &str = "https://simulation.invalid";

/// One link of a delegation: an agent, or a part of its work done by an agent of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delegate {
    pub(super) agent: u32,
    /// 0: the agent itself; else a delegate of it.
    pub(super) part: u8,
}

/// Most delegates of one chain.
const DEPTH: usize = 3;
const PARTS: [&str; 5] = ["", "reader", "shell", "cluster", "fetch"];

/// An identity as it acts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    pub(super) root: u32,
    delegates: [Option<Delegate>; DEPTH],
    // The task whose grant it is.
    grant: u64,
    // The task whose grant that one was made from, if it is another one.
    spliced: Option<u64>,
}

impl Who {
    pub(super) fn alone(root: u32) -> Self {
        Self { root, delegates: [None; DEPTH], grant: 0, spliced: None }
    }

    /// Acts through one more delegate in this task; a chain that is full stays as it is.
    pub(super) fn through(mut self, delegate: Delegate, task: u64) -> Self {
        if let Some(free) = self.delegates.iter_mut().find(|free| free.is_none()) {
            *free = Some(delegate);
        }
        self.grant = task;
        self
    }

    /// Presents a grant that was made from another task's.
    pub(super) fn spliced(mut self, task: u64) -> Self {
        self.spliced = Some(task);
        self
    }

    fn delegates(&self) -> impl Iterator<Item = Delegate> {
        self.delegates.iter().flatten().copied()
    }
}

/// Where a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Laptop(u32),
    Runner(u32),
    Sandbox(u32),
    /// A protected host.
    Place(Place),
}

/// As whom a session is at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// The account that the gateway holds for the target.
    Usual,
    /// Everybody's account for operations.
    Shared,
    /// The account with all rights.
    Privileged,
    /// The usual account, by a credential that was found.
    Found,
}

/// What a response tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lesson {
    pub(super) kind: DisclosureKind,
    pub(super) place: Place,
}

/// What is done in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// So many actions.
    Actions(u8),
    /// A channel to this place.
    Channel(Place),
    /// It is not admitted.
    Refused,
    /// It does not pass the gateway: there are no events.
    Unseen,
}

/// One session that is to be played.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) opens: Time,
    pub(super) who: Who,
    pub(super) from: From,
    pub(super) to: Place,
    pub(super) account: As,
    pub(super) work: Work,
    /// What the first answer tells, half a second after the session opened.
    pub(super) teaches: Box<[Lesson]>,
    pub(super) label: Label,
    /// Unique to the session: its id, and all chance within it.
    pub(super) seed: u64,
}

/// A first answer is complete within so many microseconds of the session's opening.
pub(super) const TAUGHT_US: u32 = 550_000;

impl Visit {
    /// Sorted by time, as a gateway's are.
    pub(super) fn session(&self) -> String {
        format!("sim-{:014x}-{:016x}", self.opens.0, self.seed)
    }

    pub(super) fn source(&self, population: &Population) -> Source {
        let (host, target, place) = match self.from {
            From::Laptop(id) => (format!("laptop-{id}.corp.example"), None, None),
            From::Runner(number) => (format!("runner-{number:08x}.ci.corp.example"), None, None),
            From::Sandbox(number) => (format!("sandbox-{number:08x}.agents.corp.example"), None, None),
            From::Place(place) => (population.estate.host(place), Some(population.estate.name(place)), Some(place)),
        };
        let address = match (place, self.from) {
            (Some(place), _) => population.estate.address(place),
            // A laptop's address changes every week.
            (None, From::Laptop(id)) => lease(mix(population.seed, u64::from(id), self.week())),
            (None, From::Runner(number) | From::Sandbox(number)) => lease(mix(population.seed, 0, u64::from(number))),
            (None, From::Place(_)) => lease(0),
        };
        let port = u16::try_from(32_768 + share(self.seed, 28_000)).unwrap_or_default();
        Source { address: Some(address), port, host: Some(host), target }
    }

    fn week(&self) -> u64 {
        u64::try_from(self.opens.day().div_euclid(7)).unwrap_or_default()
    }

    pub(super) fn identity(&self, population: &Population) -> Identity {
        let root = Principal { id: population.name(self.who.root), kind: population.kind(self.who.root) };
        let mut chain = Vec::with_capacity(1 + DEPTH);
        chain.push(root);
        for delegate in self.who.delegates() {
            let part = PARTS.get(usize::from(delegate.part)).copied().unwrap_or("task");
            let agent = delegate.agent;
            let id = if part.is_empty() {
                format!("agent:planner-{agent}")
            } else {
                format!("agent:planner-{agent}/{part}")
            };
            chain.push(Principal { id, kind: PrincipalKind::Agent });
        }
        let depth = chain.len() as u64 - 1;
        let mut identity = Identity::new(ISSUER, chain).expect("the root is in the chain");
        identity.groups = vec![format!("team-{}", population.team(self.who.root))];
        if depth > 0 {
            let parent = self.who.spliced.unwrap_or(self.who.grant);
            let parent = if depth == 1 { String::new() } else { grant(parent, depth - 1) };
            identity.delegation = Some(Delegation { id: grant(self.who.grant, depth), parent });
        }
        identity
    }

    pub(super) fn account(&self, population: &Population) -> Account {
        let usual = match self.to.role {
            Role::Bastion | Role::App => "deploy",
            Role::Inventory | Role::Database => "readonly",
            Role::Cluster => "edit",
            Role::Api | Role::Vault | Role::Wiki => "gateway",
        };
        let (name, credential) = match self.account {
            As::Usual => (usual, None),
            As::Shared => ("ops-shared", None),
            As::Privileged => ("root", None),
            As::Found => (usual, Some(population.estate.credential(self.to))),
        };
        Account { name: name.into(), credential }
    }

    /// The first event, and what is left to play, if anything is.
    pub(super) fn open(self, population: &Population) -> Option<(Event, Option<Playing>)> {
        if self.work == Work::Unseen {
            return None;
        }
        let source = self.source(population);
        let event = event(&self, self.identity(population), source, population);
        if self.work == Work::Refused {
            let refused = Refused { reason: "policy".into(), detail: "no policy permits this".into(), verdict: None };
            return Some((Event { kind: Kind::Refused(refused), ..event }, None));
        }
        let again = event.clone();
        Some((event, Some(Playing::new(self, again))))
    }

    pub(super) fn actions(&self) -> u32 {
        match self.work {
            Work::Actions(count) => u32::from(count.max(1)),
            Work::Channel(_) => 1,
            Work::Refused | Work::Unseen => 0,
        }
    }

    /// Microseconds from one step to the next.
    pub(super) fn gap(&self, step: u32) -> u32 {
        let bits = mix(self.seed, u64::from(step), 1);
        match step {
            // What is asked, and its answer.
            1 => 20_000 + share(bits, 480_000),
            _ if step.is_multiple_of(2) => 1_000 + share(bits, 49_000),
            // Machines are quick, people read. A channel stays open for a while.
            _ if matches!(self.work, Work::Channel(_)) => 60_000_000 + share(bits, 1_800_000_000),
            _ if matches!(self.from, From::Laptop(_)) => 1_000_000 << share(bits, 6),
            _ => 60_000 << share(bits, 6),
        }
    }
}

/// The one place where an event is made: the opening. All others of a session are made from it.
fn event(visit: &Visit, identity: Identity, source: Source, population: &Population) -> Event {
    let session = visit.session();
    let target: Target = population.estate.target(visit.to);
    Event {
        id: format!("{session}-0"),
        time: visit.opens,
        session,
        identity,
        source,
        target,
        account: visit.account(population),
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind: Kind::Opened,
    }
}

fn grant(task: u64, depth: u64) -> String {
    format!("grant-{:016x}", mix(task, depth, 4))
}

/// In 172.16.0.0/12, where no protected system is.
fn lease(bits: u64) -> IpAddr {
    let [high, mid, low, ..] = bits.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(172, 16 | (high & 15), mid, low))
}
