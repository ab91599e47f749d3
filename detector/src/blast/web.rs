//! The radius as a graph: sessions and what was learned in them, joined by cause. Whatever leads to a node was added
//! before it, so the graph has no circles and every path respects time.

use crate::asked::Asked;
use crate::words;
use interdict_schemas::{DisclosureKind, Time};
use petgraph::graph::DiGraph;

/// The graph.
pub(super) type Web = DiGraph<Node, Link>;

/// Why one node leads to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// From a session to one that comes from where it stood.
    Came,
    /// From a session to what was learned in it.
    Taught,
    /// From what was learned to the session that uses it.
    Used,
}

/// A node.
#[derive(Debug)]
pub(super) enum Node {
    /// A session.
    Visit(Visit),
    /// Something learned.
    Lesson(Lesson),
}

/// A session of the radius.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) id: String,
    pub(super) opened: Time,
    pub(super) root: String,
    pub(super) actor: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) protocol: &'static str,
    pub(super) account: String,
    pub(super) credential: Option<String>,
    /// The event that showed it first.
    pub(super) event: String,
    /// Hops from the subject; 0 for its own.
    pub(super) depth: u32,
    /// Whether it was judged before its target was dialled.
    pub(super) is_turned_back: bool,
    /// The last action asked for.
    pub(super) asked: Asked,
}

impl Node {
    /// The session that it is, if that reached anything.
    pub(super) const fn reached(&self) -> Option<&Visit> {
        match self {
            Self::Visit(visit) if !visit.is_turned_back => Some(visit),
            _ => None,
        }
    }
}

/// A value learned in one session.
#[derive(Debug)]
pub(super) struct Lesson {
    pub(super) kind: DisclosureKind,
    pub(super) value: String,
    /// The inventory's name of what it stands for, if known.
    pub(super) target: Option<String>,
    pub(super) time: Time,
    /// The event that carried it first.
    pub(super) event: String,
    /// What was read; empty if not known.
    pub(super) what: String,
    /// Responses of the session that carried it.
    pub(super) count: u64,
}

impl Lesson {
    /// `host name bastion.internal`
    pub(super) fn words(&self) -> String {
        words::value(self.kind, &self.value)
    }

    /// `planner read hosts at 2026-…; the answer held host name bastion.internal`
    pub(super) fn read(&self, actor: &str) -> String {
        words::learned(actor, &self.what, None, self.time, &self.words())
    }
}
