//! The path that leads to a node: back along the causes, always to the one nearest to the subject.

use super::web::{Lesson, Link, Node, Visit, Web};
use interdict_schemas::Hop;
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

/// The session in which something was learned.
pub(super) fn teacher(web: &Web, lesson: NodeIndex) -> Option<NodeIndex> {
    web.edges_directed(lesson, Direction::Incoming).next().map(|edge| edge.source())
}

/// Hops of one path at most, counted from its end: each of many nodes tells its own.
const LONGEST: usize = 64;

/// The hops from the subject to a session, or to the session in which something was learned.
pub(super) fn to(web: &Web, node: NodeIndex) -> Vec<Hop> {
    let mut hops = Vec::new();
    let (mut next, mut taught) = match &web[node] {
        Node::Visit(_) => (Some(node), None),
        Node::Lesson(lesson) => (teacher(web, node), Some(lesson)),
    };
    while let Some(at) = next
        && hops.len() < LONGEST
        && let Node::Visit(visit) = &web[at]
    {
        let mut hop = hop(visit);
        next = None;
        let mut used = None;
        if let Some((cause, link)) = cause(web, at) {
            match (&web[cause], link) {
                (Node::Lesson(lesson), Link::Used) => {
                    hop.cause = "disclosed".into();
                    hop.evidence = format!("{} of it was learned before", lesson.words());
                    used = Some(lesson);
                    next = teacher(web, cause);
                }
                (Node::Visit(before), _) => {
                    hop.cause = "lineage".into();
                    hop.evidence = came(visit, before);
                    next = Some(cause);
                }
                (Node::Lesson(_), _) => {}
            }
        }
        if let Some(lesson) = taught.take() {
            learned(&mut hop, visit, lesson);
        }
        taught = used;
        hops.push(hop);
    }
    hops.reverse();
    hops
}

/// The cause nearest to the subject; what was learned explains more than where it came from.
fn cause(web: &Web, node: NodeIndex) -> Option<(NodeIndex, Link)> {
    let depth = |node: NodeIndex| match &web[node] {
        Node::Visit(visit) => visit.depth,
        Node::Lesson(_) => {
            teacher(web, node).map_or(0, |node| if let Node::Visit(visit) = &web[node] { visit.depth } else { 0 })
        }
    };
    web.edges_directed(node, Direction::Incoming)
        .map(|edge| (edge.source(), *edge.weight()))
        .min_by_key(|(cause, link)| (depth(*cause), *link != Link::Used, *cause))
}

fn came(visit: &Visit, before: &Visit) -> String {
    let stranger = if visit.root == before.root { "" } else { "; another identity on the same host" };
    format!("it came from {}, where {} had been since {}{stranger}", visit.source, before.actor, before.opened)
}

fn learned(hop: &mut Hop, visit: &Visit, lesson: &Lesson) {
    if !hop.evidence.is_empty() {
        hop.evidence.push_str("; ");
    }
    hop.evidence.push_str(&lesson.read(&visit.actor));
    if !hop.events.contains(&lesson.event) {
        hop.events.push(lesson.event.clone());
    }
}

fn hop(visit: &Visit) -> Hop {
    Hop {
        time: visit.opened,
        session: visit.id.clone(),
        actor: visit.actor.clone(),
        source: visit.source.clone(),
        target: visit.target.clone(),
        protocol: visit.protocol.into(),
        account: visit.account.clone(),
        cause: "start".into(),
        evidence: String::new(),
        events: vec![visit.event.clone()],
    }
}
