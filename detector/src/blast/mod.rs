//! The blast radius of an identity, a target or a host: where the sessions went that began with it, what was learned
//! on the way, and what could be reached next. Facts in, answer out: no lake, no clock.
//!
//! It is one pass over events in the order of time. A path respects time: a later hop starts after the earlier one was
//! opened, so whatever leads on is known before it does, and only what was reached is kept. Beside that, memory holds
//! the days of each edge that anybody uses, by which habit is known, and the sessions open at a time.
//!
//! A session belongs to the radius when it is one of the subject's, when it comes from a host that was reached before
//! (whoever opens it: who stands on a host can use what others left there), when its root uses what was learned, or
//! when anybody uses a credential that was learned.

mod answer;
mod dot;
mod key;
mod path;
mod web;

pub use answer::{Edge, Involved, Learned, Next, Radius, Reached, Reason, Visitor};
pub use dot::dot;

use crate::asked::Asked;
use crate::detector::is_turned_back;
use crate::open::Open;
use crate::place::source_name;
use interdict_schemas::{Effect, Event, Kind, Time};
use key::Key;
use petgraph::graph::NodeIndex;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use web::{Lesson, Link, Node, Visit, Web};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// An identity (a root or a delegate), a target, or a host by name or address.
    pub subject: String,
    /// The subject's own sessions are looked at from here on.
    pub since: Time,
    /// Nothing later counts.
    pub until: Time,
    /// How many hops from the subject are followed; all if left out.
    pub hops: Option<u32>,
    /// On so many days an edge must have been used to be habit.
    pub habit_days: u32,
}

/// An edge that a root uses, and on how many days it did.
#[derive(Debug, Clone, Copy)]
struct Days {
    count: u32,
    newest: i64,
    last: Time,
}

/// Where sessions of the radius stand: of each root the one nearest to the subject.
type Stays = HashMap<String, HashMap<String, NodeIndex>>;

/// A value learned may come from several places; the newest few explain enough.
const LESSONS_PER_KEY: usize = 4;

/// The pass.
#[derive(Debug)]
pub struct Blast {
    query: Query,
    web: Web,
    // Names, hosts, aliases and addresses of targets seen, each with the target's name.
    names: HashMap<String, String>,
    // Sessions of the radius, by id.
    visits: HashMap<String, NodeIndex>,
    // Sessions that are open and were looked at already, and what their edge was before them.
    open: Open<Option<Days>>,
    stays: Stays,
    taught: HashMap<(String, Key), Vec<NodeIndex>>,
    lessons: HashMap<(NodeIndex, Key), NodeIndex>,
    habits: BTreeMap<(String, String, &'static str), Days>,
    // Who came to the subject, by root, actor and account.
    visitors: BTreeMap<(String, String, String), Visitor>,
    is_known: bool,
}

impl Blast {
    /// A pass that has seen nothing yet.
    #[must_use]
    pub fn new(query: Query) -> Self {
        Self {
            query,
            web: Web::new(),
            names: HashMap::new(),
            visits: HashMap::new(),
            open: Open::default(),
            stays: HashMap::new(),
            taught: HashMap::new(),
            lessons: HashMap::new(),
            habits: BTreeMap::new(),
            visitors: BTreeMap::new(),
            is_known: false,
        }
    }

    /// Takes the next event. Events from before [`Query::since`] tell what is habit.
    pub fn observe(&mut self, event: &Event) {
        if event.time > self.query.until {
            return;
        }
        let is_first_sight = match &event.kind {
            Kind::Opened => {
                let before = self.habits.get(&edge(event)).copied();
                self.open.add(&event.session, before)
            }
            // Whoever acted is not turned back, so what the edge was before is not asked for.
            Kind::Acted { .. } => self.open.add(&event.session, None),
            Kind::Closed(closed) => {
                let before = self.open.end(&event.session);
                if let Some(before) = before.filter(|_| is_turned_back(closed)) {
                    self.turn_back(event, closed.opened, before);
                }
                false
            }
            Kind::Refused(_) => {
                self.name(event);
                false
            }
            Kind::Resulted { .. } => false,
        };
        if is_first_sight {
            self.name(event);
            self.visitor(event);
            self.first_sight(event);
            // After the look at it: an edge is no habit by this very session.
            self.habit(event);
        }
        if let Some(node) = self.visits.get(&event.session) {
            self.follow(*node, event);
        }
    }

    /// The answer; `None` when no event named the subject.
    #[must_use]
    pub fn answer(self) -> Option<Radius> {
        self.is_known.then(|| answer::answer(&self))
    }

