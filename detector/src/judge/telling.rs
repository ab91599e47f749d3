//! A chain as a responder is told it: one line, sentences, hops.

use super::Bench;
use crate::chain::{Hop, Joined, Link};
use crate::words;

/// Who acted, in words.
pub(super) fn who(hop: &Hop, bench: Bench<'_>) -> String {
    let (actor, root) = (bench.actors.name(hop.actor), bench.actors.name(hop.root));
    if hop.actor == hop.root { root.to_owned() } else { format!("{actor}, acting for {root}") }
}

pub(super) fn title(path: &[(&Hop, Option<Joined>)], bench: Bench<'_>) -> String {
    if let Some(title) = path.last().and_then(|(hop, _)| hop.title.as_deref()) {
        return title.to_owned();
    }
    let mut names: Vec<&str> = Vec::new();
    for (hop, _) in path {
        if names.is_empty() {
            names.push(hop.taught.as_ref().map_or(&*hop.source, |teaching| teaching.told().target));
        }
        let target = bench.places.name(hop.edge.place);
        if names.last() != Some(&target) {
            names.push(target);
        }
    }
    let who = path.last().map(|(hop, _)| who(hop, bench)).unwrap_or_default();
    // Nothing was used to get to the next: that is fanning out, not moving on.
    let moves = |(hop, joined): &(&Hop, Option<Joined>)| {
        hop.taught.is_some() || matches!(joined.map(|joined| joined.link), Some(Link::Onward | Link::Switch))
    };
    if path.len() > 2 && !path.iter().any(moves) {
        return format!("{who} fanned out to {} targets from {}", names.len() - 1, names[0]);
    }
    let shown = names.len().saturating_sub(5);
    let from = if shown > 0 { "... -> " } else { "" };
    format!("{who} moved {from}{}", names[shown..].join(" -> "))
}

pub(super) fn explanation(path: &[(&Hop, Option<Joined>)], bench: Bench<'_>) -> String {
    // What is said of a machine is said anew each time.
    if let Some(hop) = path.last().map(|(hop, _)| hop).filter(|hop| hop.title.is_some()) {
        return format!(
            "{} It is cleared if {} is a machine that many share; `detector.shared_sources` names those.",
            hop.evidence, hop.source
        );
    }
    let cleared = path.last().map(|(hop, _)| {
        let (root, actor) = (bench.actors.name(hop.root), bench.actors.name(hop.actor));
        let target = bench.places.name(hop.edge.place);
        format!("It is cleared if the owner of {root} confirms that {actor} was meant to use {target}.")
    });
    let told = path.iter().map(|(hop, joined)| {
        let is_switch = joined.is_some_and(|joined| joined.link == Link::Switch);
        format!("{}{}", if is_switch { "From there, as somebody else: " } else { "" }, hop.evidence)
    });
    let sentences: Vec<String> = told.chain(cleared).collect();
    newest(&sentences)
}

/// As many of the newest sentences as an explanation may have; the last one in any case, if need be cut.
fn newest(sentences: &[String]) -> String {
    let mut room = LONGEST_EXPLANATION;
    let fits = sentences.iter().rev().take_while(|sentence| {
        let has_room = sentence.len() < room;
        room = room.saturating_sub(sentence.len() + 1);
        has_room
    });
    let count = fits.count().max(1);
    let (before, told) = sentences.split_at(sentences.len().saturating_sub(count));
    let mut text = if before.is_empty() { String::new() } else { "... ".to_owned() };
    text.push_str(&told.join(" "));
    text.truncate(text.floor_char_boundary(LONGEST_EXPLANATION));
    text
}

/// Beyond so many bytes an explanation tells no more.
const LONGEST_EXPLANATION: usize = 8 << 10;

/// Events that an alert names at most, as those who read findings bound what they read.
const EVENTS: usize = 64;

/// Of the newest hops those that an alert does not tell of yet, and of these the last for which there is room.
pub(super) fn later(
    told: &[interdict_schemas::Hop],
    newest: Vec<interdict_schemas::Hop>,
) -> Vec<interdict_schemas::Hop> {
    let mut events: usize = told.iter().map(|hop| hop.events.len()).sum();
    let is_new = |hop: &interdict_schemas::Hop| !told.iter().any(|other| other.events == hop.events);
    let has_room = |hop: &interdict_schemas::Hop| {
        events += hop.events.len();
        events <= EVENTS
    };
    let mut later: Vec<_> = newest.into_iter().filter(is_new).rev().take_while(has_room).collect();
    later.reverse();
    later
}

pub(super) fn hops(path: &[(&Hop, Option<Joined>)], bench: Bench<'_>) -> Vec<interdict_schemas::Hop> {
    let mut hops: Vec<interdict_schemas::Hop> = Vec::new();
    for (hop, joined) in path {
        if let Some((teaching, told)) = hop.taught.as_ref().map(|teaching| (teaching, teaching.told()))
            && !hops.iter().any(|other| *other.session == *told.session)
        {
            let events = [told.opening, told.asked, told.event];
            let mut events: Vec<_> = events.into_iter().filter(|id| !id.is_empty()).map(str::to_owned).collect();
            events.dedup();
            hops.push(interdict_schemas::Hop {
                time: teaching.opened,
                session: told.session.to_owned(),
                actor: told.actor.to_owned(),
                source: told.source.to_owned(),
                target: told.target.to_owned(),
                protocol: teaching.edge.protocol.name().into(),
                account: told.account.to_owned(),
                cause: "taught".into(),
                evidence: format!("read {}", words::read(told.what)),
                events,
            });
        }
        let cause = match (joined, &hop.taught) {
            (_, Some(_)) => "disclosed",
            (Some(joined), None) => joined.link.name(),
            (None, None) => "start",
        };
        let mut evidence = hop.evidence.to_string();
        if let Some(Joined { link, likely }) = joined {
            evidence.push_str(&format!(
                " It follows from the hop before by {}, with probability {likely:.2}.",
                link.name()
            ));
        }
        hops.push(interdict_schemas::Hop {
            time: hop.time,
            session: hop.session.to_string(),
            actor: bench.actors.name(hop.actor).into(),
            source: hop.source.to_string(),
            target: bench.places.name(hop.edge.place).into(),
            protocol: hop.edge.protocol.name().into(),
            account: hop.account.to_string(),
            cause: cause.into(),
            evidence,
            events: vec![hop.event.to_string()],
        });
    }
    hops
}
