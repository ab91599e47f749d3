//! The attributes of OCSF that are read, all optional, and the search for the one that has the wrong type.

use super::super::Error;
use crate::class;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::net::IpAddr;

/// Defines structs whose fields are all optional.
macro_rules! optional {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $kind:ty),+ $(,)? })+) => {
        $(#[derive(Deserialize, Default)]
        pub(super) struct $name { $($(#[$meta])* pub(super) $field: Option<$kind>),+ })+
    };
}

optional! {
    Metadata { uid: String, correlation_uid: String }
    Actor { user: User, session: Uid, process: Process, idp: Uid }
    User { uid: String, name: String, type_id: u32, credential_uid: String, groups: Vec<Named> }
    Uid { uid: String }
    Named { name: String }
    Process { cmd_line: String }
    Grant { uid: String, parent_uid: String }
    Endpoint { uid: String, name: String, hostname: String, ip: IpAddr, port: u16 }
    Query { query_string: String }
    Api { operation: String, service: Named }
    File { path: String }
    Resource { #[serde(rename = "type")] kind: String, name: String, namespace: String }
    Request { http_method: String, url: Url }
    Url { path: String }
    Response { code: u32 }
    Traffic { bytes_in: u64, bytes_out: u64 }
    Authorization { policy: Named }
}

/// The name is compared and dropped, so it is borrowed from the line.
#[derive(Deserialize)]
pub(super) struct Observable<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) value: Option<String>,
}

/// One event as it stands in a line.
#[derive(Deserialize)]
pub(super) struct Raw<'a> {
    pub(super) class_uid: Option<u32>,
    pub(super) activity_id: Option<u32>,
    pub(super) action_id: Option<u32>,
    pub(super) status_id: Option<u32>,
    pub(super) status_code: Option<String>,
    pub(super) status_detail: Option<String>,
    pub(super) message: Option<String>,
    pub(super) time: Option<i64>,
    pub(super) start_time: Option<i64>,
    pub(super) duration: Option<u64>,
    pub(super) metadata: Option<Metadata>,
    pub(super) actor: Option<Actor>,
    pub(super) ai_agent: Option<Uid>,
    pub(super) delegation: Option<Grant>,
    pub(super) src_endpoint: Option<Endpoint>,
    pub(super) dst_endpoint: Option<Endpoint>,
    pub(super) proxy_endpoint: Option<Endpoint>,
    pub(super) user: Option<User>,
    pub(super) service: Option<Named>,
    pub(super) session: Option<Uid>,
    pub(super) query_info: Option<Query>,
    pub(super) database: Option<Named>,
    pub(super) app_name: Option<String>,
    pub(super) api: Option<Api>,
    pub(super) command: Option<String>,
    pub(super) file: Option<File>,
    pub(super) resources: Option<Vec<Resource>>,
    pub(super) http_request: Option<Request>,
    pub(super) http_response: Option<Response>,
    pub(super) traffic: Option<Traffic>,
    pub(super) policy: Option<Uid>,
    pub(super) authorizations: Option<Vec<Authorization>>,
    #[serde(borrow, default)]
    pub(super) observables: Option<Vec<Observable<'a>>>,
}

/// What an attribute must be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Count,
    Millis,
    Port,
    Address,
    Object,
    List,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number from 0 to 4294967295",
            Self::Count => "a whole number, 0 or more",
            Self::Millis => "milliseconds since the epoch, a whole number",
            Self::Port => "a whole number from 0 to 65535",
            Self::Address => "an IP address in a string",
            Self::Object => "an object",
            Self::List => "a list",
        }
    }

    fn holds(self, value: &Value) -> bool {
        let number = |limit: u64| value.as_u64().is_some_and(|number| number <= limit);
        match self {
            Self::Text => value.is_string(),
            Self::Number => number(u64::from(u32::MAX)),
            Self::Count => number(u64::MAX),
            Self::Millis => value.is_i64() || value.as_i64().is_some(),
            Self::Port => number(u64::from(u16::MAX)),
            Self::Address => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
        }
    }
}

