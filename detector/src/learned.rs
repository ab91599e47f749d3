//! What responses taught a root identity, whichever of its delegates read them, and by which value a later session can
//! be recognised as using it.

mod lesson;

use crate::filter::Filter;
use crate::fingerprint::{self, Fingerprint, Map};
use crate::place::PlaceId;
use interdict_schemas::{Disclosure, DisclosureKind, Event, Time};
pub(crate) use lesson::taught;
pub use lesson::{Lesson, Teaching, Told};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// A value learned from ten places is explained by the newest of a few.
const LESSONS_PER_KEY: usize = 3;

/// Everything learned by one root.
#[derive(Debug, Default)]
pub struct Learned {
    lessons: Map<Fingerprint, Known>,
    // Each session asks by several keys, of which most were never learned.
    filter: Filter,
    // Keys in the order in which they were last learned. One that is learned anew is put to the end, and its place before
    // that counts for nothing from then on: looking for it would take as long as there are keys.
    order: VecDeque<Fingerprint>,
}

/// What was learned under one key.
#[derive(Debug)]
struct Known {
    // Mostly one, which then is where whoever asks for the key looks anyhow.
    lessons: SmallVec<[Lesson; 1]>,
    // How often the key stands in the order.
    places: u32,
}

/// Bytes of one response that one lesson of it is taken for.
const LESSON: usize = 64;

/// So many places that count for nothing are borne, beside as many as there are keys.
const SPARE: usize = 16;

/// What was learned of one thing: its kind, its value, the number of the response that held it.
type Taught<V> = Vec<(DisclosureKind, V, u32)>;

/// What was learned as it is written out: a response once, however many values it taught.
#[derive(Serialize, Deserialize)]
struct Written<T, V> {
    teachings: Vec<T>,
    // In the order in which their keys were last learned; a value stands with the number of its response.
    lessons: Vec<(Fingerprint, Taught<V>)>,
}

impl Serialize for Learned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = Written { teachings: Vec::new(), lessons: Vec::new() };
        let mut numbers: Map<*const Teaching, u32> = Map::default();
        let mut seen: Map<Fingerprint, ()> = Map::default();
        let mut keys: Vec<_> = self.order.iter().rev().filter(|key| seen.insert(**key, ()).is_none()).collect();
        keys.reverse();
        for key in keys {
            let mut lessons = Vec::new();
            for lesson in self.lessons.get(key).into_iter().flat_map(|known| &known.lessons) {
                let number = *numbers.entry(Arc::as_ptr(lesson.teaching())).or_insert_with(|| {
                    written.teachings.push(&**lesson.teaching());
                    u32::try_from(written.teachings.len() - 1).unwrap_or(u32::MAX)
                });
                lessons.push((lesson.kind, lesson.value(), number));
            }
            written.lessons.push((*key, lessons));
        }
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Learned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::<Teaching, Box<str>>::deserialize(deserializer)?;
        let teachings: Vec<_> = written.teachings.into_iter().map(Arc::new).collect();
        let mut learned = Self::default();
        for (key, values) in written.lessons {
            if values.len() > LESSONS_PER_KEY {
                return Err(D::Error::custom("more was learned of one thing than is remembered"));
            }
            let lesson = |(kind, value, number): (_, Box<str>, u32)| {
                Some(Lesson::new(kind, &value, teachings.get(number as usize)?))
            };
            let known = Known { lessons: values.into_iter().filter_map(lesson).collect(), places: 1 };
            learned.filter.add(key);
            if learned.lessons.insert(key, known).is_none() {
                learned.order.push_back(key);
            }
        }
        Ok(learned)
    }
}

/// By what a session could be using what was learned.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Its target's name, host name, alias and address.
    pub place: [Fingerprint; 4],
    /// Its account.
    pub account: Fingerprint,
    /// Its credential; 0 if not known.
    pub credential: Fingerprint,
}

/// Host names, aliases and accounts as they are compared: lower case, without the root's dot.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

fn named(name: &str) -> Fingerprint {
    match name.parse::<IpAddr>() {
        Ok(address) => fingerprint::of(("address", address.to_canonical())),
        Err(_) => fingerprint::of(("host", &*folded(name))),
    }
}

impl Keys {
    /// The keys of a session.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let target = &event.target;
        let name = |name: Option<&str>| name.filter(|name| !name.is_empty()).map_or(0, named);
        let account = &event.account;
        Self {
            place: [
                name(Some(&target.name)),
                name(target.host.as_deref()),
                name(target.alias.as_deref()),
                target.address.map_or(0, |address| fingerprint::of(("address", address.to_canonical()))),
            ],
            account: if account.name.is_empty() { 0 } else { fingerprint::of(("account", &*folded(&account.name))) },
            credential: account.credential.as_deref().map_or(0, |print| fingerprint::of(("credential", print))),
        }
    }
}

