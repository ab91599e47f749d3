//! Seats: client machines that people work from, and whose accounts are used there. A person's account is used from one
//! or two machines, and a machine by one or two people; somebody who has collected credentials uses many accounts from
//! the one machine they sit at, on systems that those accounts never used.
//!
//! WHAT COUNTS is one account on one target from one machine, where all of this holds:
//! - a person acts itself. Jobs, services and agents share runners as a matter of course, and a connection of which
//!   nobody was authenticated names no account.
//! - the target is new to the account, or the machine is and the account is one that somebody fanned out with; and the
//!   account is not at home on the machine. So a desk, a laboratory or a terminal server whose people go where they
//!   always go is nothing.
//! - the account did not reach the machine itself, and not many did: a jump host is left by those who came to it.
//! - the machine has a name, or the account has a past: one address may stand for many machines, and only accounts
//!   that are known from elsewhere tell the difference.
//! - the settings do not name the machine as one that many share.

use crate::actor::ActorId;
use crate::chain::HopId;
use crate::fan::{Carried, Fan};
use crate::fingerprint::{Fingerprint, Map};
use crate::place::{PlaceId, source_name};
use crate::settings::Settings;
use crate::step::{Ground, Origin, Step};
use interdict_schemas::{PrincipalKind, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// An account with so many sessions from a machine is at home there.
const HOME: u64 = 16;
/// An account with so many sessions has a past.
const PAST: u32 = 16;
/// Uses that are remembered of one seat.
const USES: usize = 64;
/// Seats that are remembered: at least so many of those used last, at most twice as many.
const SEATS: usize = 1 << 15;
/// Seats that somebody fanned out from, accounts used there, targets reached from there.
const FANNED: usize = 1 << 10;
const ACCOUNTS: usize = 1 << 10;
const TARGETS: usize = 1 << 12;
/// Seats that one fan-out is followed to. Whoever was told of so many knows where to look.
const FOLLOWED: u32 = 16;
/// From a machine that it used before, an account that somebody fanned out with must go to so many targets that are new
/// to it, within so many seconds, to be taken for carried over: its owner is still there.
const SPREAD: usize = 3;
const SPREAD_S: i64 = 7 * DAY_S;
/// An account that came so often from a machine never seen, of a kind that it uses, has its machines from a pool.
const POOLED: u32 = 2;
/// Accounts whose seat of fan-out is remembered.
const HELD: usize = 1 << 16;

/// An account on a target.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Use {
    time: Time,
    who: ActorId,
    place: PlaceId,
}

/// A machine that somebody fanned out from.
#[derive(Debug, Serialize, Deserialize)]
struct Fanned {
    name: Box<str>,
    since: Time,
    last: Time,
    accounts: BTreeSet<ActorId>,
    targets: BTreeSet<PlaceId>,
    // How its first account came there; nothing if accounts were collected there.
    carried: Option<Carried>,
    followed: u32,
    told: (usize, usize),
    newest: Option<(HopId, u32)>,
    // A person said that many share it.
    is_shared: bool,
}

/// All seats.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seats {
    younger: Map<Fingerprint, VecDeque<Use>>,
    older: Map<Fingerprint, VecDeque<Use>>,
    fanned: Map<Fingerprint, Fanned>,
    // Accounts used from where somebody fanned out: that machine, and since when it is known.
    held: Map<ActorId, (Fingerprint, Time)>,
}

/// What a step shows of the machine that it comes from.
#[derive(Debug)]
pub(crate) struct Look {
    seat: Fingerprint,
    this: Use,
    // What was last used before is forgotten.
    cut: Time,
    /// That somebody fans out from there, if that is news.
    pub(crate) fan: Option<Fan>,
}

/// So many accounts are told by name.
const NAMES: usize = 6;