/// Every attribute that is read, containers before what they contain.
const ATTRIBUTES: &[(&str, Kind)] = {
    use Kind::{Address, Count, List, Millis, Number, Object, Port, Text};
    &[
        ("class_uid", Number),
        ("activity_id", Number),
        ("action_id", Number),
        ("status_id", Number),
        ("status_code", Text),
        ("status_detail", Text),
        ("message", Text),
        ("time", Millis),
        ("start_time", Millis),
        ("duration", Count),
        ("metadata", Object),
        ("metadata.uid", Text),
        ("metadata.correlation_uid", Text),
        ("actor", Object),
        ("actor.user", Object),
        ("actor.user.uid", Text),
        ("actor.user.name", Text),
        ("actor.user.type_id", Number),
        ("actor.user.credential_uid", Text),
        ("actor.user.groups", List),
        ("actor.user.groups[]", Object),
        ("actor.user.groups[].name", Text),
        ("actor.session", Object),
        ("actor.session.uid", Text),
        ("actor.process", Object),
        ("actor.process.cmd_line", Text),
        ("actor.idp", Object),
        ("actor.idp.uid", Text),
        ("ai_agent", Object),
        ("ai_agent.uid", Text),
        ("delegation", Object),
        ("delegation.uid", Text),
        ("delegation.parent_uid", Text),
        ("src_endpoint", Object),
        ("src_endpoint.uid", Text),
        ("src_endpoint.name", Text),
        ("src_endpoint.hostname", Text),
        ("src_endpoint.ip", Address),
        ("src_endpoint.port", Port),
        ("dst_endpoint", Object),
        ("dst_endpoint.uid", Text),
        ("dst_endpoint.name", Text),
        ("dst_endpoint.hostname", Text),
        ("dst_endpoint.ip", Address),
        ("dst_endpoint.port", Port),
        ("proxy_endpoint", Object),
        ("proxy_endpoint.uid", Text),
        ("proxy_endpoint.name", Text),
        ("proxy_endpoint.hostname", Text),
        ("proxy_endpoint.ip", Address),
        ("proxy_endpoint.port", Port),
        ("user", Object),
        ("user.uid", Text),
        ("user.name", Text),
        ("user.type_id", Number),
        ("user.credential_uid", Text),
        ("user.groups", List),
        ("user.groups[]", Object),
        ("user.groups[].name", Text),
        ("service", Object),
        ("service.name", Text),
        ("session", Object),
        ("session.uid", Text),
        ("query_info", Object),
        ("query_info.query_string", Text),
        ("database", Object),
        ("database.name", Text),
        ("app_name", Text),
        ("api", Object),
        ("api.operation", Text),
        ("api.service", Object),
        ("api.service.name", Text),
        ("command", Text),
        ("file", Object),
        ("file.path", Text),
        ("resources", List),
        ("resources[]", Object),
        ("resources[].type", Text),
        ("resources[].name", Text),
        ("resources[].namespace", Text),
        ("http_request", Object),
        ("http_request.http_method", Text),
        ("http_request.url", Object),
        ("http_request.url.path", Text),
        ("http_response", Object),
        ("http_response.code", Number),
        ("traffic", Object),
        ("traffic.bytes_in", Count),
        ("traffic.bytes_out", Count),
        ("policy", Object),
        ("policy.uid", Text),
        ("authorizations", List),
        ("authorizations[]", Object),
        ("authorizations[].policy", Object),
        ("authorizations[].policy.name", Text),
        ("observables", List),
        ("observables[]", Object),
        ("observables[].name", Text),
        ("observables[].value", Text),
    ]
};

/// Names the attribute because of which `value` could not be read.
pub(super) fn diagnose(value: &Value, error: &serde_json::Error) -> Error {
    if !value.is_object() {
        return Error::Wrong { path: "the line".to_owned(), expected: "an object" };
    }
    // What another class means by an attribute is its own business.
    let ours = [class::AUTHENTICATION, class::HTTP, class::SMB, class::SSH, class::API, class::DATASTORE];
    if let Some(class) = value.get("class_uid").and_then(Value::as_u64).and_then(|class| u32::try_from(class).ok())
        && !ours.contains(&class)
    {
        return Error::Class { class };
    }
    ATTRIBUTES
        .iter()
        .find_map(|(path, kind)| wrong(value, path, *kind).map(|path| Error::Wrong { path, expected: kind.words() }))
        // A key that stands twice is the one thing that only the parser sees.
        .unwrap_or_else(|| Error::Json { detail: error.to_string() })
}

/// The path of the first value under `path` that is not of this kind. What is absent or null is not wrong.
fn wrong(value: &Value, path: &str, kind: Kind) -> Option<String> {
    let (segment, rest) = path.split_once('.').unwrap_or((path, ""));
    let key = segment.trim_end_matches("[]");
    let found = value.get(key).filter(|found| !found.is_null())?;
    let descend = |found: &Value, name: String| {
        if rest.is_empty() {
            (!kind.holds(found)).then_some(name)
        } else {
            wrong(found, rest, kind).map(|inner| format!("{name}.{inner}"))
        }
    };
    if key.len() == segment.len() {
        return descend(found, key.to_owned());
    }
    let items = found.as_array()?.iter().enumerate();
    items.into_iter().find_map(|(index, item)| descend(item, format!("{key}[{index}]")))
}
