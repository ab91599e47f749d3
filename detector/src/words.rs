//! Causes in words.

use crate::learned::{Lesson, Teaching};
use interdict_schemas::{DisclosureKind, Time};

/// `host name bastion-2.internal`
#[must_use]
pub(crate) fn value(lesson: &Lesson) -> String {
    let kind = match lesson.kind {
        DisclosureKind::HostName => "host name",
        DisclosureKind::Address => "address",
        DisclosureKind::Alias => "alias",
        DisclosureKind::Account => "account",
        DisclosureKind::Credential => "credential",
        DisclosureKind::Decoy => "decoy",
    };
    format!("{kind} {}", lesson.value)
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
pub(crate) fn read(teaching: &Teaching) -> &str {
    if teaching.what.is_empty() { "a response" } else { &teaching.what }
}

/// `dana read hosts.inventory on config-db at 2026-…; the answer held host name bastion-2; 41 s later it was used for
/// bastion-2`
#[must_use]
pub(crate) fn used(lesson: &Lesson, time: Time, target: &str) -> String {
    let teaching = &lesson.teaching;
    format!(
        "{} read {} on {} at {}; the answer held {}; {} later it was used for {target}",
        teaching.actor,
        read(teaching),
        teaching.target,
        teaching.time,
        value(lesson),
        span(time.micros_since(teaching.time)),
    )
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
pub(crate) const LONGEST: usize = 120;

/// What an action was, in a few words: what it touched, or its text.
pub(crate) fn describe(action: &interdict_schemas::Action, what: &mut String) {
    what.clear();
    let objects = action.objects.iter().filter(|object| !object.is_empty()).take(3);
    for (at, object) in objects.enumerate() {
        what.push_str(if at == 0 { "" } else { ", " });
        what.extend(object.chars().take(LONGEST));
    }
    if what.is_empty() {
        what.extend(action.text.chars().take(LONGEST));
    }
}