impl Seats {
    /// What a step shows; nothing if it does not count.
    pub(crate) fn look(&self, step: &Step<'_>, ground: Ground<'_>) -> Option<Look> {
        let root = step.event.identity.root();
        let is_person = matches!(root.kind, PrincipalKind::Person | PrincipalKind::Administrator);
        let seat = step.machine.machine;
        if !is_person || step.event.identity.chain().len() > 1 || step.is_forward || seat == 0 {
            return None;
        }
        let (actor, settings, time) = (step.actor, ground.settings, step.time);
        let is_home = actor.machines.count(seat) >= HOME;
        if is_home || is_way_through(step, ground) {
            return None;
        }
        let this = Use { time, who: step.actor_id, place: step.edge.place };
        let cut = time.plus_seconds(-i64::from(settings.horizon_days) * DAY_S);
        if let Some(fanned) = self.fanned.get(&seat).filter(|fanned| fanned.is_shared || fanned.last >= cut) {
            return (!fanned.is_shared).then(|| Look { seat, this, cut, fan: fanned.grown(this, settings) });
        }
        let held = self.held.get(&this.who).filter(|(held, _)| *held != seat);
        let is_unknown = !actor.machines.knows(seat) && !is_one_of_many(step);
        let has_name = step.event.source.host.is_some() || step.event.source.target.is_some();
        let counts = match step.known {
            None => has_name || actor.sessions >= PAST,
            // An account that somebody else holds, on a machine that it was never used from.
            Some(_) => has_name && is_unknown && held.is_some(),
        };
        if !counts || settings.is_shared(&source_name(step.event)) {
            return None;
        }
        let uses = self.younger.get(&seat).or_else(|| self.older.get(&seat));
        let uses = || uses.into_iter().flatten().filter(|one| one.time >= cut).chain([&this]);
        let since = time.plus_seconds(-settings.fan_out_window_s);
        let within = || uses().filter(|one| one.time >= since);
        let (accounts, targets): (BTreeSet<_>, BTreeSet<_>) = within().map(|one| (one.who, one.place)).unzip();
        let fan = |accounts: &BTreeSet<ActorId>, targets: &BTreeSet<PlaceId>, since, carried| Fan {
            source: source_name(step.event).into(),
            since,
            accounts: accounts.len(),
            names: names(accounts, this.who),
            targets: targets.len(),
            carried,
            newest: None,
        };
        if settings.is_fan_out(accounts.len(), targets.len()) {
            let first = within().map(|one| one.time).min().unwrap_or(time);
            return Some(Look { seat, this, cut, fan: Some(fan(&accounts, &targets, first, None)) });
        }
        let carried = held.and_then(|(from, held)| {
            let fanned = self.fanned.get(from)?;
            let since = time.plus_seconds(-SPREAD_S).max(*held);
            let later = uses().filter(|one| one.who == this.who && one.time >= since);
            let spreads = || later.map(|one| one.place).collect::<BTreeSet<_>>().len() >= SPREAD;
            let is_followed = !fanned.is_shared && fanned.last >= cut && fanned.followed < FOLLOWED;
            let is_followed = is_followed && (is_unknown || spreads());
            is_followed.then(|| Carried {
                who: this.who,
                from: fanned.name.clone(),
                accounts: fanned.accounts.len(),
                seat: *from,
            })
        });
        let fan = carried.map(|carried| {
            let (accounts, targets): (BTreeSet<_>, BTreeSet<_>) = uses().map(|one| (one.who, one.place)).unzip();
            let first = uses().map(|one| one.time).min().unwrap_or(time);
            fan(&accounts, &targets, first, Some(carried))
        });
        Some(Look { seat, this, cut, fan })
    }

    /// Takes note of a step that counts, and of the hop that was made of it.
    pub(crate) fn note(&mut self, look: Look, hop: Option<(HopId, u32)>) {
        let Look { seat, this, cut, fan } = look;
        if self.fanned.get(&seat).is_some_and(|fanned| fanned.last < cut) {
            self.forget(seat);
        }
        if let Some(fanned) = self.fanned.get_mut(&seat) {
            fanned.add(this);
            let is_collected = fanned.carried.is_some() && fan.is_some_and(|fan| fan.carried.is_none());
            if is_collected {
                fanned.carried = None;
            }
            if let Some(hop) = hop {
                (fanned.newest, fanned.told) = (Some(hop), (fanned.accounts.len(), fanned.targets.len()));
            }
            if is_collected {
                let accounts: Vec<_> = fanned.accounts.iter().copied().collect();
                accounts.into_iter().for_each(|who| self.hold(who, seat, this.time));
            } else if fanned.carried.is_none() {
                self.hold(this.who, seat, this.time);
            }
            return;
        }
        let uses = self.uses(seat);
        uses.retain(|one| (one.who, one.place) != (this.who, this.place));
        if uses.len() >= USES {
            uses.pop_front();
        }
        uses.push_back(this);
        if let (Some(fan), Some(hop)) = (fan, hop) {
            let uses = std::mem::take(uses);
            self.fan_out(seat, fan, &uses, this.time, hop);
        }
    }

    fn uses(&mut self, seat: Fingerprint) -> &mut VecDeque<Use> {
        if let Some(uses) = self.older.remove(&seat) {
            self.younger.insert(seat, uses);
        } else if self.younger.len() >= SEATS && !self.younger.contains_key(&seat) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.entry(seat).or_default()
    }

