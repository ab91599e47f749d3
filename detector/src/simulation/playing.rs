//! A session that is open, as it becomes events: an action, its result, and so on to its end.

use super::dice::{mix, share};
use super::place::Role;
use super::population::Population;
use super::visit::{Lesson, Visit, Work};
use super::words;
use interdict_schemas::{
    Action, Class, Closed, Decision, Disclosure, DisclosureKind, Effect, Event, Kind, Outcome, Status, Time, Verb,
};

/// A session that is open.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) visit: Visit,
    // What all its events have in common.
    event: Event,
    step: u32,
    action: String,
}

impl Playing {
    /// After its first event.
    pub(super) fn new(visit: Visit, event: Event) -> Self {
        Self { visit, event, step: 1, action: String::new() }
    }

    /// When the next event is due.
    pub(super) fn due(&self) -> Time {
        self.event.time.plus_micros(i64::from(self.visit.gap(self.step)))
    }

    /// The next event, and what is left.
    pub(super) fn play(mut self, population: &Population) -> (Event, Option<Self>) {
        self.event.time = self.due();
        self.event.id = format!("{}-{}", self.event.session, self.step);
        let count = self.visit.actions();
        if self.step > 2 * count {
            let closed = self.closed(count);
            self.event.kind = Kind::Closed(closed);
            return (self.event, None);
        }
        let mut event = self.event.clone();
        if self.step.is_multiple_of(2) {
            let class = self.class();
            let outcome = self.outcome();
            event.kind = Kind::Resulted { action: std::mem::take(&mut self.action), class, outcome };
            if self.step == 2 {
                event.disclosures = self.disclosures(population);
            }
        } else {
            let action = self.asks(population);
            self.action.clone_from(&action.id);
            let decision = Decision { effect: Effect::Allow, reason: String::new(), policies: Vec::new() };
            event.kind = Kind::Acted { action, decision, outcome: None };
        }
        self.step += 1;
        (event, Some(self))
    }

    fn class(&self) -> Class {
        match (self.visit.work, self.visit.to.role) {
            (Work::Channel(_), _) => Class::Forward,
            (_, Role::Inventory | Role::Database) => Class::Statement,
            (_, Role::App | Role::Bastion) => Class::Command,
            (_, Role::Cluster) => Class::Api,
            (_, Role::Api | Role::Vault | Role::Wiki) => Class::Request,
        }
    }

    fn asks(&self, population: &Population) -> Action {
        let id = format!("{}/{}", self.event.session, self.step);
        let (verb, text, object) = if let Work::Channel(to) = self.visit.work {
            let host = population.estate.host(to);
            (Verb::Connect, format!("direct-tcpip {host}:22"), host)
        } else {
            let teaches = self.step == 1 && !self.visit.teaches.is_empty();
            let (verb, text, object) =
                words::of(self.visit.to.role, teaches, mix(self.visit.seed, self.step.into(), 2));
            (verb, text.to_owned(), object.to_owned())
        };
        Action {
            id,
            class: self.class(),
            verb,
            text,
            objects: vec![object],
            parameters_digest: None,
            database: (self.class() == Class::Statement).then(|| "main".into()),
        }
    }

    fn outcome(&self) -> Outcome {
        let bits = mix(self.visit.seed, u64::from(self.step), 3);
        let failed = bits.is_multiple_of(64);
        let class = self.class();
        let code = match (class, failed) {
            (Class::Statement | Class::Forward, false) => "",
            (Class::Statement, true) => "42P01",
            (Class::Api | Class::Request, false) => "200",
            (Class::Api | Class::Request, true) => "404",
            (_, false) => "0",
            (_, true) => "1",
        };
        Outcome {
            status: if failed { Status::Failure } else { Status::Success },
            code: code.into(),
            detail: String::new(),
            rows: if class == Class::Statement { u64::from(share(bits, 40)) } else { 0 },
            bytes_in: 64 + u64::from(share(bits, 200)),
            bytes_out: 256 << share(bits, 9),
            duration_us: u64::from(self.visit.gap(self.step)),
        }
    }

    fn disclosures(&self, population: &Population) -> Vec<Disclosure> {
        let estate = &population.estate;
        let told = |lesson: &Lesson| {
            let value = match lesson.kind {
                DisclosureKind::HostName => estate.host(lesson.place),
                DisclosureKind::Address => estate.address(lesson.place).to_string(),
                DisclosureKind::Alias => estate.alias(lesson.place),
                DisclosureKind::Credential | DisclosureKind::Decoy => estate.credential(lesson.place),
                DisclosureKind::Account => "ops-shared".into(),
            };
            Disclosure { kind: lesson.kind, value, target: Some(estate.name(lesson.place)) }
        };
        self.visit.teaches.iter().map(told).collect()
    }

    fn closed(&self, count: u32) -> Closed {
        Closed {
            reason: "client".into(),
            detail: String::new(),
            verdict: None,
            opened: self.visit.opens,
            actions: u64::from(count),
            denied: 0,
            bytes_in: u64::from(count) * 128,
            bytes_out: u64::from(count) * 2048,
        }
    }
}
