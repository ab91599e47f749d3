//! Who there is: teams of people, CI jobs, services and agents, each with the places it uses as a matter of course.
//! Everything follows from the seed and the identity's number, so that a million of them cost no memory.

use super::dice::{Dice, mix, share};
use super::place::{Estate, Place, Role};
use super::visit::{Delegate, From, Who};
use interdict_schemas::PrincipalKind;

/// What an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Person,
    Administrator,
    Job,
    Service,
    Agent,
}

/// Identities of one team: an administrator, people, jobs, services, agents, in this order.
pub(super) const TEAM: u32 = 25;
const FIRST_JOB: u32 = 13;
const FIRST_SERVICE: u32 = 18;
const FIRST_AGENT: u32 = 22;
// The agent that acts for nobody; the others have an owner.
const OWN_AGENT: u32 = 24;
const SCANNER: u32 = 21;
// A scanner looks after so many teams.
const SCANNED: u32 = 8;

/// Everybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Population {
    pub(super) seed: u64,
    pub(super) size: u32,
    pub(super) days: u32,
    pub(super) estate: Estate,
    // Of 65,536 identities that could have a daily routine, so many do.
    routines: u32,
}

impl Population {
    pub(super) fn new(seed: u64, size: u32, days: u32, sessions_per_day: u32) -> Self {
        let size = size.max(1);
        let estate = Estate::new(seed, size.div_ceil(TEAM));
        // With few sessions for many identities, daily routines would be all that happens.
        let routines = u64::from(sessions_per_day) * 32_768 / u64::from(size);
        let routines = u32::try_from(routines.min(65_536)).unwrap_or(65_536);
        Self { seed, size, days: days.max(1), estate, routines }
    }

    pub(super) fn sort(&self, id: u32) -> Sort {
        match id % TEAM {
            0 => Sort::Administrator,
            1..FIRST_JOB => Sort::Person,
            FIRST_JOB..FIRST_SERVICE => Sort::Job,
            FIRST_SERVICE..FIRST_AGENT => Sort::Service,
            _ => Sort::Agent,
        }
    }

    pub(super) fn team(&self, id: u32) -> u32 {
        id / TEAM
    }

    /// How busy it is, compared with others.
    pub(super) fn weight(&self, id: u32) -> u32 {
        let octave = share(self.trait_of(id, 1), 4);
        match self.sort(id) {
            Sort::Person | Sort::Administrator => 2 << octave,
            Sort::Job | Sort::Agent => 4 << octave,
            Sort::Service => 6 << octave,
        }
    }

    /// The day on which it was first there. One in twenty comes while we look.
    pub(super) fn joined(&self, id: u32) -> u32 {
        let bits = self.trait_of(id, 2);
        if id.is_multiple_of(TEAM) || !bits.is_multiple_of(20) { 0 } else { share(bits, self.days) }
    }

    /// The minute of the day of its runbook, if it has one.
    pub(super) fn runbook(&self, id: u32) -> Option<u32> {
        let slot = id % TEAM;
        let has = slot == FIRST_JOB || slot == FIRST_JOB + 1 || slot == OWN_AGENT;
        (has && self.keeps(id)).then(|| 360 + share(self.trait_of(id, 3), 720))
    }

    /// The teams whose hosts it goes to every night, if it does.
    pub(super) fn scans(&self, id: u32) -> Option<std::ops::Range<u32>> {
        let team = self.team(id);
        let does = id % TEAM == SCANNER && team.is_multiple_of(SCANNED) && self.keeps(id);
        does.then(|| team..(team + SCANNED).min(self.estate.teams()))
    }

    fn keeps(&self, id: u32) -> bool {
        share(self.trait_of(id, 4), 65_536) < self.routines
    }

    /// Whether it is on call in this week.
    pub(super) fn is_on_call(&self, id: u32, week: u32) -> bool {
        id % TEAM == (week + self.team(id)) % FIRST_JOB
    }

    /// How many places it uses as a matter of course.
    pub(super) fn degree(&self, id: u32) -> u32 {
        3 + share(self.trait_of(id, 5), 4) + share(self.trait_of(id, 6), 6)
    }

