//! The plots: days, kinds and hops, as inline SVG. No figure is told by colour alone: what is false is hatched, and
//! numbers stand beside the shapes.

use super::markup::Markup;
use interdict_detector::simulation::{DayCount, KindCount, Report};

const HEIGHT: usize = 190;

/// The frame of a picture: its name and description are read aloud, its size follows the page.
pub(super) fn picture(
    markup: &mut Markup,
    (width, height): (usize, usize),
    (id, title, description): (&'static str, &str, &str),
    inside: impl FnOnce(&mut Markup),
) {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-description"));
    let named = format!("{title_id} {description_id}");
    markup.element(
        "div",
        &[("class", &"scroll"), ("tabindex", &0), ("role", &"region"), ("aria-label", &title)],
        |markup| {
            let size = format!("0 0 {width} {height}");
            let at_least = format!("min-width:{}px;max-width:{}px", width.min(560), width * 5 / 4);
            let attributes: [(&'static str, &dyn std::fmt::Display); 5] = [
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("viewBox", &size),
                ("role", &"img"),
                ("aria-labelledby", &named),
                ("style", &at_least),
            ];
            markup.element("svg", &attributes, |markup| {
                markup.leaf("title", &[("id", &title_id)], &title);
                markup.leaf("desc", &[("id", &description_id)], &description);
                inside(markup);
            });
        },
    );
}

/// Alerts of each day, the true below the false.
pub(super) fn days(markup: &mut Markup, report: &Report) {
    let days = &report.days;
    let quiet = report.quiet_days as usize;
    let alerts = |day: &DayCount| day.true_alerts + day.false_alerts;
    // The days on which a detector learns would flatten all others.
    let counted = days.iter().skip(quiet).map(alerts).max().unwrap_or_default();
    let most = if counted == 0 { days.iter().map(alerts).max().unwrap_or_default() } else { counted * 3 / 2 };
    let most = most.max(4);
    let step = if days.len() <= 120 { (840 / days.len().max(1)).clamp(7, 60) } else { 7 };
    let width = 60 + step * days.len() + 10;
    let scale = |count: u64| usize::try_from(count.min(most) * 140 / most).unwrap_or_default();
    let told = format!(
        "{} days; {} alerts about attacks and {} false ones. Days up to day {quiet} had no attacks.",
        days.len(),
        days.iter().map(|day| day.true_alerts).sum::<u64>(),
        days.iter().map(|day| day.false_alerts).sum::<u64>(),
    );
    picture(markup, (width.max(300), HEIGHT + 20), ("days", "Alerts per day", &told), |markup| {
        axis(markup, most, width);
        if quiet > 0 {
            let span = step * quiet;
            markup.empty("rect", &[("class", &"quiet"), ("x", &50), ("y", &20), ("width", &span), ("height", &140)]);
            markup.leaf("text", &[("class", &"note"), ("x", &54), ("y", &14)], &"no attacks yet");
        }
        for (number, day) in days.iter().enumerate() {
            let x = 50 + step * number + step / 8;
            let wide = step - (step / 4).max(1);
            // What is there is seen, however much more there is of the other.
            let true_height = scale(day.true_alerts).max(4 * usize::from(day.true_alerts > 0));
            let false_height = scale(day.false_alerts).max(2 * usize::from(day.false_alerts > 0));
            let false_height = false_height.min(140 - true_height.min(140));
            let words = format!(
                "{}: {} true, {} false alerts, {} hops of attacks",
                date(report, number),
                day.true_alerts,
                day.false_alerts,
                day.hops
            );
            markup.element("g", &[], |markup| {
                markup.leaf("title", &[], &words);
                bar(markup, "true", (x, 160 - true_height), (wide, true_height));
                bar(markup, "false", (x, 160 - true_height - false_height), (wide, false_height));
            });
            let middle = x + wide / 2;
            if alerts(day) > most {
                let above: [(&'static str, &dyn std::fmt::Display); 4] =
                    [("class", &"small halo"), ("x", &middle), ("y", &32), ("text-anchor", &"middle")];
                markup.leaf("text", &above, &alerts(day));
            }
            if day.true_alerts > 0 {
                let below: [(&'static str, &dyn std::fmt::Display); 4] =
                    [("class", &"small strong"), ("x", &middle), ("y", &172), ("text-anchor", &"middle")];
                markup.leaf("text", &below, &day.true_alerts);
            }
            if number.is_multiple_of(label_every(days.len(), step)) {
                let label: [(&'static str, &dyn std::fmt::Display); 3] = [("class", &"axis"), ("x", &x), ("y", &190)];
                markup.leaf("text", &label, &date(report, number));
            }
        }
    });
}

/// So many days lie between two that are named.
fn label_every(days: usize, step: usize) -> usize {
    // A date needs about 70 of the picture's units.
    (70_usize.div_ceil(step.max(1))).next_multiple_of(if days > 14 { 7 } else { 1 })
}

/// How many attacks of each kind were caught and stopped.
pub(super) fn kinds(markup: &mut Markup, kinds: &[KindCount]) {
    let most = kinds.iter().map(|kind| kind.attacks).max().unwrap_or(1).max(1);
    let told: Vec<_> =
        kinds.iter().map(|kind| format!("{}: {} of {} caught", kind.kind, kind.caught, kind.attacks)).collect();
    let height = 12 + 30 * kinds.len();
    picture(markup, (620, height), ("kinds", "Attacks caught by kind", &told.join("; ")), |markup| {
        for (row, kind) in kinds.iter().enumerate() {
            let y = 8 + 30 * row;
            let scale = |count: u64| usize::try_from(count * 230 / most).unwrap_or_default();
            let name: [(&'static str, &dyn std::fmt::Display); 4] =
                [("class", &"label"), ("x", &168), ("y", &(y + 14)), ("text-anchor", &"end")];
            markup.leaf("text", &name, &kind.kind);
            bar(markup, "missed", (178, y), (scale(kind.attacks), 20));
            bar(markup, "true", (178, y), (scale(kind.caught), 20));
            let words = format!("{} of {} caught, {} stopped", kind.caught, kind.attacks, kind.stopped);
            markup.leaf("text", &[("class", &"axis"), ("x", &(188 + scale(most))), ("y", &(y + 14))], &words);
        }
    });
}

/// At which hop attacks were caught, and how many never.
pub(super) fn hops(markup: &mut Markup, report: &Report) {
    let mut columns: Vec<(String, u64, &'static str)> =
        (1..).zip(report.hops()).map(|(hop, count)| (format!("hop {hop}"), count, "true")).collect();
    columns.push(("missed".into(), report.attacks.len() as u64 - report.caught(), "missed"));
    let most = columns.iter().map(|(_, count, _)| *count).max().unwrap_or_default().max(4);
    let told: Vec<_> = columns.iter().map(|(name, count, _)| format!("{name}: {count}")).collect();
    let width = 70 + 64 * columns.len();
    picture(markup, (width.max(300), HEIGHT), ("hops", "Hop at detection", &told.join("; ")), |markup| {
        axis(markup, most, width);
        for (number, (name, count, class)) in columns.iter().enumerate() {
            let x = 58 + 64 * number;
            let height = usize::try_from(count * 140 / most).unwrap_or_default();
            bar(markup, class, (x, 160 - height), (44, height));
            let middle = x + 22;
            let value: [(&'static str, &dyn std::fmt::Display); 4] =
                [("class", &"small strong"), ("x", &middle), ("y", &(155 - height)), ("text-anchor", &"middle")];
            markup.leaf("text", &value, count);
            let label: [(&'static str, &dyn std::fmt::Display); 4] =
                [("class", &"axis"), ("x", &middle), ("y", &178), ("text-anchor", &"middle")];
            markup.leaf("text", &label, name);
        }
    });
}

/// `2026-01-05`
pub(super) fn date(report: &Report, day: usize) -> String {
    let seconds = i64::try_from(day).unwrap_or_default() * 86_400;
    let text = report.start.plus_seconds(seconds).to_string();
    text.get(..10).unwrap_or(&text).to_owned()
}

fn bar(markup: &mut Markup, class: &str, (x, y): (usize, usize), (width, height): (usize, usize)) {
    if height > 0 && width > 0 {
        markup.empty("rect", &[("class", &class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
    }
}

/// Three lines across, with their numbers.
fn axis(markup: &mut Markup, most: u64, width: usize) {
    for (share, y) in [(0, 160), (1, 90), (2, 20)] {
        let line: [(&'static str, &dyn std::fmt::Display); 5] =
            [("class", &"grid"), ("x1", &50), ("x2", &width), ("y1", &y), ("y2", &y)];
        markup.empty("line", &line);
        let label: [(&'static str, &dyn std::fmt::Display); 4] =
            [("class", &"axis"), ("x", &44), ("y", &(y + 4)), ("text-anchor", &"end")];
        markup.leaf("text", &label, &(most * share / 2));
    }
}
