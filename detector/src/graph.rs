//! One root's access graph: its actors and who delegated to whom; places (targets and sources) and the sessions
//! between them, each stamped with its time. It holds what was admitted; an attempt that was refused reached nothing.

use crate::learned::{Key, Lesson};
use crate::names::{Marks, Name};
use interdict_schemas::{Protocol, Time};
use petgraph::Direction;
use petgraph::stable_graph::{EdgeIndex, NodeIndex, StableDiGraph};
use std::collections::{HashMap, VecDeque};

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// A principal of the root's delegation tree.
    Actor(Name),
    /// A target, or the host or address that a session came from.
    Place(Name),
}

/// An edge.
#[derive(Debug)]
pub enum Edge {
    /// From the principal that delegated to the one it delegated to.
    Delegation {
        /// The newest session under it.
        seen: Time,
    },
    /// From the place it came from to its target.
    Session(Box<Session>),
}

/// Finds a session; finds nothing once it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId {
    edge: EdgeIndex,
    serial: u64,
}

/// The last action asked for in a session, kept to say in an explanation what was read.
#[derive(Debug, Default)]
pub struct Asked {
    /// The action's id.
    pub action: String,
    /// The event that recorded it.
    pub event: String,
    /// It in a few words.
    pub what: String,
}

/// One session admitted.
#[derive(Debug)]
pub struct Session {
    /// Its id in the events.
    pub id: Box<str>,
    /// When it was admitted.
    pub opened: Time,
    /// Its newest event.
    pub seen: Time,
    /// When it ended, if it did.
    pub closed: Option<Time>,
    /// Who acted.
    pub actor: Name,
    /// The place it came from.
    pub source: Name,
    /// Where it went.
    pub target: Name,
    /// Over which protocol.
    pub protocol: Protocol,
    /// As which account.
    pub account: Name,
    /// The event that showed it first.
    pub opening: Box<str>,
    /// By what it could be using a disclosure.
    pub keys: Box<[Key]>,
    /// What was learned earlier that explains it, unless it is habit.
    pub cause: Option<Lesson>,
    /// The last action asked for.
    pub asked: Asked,
    serial: u64,
}

/// What is known of a session when it is first seen; [`Graph::open`] makes a [`Session`] of it.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Its id in the events.
    pub id: &'a str,
    /// The event that shows it.
    pub event: &'a str,
    /// When it was admitted.
    pub opened: Time,
    /// Who acts.
    pub actor: Name,
    /// From where.
    pub source: Name,
    /// To which target.
    pub target: Name,
    /// Over which protocol.
    pub protocol: Protocol,
    /// As which account.
    pub account: Name,
    /// By what it could be using a disclosure.
    pub keys: Box<[Key]>,
    /// What was learned earlier that explains it.
    pub cause: Option<Lesson>,
}

/// The graph of one root.
#[derive(Debug, Default)]
pub struct Graph {
    graph: StableDiGraph<Node, Edge>,
    nodes: HashMap<Node, NodeIndex>,
    sessions: HashMap<Box<str>, SessionId>,
    // Oldest admission recorded first.
    order: VecDeque<SessionId>,
    serial: u64,
}

impl Graph {
    /// Takes note of a delegation chain, root first.
    pub fn delegate(&mut self, chain: &[Name], time: Time) {
        for pair in chain.windows(2) {
            let [from, to] = pair else { continue };
            let (from, to) = (self.node(Node::Actor(*from)), self.node(Node::Actor(*to)));
            match self.graph.find_edge(from, to).and_then(|edge| self.graph.edge_weight_mut(edge)) {
                Some(Edge::Delegation { seen }) => *seen = time.max(*seen),
                Some(Edge::Session(_)) => {}
                None => {
                    self.graph.add_edge(from, to, Edge::Delegation { seen: time });
                }
            }
        }
    }

    /// Adds a session.
    pub fn open(&mut self, opening: Opening<'_>) -> SessionId {
        self.serial += 1;
        let (from, to) = (self.node(Node::Place(opening.source)), self.node(Node::Place(opening.target)));
        let session = Session {
            id: opening.id.into(),
            opened: opening.opened,
            seen: opening.opened,
            closed: None,
            actor: opening.actor,
            source: opening.source,
            target: opening.target,
            protocol: opening.protocol,
            account: opening.account,
            opening: opening.event.into(),
            keys: opening.keys,
            cause: opening.cause,
            asked: Asked::default(),
            serial: self.serial,
        };
        let edge = self.graph.add_edge(from, to, Edge::Session(Box::new(session)));
        let id = SessionId { edge, serial: self.serial };
        self.sessions.insert(opening.id.into(), id);
        self.order.push_back(id);
        id
    }