fn key_of(disclosure: &Disclosure) -> Fingerprint {
    let value = disclosure.value.as_str();
    match disclosure.kind {
        DisclosureKind::Account => fingerprint::of(("account", &*folded(value))),
        DisclosureKind::Credential | DisclosureKind::Decoy => fingerprint::of(("credential", value)),
        _ => named(value),
    }
}

impl Learned {
    /// Takes note of a response's disclosures; says how many older values the bound cost.
    pub fn add(&mut self, disclosures: &[Disclosure], teaching: &Arc<Teaching>, bound: usize) -> usize {
        for disclosure in disclosures.iter().take(bound) {
            let lesson = Lesson::new(disclosure.kind, &disclosure.value, teaching);
            let target = disclosure.target.as_deref().map(named);
            let own = key_of(disclosure);
            if let Some(target) = target.filter(|target| *target != own) {
                self.insert(target, lesson.clone());
            }
            self.insert(own, lesson);
        }
        let beyond = self.lessons.len().saturating_sub(bound);
        // Names are many, and reading them must not push out a secret that was read before.
        let mut spared = 0;
        while self.lessons.len() > bound
            && let Some(key) = self.order.pop_front()
        {
            if let Some(known) = self.lessons.get_mut(&key) {
                if known.places == 1 && spared < bound / 4 && known.lessons.iter().any(Lesson::is_secret) {
                    spared += 1;
                    self.order.push_back(key);
                    continue;
                }
                known.places -= 1;
                if known.places == 0 {
                    self.lessons.remove(&key);
                }
            }
        }
        self.tidy();
        beyond + disclosures.len().saturating_sub(bound)
    }

    fn insert(&mut self, key: Fingerprint, lesson: Lesson) {
        self.filter.add(key);
        let known = self.lessons.entry(key).or_insert_with(|| Known { lessons: SmallVec::new(), places: 0 });
        // One response may name the same thing a thousand times.
        if self.order.back() != Some(&key) {
            self.order.push_back(key);
            known.places += 1;
        }
        let known = &mut known.lessons;
        if let Some(same) = known.iter_mut().find(|other| other.place() == lesson.place()) {
            if same.time() <= lesson.time() {
                *same = lesson;
            }
            return;
        }
        if known.len() >= LESSONS_PER_KEY
            && let Some(oldest) = (0..known.len()).min_by_key(|at| known.get(*at).map(|old| old.time()))
        {
            known.swap_remove(oldest);
        }
        known.push(lesson);
    }

    /// Takes out the places that count for nothing, once there are more of them than keys: so each is looked at a few
    /// times at most.
    fn tidy(&mut self) {
        if self.order.len() <= 2 * self.lessons.len() + SPARE {
            return;
        }
        let lessons = &mut self.lessons;
        self.order.retain(|key| {
            let Some(known) = lessons.get_mut(key) else { return false };
            known.places -= 1;
            known.places == 0
        });
        lessons.values_mut().for_each(|known| known.places = 1);
    }

    /// The newest lesson by any of `keys`, begun at or before `time`, not before `since`, and not from `place` itself.
    #[must_use]
    pub fn newest(&self, keys: &[Fingerprint], since: Time, time: Time, place: PlaceId) -> Option<&Lesson> {
        let fits = |lesson: &&Lesson| lesson.from() <= time && lesson.time() >= since && lesson.place() != place;
        keys.iter()
            .filter(|key| **key != 0 && self.filter.may_hold(**key))
            .filter_map(|key| self.lessons.get(key))
            .flat_map(|known| &known.lessons)
            .filter(fits)
            .max_by_key(|lesson| lesson.time())
    }

    /// Forgets what was learned before `cut`.
    pub fn age(&mut self, cut: Time) {
        let before = self.lessons.len();
        self.lessons.retain(|_, known| {
            known.lessons.retain(|lesson| lesson.time() >= cut);
            !known.lessons.is_empty()
        });
        if self.lessons.is_empty() {
            *self = Self::default();
        } else if self.lessons.len() < before {
            let lessons = &self.lessons;
            self.order.retain(|key| lessons.contains_key(key));
            self.filter = lessons.keys().copied().collect();
        }
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lessons.is_empty()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        // A value, and its share of what is told of its response.
        let lesson = |lesson: &Lesson| lesson.value().len() + LESSON;
        let of = |known: &Known| {
            let beside = if known.lessons.spilled() { known.lessons.capacity() * size_of::<Lesson>() } else { 0 };
            known.lessons.iter().map(lesson).sum::<usize>() + beside
        };
        self.lessons.capacity() * (size_of::<(Fingerprint, Known)>() + 1)
            + self.order.capacity() * 8
            + self.lessons.values().map(of).sum::<usize>()
    }
}