    /// Whether the session belongs to the subject itself.
    fn is_subjects(&self, event: &Event) -> bool {
        event.identity.involves(&self.query.subject) || places(event).any(|place| self.is_subject(&place))
    }

    /// Whether a place is the subject, by whichever of its names either is called.
    fn is_subject(&self, place: &str) -> bool {
        let subject = key::folded(&self.query.subject);
        let place = key::folded(place);
        place == subject || self.names.get(&place).is_some_and(|name| self.names.get(&subject) == Some(name))
    }

    /// Takes note of what places are called, and of whether the subject was seen.
    fn name(&mut self, event: &Event) {
        let target = &event.target;
        let address = target.address.map(|address| address.to_canonical().to_string());
        let names = [Some(&target.name), target.host.as_ref(), target.alias.as_ref(), address.as_ref()];
        for name in names.into_iter().flatten() {
            self.names.entry(key::folded(name)).or_insert_with(|| target.name.clone());
        }
        self.is_known = self.is_known || self.is_subjects(event) || self.is_subject(&target.name);
    }

    /// Takes note of who comes to the subject, which leads nowhere from there until a session comes from it.
    fn visitor(&mut self, event: &Event) {
        if event.time < self.query.since || !self.is_subject(&event.target.name) {
            return;
        }
        let (root, actor) = (event.identity.root().id.clone(), event.identity.actor().id.clone());
        let (account, first) = (event.account.name.clone(), event.time);
        let visitor = self.visitors.entry((root.clone(), actor.clone(), account.clone()));
        let visitor = visitor.or_insert(Visitor { root, actor, account, sessions: 0, first, last: first });
        visitor.sessions += 1;
        (visitor.first, visitor.last) = (visitor.first.min(event.time), visitor.last.max(event.time));
    }

    /// A session was judged before its target was dialled: what was taken for a visit was none.
    fn turn_back(&mut self, event: &Event, opened: Time, before: Option<Days>) {
        match before {
            Some(days) => drop(self.habits.insert(edge(event), days)),
            None => drop(self.habits.remove(&edge(event))),
        }
        let by = (event.identity.root().id.clone(), event.identity.actor().id.clone(), event.account.name.clone());
        if opened >= self.query.since
            && self.is_subject(&event.target.name)
            && let Some(visitor) = self.visitors.get_mut(&by)
        {
            visitor.sessions = visitor.sessions.saturating_sub(1);
            if visitor.sessions == 0 {
                self.visitors.remove(&by);
            }
        }
        let Some(node) = self.visits.remove(&event.session) else { return };
        if let Node::Visit(visit) = &mut self.web[node] {
            visit.is_turned_back = true;
        }
        for stays in self.stays.values_mut() {
            stays.retain(|_, stands| *stands != node);
        }
    }

    fn habit(&mut self, event: &Event) {
        let day = event.time.day();
        let days = self.habits.entry(edge(event)).or_insert(Days { count: 0, newest: i64::MIN, last: event.time });
        if day > days.newest {
            days.count += 1;
            days.newest = day;
        }
        days.last = days.last.max(event.time);
    }

    fn is_habitual(&self, event: &Event) -> bool {
        self.habits
            .get(&edge(event))
            .is_some_and(|days| days.count - u32::from(days.newest == event.time.day()) >= self.query.habit_days)
    }

    /// A session seen for the first time joins the radius or does not.
    fn first_sight(&mut self, event: &Event) {
        let is_first = event.time >= self.query.since && self.is_subjects(event);
        let came = self.came_from(event);
        let used = self.used(event);
        let causes = [came.map(|node| (node, Link::Came)), used.map(|node| (node, Link::Used))];
        let depth = causes.iter().flatten().map(|(node, _)| self.depth(*node) + 1).min();
        let Some(depth) = (if is_first { Some(0) } else { depth }) else { return };
        if self.query.hops.is_some_and(|most| depth > most) {
            return;
        }
        let node = self.web.add_node(Node::Visit(Visit {
            id: event.session.clone(),
            opened: event.time,
            root: event.identity.root().id.clone(),
            actor: event.identity.actor().id.clone(),
            source: source_name(event),
            target: event.target.name.clone(),
            protocol: event.target.protocol.name(),
            account: event.account.name.clone(),
            credential: event.account.credential.clone(),
            event: event.id.clone(),
            depth,
            is_turned_back: false,
            asked: Asked::default(),
        }));
        for (cause, link) in causes.into_iter().flatten() {
            self.web.add_edge(cause, node, link);
        }
        self.visits.insert(event.session.clone(), node);
        let root = &event.identity.root().id;
        for place in [Some(&event.target.name), event.target.host.as_ref(), event.target.alias.as_ref()]
            .into_iter()
            .flatten()
            .map(|place| key::folded(place))
            .chain(event.target.address.map(|address| address.to_canonical().to_string()))
        {
            let known = self.stays.get(&place).and_then(|stays| stays.get(root));
            if known.is_none_or(|known| self.depth(*known) >= depth) {
                self.stays.entry(place).or_default().insert(root.clone(), node);
            }
        }
    }

