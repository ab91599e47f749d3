//! What a pass comes to: sessions, lessons and prospects, each kind once, each with the shortest path that leads there.

use super::web::{Link, Node};
use super::{Blast, key, path};
use interdict_schemas::{DisclosureKind, Hop, Time};
use petgraph::visit::EdgeRef;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The blast radius of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Radius {
    /// Of whom or what.
    pub subject: String,
    /// Who came to it, if it is a target or a host: their accounts there are as exposed as it is.
    pub visitors: Vec<Visitor>,
    /// Who acted in it.
    pub identities: Vec<Involved>,
    /// What was reached, in the order in which it was.
    pub reached: Vec<Reached>,
    /// What was learned, in the order in which it was.
    pub learned: Vec<Learned>,
    /// What could be reached next, what is surest first.
    pub next: Vec<Next>,
    /// Sessions between places and what pointed from one to another, for a picture.
    pub edges: Vec<Edge>,
}

/// Somebody who opened sessions to the subject as one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visitor {
    /// The root.
    pub root: String,
    /// Who acted.
    pub actor: String,
    /// As which account; empty if not known.
    pub account: String,
    /// In how many sessions.
    pub sessions: u64,
    /// When the first was opened.
    pub first: Time,
    /// When the last was opened.
    pub last: Time,
}

/// A root and one principal that acted for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Involved {
    /// The root.
    pub root: String,
    /// Who acted.
    pub actor: String,
    /// In how many sessions.
    pub sessions: u64,
}

/// A target that was reached as one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The target.
    pub target: String,
    /// Over which protocol.
    pub protocol: String,
    /// As which account; empty if not known.
    pub account: String,
    /// Hops from the subject; 0 for its own sessions.
    pub hops: u32,
    /// Sessions.
    pub sessions: u64,
    /// When the first was opened.
    pub first: Time,
    /// When the last was opened.
    pub last: Time,
    /// The way to the first of those nearest to the subject.
    pub path: Vec<Hop>,
}

/// A value that was learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Learned {
    /// What kind of value.
    pub kind: DisclosureKind,
    /// The value; for a credential its fingerprint.
    pub value: String,
    /// The target it stands for, if known.
    pub target: Option<String>,
    /// When it was first learned.
    pub first: Time,
    /// Responses that carried it.
    pub times: u64,
    /// The way to the session in which it was first learned.
    pub path: Vec<Hop>,
}

/// Why something could be reached next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A credential or an account was disclosed.
    Credential,
    /// A response named it.
    Named,
    /// An identity that is involved uses it habitually.
    Habit,
}

impl Reason {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Named => "named",
            Self::Habit => "habit",
        }
    }
}

/// Something that could be reached next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// Why.
    pub reason: Reason,
    /// The target; the value that was learned where no target is known by it.
    pub target: String,
    /// The account or the credential's fingerprint, if one was learned.
    pub account: Option<String>,
    /// Since when it could be.
    pub since: Time,
    /// The evidence in words.
    pub evidence: String,
    /// The way to where it begins.
    pub path: Vec<Hop>,
}

/// Something that leads from one place to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The place it leads from.
    pub from: String,
    /// The place it leads to.
    pub to: String,
    /// Who went, over which protocol; or what was learned.
    pub label: String,
    /// `session`, `learned`, or a [`Reason`]'s name for what was not gone yet.
    pub kind: String,
    /// How often.
    pub times: u64,
    /// The first time.
    pub first: Time,
}

pub(super) fn answer(blast: &Blast) -> Radius {
    let reached = reached(blast);
    let learned = learned(blast);
    let next = next(blast, &reached, &learned);
    let edges = edges(blast, &next);
    Radius {
        subject: blast.query.subject.clone(),
        visitors: blast.visitors.values().cloned().collect(),
        identities: identities(blast),
        reached,
        learned,
        next,
        edges,
    }
}

fn identities(blast: &Blast) -> Vec<Involved> {
    let mut all: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for node in blast.web.node_weights() {
        if let Node::Visit(visit) = node {
            *all.entry((&visit.root, &visit.actor)).or_default() += 1;
        }
    }
    let involved = |((root, actor), sessions): ((&str, &str), u64)| Involved {
        root: root.into(),
        actor: actor.into(),
        sessions,
    };
    all.into_iter().map(involved).collect()
}

fn reached(blast: &Blast) -> Vec<Reached> {
    let mut all: BTreeMap<(&str, &str, &str), (Reached, petgraph::graph::NodeIndex)> = BTreeMap::new();
    for node in blast.web.node_indices() {
        let Some(visit) = blast.web[node].reached() else { continue };
        let slot = all.entry((&visit.target, visit.protocol, &visit.account)).or_insert_with(|| {
            let reached = Reached {
                target: visit.target.clone(),
                protocol: visit.protocol.into(),
                account: visit.account.clone(),
                hops: visit.depth,
                sessions: 0,
                first: visit.opened,
                last: visit.opened,
                path: Vec::new(),
            };
            (reached, node)
        });
        let (reached, nearest) = slot;
        reached.sessions += 1;
        reached.first = reached.first.min(visit.opened);
        reached.last = reached.last.max(visit.opened);
        if visit.depth < reached.hops {
            (reached.hops, *nearest) = (visit.depth, node);
        }
    }
    let mut all: Vec<_> = all
        .into_values()
        .map(|(reached, nearest)| Reached { path: path::to(&blast.web, nearest), ..reached })
        .collect();
    all.sort_by_key(|reached| reached.first);
    all
}

