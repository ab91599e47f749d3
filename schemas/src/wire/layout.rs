//! How events and stamps lie in a record's bytes: the messages of `record.proto` that are read and written without
//! copying. Reading, writing and passing over all come from this one description.

use super::field::{Fault, Field, Form, Input, Message, Part, message, put_message};
use crate::list::List;

message! {
    Stamp { 1 proxy: &'a str, 2 spool: &'a str, 3 sequence: u64, 4 previous: &'a [u8] }
    Principal { 1 id: &'a str, 2 kind: i32 }
    Identity {
        1 issuer: &'a str,
        2 chain: List<Principal<'a>>,
        3 groups: List<&'a str>,
        4 delegation: &'a str,
        5 parent_delegation: &'a str
    }
    Source { 1 address: &'a str, 2 port: u32, 3 host: &'a str, 4 target: &'a str }
    Target {
        1 name: &'a str,
        2 protocol: &'a str,
        3 host: &'a str,
        4 address: &'a str,
        5 port: u32,
        6 alias: &'a str
    }
    Account { 1 name: &'a str, 2 credential: &'a str }
    Disclosure { 1 kind: i32, 2 value: &'a str, 3 target: &'a str }
    DecoyUse { 1 session: &'a str, 2 field: &'a str, 3 target: &'a str, 4 place: i32 }
    Action {
        1 id: &'a str,
        2 class: i32,
        3 verb: &'a str,
        4 text: &'a str,
        5 objects: List<&'a str>,
        6 parameters_digest: &'a str,
        7 database: &'a str
    }
    Decision { 1 effect: i32, 2 reason: &'a str, 3 policies: List<&'a str> }
    Outcome {
        1 status: i32,
        2 code: &'a str,
        3 detail: &'a str,
        4 rows: u64,
        5 bytes_in: u64,
        6 bytes_out: u64,
        7 duration_us: u64
    }
    Opened {}
    Refused { 1 reason: &'a str, 2 detail: &'a str, 3 verdict: &'a str }
    Closed {
        1 reason: &'a str,
        2 detail: &'a str,
        3 verdict: &'a str,
        4 opened_us: i64,
        5 actions: u64,
        6 denied: u64,
        7 bytes_in: u64,
        8 bytes_out: u64
    }
    Acted { 1 action: Option<Action<'a>>, 2 decision: Option<Decision<'a>>, 3 outcome: Option<Outcome<'a>> }
    Resulted { 1 action: &'a str, 2 class: i32, 3 outcome: Option<Outcome<'a>> }
    Event {
        1 id: &'a str,
        2 time_us: i64,
        3 session: &'a str,
        4 identity: Part<'a, Identity<'a>>,
        5 source: Part<'a, Source<'a>>,
        6 target: Part<'a, Target<'a>>,
        7 account: Part<'a, Account<'a>>,
        8 disclosures: List<Disclosure<'a>, 0>,
        9 presented: List<DecoyUse<'a>, 0>;
        kind: Kind { 20 Opened, 21 Refused, 22 Closed, 23 Acted, 24 Resulted }
    }
}
