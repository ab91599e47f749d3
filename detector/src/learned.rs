//! What responses taught a root identity, whichever of its delegates read them, and by which value a later session
//! can be recognised as using it.

use crate::graph::SessionId;
use crate::names::{Marks, Name, Names, folded};
use interdict_schemas::{Disclosure, DisclosureKind, Event, Protocol, Time};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// What a disclosed value and a session have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The inventory's name of a target.
    Target(Name),
    /// A host name or alias.
    Host(Name),
    /// An address.
    Address(IpAddr),
    /// An account.
    Account(Name),
    /// A credential's fingerprint.
    Credential(Name),
}

/// One response that taught something.
#[derive(Debug, PartialEq, Eq)]
pub struct Teaching {
    /// The event that carries the disclosures.
    pub event: Box<str>,
    /// The event in which the action was asked for, if it is another one.
    pub asked: Option<Box<str>>,
    /// What was read, in a few words; empty if not known.
    pub what: Box<str>,
    /// When the response began: its first row may have taught long before its last.
    pub from: Time,
    /// When the response ended.
    pub time: Time,
    /// The session in which it was.
    pub session: SessionId,
    /// Who read it.
    pub actor: Name,
    /// From which target.
    pub target: Name,
    /// Over which protocol.
    pub protocol: Protocol,
}

/// One value learned from one response.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// What kind of value.
    pub kind: DisclosureKind,
    /// The value as it was read.
    pub value: Name,
    /// The response.
    pub teaching: Arc<Teaching>,
}

/// A value learned from ten places is explained by the newest of a few.
const LESSONS_PER_KEY: usize = 4;

/// Everything learned by one root.
#[derive(Debug, Default)]
pub struct Learned {
    lessons: HashMap<Key, Vec<Lesson>>,
    // Keys in the order in which they were first learned.
    order: VecDeque<Key>,
}

/// The keys by which a session could be using what was learned.
pub fn keys(event: &Event, names: &mut Names) -> Box<[Key]> {
    let target = &event.target;
    let own = names.intern(&target.name);
    let hosts = [Some(target.name.as_str()), target.host.as_deref(), target.alias.as_deref()];
    let mut keys = vec![Key::Target(own)];
    for host in hosts.into_iter().flatten().filter(|host| !host.is_empty()) {
        let key = Key::Host(names.intern(&folded(host)));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.extend(target.address.map(|address| Key::Address(address.to_canonical())));
    if !event.account.name.is_empty() {
        keys.push(Key::Account(names.intern(&folded(&event.account.name))));
    }
    keys.extend(event.account.credential.as_deref().map(|print| Key::Credential(names.intern(print))));
    keys.into()
}

fn key_of(disclosure: &Disclosure, names: &mut Names) -> Key {
    let value = disclosure.value.as_str();
    match disclosure.kind {
        DisclosureKind::Account => Key::Account(names.intern(&folded(value))),
        DisclosureKind::Credential => Key::Credential(names.intern(value)),
        DisclosureKind::HostName | DisclosureKind::Alias | DisclosureKind::Address => match value.parse::<IpAddr>() {
            Ok(address) => Key::Address(address.to_canonical()),
            Err(_) => Key::Host(names.intern(&folded(value))),
        },
    }
}

impl Learned {
    /// Takes note of a response's disclosures; says how many older values the bound cost.
    pub fn add(
        &mut self,
        disclosures: &[Disclosure],
        teaching: &Arc<Teaching>,
        names: &mut Names,
        bound: usize,
    ) -> usize {
        for disclosure in disclosures {
            let lesson = Lesson {
                kind: disclosure.kind,
                value: names.intern(&disclosure.value),
                teaching: Arc::clone(teaching),
            };
            let target = disclosure.target.as_deref().map(|target| Key::Target(names.intern(target)));
            for key in target.into_iter().chain([key_of(disclosure, names)]) {
                self.insert(key, lesson.clone());
            }
        }
        let beyond = self.order.len().saturating_sub(bound);
        for key in self.order.drain(..beyond) {
            self.lessons.remove(&key);
        }
        beyond
    }

    fn insert(&mut self, key: Key, lesson: Lesson) {
        let known = self.lessons.entry(key).or_insert_with(|| {
            self.order.push_back(key);
            Vec::new()
        });
        let place = |other: &Lesson| (other.teaching.target, other.teaching.protocol);
        if let Some(same) = known.iter_mut().find(|other| place(other) == place(&lesson)) {
            if same.teaching.time <= lesson.teaching.time {
                *same = lesson;
            }
            return;
        }
        if known.len() == LESSONS_PER_KEY
            && let Some(oldest) = (0..known.len()).min_by_key(|at| known.get(*at).map(|old| old.teaching.time))
        {
            known.swap_remove(oldest);
        }
        known.push(lesson);
    }

    /// What was learned by any of `keys`, in their order.
    pub fn by<'a, 'k>(&'a self, keys: &'k [Key]) -> impl Iterator<Item = (Key, &'a Lesson)> + use<'a, 'k> {
        keys.iter().flat_map(|key| self.lessons.get(key).into_iter().flatten().map(move |lesson| (*key, lesson)))
    }

    /// Forgets what was learned before `cut`.
    pub fn age(&mut self, cut: Time) {
        self.lessons.retain(|_, known| {
            known.retain(|lesson| lesson.teaching.time >= cut);
            !known.is_empty()
        });
        self.order.retain(|key| self.lessons.contains_key(key));
    }

    /// Marks the names in use.
    pub fn mark(&self, marks: &mut Marks) {
        for (key, known) in &self.lessons {
            match key {
                Key::Target(name) | Key::Host(name) | Key::Account(name) | Key::Credential(name) => marks.mark(*name),
                Key::Address(_) => {}
            }
            for lesson in known {
                marks.mark(lesson.value);
                marks.mark(lesson.teaching.actor);
                marks.mark(lesson.teaching.target);
            }
        }
    }
}
