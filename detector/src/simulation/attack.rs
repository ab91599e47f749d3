//! Attacks: each kind is a few hops in an order, with a cause for every hop. Attackers work with what an ordinary
//! identity has: its machine, its usual places, and what it finds there.

use super::dice::Dice;
use super::place::{Place, Role};
use super::population::{Population, Sort, TEAM};
use super::truth::{Attack, AttackKind, Cause, Hop, Label};
use super::visit::{As, Delegate, From, Lesson, TAUGHT_US, Visit, Who, Work};
use interdict_schemas::{DisclosureKind, Time};

const DAY_S: u32 = 86_400;

/// When an attack may happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Its first hop.
    pub(super) start: Time,
    /// No hop is later.
    pub(super) end: Time,
}

/// One attack: its truth and the sessions it is. `number` is its place among the attacks.
pub(super) fn plan(
    population: &Population,
    kind: AttackKind,
    number: u32,
    window: Window,
    dice: &mut Dice,
) -> (Attack, Vec<Visit>) {
    let key = dice.bits();
    let sort = match kind {
        AttackKind::Overreach | AttackKind::Splice => &[Sort::Agent][..],
        AttackKind::Tunnel => &[Sort::Person, Sort::Administrator],
        AttackKind::Spread | AttackKind::Fanout => &[Sort::Person, Sort::Job, Sort::Service],
        _ => &[Sort::Person, Sort::Job, Sort::Service, Sort::Agent],
    };
    let id = find(population, sort, dice);
    let mut trail = Trail {
        population,
        number,
        id,
        who: population.who(id, key),
        from: population.from(id, key),
        now: window.start,
        end: window.end,
        gaps: pace(kind, dice),
        dice,
        hops: Vec::new(),
        visits: Vec::new(),
    };
    match kind {
        AttackKind::Flagship => trail.flagship(),
        AttackKind::AccountSwitch => trail.account_switch(),
        AttackKind::Relay => trail.relay(),
        AttackKind::Fanout => trail.fanout(),
        AttackKind::Spread => trail.spread(),
        AttackKind::Tunnel => trail.tunnel(),
        AttackKind::Overreach => trail.overreach(key),
        AttackKind::Splice => trail.splice(key),
        AttackKind::Bypass => trail.bypass(),
    }
    (Attack { kind, hops: trail.hops }, trail.visits)
}

/// Least and most seconds between two hops.
fn pace(kind: AttackKind, dice: &mut Dice) -> (u32, u32) {
    match kind {
        AttackKind::Fanout => (60, 110),
        AttackKind::Spread => (DAY_S, 2 * DAY_S + DAY_S / 2),
        _ if dice.percent(15) => (DAY_S, 2 * DAY_S),
        _ if dice.percent(15) => (2, 12),
        _ => (4, 7200),
    }
}

/// An identity of one of these sorts that has been there from the start, or any if there is none.
fn find(population: &Population, sorts: &[Sort], dice: &mut Dice) -> u32 {
    for _ in 0..256 {
        let id = dice.below(population.size);
        if sorts.contains(&population.sort(id)) && population.joined(id) == 0 {
            return id;
        }
    }
    0
}

struct Trail<'a> {
    population: &'a Population,
    dice: &'a mut Dice,
    number: u32,
    id: u32,
    who: Who,
    from: From,
    now: Time,
    end: Time,
    gaps: (u32, u32),
    hops: Vec<Hop>,
    visits: Vec<Visit>,
}

