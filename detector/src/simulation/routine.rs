//! What legitimate identities do: which tasks a day has, and which sessions a task is. Much of it has the shape of an
//! attack; what tells it apart is habit.

use super::dice::{Dice, mix};
use super::place::{APPS, Place, Role};
use super::population::{Population, Sort, TEAM};
use super::rhythm::{self, DAY_MS};
use super::truth::{Label, Routine};
use super::visit::{As, Delegate, From, Lesson, Visit, Who, Work};
use interdict_schemas::{DisclosureKind, Time};

/// One task that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Start {
    /// Milliseconds into the day.
    pub(super) at: u32,
    pub(super) id: u32,
    pub(super) what: Routine,
}

/// How many sessions a task of chance has, in tenths. Measured.
const SESSIONS: u64 = 19;
/// Tasks per unit of weight are counted in parts of this.
const UNIT: u64 = 1 << 24;

/// How many tasks of chance a unit of weight has on a working day, so that all sessions together come to about
/// `sessions`.
pub(super) fn rate(population: &Population, sessions: u32) -> u64 {
    let (mut weights, mut routines) = (0_u64, 0_u64);
    for id in 0..population.size {
        weights += u64::from(population.weight(id));
        routines += 5 * u64::from(population.runbook(id).is_some());
        routines += population.scans(id).map_or(0, |teams| u64::from(APPS) * teams.len() as u64);
    }
    let left = u64::from(sessions).saturating_sub(routines).max(u64::from(sessions) / 4);
    left * UNIT * 10 / SESSIONS / weights.max(1)
}

/// All tasks of one day in their order. `number` counts days from 0, `date` since 1970.
pub(super) fn starts(population: &Population, rate: u64, number: u32, date: i64, dice: &mut Dice) -> Vec<Start> {
    let mut starts = Vec::new();
    let week = u32::try_from(date.div_euclid(7)).unwrap_or_default();
    let mut add = |at: u32, id: u32, what: Routine| starts.push(Start { at: at.min(DAY_MS - 1), id, what });
    for id in (0..population.size).filter(|id| population.joined(*id) <= number) {
        let (sort, team) = (population.sort(id), population.team(id));
        if rate > 0 && number > 0 && population.joined(id) == number && sort == Sort::Person {
            add(rhythm::utc(9, team) * 3_600_000 + dice.below(3_600_000), id, Routine::Onboarding);
        }
        let mean = rate * u64::from(population.weight(id) * rhythm::activity(sort, date)) / 100;
        // A day is no clock: between nothing and twice the mean, and a chance for what is less than one.
        let drawn = mean * u64::from(dice.below(129)) / 64;
        let count = drawn / UNIT + u64::from(dice.bits() % UNIT < drawn % UNIT);
        for _ in 0..count {
            add(rhythm::moment(sort, team, dice), id, choose(sort, dice));
        }
        if rate == 0 {
            continue;
        }
        if let Some(minute) = population.runbook(id).filter(|_| !rhythm::is_weekend(date)) {
            add(minute * 60_000 + dice.below(90_000), id, Routine::Runbook);
        }
        if population.scans(id).is_some() {
            add(2 * 3_600_000 + dice.below(300_000), id, Routine::Scan);
        }
        if population.is_on_call(id, week) && dice.percent(8) {
            let hour = rhythm::utc((22 + dice.below(8)) % 24, team);
            add(hour * 3_600_000 + dice.below(3_600_000), id, Routine::OnCall);
        }
        let is_new_to_it = population.runbook(id).is_none() && sort != Sort::Service;
        if is_new_to_it && dice.below(1000) == 0 {
            add(rhythm::moment(sort, team, dice), id, Routine::FirstRunbook);
        }
        let rolls = mix(population.seed, u64::from(number), 20).is_multiple_of(5);
        if rolls && matches!(sort, Sort::Job | Sort::Service) && dice.percent(15) {
            add(rhythm::utc(10, team) * 3_600_000 + dice.below(2 * 3_600_000), id, Routine::RollOut);
        }
    }
    starts.sort_unstable();
    starts
}

fn choose(sort: Sort, dice: &mut Dice) -> Routine {
    match (sort, dice.below(100)) {
        (Sort::Person, 0..4) => Routine::Tunnel,
        (Sort::Person | Sort::Administrator | Sort::Agent, 4..14) => Routine::ReadThenUse,
        (Sort::Administrator, 14..34) => Routine::SharedAccount,
        (Sort::Agent, 14..60) => Routine::NestedAgents,
        (Sort::Job | Sort::Service, 0) => Routine::RetryStorm,
        (Sort::Job | Sort::Service, 1..4) | (Sort::Job, 4..14) => Routine::SecretFetch,
        (Sort::Job, 14..21) => Routine::ReadThenUse,
        _ => Routine::Ordinary,
    }
}

