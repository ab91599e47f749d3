//! The report as one HTML page: no script, nothing from elsewhere, readable without colour, in the light and in the dark.

use super::drawing;
use super::markup::Markup;
use super::plot;
use super::terminal::{NOISE, fate, minute, noise_row, span};
use interdict_detector::simulation::{Cause, Plan, Report, interval};
use std::fmt::Display;

/// The page.
pub(super) fn render(plan: &Plan, report: &Report) -> String {
    let mut markup = Markup::default();
    markup.ours("<!DOCTYPE html>\n");
    markup.element("html", &[("lang", &"en")], |markup| {
        markup.element("head", &[], head);
        markup.element("body", &[], |markup| {
            hatch(markup);
            markup.element("main", &[], |markup| body(markup, plan, report));
        });
    });
    markup.finish()
}

fn head(markup: &mut Markup) {
    markup.empty("meta", &[("charset", &"utf-8")]);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    markup.empty("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &policy)]);
    markup.empty("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    markup.leaf("title", &[], &"interdict: simulation report");
    markup.element("style", &[], |markup| markup.ours(include_str!("page.css")));
}

/// The hatching of what is false, for all pictures.
fn hatch(markup: &mut Markup) {
    let hidden = "position:absolute;width:0;height:0";
    markup.element("svg", &[("aria-hidden", &"true"), ("style", &hidden)], |markup| {
        markup.element("defs", &[], |markup| {
            let pattern: [(&'static str, &dyn Display); 5] = [
                ("id", &"hatch"),
                ("width", &5),
                ("height", &5),
                ("patternUnits", &"userSpaceOnUse"),
                ("patternTransform", &"rotate(45)"),
            ];
            markup.element("pattern", &pattern, |markup| {
                let line: [(&'static str, &dyn Display); 5] =
                    [("class", &"hatch-line"), ("x1", &0), ("x2", &0), ("y1", &0), ("y2", &5)];
                markup.empty("line", &line);
            });
        });
    });
}

fn body(markup: &mut Markup, plan: &Plan, report: &Report) {
    markup.leaf("h1", &[], &"Simulation report");
    let about = format!(
        "{} days from {}, {} identities, {} events, seed {}. Nobody was stopped while it was played: what verdicts would \
         have refused is counted.",
        report.days.len(),
        plot::date(report, 0),
        plan.identities,
        report.events,
        plan.seed
    );
    markup.leaf("p", &[("class", &"faint")], &about);
    figures(markup, report);
    section(markup, "Alerts per day", |markup| {
        plot::days(markup, report);
        key(markup);
        markup.element("details", &[], |markup| {
            markup.leaf("summary", &[], &"The same in numbers");
            let rows = report.days.iter().enumerate().map(|(number, day)| {
                let counts = [day.events, day.hops, day.true_alerts, day.false_alerts, day.false_blocks];
                std::iter::once(plot::date(report, number)).chain(counts.map(|count| count.to_string())).collect()
            });
            let columns = ["day", "events", "hops of attacks", "true alerts", "false alerts", "false blocks"];
            table(markup, "Counts of each day", &columns, 1, rows);
        });
    });
    if report.attacks.is_empty() {
        section(markup, "Attacks", |markup| markup.leaf("p", &[], &"There were none."));
    } else {
        attacks(markup, report);
    }
    if !report.detections.is_empty() {
        section(markup, "Detections", |markup| {
            let rows = report.detections.iter().map(|count| {
                let counts = [count.first, count.true_alerts, count.false_alerts];
                std::iter::once(count.detection.clone()).chain(counts.map(|count| count.to_string())).collect()
            });
            let columns = ["detection", "attacks caught first", "true alerts", "false alerts"];
            table(markup, "What each detection said", &columns, 1, rows);
        });
    }
    section(markup, "Noise", |markup| noise(markup, report));
}

fn figures(markup: &mut Markup, report: &Report) {
    let (caught, attacks) = (report.caught(), report.attacks.len() as u64);
    let (low, high) = interval(caught, attacks);
    let (blocks, sessions) = report.false_blocks();
    let share = if attacks == 0 {
        "there were none".to_owned()
    } else {
        format!("{:.0} %; {low:.0} to {high:.0} % with 95 % confidence", report.percent())
    };
    let refused = 100_000.0 * blocks as f64 / sessions.max(1) as f64;
    let figures = [
        (format!("{caught} of {attacks}"), format!("attacks caught ({share})")),
        (
            report.stopped().to_string(),
            format!("attacks with a hop refused or cut, {} of them until somebody approves", report.held()),
        ),
        (
            format!("{:.1}", report.false_alerts_per_day()),
            format!("false alerts a day, from day {}", report.quiet_days + 1),
        ),
        (format!("{refused:.0}"), format!("of 100,000 legitimate sessions refused ({blocks} of {sessions})")),
    ];
    markup.element("ul", &[("class", &"figures")], |markup| {
        for (figure, meaning) in &figures {
            markup.element("li", &[], |markup| {
                markup.leaf("b", &[], figure);
                markup.leaf("span", &[("class", &"faint")], meaning);
            });
        }
    });
}

fn attacks(markup: &mut Markup, report: &Report) {
    section(markup, "Attacks caught, by kind", |markup| {
        plot::kinds(markup, &report.kinds);
        markup.leaf(
            "p",
            &[("class", &"faint")],
            &"A dashed frame is all attacks of the kind, the filled part those caught.",
        );
        let meanings = report.kinds.iter().map(|count| vec![count.kind.to_string(), count.kind.line().to_owned()]);
        markup.element("details", &[], |markup| {
            markup.leaf("summary", &[], &"What the kinds are");
            table(markup, "Kinds of attacks", &["kind", "what happens"], 2, meanings);
        });
    });
    section(markup, "Hop at detection", |markup| {
        plot::hops(markup, report);
        let about = "The hop that an attack had reached when it was caught; hop 1 is the foothold.";
        markup.leaf("p", &[("class", &"faint")], &about);
    });
    if let Some(outcome) = drawing::choose(report) {
        let title =
            if outcome.caught.is_some() { "One attack that was caught" } else { "One attack that was missed" };
        section(markup, title, |markup| {
            markup.leaf("p", &[], &outcome.attack.kind.line());
            drawing::attack(markup, outcome);
            if let Some(caught) = &outcome.caught {
                markup.leaf("p", &[], &format!("The alert: {}", caught.title));
            }
            let mut causes: Vec<Cause> = outcome.attack.hops.iter().map(|hop| hop.cause).collect();
            causes.sort_unstable();
            causes.dedup();
            let rows = causes.iter().map(|cause| vec![cause.to_string(), cause.line().to_owned()]);
            table(markup, "Causes of its hops", &["cause", "meaning"], 2, rows);
        });
    }
    section(markup, "All attacks", |markup| {
        let rows = report.attacks.iter().map(|outcome| {
            let first = outcome.attack.hops.first();
            let caught = outcome.caught.as_ref();
            vec![
                outcome.attack.kind.to_string(),
                first.map(|hop| hop.actor.clone()).unwrap_or_default(),
                first.map(|hop| minute(hop.time)).unwrap_or_default(),
                outcome.attack.hops.len().to_string(),
                caught.map_or_else(|| "missed".into(), |caught| caught.detection.clone()),
                caught.map_or_else(String::new, |caught| caught.hop.to_string()),
                caught.map_or_else(String::new, |caught| span(caught.after_us)),
                fate(outcome),
            ]
        });
        let columns = ["kind", "foothold", "start (UTC)", "hops", "caught by", "at hop", "after", "outcome"];
        table(markup, "Every attack and what became of it", &columns, columns.len(), rows);
    });
}

fn noise(markup: &mut Markup, report: &Report) {
    if report.noise.is_empty() {
        markup.leaf("p", &[], &"There was no legitimate activity on the days that count.");
        return;
    }
    let rows = report
        .noise
        .iter()
        .map(|noise| noise_row(noise).into_iter().chain([noise.kind.line().to_owned()]).collect::<Vec<_>>());
    let about = format!("Legitimate activity from day {} on, and what was said of it", report.quiet_days + 1);
    let columns = [&NOISE[..], &["what happens"]].concat();
    table(markup, &about, &columns, 1, rows);
    if report.neutral_alerts > 0 {
        let more = format!(
            "{} more alerts tell of an attack, but not in time or only of its foothold.",
            report.neutral_alerts
        );
        markup.leaf("p", &[("class", &"faint")], &more);
    }
}

fn section(markup: &mut Markup, title: &str, inside: impl FnOnce(&mut Markup)) {
    markup.element("section", &[("aria-label", &title)], |markup| {
        markup.leaf("h2", &[], &title);
        inside(markup);
    });
}

/// What the shapes of the days' picture mean.
fn key(markup: &mut Markup) {
    markup.element("ul", &[("class", &"key")], |markup| {
        for (class, meaning) in
            [("true", "about an attack (filled, counted below)"), ("false", "about legitimate activity (hatched)")]
        {
            markup.element("li", &[], |markup| {
                markup.element("svg", &[("viewBox", &"0 0 20 16"), ("aria-hidden", &"true")], |markup| {
                    let shape: [(&'static str, &dyn Display); 5] =
                        [("class", &class), ("x", &1), ("y", &1), ("width", &18), ("height", &14)];
                    markup.empty("rect", &shape);
                });
                markup.text(&meaning);
            });
        }
        markup.leaf("li", &[], &"A bar that is cut off carries its number.");
    });
}

/// A table; the columns from `words` on that hold numbers only are aligned as numbers.
fn table(
    markup: &mut Markup,
    caption: &str,
    columns: &[&str],
    words: usize,
    rows: impl Iterator<Item = Vec<String>>,
) {
    let is_number = |column: usize, cell: &str| column >= words && cell.bytes().all(|byte| byte.is_ascii_digit());
    markup.element(
        "div",
        &[("class", &"scroll"), ("tabindex", &0), ("role", &"region"), ("aria-label", &caption)],
        |markup| {
            markup.element("table", &[], |markup| {
                markup.leaf("caption", &[], &caption);
                markup.element("thead", &[], |markup| {
                    markup.element("tr", &[], |markup| {
                        for column in columns {
                            markup.leaf("th", &[("scope", &"col")], column);
                        }
                    });
                });
                markup.element("tbody", &[], |markup| {
                    for row in rows {
                        markup.element("tr", &[], |markup| {
                            for (column, cell) in row.iter().enumerate() {
                                let class = if is_number(column, cell) { "number" } else { "words" };
                                markup.leaf("td", &[("class", &class)], cell);
                            }
                        });
                    }
                });
            });
        },
    );
}

#[cfg(test)]
mod tests {
    use super::render;
    use interdict_detector::simulation::{Attack, AttackKind, Cause, Hop, Plan, Report, Tally};
    use interdict_detector::{Detector, Settings};
    use interdict_schemas::{Protocol, Time};

    /// Reads the page to its end; every element is closed in its order, or this fails.
    fn texts(page: &str) -> Vec<String> {
        use quick_xml::events::Event;
        let mut reader = quick_xml::Reader::from_str(page);
        let mut texts = Vec::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Eof => return texts,
                Event::Text(text) => texts.push(text.decode().expect("UTF-8").into_owned()),
                Event::Start(element) | Event::Empty(element) => {
                    for attribute in element.attributes() {
                        let attribute = attribute.expect("an attribute");
                        let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                        assert!(!name.starts_with("on") && name != "src" && name != "href", "{name}");
                    }
                    assert_ne!(element.name().as_ref(), b"script");
                }
                _ => {}
            }
        }
    }

    fn played(plan: &Plan) -> Report {
        let mut stream = plan.stream();
        let (mut tally, mut detector) = (Tally::of(&stream), Detector::new(Settings::default()));
        while let Some((label, event)) = stream.next_labelled() {
            let outputs = detector.observe(&event);
            tally.event(label, &event, &outputs);
        }
        tally.finish()
    }

    #[test]
    fn the_page_is_well_formed_and_takes_nothing_from_elsewhere() {
        let check = |plan: Plan| {
            let page = render(&plan, &played(&plan));
            texts(&page);
            for elsewhere in ["url(http", "@import", "src=", "href=", "<script"] {
                assert!(!page.contains(elsewhere), "{elsewhere}");
            }
        };
        check(Plan { days: 16, identities: 60, sessions_per_day: 200, ..Plan::default() });
        check(Plan { days: 1, identities: 1, sessions_per_day: 0, attacks: 0, ..Plan::default() });
        check(Plan { days: 1, identities: 1, sessions_per_day: 3, attacks: 9, ..Plan::default() });
        check(Plan { days: 400, identities: 2, sessions_per_day: 1, attacks: 1, ..Plan::default() });
    }

    #[test]
    fn hostile_names_stay_text() {
        const HOSTILE: &str = "</title><script>alert('1')</script>\u{202e}\"&\u{1b}[2J";
        let hop = Hop {
            time: Time(0),
            session: "s".into(),
            root: HOSTILE.into(),
            actor: HOSTILE.into(),
            source: HOSTILE.into(),
            target: HOSTILE.into(),
            protocol: Protocol::Ssh,
            account: HOSTILE.into(),
            cause: Cause::Foothold,
            observed: true,
        };
        let attack = Attack { kind: AttackKind::Flagship, hops: vec![hop] };
        let report = Tally::new(Time(0), 1, 0, &[attack]).finish();
        let page = render(&Plan::default(), &report);
        texts(&page);
        assert!(!page.contains("<script"));
        assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
        assert!(page.contains("&lt;script&gt;"));
    }
}