impl Trail<'_> {
    /// The next hop, some time after the one before.
    fn hop(&mut self, cause: Cause, to: Place) -> &mut Visit {
        if !self.hops.is_empty() {
            let (low, high) = self.gaps;
            let wait = i64::from(self.dice.spread(low.saturating_mul(10), high.saturating_mul(10))) * 100_000;
            // What would come after the end comes sooner: a tenth of the time that is left, at least two seconds.
            let left = (self.end.micros_since(self.now) / 10).max(2_000_000);
            self.now = self.now.plus_micros(wait.min(left) + i64::from(TAUGHT_US));
        }
        let hop = u32::try_from(self.hops.len() + 1).unwrap_or(u32::MAX);
        let count = u8::try_from(self.dice.spread(2, 7)).unwrap_or(2);
        let visit = Visit {
            opens: self.now,
            who: self.who,
            from: self.from,
            to,
            account: As::Usual,
            work: if cause == Cause::Unseen { Work::Unseen } else { Work::Actions(count) },
            teaches: Box::default(),
            label: Label::Attack { attack: self.number, hop },
            seed: self.dice.bits(),
        };
        let identity = visit.identity(self.population);
        let source = visit.source(self.population);
        self.hops.push(Hop {
            time: visit.opens,
            session: visit.session(),
            root: identity.root().id.clone(),
            actor: identity.actor().id.clone(),
            source: source.target.or(source.host).unwrap_or_default(),
            target: self.population.estate.name(to),
            protocol: to.protocol(),
            account: visit.account(self.population).name,
            cause,
            observed: cause != Cause::Unseen,
        });
        self.visits.push(visit);
        let newest = self.visits.len() - 1;
        &mut self.visits[newest]
    }

    /// From now on it acts from this place.
    fn stand(&mut self, place: Place) {
        self.from = From::Place(place);
    }

    /// A place that this identity does not use.
    fn strange(&mut self, role: Role) -> Place {
        self.population.strange(self.id, role, self.dice)
    }

    fn usual(&self, role: Role) -> Place {
        self.population.usual_of(self.id, role)
    }

    fn kind(&mut self) -> DisclosureKind {
        match self.dice.below(4) {
            0 => DisclosureKind::HostName,
            1 => DisclosureKind::Address,
            2 => DisclosureKind::Alias,
            _ => DisclosureKind::Credential,
        }
    }

    /// Another ordinary identity of another team, if chance finds one.
    fn other(&mut self) -> u32 {
        let mut other = self.id;
        for _ in 0..16 {
            other = find(self.population, &[Sort::Person, Sort::Job, Sort::Service], self.dice);
            if other / TEAM != self.id / TEAM {
                break;
            }
        }
        other
    }

    fn flagship(&mut self) {
        let (database, host, cluster) =
            (self.usual(Role::Database), self.strange(Role::App), self.strange(Role::Cluster));
        let (kind, next) = (self.kind(), self.kind());
        self.hop(Cause::Foothold, database).teaches = told(kind, host);
        self.use_of(kind, host).teaches = told(next, cluster);
        self.stand(host);
        if self.dice.percent(50) {
            let api = self.strange(Role::Api);
            self.use_of(next, cluster).teaches = told(DisclosureKind::HostName, api);
            self.use_of(DisclosureKind::HostName, api);
        } else {
            self.use_of(next, cluster);
        }
    }

    /// A hop by what was told.
    fn use_of(&mut self, kind: DisclosureKind, place: Place) -> &mut Visit {
        let found = kind == DisclosureKind::Credential;
        let visit = self.hop(if found { Cause::Credential } else { Cause::Disclosure }, place);
        if found {
            visit.account = As::Found;
        }
        visit
    }

    fn account_switch(&mut self) {
        let host = self.usual(Role::App);
        self.hop(Cause::Foothold, host);
        self.stand(host);
        let other = self.other();
        (self.id, self.who) = (other, self.population.who(other, self.dice.bits()));
        let database = self.strange(Role::Database);
        self.hop(Cause::Switch, database);
        let next = self.strange(Role::App);
        self.hop(Cause::Host, next);
    }

    fn relay(&mut self) {
        let (database, host) = (self.usual(Role::Database), self.strange(Role::App));
        let kind = self.kind();
        self.hop(Cause::Foothold, database).teaches = told(kind, host);
        let (other, key) = (self.other(), self.dice.bits());
        (self.id, self.who, self.from) = (other, self.population.who(other, key), self.population.from(other, key));
        let visit = self.hop(Cause::Relay, host);
        if kind == DisclosureKind::Credential {
            visit.account = As::Found;
        }
        self.stand(host);
        let cluster = self.strange(Role::Cluster);
        self.hop(Cause::Host, cluster);
    }

    fn fanout(&mut self) {
        let foothold = self.usual(Role::App);
        self.hop(Cause::Foothold, foothold);
        self.stand(foothold);
        for _ in 0..15 {
            let host = self.strange(Role::App);
            self.hop(Cause::Host, host);
        }
    }

    fn spread(&mut self) {
        let mut host = self.usual(Role::App);
        self.hop(Cause::Foothold, host);
        for _ in 0..self.dice.between(3, 5) {
            self.stand(host);
            host = self.strange(Role::App);
            self.hop(Cause::Host, host);
        }
    }

    fn tunnel(&mut self) {
        let (bastion, host) = (self.usual(Role::Bastion), self.strange(Role::Database));
        self.hop(Cause::Foothold, bastion).work = Work::Channel(host);
        self.stand(bastion);
        self.hop(Cause::Channel, host);
        let next = self.strange(Role::App);
        self.hop(Cause::Channel, next);
    }

    fn overreach(&mut self, key: u64) {
        let (planner, agent) = (self.who, self.id);
        self.who = planner.through(Delegate { agent, part: 1 }, key);
        let place = self.usual(Role::Database);
        self.hop(Cause::Foothold, place);
        self.who = planner.through(Delegate { agent, part: 4 }, key);
        let vault = self.population.estate.of(Role::Vault, 0, 0);
        let cluster = self.strange(Role::Cluster);
        self.hop(Cause::Delegation, vault).teaches = told(DisclosureKind::Credential, cluster);
        self.who = planner.through(Delegate { agent, part: 3 }, key);
        self.use_of(DisclosureKind::Credential, cluster);
    }

    fn splice(&mut self, key: u64) {
        let agent = self.id;
        let own = Delegate { agent, part: 0 };
        self.who = self.who.through(Delegate { agent, part: 1 }, key);
        let place = self.usual(Role::Database);
        self.hop(Cause::Foothold, place);
        // The victim's task is another one; the grant that is presented was made from it.
        let victim = self.other();
        let task = self.dice.bits();
        self.who = Who::alone(self.population.root(victim)).through(own, key);
        self.who = self.who.through(Delegate { agent, part: 2 }, key).spliced(task);
        self.id = victim;
        let host = self.strange(Role::App);
        self.hop(Cause::Delegation, host);
        let database = self.strange(Role::Database);
        self.hop(Cause::Delegation, database);
    }

    fn bypass(&mut self) {
        let host = self.usual(Role::App);
        let (hidden, cluster) = (self.strange(Role::App), self.strange(Role::Cluster));
        self.hop(Cause::Foothold, host).teaches = told(DisclosureKind::HostName, hidden);
        self.stand(host);
        self.hop(Cause::Unseen, hidden);
        self.stand(hidden);
        self.hop(Cause::Host, cluster);
        let database = self.strange(Role::Database);
        self.hop(Cause::Host, database);
    }
}

fn told(kind: DisclosureKind, place: Place) -> Box<[Lesson]> {
    Box::new([Lesson { kind, place }])
}