/// A task as it becomes sessions.
struct Task<'a> {
    population: &'a Population,
    dice: &'a mut Dice,
    id: u32,
    who: Who,
    from: From,
    now: Time,
    label: Label,
    visits: &'a mut Vec<Visit>,
}

/// The sessions of one task, in no order. `day` is the day's midnight, `number` counts days from 0.
pub(super) fn play(
    population: &Population,
    start: Start,
    (day, number): (Time, u32),
    dice: &mut Dice,
    visits: &mut Vec<Visit>,
) {
    let key = dice.bits();
    let mut task = Task {
        population,
        id: start.id,
        who: population.who(start.id, key),
        from: population.from(start.id, key),
        now: day.plus_micros(i64::from(start.at) * 1000),
        label: Label::Legitimate(start.what),
        dice,
        visits,
    };
    match start.what {
        Routine::Ordinary => task.ordinary(),
        Routine::Runbook | Routine::FirstRunbook => task.runbook(number),
        Routine::NestedAgents => task.nested(key),
        Routine::ReadThenUse => task.read_then_use(),
        Routine::SecretFetch => task.secret_fetch(),
        Routine::OnCall => task.on_call(),
        Routine::Onboarding => task.onboarding(),
        Routine::RollOut => {
            let place = Place { role: Role::Api, number: population.estate.teams() + number };
            task.visit(place);
        }
        Routine::Scan => task.scan(),
        Routine::SharedAccount => task.shared_account(),
        Routine::Tunnel => task.tunnel(),
        Routine::RetryStorm => task.retry_storm(),
    }
}

