//! Which OCSF 1.9 class and activity an event is. The lake's columns and the OCSF view share this one table, so they
//! cannot disagree.

use crate::borrowed::{ActionRef, KindRef};
use crate::{Class, Event, Verb};

/// Authentication: a session opens, is refused, or closes.
pub const AUTHENTICATION: u32 = 3002;
/// HTTP Activity.
pub const HTTP: u32 = 4002;
/// SSH Activity.
pub const SSH: u32 = 4007;
/// SMB Activity.
pub const SMB: u32 = 4006;
/// API Activity: Kubernetes, clouds, remote procedures.
pub const API: u32 = 6003;
/// Datastore Activity: SQL.
pub const DATASTORE: u32 = 6005;

/// The event's `class_uid` and `activity_id`. Rows that stand in lakes are compared with them, so what they are of an event
/// never changes.
///
/// A result does not repeat what was done, so its activity is 0 (Unknown), but for SSH, where there is only traffic;
/// the action it refers to has the activity.
#[must_use]
pub fn of(event: &Event) -> (u32, u32) {
    of_kind(&(&event.kind).into())
}

pub(crate) fn of_kind(kind: &KindRef<'_>) -> (u32, u32) {
    match kind {
        KindRef::Opened | KindRef::Refused(_) => (AUTHENTICATION, 1),
        KindRef::Closed(..) => (AUTHENTICATION, 2),
        KindRef::Acted { action, .. } => (uid(action.class), activity(action)),
        KindRef::Resulted { class, .. } => (uid(*class), if uid(*class) == SSH { TRAFFIC } else { 0 }),
    }
}

const TRAFFIC: u32 = 6;

const fn uid(class: Class) -> u32 {
    match class {
        Class::Statement => DATASTORE,
        Class::Command | Class::Shell | Class::Forward => SSH,
        Class::Request => HTTP,
        Class::Api => API,
        Class::File => SMB,
    }
}

fn activity(action: &ActionRef<'_>) -> u32 {
    match action.class {
        Class::Command | Class::Shell | Class::Forward => TRAFFIC,
        Class::Statement => match action.verb {
            Verb::Read => 4,
            Verb::Update => 2,
            Verb::Create => 5,
            Verb::Define => 6,
            Verb::Delete => 7,
            Verb::Connect => 3,
            Verb::Execute | Verb::Other => 99,
        },
        Class::Api => match action.verb {
            Verb::Create | Verb::Execute | Verb::Connect => 1,
            Verb::Read => 2,
            Verb::Update => 3,
            Verb::Delete => 4,
            Verb::Define | Verb::Other => 99,
        },
        Class::File => match action.verb {
            Verb::Read => 2,
            Verb::Create => 3,
            Verb::Update => 5,
            _ => 99,
        },
        Class::Request => {
            let method = action.text.split(' ').next().unwrap_or_default();
            METHODS.iter().find(|(name, _)| *name == method).map_or(99, |(_, activity)| *activity)
        }
    }
}

const METHODS: [(&str, u32); 9] = [
    ("CONNECT", 1),
    ("DELETE", 2),
    ("GET", 3),
    ("HEAD", 4),
    ("OPTIONS", 5),
    ("POST", 6),
    ("PUT", 7),
    ("TRACE", 8),
    ("PATCH", 9),
];
