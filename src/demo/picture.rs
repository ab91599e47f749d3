//! What happened, drawn for a terminal.

use super::report::Report;
use super::say;
use super::story::Outcome;
use interdict_schemas::Hop;

/// The clients' side, step by step.
pub(crate) fn timeline(outcome: &Outcome) {
    say("");
    for step in &outcome.steps {
        let mark = if step.stopped { "✗" } else { "✓" };
        let time = step.at.to_string();
        let time = time.get(11..23).unwrap_or(&time);
        say(format_args!("  {time} {mark} {:<12} {}", step.who, step.did));
        say(format_args!("                 {}", shorten(&step.saw)));
    }
    say("");
}

/// The alert's chain.
pub(crate) fn chain(report: &Report) {
    for alert in &report.pivots {
        say(format_args!("  alert {}  risk {}  {}", alert.id, alert.risk, alert.title));
        for (index, hop) in alert.chain.iter().enumerate() {
            say(line(index, hop));
            let rail = if index + 1 < alert.chain.len() { "│" } else { " " };
            for sentence in hop.evidence.lines() {
                say(format_args!("  {rail}     {sentence}"));
            }
        }
        say("");
        say(format_args!("  {}", alert.explanation));
        say("");
    }
}

fn line(index: usize, hop: &Hop) -> String {
    let arrow = if index == 0 { "●" } else { "└─▶" };
    format!("  {arrow} {} ──{}──▶ {}   ({})", hop.actor, hop.protocol, hop.target, hop.cause)
}

fn shorten(text: &str) -> String {
    const WIDTH: usize = 150;
    if text.chars().count() <= WIDTH { text.into() } else { text.chars().take(WIDTH).chain(['…']).collect() }
}
