//! One attack as a picture: every host is a line, every hop an arrow from host to host, downwards in time, with its
//! cause; and where it was seen.

use super::markup::Markup;
use super::plot::picture;
use super::terminal::{fate, minute, span};
use interdict_detector::simulation::{Hop, Outcome, Report};
use std::fmt::Display;

/// Hops beyond so many are not drawn.
const MOST_HOPS: usize = 10;
const COLUMN: usize = 170;
const ROW: usize = 64;
const LEFT: usize = 100;

/// The attack that shows most: caught, stopped, and small enough to be read; else the first.
pub(super) fn choose(report: &Report) -> Option<&Outcome> {
    let worth = |outcome: &&Outcome| {
        let is_small = outcome.attack.hops.len() <= 6;
        (outcome.caught.is_some(), is_small, outcome.is_stopped(), outcome.attack.hops.len())
    };
    // Of equals the first.
    report.attacks.iter().rev().max_by_key(worth)
}

pub(super) fn attack(markup: &mut Markup, outcome: &Outcome) {
    let hops = outcome.attack.hops.get(..MOST_HOPS.min(outcome.attack.hops.len())).unwrap_or_default();
    let mut hosts: Vec<&str> = Vec::new();
    for host in hops.iter().flat_map(|hop| [hop.source.as_str(), hop.target.as_str()]) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let width = 2 * LEFT + COLUMN * hosts.len().saturating_sub(1).max(2);
    let height = 70 + ROW * hops.len();
    let title = format!("{}: {}", outcome.attack.kind, fate(outcome));
    picture(markup, (width, height), ("attack", &title, &told(hops, outcome)), |markup| {
        arrowhead(markup);
        for (column, host) in hosts.iter().enumerate() {
            let x = LEFT + COLUMN * column;
            line(markup, "life", (x, 40), (x, height - 14), false);
            let frame: [(&'static str, &dyn Display); 6] =
                [("class", &"host"), ("x", &(x - 80)), ("y", &12), ("width", &160), ("height", &28), ("rx", &5)];
            markup.empty("rect", &frame);
            let name: [(&'static str, &dyn Display); 4] =
                [("class", &"label"), ("x", &x), ("y", &31), ("text-anchor", &"middle")];
            markup.leaf("text", &name, &shorten(host, 22));
        }
        for (row, hop) in hops.iter().enumerate() {
            let at = |host: &str| LEFT + COLUMN * hosts.iter().position(|known| *known == host).unwrap_or_default();
            arrow(markup, hop, row, (at(&hop.source), at(&hop.target)), outcome);
        }
    });
    if outcome.attack.hops.len() > hops.len() {
        let more = format!("{} more hops are not drawn.", outcome.attack.hops.len() - hops.len());
        markup.leaf("p", &[], &more);
    }
}

fn arrow(markup: &mut Markup, hop: &Hop, row: usize, (from, to): (usize, usize), outcome: &Outcome) {
    let number = u32::try_from(row + 1).unwrap_or(u32::MAX);
    let is_refused = outcome.refused.is_some_and(|refused| number >= refused);
    let y = 40 + ROW * (row + 1);
    let class = if is_refused {
        "hop refused"
    } else if hop.observed {
        "hop"
    } else {
        "hop unseen"
    };
    let (start, end) = if from <= to { (from + 2, to.saturating_sub(4)) } else { (from - 2, to + 4) };
    line(markup, class, (start, y), (end, y), true);
    // The words stand over the arrow, from its left end, and have a ground of their own.
    let x = from.min(to) + 8;
    let time = hop.time.to_string();
    let time = time.get(5..19).unwrap_or(&time).replace('T', " ");
    let words = format!("{number}  {time}  {} as {}", hop.protocol, hop.account);
    markup.leaf("text", &[("class", &"label halo"), ("x", &x), ("y", &(y - 22))], &words);
    let why = format!("{} {}", hop.cause, shorten(&format!("by {}", hop.actor), 40));
    markup.leaf("text", &[("class", &"axis halo"), ("x", &x), ("y", &(y - 7))], &why);
    let mark = mark(outcome, number);
    if !mark.is_empty() {
        markup.leaf("text", &[("class", &"small strong halo"), ("x", &x), ("y", &(y + 15))], &mark);
    }
}

/// What happened at this hop besides.
fn mark(outcome: &Outcome, hop: u32) -> String {
    let mut marks = Vec::new();
    if let Some(caught) = outcome.caught.as_ref().filter(|caught| caught.hop == hop) {
        marks.push(format!("● caught by {} after {}", shorten(&caught.detection, 30), span(caught.after_us)));
    }
    if outcome.cut == Some(hop) {
        marks.push("✂ session cut".into());
    }
    if outcome.refused == Some(hop) {
        marks.push("✗ refused before it was admitted".into());
    } else if outcome.refused.is_some_and(|refused| hop > refused) {
        marks.push("✗ would not have happened".into());
    }
    marks.join("   ")
}

/// The picture in sentences.
fn told(hops: &[Hop], outcome: &Outcome) -> String {
    let sentence = |(number, hop): (u32, &Hop)| {
        let mark = mark(outcome, number);
        let mark = if mark.is_empty() { mark } else { format!(" {mark}.") };
        format!(
            "Hop {number}, {}: {} goes from {} to {} over {} as {}. {}{mark}",
            minute(hop.time),
            hop.actor,
            hop.source,
            hop.target,
            hop.protocol,
            hop.account,
            hop.cause.line(),
        )
    };
    (1..).zip(hops).map(sentence).collect::<Vec<_>>().join(" ")
}

fn arrowhead(markup: &mut Markup) {
    markup.element("defs", &[], |markup| {
        let attributes: [(&'static str, &dyn Display); 7] = [
            ("id", &"head"),
            ("viewBox", &"0 0 10 10"),
            ("refX", &"9"),
            ("refY", &"5"),
            ("markerWidth", &"7"),
            ("markerHeight", &"7"),
            ("orient", &"auto-start-reverse"),
        ];
        markup.element("marker", &attributes, |markup| {
            markup.empty("path", &[("class", &"head"), ("d", &"M0 0L10 5L0 10z")]);
        });
    });
}

fn line(markup: &mut Markup, class: &str, from: (usize, usize), to: (usize, usize), is_arrow: bool) {
    let attributes: [(&'static str, &dyn Display); 6] = [
        ("class", &class),
        ("x1", &from.0),
        ("y1", &from.1),
        ("x2", &to.0),
        ("y2", &to.1),
        ("marker-end", &if is_arrow { "url(#head)" } else { "none" }),
    ];
    markup.empty("line", &attributes);
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.into() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
