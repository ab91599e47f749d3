//! The report for a terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use interdict_detector::simulation::{NoiseCount, Outcome, Plan, Report, interval};
use interdict_queries::neutral;
use std::io::Write;

/// Attacks beyond so many are in the JSON and on the page only.
const MOST_ATTACKS: usize = 40;

/// What is told of a kind of legitimate activity.
pub(super) const NOISE: [&str; 6] =
    ["kind", "sessions", "false alerts", "would be refused", "of these held", "for an attack's identity"];

/// It, in that order.
pub(super) fn noise_row(noise: &NoiseCount) -> [String; 6] {
    let [sessions, alerts, blocks, holds, collateral] =
        [noise.sessions, noise.alerts, noise.blocks, noise.holds, noise.collateral].map(|count| count.to_string());
    [noise.kind.to_string(), sessions, alerts, blocks, holds, collateral]
}

pub(super) fn print(plan: &Plan, report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let (caught, attacks) = (report.caught(), report.attacks.len() as u64);
    let (low, high) = interval(caught, attacks);
    let (blocks, sessions) = report.false_blocks();
    writeln!(
        out,
        "{} days, {} identities, {} events, seed {}",
        report.days.len(),
        plan.identities,
        report.events,
        plan.seed
    )?;
    if attacks == 0 {
        writeln!(out, "no attacks")?;
    } else {
        writeln!(
            out,
            "caught {caught} of {attacks} attacks: {:.0} % ({low:.0} to {high:.0} % with 95 % confidence); {} stopped, \
             {} of them until somebody approves",
            report.percent(),
            report.stopped(),
            report.held(),
        )?;
    }
    writeln!(
        out,
        "{:.1} false alerts a day; {blocks} of {sessions} legitimate sessions would have been refused, {} of them until \
         somebody approves; both from day {} on",
        report.false_alerts_per_day(),
        report.false_holds(),
        report.quiet_days + 1
    )?;
    writeln!(out)?;
    timelines(report, out)?;
    if attacks > 0 {
        writeln!(out, "\nAttacks")?;
        writeln!(out, "{}", attack_table(report))?;
        if report.attacks.len() > MOST_ATTACKS {
            writeln!(out, "{} more; --json and --html have all", report.attacks.len() - MOST_ATTACKS)?;
        }
    }
    if !report.detections.is_empty() {
        writeln!(out, "\nDetections")?;
        let mut table = table(&["detection", "attacks caught first", "true alerts", "false alerts"]);
        for count in &report.detections {
            table.add_row([
                neutral(&count.detection).into_owned(),
                count.first.to_string(),
                count.true_alerts.to_string(),
                count.false_alerts.to_string(),
            ]);
        }
        writeln!(out, "{}", numbers(table))?;
    }
    if !report.noise.is_empty() {
        writeln!(out, "\nNoise by kind of legitimate activity, from day {} on", report.quiet_days + 1)?;
        let mut table = table(&NOISE);
        for noise in &report.noise {
            table.add_row(noise_row(noise));
        }
        writeln!(out, "{}", numbers(table))?;
    }
    out.flush()
}

/// What became of an attack, in a few words.
pub(super) fn fate(outcome: &Outcome) -> String {
    let [cuts, refuses] = if outcome.held { ["held", "held"] } else { ["cut", "refused"] };
    match (outcome.cut, outcome.refused, &outcome.caught) {
        (Some(cut), Some(refused), _) => format!("hop {cut} {cuts}, hop {refused} {refuses}"),
        (Some(cut), None, _) => format!("hop {cut} {cuts}"),
        (None, Some(refused), _) => format!("hop {refused} {refuses}"),
        (None, None, Some(_)) => "alert only".into(),
        (None, None, None) => "went on".into(),
    }
}

/// Microseconds as a person says it.
pub(super) fn span(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        0 => format!("{} ms", micros / 1000),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn attack_table(report: &Report) -> Table {
    let mut table = table(&["kind", "foothold", "start", "hops", "caught by", "at hop", "after", "outcome"]);
    for outcome in report.attacks.iter().take(MOST_ATTACKS) {
        let first = outcome.attack.hops.first();
        let caught = outcome.caught.as_ref();
        table.add_row([
            outcome.attack.kind.to_string(),
            first.map(|hop| neutral(&hop.actor).into_owned()).unwrap_or_default(),
            first.map(|hop| minute(hop.time)).unwrap_or_default(),
            outcome.attack.hops.len().to_string(),
            caught.map_or_else(|| "missed".into(), |caught| neutral(&caught.detection).into_owned()),
            caught.map_or_else(String::new, |caught| caught.hop.to_string()),
            caught.map_or_else(String::new, |caught| span(caught.after_us)),
            fate(outcome),
        ]);
    }
    table
}

/// `2026-01-20 14:03`
pub(super) fn minute(time: interdict_schemas::Time) -> String {
    let text = time.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

fn timelines(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let lines: [(&str, Vec<u64>); 4] = [
        ("hops of attacks", report.days.iter().map(|day| day.hops).collect()),
        ("true alerts", report.days.iter().map(|day| day.true_alerts).collect()),
        ("false alerts", report.days.iter().map(|day| day.false_alerts).collect()),
        ("false blocks", report.days.iter().map(|day| day.false_blocks).collect()),
    ];
    for (name, counts) in lines {
        let most = counts.iter().max().copied().unwrap_or_default();
        writeln!(out, "{name:>16}  {}  at most {most} a day", sparkline(&counts))?;
    }
    Ok(())
}

/// One character a day; a day with anything is never blank.
fn sparkline(counts: &[u64]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().max().copied().unwrap_or_default().max(1);
    let bar = |count: &u64| {
        let height = usize::try_from((count * 8).div_ceil(most)).unwrap_or(8);
        BARS.get(height).copied().unwrap_or('█')
    };
    counts.iter().map(bar).collect()
}

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns);
    table
}

/// All columns but the first hold numbers.
fn numbers(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{span, sparkline};

    #[test]
    fn a_day_with_anything_is_never_blank() {
        assert_eq!(sparkline(&[0, 1, 400, 800]), " ▁▄█");
        assert_eq!(sparkline(&[0, 0]), "  ");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn a_span_is_told_in_its_largest_fitting_unit() {
        let check = |micros, expected| assert_eq!(span(micros), expected);
        check(0, "0 ms");
        check(999_999, "999 ms");
        check(119_000_000, "119 s");
        check(7_199_000_000, "119 min");
        check(7_200_000_000, "2 h");
    }
}
