//! The radius as Graphviz reads it: places are nodes; sessions are solid, what was learned dashed, what could come next
//! dotted.

use super::Radius;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The radius in the DOT language.
#[must_use]
pub fn dot(radius: &Radius) -> String {
    let mut text = String::from("digraph blast_radius {\n  rankdir=LR;\n  node [shape=box];\n");
    let reached: BTreeSet<&str> = radius.reached.iter().map(|reached| reached.target.as_str()).collect();
    let places: BTreeSet<&str> = radius.edges.iter().flat_map(|edge| [&*edge.from, &*edge.to]).collect();
    for place in places {
        let style = if reached.contains(place) { "filled" } else { "dashed" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {} [style={style}];", quoted(place));
    }
    for edge in &radius.edges {
        let style = match edge.kind.as_str() {
            "session" => "solid",
            "learned" => "dashed",
            _ => "dotted",
        };
        let mut label = if edge.label.is_empty() { edge.kind.clone() } else { edge.label.clone() };
        if edge.times > 1 {
            let _ = write!(label, " x{}", edge.times);
        }
        let _ = writeln!(
            text,
            "  {} -> {} [style={style}, label={}, tooltip={}];",
            quoted(&edge.from),
            quoted(&edge.to),
            quoted(&label),
            quoted(&edge.first.to_string())
        );
    }
    text.push_str("}\n");
    text
}

/// A string of the DOT language. What it holds was typed by others: nothing in it may end the string or start an
/// escape.
fn quoted(text: &str) -> String {
    let text = if text.is_empty() { "(unknown)" } else { text };
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}