    /// One of the places it uses as a matter of course; low numbers are used most.
    pub(super) fn usual(&self, id: u32, number: u32) -> Place {
        let bits = self.trait_of(id, 64 + u64::from(number));
        let team =
            if bits.is_multiple_of(8) { share(bits.rotate_left(16), self.estate.teams()) } else { self.team(id) };
        let is_person = matches!(self.sort(id), Sort::Person | Sort::Administrator);
        let role = match share(bits.rotate_left(32), 100) {
            0..15 if is_person => Role::Wiki,
            15..25 if is_person => Role::Bastion,
            0..25 => Role::Api,
            25..60 => Role::App,
            60..80 => Role::Database,
            80..90 => Role::Cluster,
            _ => Role::Api,
        };
        self.estate.of(role, team, share(bits.rotate_left(48), super::place::APPS))
    }

    pub(super) fn is_usual(&self, id: u32, place: Place) -> bool {
        (0..self.degree(id)).any(|number| self.usual(id, number) == place)
    }

    /// A place that it uses as a matter of course, of this role if it uses one.
    pub(super) fn usual_of(&self, id: u32, role: Role) -> Place {
        let mut usual = (0..self.degree(id)).map(|number| self.usual(id, number));
        usual.find(|place| place.role == role).unwrap_or_else(|| self.estate.of(role, self.team(id), 0))
    }

    /// A place of this role that it does not use, if chance finds one.
    pub(super) fn strange(&self, id: u32, role: Role, dice: &mut Dice) -> Place {
        let mut place = self.estate.any(role, dice);
        for _ in 0..16 {
            if !self.is_usual(id, place) {
                break;
            }
            place = self.estate.any(role, dice);
        }
        place
    }

    /// Whoever is at the root when this identity acts: an agent's owner, else itself.
    pub(super) fn root(&self, id: u32) -> u32 {
        if self.sort(id) != Sort::Agent || id % TEAM == OWN_AGENT {
            return id;
        }
        id - id % TEAM + 1 + share(self.trait_of(id, 7), FIRST_JOB - 1)
    }

    /// The identity as it acts in one task.
    pub(super) fn who(&self, id: u32, task: u64) -> Who {
        let root = self.root(id);
        let mut who = Who::alone(root);
        if root != id {
            who = who.through(Delegate { agent: id, part: 0 }, task);
        }
        who
    }

    /// Where it acts from in this task: its own machine, a runner or a sandbox that lives as long as the task, the
    /// host it runs on.
    pub(super) fn from(&self, id: u32, task: u64) -> From {
        match self.sort(id) {
            Sort::Person | Sort::Administrator => From::Laptop(id),
            // Some jobs have a machine of their own.
            Sort::Job if self.trait_of(id, 8).is_multiple_of(4) => From::Runner(id),
            Sort::Job => From::Runner(share(task, u32::MAX)),
            Sort::Agent => From::Sandbox(share(task, u32::MAX)),
            Sort::Service => From::Place(self.estate.of(Role::App, self.team(id), share(self.trait_of(id, 9), 8))),
        }
    }

    pub(super) fn name(&self, id: u32) -> String {
        match self.sort(id) {
            Sort::Administrator => format!("admin-{id}@corp.example"),
            Sort::Person => format!("person-{id}@corp.example"),
            Sort::Job => format!("ci:team-{}/job-{id}", self.team(id)),
            Sort::Service => format!("svc:team-{}/service-{id}", self.team(id)),
            Sort::Agent => format!("agent:planner-{id}"),
        }
    }

    pub(super) fn kind(&self, id: u32) -> PrincipalKind {
        match self.sort(id) {
            Sort::Administrator => PrincipalKind::Administrator,
            Sort::Person => PrincipalKind::Person,
            Sort::Job | Sort::Service => PrincipalKind::Workload,
            Sort::Agent => PrincipalKind::Agent,
        }
    }

    fn trait_of(&self, id: u32, which: u64) -> u64 {
        mix(self.seed, u64::from(id), which)
    }
}