    /// The session of the radius that stood where this one comes from: the nearest to the subject, of the same root
    /// if that is as near, and the newest of these.
    fn came_from(&self, event: &Event) -> Option<NodeIndex> {
        let stays = places(event).find_map(|place| self.stays.get(&key::folded(&place)))?;
        let root = &event.identity.root().id;
        let best = stays.iter().min_by_key(|(other, node)| (self.depth(**node), *other != root, Reverse(**node)));
        best.map(|(_, node)| *node)
    }

    /// What was learned that this session uses. An edge that is habit needs no teaching, but a credential does.
    fn used(&self, event: &Event) -> Option<NodeIndex> {
        let is_habitual = self.is_habitual(event);
        let root = event.identity.root().id.as_str();
        key::used(event)
            .into_iter()
            .filter(|key| !is_habitual || matches!(key, Key::Credential(_)))
            .filter_map(|key| self.taught.get(&key.scoped(root)))
            .flatten()
            .filter(|node| match &self.web[**node] {
                Node::Lesson(lesson) => {
                    let elsewhere = self.visit_of(**node).is_some_and(|visit| visit.target != event.target.name);
                    elsewhere && lesson.target.as_ref().is_none_or(|target| *target == event.target.name)
                }
                Node::Visit(_) => false,
            })
            .min_by_key(|node| (self.depth(**node), Reverse(**node)))
            .copied()
    }

    fn depth(&self, node: NodeIndex) -> u32 {
        match &self.web[node] {
            Node::Visit(visit) => visit.depth,
            Node::Lesson(_) => self.visit_of(node).map_or(0, |visit| visit.depth),
        }
    }

    /// The session in which something was learned.
    fn visit_of(&self, lesson: NodeIndex) -> Option<&Visit> {
        path::teacher(&self.web, lesson).and_then(|node| match &self.web[node] {
            Node::Visit(visit) => Some(visit),
            Node::Lesson(_) => None,
        })
    }

    /// Takes note of what was asked and learned in a session of the radius.
    fn follow(&mut self, node: NodeIndex, event: &Event) {
        let (action, denied) = match &event.kind {
            Kind::Acted { action, decision, .. } => {
                if let Node::Visit(visit) = &mut self.web[node] {
                    visit.asked.note(action, event);
                }
                (Some(action.id.as_str()), decision.effect == Effect::Deny)
            }
            Kind::Resulted { action, .. } => (Some(action.as_str()), false),
            Kind::Opened | Kind::Refused(_) | Kind::Closed(_) => (None, false),
        };
        if denied {
            return;
        }
        let what = match &self.web[node] {
            Node::Visit(visit) if visit.asked.is(action) => visit.asked.what().to_owned(),
            _ => String::new(),
        };
        let root = &event.identity.root().id;
        for disclosure in &event.disclosures {
            let own = key::of(disclosure);
            if let Some(known) = self.lessons.get(&(node, own.clone())) {
                if let Node::Lesson(lesson) = &mut self.web[*known] {
                    lesson.count += 1;
                }
                continue;
            }
            let target = disclosure.target.clone();
            let lesson = self.web.add_node(Node::Lesson(Lesson {
                kind: disclosure.kind,
                value: disclosure.value.clone(),
                target: target.clone(),
                time: event.time,
                event: event.id.clone(),
                what: what.clone(),
                count: 1,
            }));
            self.web.add_edge(node, lesson, Link::Taught);
            self.lessons.insert((node, own.clone()), lesson);
            let by_name = target.filter(|_| own.is_place()).map(|target| Key::Target(key::folded(&target)));
            for key in by_name.into_iter().chain([own]) {
                let known = self.taught.entry(key.scoped(root)).or_default();
                if known.len() == LESSONS_PER_KEY {
                    known.remove(0);
                }
                known.push(lesson);
            }
        }
    }
}

/// The edge that a session uses.
fn edge(event: &Event) -> (String, String, &'static str) {
    (event.identity.root().id.clone(), event.target.name.clone(), event.target.protocol.name())
}

/// The names under which the place that a session comes from may be known, the best first.
fn places(event: &Event) -> impl Iterator<Item = String> {
    let source = &event.source;
    let address = source.address.map(|address| address.to_canonical().to_string());
    [source.target.clone(), source.host.clone(), address].into_iter().flatten().filter(|place| !place.is_empty())
}
