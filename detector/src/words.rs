//! Causes in words.

use crate::learned::Lesson;
use interdict_schemas::{DisclosureKind, Time};

/// `host name bastion-2.internal`
#[must_use]
pub(crate) fn value(kind: DisclosureKind, value: &str) -> String {
    let value: String = value.chars().take(LONGEST).collect();
    format!("{} {value}", kind.name().replace('_', " "))
}

/// `once`, `twice`, `3 times`
#[must_use]
pub(crate) fn times(count: usize) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}

/// `hosts.inventory`, or `a response` if it is not known what was read.
#[must_use]
pub(crate) fn read(what: &str) -> &str {
    if what.is_empty() { "a response" } else { what }
}

/// `dana read hosts.inventory on config-db at 2026-…; the answer held host name bastion-2`. Where it was is left out
/// if it is told beside it.
#[must_use]
pub(crate) fn learned(actor: &str, what: &str, place: Option<&str>, time: Time, value: &str) -> String {
    let on = place.map_or_else(String::new, |place| format!(" on {place}"));
    format!("{actor} read {}{on} at {time}; the answer held {value}", read(what))
}

/// `dana read hosts.inventory on config-db at 2026-…; the answer held host name bastion-2; 41 s later it was used for
/// bastion-2`
#[must_use]
pub(crate) fn used(lesson: &Lesson, time: Time, target: &str) -> String {
    let told = lesson.teaching().told();
    let value = value(lesson.kind, lesson.value());
    let learned = learned(told.actor, told.what, Some(told.target), lesson.time(), &value);
    format!("{learned}; {} later it was used for {target}", span(time.micros_since(lesson.time())))
}

/// `41 s`, `12 min`, `5 h`, `3 days`
#[must_use]
pub(crate) fn span(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    match seconds {
        ..180 => format!("{seconds} s"),
        180..10_800 => format!("{} min", seconds / 60),
        10_800..259_200 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 target`, `2 targets`
#[must_use]
pub(crate) fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Texts in alerts are cut after this many characters.
const LONGEST: usize = 120;

/// Adds what an action was, in a few words: what it touched, or its text.
pub(crate) fn describe(action: &interdict_schemas::Action, to: &mut String) {
    let from = to.len();
    for object in action.objects.iter().filter(|object| !object.is_empty()).take(3) {
        to.push_str(if to.len() == from { "" } else { ", " });
        to.extend(object.chars().take(LONGEST));
    }
    if to.len() == from {
        to.extend(action.text.chars().take(LONGEST));
    }
}