    fn fan_out(&mut self, seat: Fingerprint, fan: Fan, uses: &VecDeque<Use>, time: Time, hop: (HopId, u32)) {
        if self.fanned.len() >= FANNED
            && let Some(oldest) = self.fanned.iter().min_by_key(|(at, one)| (one.last, **at)).map(|(at, _)| *at)
        {
            self.forget(oldest);
        }
        let from = fan.carried.as_ref().map(|carried| carried.seat);
        let mut fanned = Fanned {
            name: fan.source,
            since: fan.since,
            last: fan.since,
            accounts: BTreeSet::new(),
            targets: BTreeSet::new(),
            carried: fan.carried,
            followed: 0,
            told: (fan.accounts, fan.targets),
            newest: Some(hop),
            is_shared: false,
        };
        for one in uses.iter().filter(|one| one.time >= fan.since) {
            fanned.add(*one);
            if from.is_none() {
                self.hold(one.who, seat, time);
            }
        }
        self.fanned.insert(seat, fanned);
        if let Some(from) = from.and_then(|from| self.fanned.get_mut(&from)) {
            from.followed += 1;
        }
    }

    fn hold(&mut self, who: ActorId, seat: Fingerprint, time: Time) {
        if self.held.len() < HELD {
            self.held.entry(who).or_insert((seat, time));
        }
    }

    fn forget(&mut self, seat: Fingerprint) {
        self.fanned.remove(&seat);
        self.held.retain(|_, (held, _)| *held != seat);
    }

    /// A person said that what a chain of hops from a machine did is meant: many share it.
    pub(crate) fn share(&mut self, chain: u32) {
        for (seat, fanned) in &mut self.fanned {
            if fanned.newest.is_some_and(|(_, of)| of == chain) {
                fanned.is_shared = true;
                self.held.retain(|_, (held, _)| held != seat);
            }
        }
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        let uses = |uses: &VecDeque<Use>| uses.capacity() * size_of::<Use>();
        let fanned = |fanned: &Fanned| (fanned.accounts.len() + fanned.targets.len()) * 8 + fanned.name.len();
        (self.younger.capacity() + self.older.capacity()) * 41
            + self.younger.values().chain(self.older.values()).map(uses).sum::<usize>()
            + self.fanned.capacity() * size_of::<Fanned>()
            + self.fanned.values().map(fanned).sum::<usize>()
            + self.held.capacity() * 25
    }
}

const DAY_S: i64 = 86_400;

impl Fanned {
    fn add(&mut self, one: Use) {
        self.last = self.last.max(one.time);
        if self.accounts.len() < ACCOUNTS {
            self.accounts.insert(one.who);
        }
        if self.targets.len() < TARGETS {
            self.targets.insert(one.place);
        }
    }

    /// What there is to say once a use is added, if there is a tenth more of something than was told.
    fn grown(&self, this: Use, settings: &Settings) -> Option<Fan> {
        let accounts = self.accounts.len() + usize::from(!self.accounts.contains(&this.who));
        let targets = self.targets.len() + usize::from(!self.targets.contains(&this.place));
        let is_news = accounts * 10 >= self.told.0 * 11 || targets * 10 >= self.told.1 * 11;
        is_news.then(|| Fan {
            source: self.name.clone(),
            since: self.since,
            accounts,
            names: names(&self.accounts, this.who),
            targets,
            // One account was carried there; with so many it is a place where they are collected.
            carried: self.carried.clone().filter(|_| !settings.is_fan_out(accounts, targets)),
            newest: self.newest,
        })
    }
}

fn names(accounts: &BTreeSet<ActorId>, this: ActorId) -> Vec<ActorId> {
    accounts.iter().copied().filter(|who| *who != this).take(NAMES - 1).chain([this]).collect()
}

/// Whether a step's account has its machines from a pool, and this is one of it.
fn is_one_of_many(step: &Step<'_>) -> bool {
    let kin = step.actor.origins.get(Origin::Kin as usize).copied().unwrap_or_default();
    kin >= POOLED && step.actor.machines.knows(step.machine.family)
}

/// Whether a step comes from a protected system that its actor, or so many people, came to: it was meant to lead on.
fn is_way_through(step: &Step<'_>, ground: Ground<'_>) -> bool {
    if matches!(step.origin, Origin::Onward | Origin::Resident) {
        return true;
    }
    let Some(place) = step.machine.place.and_then(|place| ground.places.get(place)) else { return false };
    let since = step.time.plus_seconds(-ground.settings.fan_out_window_s);
    let roots: BTreeSet<ActorId> = place.arrivals(since, step.time).map(|arrival| arrival.root).collect();
    roots.len() >= ground.settings.fan_out_accounts
}

impl Settings {
    const fn is_fan_out(&self, accounts: usize, targets: usize) -> bool {
        accounts >= self.fan_out_accounts && targets >= self.fan_out_targets
    }

    /// Whether the settings name a machine as one that many share: by its name, or by how it begins.
    #[must_use]
    pub(crate) fn is_shared(&self, source: &str) -> bool {
        let source = source.to_ascii_lowercase();
        self.shared_sources.iter().map(|name| name.to_ascii_lowercase()).any(|name| match name.strip_suffix('*') {
            Some(start) => source.starts_with(start),
            None => source == name,
        })
    }
}
