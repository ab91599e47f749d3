//! Many targets that the root never opened before, within a short time. Onboarding and roll-outs look like this too,
//! so it is worth a low alert and no verdict. It is raised at the threshold and each time the burst has doubled.

use super::{Detection, Finding, Signals, Strength, View};
use crate::chain;
use crate::habit::Edge;
use crate::root::Sight;
use interdict_schemas::{Event, attack};

#[derive(Debug)]
pub(super) struct NewEdgeBurst;

impl Detection for NewEdgeBurst {
    fn name(&self) -> &'static str {
        "new_edge_burst"
    }

    fn observe(&self, view: View<'_>, event: &Event) -> Vec<Finding> {
        let Sight::Opened(id) = view.sight else { return Vec::new() };
        let Some(newest) = view.root.graph.session(*id) else { return Vec::new() };
        let is_first = |session: &crate::graph::Session| {
            let edge = Edge { target: session.target, protocol: session.protocol };
            view.root.habit.edge(edge).is_some_and(|record| record.first == session.opened)
        };
        if !is_first(newest) {
            return Vec::new();
        }
        let since = newest.opened.plus_seconds(view.settings.burst_window_s.saturating_neg());
        let mut burst: Vec<_> = view
            .root
            .graph
            .opened_since(since)
            .map(|(_, session)| session)
            .filter(|session| session.opened <= newest.opened && is_first(session))
            .collect();
        burst.reverse();
        let mut targets: Vec<_> = burst.iter().map(|session| session.target).collect();
        targets.sort_unstable();
        targets.dedup();
        let count = targets.len();
        let threshold = view.settings.burst_targets;
        if threshold == 0 || count < threshold || !is_doubling(count, threshold) {
            return Vec::new();
        }
        let Some(first) = burst.first() else { return Vec::new() };
        let root = &event.identity.root().id;
        let hops: Vec<_> = burst.iter().take(chain::LONGEST).map(|session| chain::hop(view, session)).collect();
        vec![Finding {
            detection: self.name(),
            start: first.id.to_string(),
            actor: event.identity.actor().id.clone(),
            time: event.time,
            trigger: event.id.clone(),
            title: format!("{root} opened {count} targets it never used before"),
            explanation: format!(
                "From {} to {} {root} opened {count} targets that it had never opened before, the first of them {} and \
                 the last {}. It is cleared if a roll-out, a new task or a scan by {root} was planned for then.",
                first.opened,
                newest.opened,
                view.text(first.target),
                view.text(newest.target),
            ),
            chain: hops,
            techniques: vec![attack::service_discovery()],
            signals: Signals {
                strength: Strength::Rarity,
                days_known: 0,
                gap_s: newest.opened.0.saturating_sub(first.opened.0) / 1_000_000,
                credential: false,
                handed_on: false,
                new_targets: count,
            },
        }]
    }
}

fn is_doubling(count: usize, threshold: usize) -> bool {
    count.is_multiple_of(threshold) && (count / threshold).is_power_of_two()
}