    fn node(&mut self, node: Node) -> NodeIndex {
        *self.nodes.entry(node).or_insert_with(|| self.graph.add_node(node))
    }

    /// The session of this id in the events.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<SessionId> {
        self.sessions.get(id).copied()
    }

    /// A session, unless it is forgotten.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        match self.graph.edge_weight(id.edge) {
            Some(Edge::Session(session)) if session.serial == id.serial => Some(session),
            _ => None,
        }
    }

    /// A session to be changed, unless it is forgotten.
    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        match self.graph.edge_weight_mut(id.edge) {
            Some(Edge::Session(session)) if session.serial == id.serial => Some(session),
            _ => None,
        }
    }

    /// Sessions admitted at or after `since`, newest record first. Sessions are recorded in about the order of their
    /// admission; the search ends a minute of event time before `since`.
    pub fn opened_since(&self, since: Time) -> impl Iterator<Item = (SessionId, &Session)> {
        self.order
            .iter()
            .rev()
            .filter_map(|id| self.session(*id).map(|session| (*id, session)))
            .take_while(move |(_, session)| session.opened >= since.plus_seconds(-60))
            .filter(move |(_, session)| session.opened >= since)
    }

    /// The session through which the root stood at `place` at `time`: one that was then open if there is one, else
    /// the newest that had been.
    #[must_use]
    pub fn reached(&self, place: Name, time: Time) -> Option<&Session> {
        let node = *self.nodes.get(&Node::Place(place))?;
        self.graph
            .edges_directed(node, Direction::Incoming)
            .filter_map(|edge| match edge.weight() {
                Edge::Session(session) if session.opened <= time && session.source != place => Some(&**session),
                _ => None,
            })
            .max_by_key(|session| (session.closed.is_none_or(|end| end >= time), session.opened, session.serial))
    }

    /// Whether `to` acts by delegation from `from`, directly or through others.
    #[must_use]
    pub fn delegated(&self, from: Name, to: Name) -> bool {
        let (Some(from), Some(to)) = (self.nodes.get(&Node::Actor(from)), self.nodes.get(&Node::Actor(to))) else {
            return false;
        };
        from != to && petgraph::algo::has_path_connecting(&self.graph, *from, *to, None)
    }

    /// Forgets sessions and delegations not seen since `cut`, then the oldest sessions beyond `bound`; says how many the bound cost.
    pub fn age(&mut self, cut: Time, bound: usize) -> usize {
        let mut kept = std::mem::take(&mut self.order);
        kept.retain(|id| {
            let stays = self.session(*id).is_some_and(|session| session.seen >= cut);
            if !stays {
                self.forget(*id);
            }
            stays
        });
        let beyond = kept.len().saturating_sub(bound);
        for id in kept.drain(..beyond) {
            self.forget(id);
        }
        self.order = kept;
        let graph = &mut self.graph;
        graph.retain_edges(|graph, edge| !matches!(graph[edge], Edge::Delegation { seen } if seen < cut));
        self.nodes.retain(|_, index| {
            let stays = graph.neighbors_undirected(*index).next().is_some();
            if !stays {
                graph.remove_node(*index);
            }
            stays
        });
        beyond
    }

    fn forget(&mut self, id: SessionId) {
        if self.session(id).is_some()
            && let Some(Edge::Session(session)) = self.graph.remove_edge(id.edge)
            && self.sessions.get(&session.id) == Some(&id)
        {
            self.sessions.remove(&session.id);
        }
    }

    /// How many sessions are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Marks the names in use.
    pub fn mark(&self, marks: &mut Marks) {
        for node in self.nodes.keys() {
            let (Node::Actor(name) | Node::Place(name)) = node;
            marks.mark(*name);
        }
        for (_, session) in self.order.iter().filter_map(|id| self.session(*id).map(|session| (id, session))) {
            marks.mark(session.actor);
            marks.mark(session.account);
            for key in &session.keys {
                match key {
                    Key::Target(name) | Key::Host(name) | Key::Account(name) | Key::Credential(name) => {
                        marks.mark(*name);
                    }
                    Key::Address(_) => {}
                }
            }
            if let Some(lesson) = &session.cause {
                marks.mark(lesson.value);
                marks.mark(lesson.teaching.actor);
                marks.mark(lesson.teaching.target);
            }
        }
    }
}