impl Task<'_> {
    /// One session now, with nothing special in it.
    fn visit(&mut self, to: Place) -> &mut Visit {
        let count = u8::try_from(self.dice.spread(1, 7)).unwrap_or(1);
        self.visits.push(Visit {
            opens: self.now,
            who: self.who,
            from: self.from,
            to,
            account: As::Usual,
            work: Work::Actions(count),
            teaches: Box::default(),
            label: self.label,
            seed: self.dice.bits(),
        });
        let newest = self.visits.len() - 1;
        &mut self.visits[newest]
    }

    fn wait(&mut self, low_s: u32, high_s: u32) {
        let micros = i64::from(self.dice.spread(low_s.saturating_mul(1000), high_s.saturating_mul(1000))) * 1000;
        self.now = self.now.plus_micros(micros + i64::from(super::visit::TAUGHT_US));
    }

    /// A place that it uses as a matter of course, and in so many of a hundred cases a new one.
    fn place(&mut self, new: u32) -> Place {
        if self.dice.percent(new) {
            let team = self.team(25);
            let role = *self.dice.pick(&[Role::App, Role::App, Role::Database, Role::Api]).unwrap_or(&Role::App);
            return self.population.estate.of(role, team, self.dice.below(APPS));
        }
        let number = self.dice.skewed(self.population.degree(self.id));
        self.population.usual(self.id, number)
    }

    /// Its team, or in so many of a hundred cases another one.
    fn team(&mut self, other: u32) -> u32 {
        let own = self.population.team(self.id);
        let teams = self.population.estate.teams();
        if self.dice.percent(other) { (own + 1 + self.dice.skewed(teams)) % teams } else { own }
    }

    fn app(&mut self, team: u32) -> Place {
        self.population.estate.of(Role::App, team, self.dice.below(APPS))
    }

    fn place_kind(&mut self) -> DisclosureKind {
        match self.dice.below(10) {
            0..6 => DisclosureKind::HostName,
            6..8 => DisclosureKind::Address,
            _ => DisclosureKind::Alias,
        }
    }

    /// What an answer happens to tell of the team's places.
    fn aside(&mut self) -> Box<[Lesson]> {
        let team = self.team(10);
        (0..self.dice.between(1, 3))
            .map(|_| {
                let kind = if self.dice.percent(4) { DisclosureKind::Credential } else { self.place_kind() };
                let place = if self.dice.percent(70) { self.place(0) } else { self.app(team) };
                Lesson { kind, place }
            })
            .collect()
    }

    fn ordinary(&mut self) {
        let count = if self.dice.percent(60) { 1 } else { self.dice.between(2, 3) };
        let home = self.from;
        for _ in 0..count {
            let to = self.place(1);
            let by_bastion = matches!(home, From::Laptop(_)) && to.role == Role::App && self.dice.percent(30);
            self.from = home;
            if by_bastion {
                let bastion = self.population.usual_of(self.id, Role::Bastion);
                self.visit(bastion);
                self.wait(3, 120);
                self.from = From::Place(bastion);
            }
            let teaches = if self.dice.percent(15) { self.aside() } else { Box::default() };
            self.visit(to).teaches = teaches;
            self.wait(5, 1800);
        }
    }

    /// Reads the inventory, logs in to hosts that it names, looks at the cluster.
    fn runbook(&mut self, number: u32) {
        let estate = self.population.estate;
        let team = self.population.team(self.id);
        // It has five hosts of the team's and takes a few of them every day.
        let first = self.id % APPS;
        let host = |turn| estate.of(Role::App, team, first + (number + turn) % 5);
        let hosts: Vec<_> = (0..self.dice.between(2, 4)).map(host).collect();
        let kind = self.place_kind();
        let teaches = hosts.iter().map(|place| Lesson { kind, place: *place }).collect();
        self.visit(estate.of(Role::Inventory, team, 0)).teaches = teaches;
        for host in hosts {
            self.wait(2, 120);
            self.visit(host);
        }
        self.wait(2, 60);
        self.visit(estate.of(Role::Cluster, team, 0));
    }

    fn nested(&mut self, key: u64) {
        let (planner, agent) = (self.who, self.id);
        let part = |part| planner.through(Delegate { agent, part }, key);
        self.who = part(1);
        let hosts: Vec<_> = (0..self.dice.between(1, 3)).map(|_| self.place(6)).collect();
        let kind = self.place_kind();
        let read = self.population.usual_of(self.id, Role::Database);
        self.visit(read).teaches = hosts.iter().map(|place| Lesson { kind, place: *place }).collect();
        for host in hosts {
            self.wait(2, 60);
            self.who = part(if host.role == Role::App { 2 } else { 4 });
            self.visit(host);
        }
        if self.dice.percent(50) {
            self.wait(2, 60);
            self.who = part(3);
            let cluster = self.population.estate.of(Role::Cluster, self.population.team(self.id), 0);
            self.visit(cluster);
        }
    }

    fn read_then_use(&mut self) {
        let to = self.place(8);
        let role = *self.dice.pick(&[Role::Database, Role::Api, Role::Cluster]).unwrap_or(&Role::Api);
        let read = self.population.usual_of(self.id, role);
        let kind = self.place_kind();
        self.visit(read).teaches = Box::new([Lesson { kind, place: to }]);
        self.wait(5, 3600);
        self.visit(to);
    }

    fn secret_fetch(&mut self) {
        let to = self.place(3);
        let vault = self.population.estate.of(Role::Vault, 0, 0);
        self.visit(vault).teaches = Box::new([Lesson { kind: DisclosureKind::Credential, place: to }]);
        self.wait(2, 120);
        self.visit(to).account = As::Found;
    }

    fn on_call(&mut self) {
        let team = self.team(60);
        let hosts = [self.app(team), self.app(team)];
        let kind = self.place_kind();
        let wiki = self.population.estate.of(Role::Wiki, 0, 0);
        self.visit(wiki).teaches = hosts.iter().map(|place| Lesson { kind, place: *place }).collect();
        self.wait(20, 300);
        let bastion = self.population.usual_of(self.id, Role::Bastion);
        self.visit(bastion);
        self.from = From::Place(bastion);
        for host in hosts {
            self.wait(5, 600);
            self.visit(host).account = As::Privileged;
        }
        if self.dice.percent(50) {
            self.wait(5, 600);
            self.visit(self.population.estate.of(Role::Cluster, team, 0));
        }
    }

    fn onboarding(&mut self) {
        for number in 0..self.population.degree(self.id) {
            self.visit(self.population.usual(self.id, number));
            self.wait(60, 1200);
        }
    }

    fn scan(&mut self) {
        let Some(teams) = self.population.scans(self.id) else { return };
        for team in teams {
            for choice in 0..APPS {
                self.visit(self.population.estate.of(Role::App, team, choice)).work = Work::Actions(1);
                self.wait(1, 4);
            }
        }
    }

    fn shared_account(&mut self) {
        let bastion = self.population.usual_of(self.id, Role::Bastion);
        self.visit(bastion);
        self.from = From::Place(bastion);
        let team = self.team(20);
        for _ in 0..self.dice.between(1, 3) {
            self.wait(5, 300);
            let host = self.app(team);
            self.visit(host).account = As::Shared;
        }
    }

    fn tunnel(&mut self) {
        let bastion = self.population.usual_of(self.id, Role::Bastion);
        let to = if self.dice.percent(90) {
            self.population.usual_of(self.id, Role::Database)
        } else {
            self.population.estate.of(Role::Database, self.id / TEAM, self.dice.below(2))
        };
        self.visit(bastion).work = Work::Channel(to);
        self.wait(3, 60);
        self.from = From::Place(bastion);
        self.visit(to);
    }

    fn retry_storm(&mut self) {
        let to = self.place(5);
        for _ in 0..self.dice.spread(4, 40) {
            self.visit(to).work = Work::Refused;
            self.wait(1, 30);
        }
    }
}