fn learned(blast: &Blast) -> Vec<Learned> {
    let mut all: BTreeMap<(&str, &str, Option<&str>), Learned> = BTreeMap::new();
    for node in blast.web.node_indices() {
        let Node::Lesson(lesson) = &blast.web[node] else { continue };
        let known = all.entry((lesson.kind.name(), &lesson.value, lesson.target.as_deref()));
        known.and_modify(|known| known.times += lesson.count).or_insert_with(|| Learned {
            kind: lesson.kind,
            value: lesson.value.clone(),
            target: lesson.target.clone(),
            first: lesson.time,
            times: lesson.count,
            path: path::to(&blast.web, node),
        });
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|learned| learned.first);
    all
}

fn next(blast: &Blast, reached: &[Reached], learned: &[Learned]) -> Vec<Next> {
    let targets: HashSet<&str> = reached.iter().map(|reached| reached.target.as_str()).collect();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for lesson in learned {
        let place = |value: &str| blast.names.get(&key::folded(value)).cloned();
        let secret = matches!(lesson.kind, DisclosureKind::Account | DisclosureKind::Credential);
        let named = if secret { None } else { place(&lesson.value).or_else(|| Some(lesson.value.clone())) };
        let target = lesson.target.clone().or(named).unwrap_or_default();
        let is_used = if secret { is_used(blast, lesson) } else { targets.contains(target.as_str()) };
        let account = secret.then(|| lesson.value.clone());
        if is_used || !seen.insert((target.clone(), account.clone())) {
            continue;
        }
        let evidence = lesson.path.last().map(|hop| hop.evidence.clone()).unwrap_or_default();
        let reason = if secret { Reason::Credential } else { Reason::Named };
        all.push(Next { reason, target, account, since: lesson.first, evidence, path: lesson.path.clone() });
    }
    let mut first: BTreeMap<&str, petgraph::graph::NodeIndex> = BTreeMap::new();
    for node in blast.web.node_indices() {
        if let Node::Visit(visit) = &blast.web[node] {
            first.entry(&visit.root).or_insert(node);
        }
    }
    for ((root, target, protocol), days) in &blast.habits {
        let Some(node) = first.get(root.as_str()) else { continue };
        if days.count < blast.query.habit_days || targets.contains(target.as_str()) {
            continue;
        }
        let path = path::to(&blast.web, *node);
        all.push(Next {
            reason: Reason::Habit,
            target: target.clone(),
            account: None,
            since: path.last().map(|hop| hop.time).unwrap_or_default(),
            evidence: format!(
                "{root} opened it over {protocol} on {} days, the last time at {}",
                days.count, days.last
            ),
            path,
        });
    }
    all.sort_by_key(|next| (next.reason, next.since));
    all
}

/// Whether a session of the radius used the account or the credential where it was disclosed for.
fn is_used(blast: &Blast, lesson: &Learned) -> bool {
    blast.web.node_weights().filter_map(Node::reached).any(|visit| {
        let there = lesson.target.as_ref().is_none_or(|target| *target == visit.target);
        match lesson.kind {
            DisclosureKind::Credential => visit.credential.as_ref() == Some(&lesson.value),
            _ => there && key::folded(&visit.account) == key::folded(&lesson.value),
        }
    })
}

fn edges(blast: &Blast, next: &[Next]) -> Vec<Edge> {
    let mut all: BTreeMap<(String, String, String, String), (u64, Time)> = BTreeMap::new();
    let mut add = |from: &str, to: &str, label: String, kind: &str, time: Time| {
        let slot = all.entry((from.into(), to.into(), label, kind.into())).or_insert((0, time));
        slot.0 += 1;
        slot.1 = slot.1.min(time);
    };
    for node in blast.web.node_indices() {
        match &blast.web[node] {
            Node::Visit(visit) if visit.is_turned_back => {}
            Node::Visit(visit) => {
                let label = format!("{} {}", visit.actor, visit.protocol);
                add(&visit.source, &visit.target, label, "session", visit.opened);
            }
            Node::Lesson(lesson) => {
                let used = blast.web.edges(node).filter(|edge| *edge.weight() == Link::Used);
                for edge in used {
                    if let Some(teacher) = blast.visit_of(node)
                        && let Some(user) = blast.web[edge.target()].reached()
                    {
                        add(&teacher.target, &user.target, lesson.words(), "learned", lesson.time);
                    }
                }
            }
        }
    }
    for next in next {
        let from = next.path.last().map(|hop| hop.target.clone()).unwrap_or_default();
        let label = next.account.clone().unwrap_or_default();
        add(&from, &next.target, label, next.reason.name(), next.since);
    }
    let edge = |((from, to, label, kind), (times, first))| Edge { from, to, label, kind, times, first };
    all.into_iter().map(edge).collect()
}
