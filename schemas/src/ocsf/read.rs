//! OCSF lines to events. One pass into the attributes that are used; everything else in a line is skipped without
//! being kept. Only a line with a type mistake is read a second time, to name the attribute.

use super::text::{self, Api};
use super::{Error, MAX_LINE, OBSERVABLES, PRESENTED, STANDS_FOR, channel, user};
use crate::{
    Account, Action, Class, Closed, Decision, DecoyUse, Delegation, Disclosure, DisclosureKind, Effect, Event,
    Identity, Kind, Outcome, Principal, PrincipalKind, Protocol, Refused, Source, Status, Target, Time, Verb, class,
};
use raw::Raw;
use serde::Deserialize;
use serde_json::Value;

mod raw;

/// The last millisecond of the year 9999; later times fit no calendar.
const LAST: i64 = 253_402_300_799_999;

/// One line of OCSF as an event.
///
/// # Errors
/// When the line is too long, is not JSON, lacks an attribute, has one of the wrong type, or is of a class or activity
/// that says nothing here ([`Error::is_foreign`]).
pub fn read_event(line: &[u8]) -> Result<Event, Error> {
    if line.len() > MAX_LINE {
        return Err(Error::Long { length: line.len() });
    }
    match serde_json::from_slice::<Raw<'_>>(line) {
        Ok(raw) => event(raw),
        Err(error) => Err(match serde_json::from_slice::<Value>(line) {
            Ok(value) => raw::diagnose(&value, &error),
            Err(error) => Error::Json { detail: error.to_string() },
        }),
    }
}

/// One OCSF object as an event.
///
/// # Errors
/// As [`read_event`], but for the length, which the caller has bounded.
pub fn read_value(value: &Value) -> Result<Event, Error> {
    match Raw::deserialize(value) {
        Ok(raw) => event(raw),
        Err(error) => Err(raw::diagnose(value, &error)),
    }
}

fn missing<T>(path: &str) -> impl FnOnce() -> Result<T, Error> + '_ {
    move || Err(Error::Missing { path: path.to_owned() })
}

fn required<T>(value: Option<T>, path: &str) -> Result<T, Error> {
    value.map_or_else(missing(path), Ok)
}

/// As [`required`]; an empty text names nothing.
fn filled(value: Option<String>, path: &str) -> Result<String, Error> {
    required(value.filter(|text| !text.is_empty()), path)
}

fn millis(value: i64, path: &str) -> Result<Time, Error> {
    if (0..=LAST).contains(&value) {
        return Ok(Time::from_millis(value));
    }
    Err(Error::Wrong { path: path.to_owned(), expected: "milliseconds since the epoch" })
}

fn event(mut raw: Raw<'_>) -> Result<Event, Error> {
    let class = required(raw.class_uid, "class_uid")?;
    let protocol = match class {
        class::AUTHENTICATION => None,
        class::DATASTORE => Some(Protocol::Postgres),
        class::SSH => Some(Protocol::Ssh),
        class::API => Some(api_service(&raw)?),
        class::HTTP => Some(Protocol::Http),
        class::SMB => Some(Protocol::Smb),
        _ => return Err(Error::Class { class }),
    };
    let activity = required(raw.activity_id, "activity_id")?;
    let id = filled(raw.metadata.as_mut().and_then(|metadata| metadata.uid.take()), "metadata.uid")?;
    let time = millis(required(raw.time, "time")?, "time")?;
    let session = raw.session.take().and_then(|session| session.uid);
    let session = session.or_else(|| raw.actor.as_mut().and_then(|actor| actor.session.take()?.uid));
    let session = filled(session, "actor.session.uid")?;
    let kind = match protocol {
        None => lifecycle(&mut raw, activity, time)?,
        Some(_) => acted(&mut raw, class, activity, &id)?,
    };
    let protocol = match protocol {
        Some(protocol) => protocol,
        None => service(&raw)?,
    };
    let account = match raw.user.take() {
        Some(user) if class == class::AUTHENTICATION => {
            Account { name: user.name.unwrap_or_default(), credential: user.credential_uid }
        }
        _ => Account::default(),
    };
    let (disclosures, presented) = observables(&mut raw);
    Ok(Event {
        id,
        time,
        session,
        identity: identity(&mut raw)?,
        source: source(&mut raw),
        target: target(&mut raw, protocol)?,
        account,
        disclosures,
        presented,
        kind,
    })
}

fn service(raw: &Raw<'_>) -> Result<Protocol, Error> {
    let name = required(raw.service.as_ref().and_then(|service| service.name.as_deref()), "service.name")?;
    protocol(name, "service.name")
}

/// Whose API it is; an event that does not say speaks of Kubernetes.
fn api_service(raw: &Raw<'_>) -> Result<Protocol, Error> {
    let service = raw.api.as_ref().and_then(|api| api.service.as_ref()).and_then(|service| service.name.as_deref());
    service.map_or(Ok(Protocol::Kubernetes), |name| protocol(name, "api.service.name"))
}

fn protocol(name: &str, path: &str) -> Result<Protocol, Error> {
    Protocol::parse(name).ok_or_else(|| Error::Wrong { path: path.to_owned(), expected: "a protocol of interdict's" })
}

fn lifecycle(raw: &mut Raw<'_>, activity: u32, time: Time) -> Result<Kind, Error> {
    let verdict = raw.policy.take().and_then(|policy| policy.uid);
    let detail = raw.message.take().unwrap_or_default();
    let reason = raw.status_detail.take();
    match (activity, raw.status_id) {
        (1, Some(1)) => Ok(Kind::Opened),
        (1, Some(_)) => {
            Ok(Kind::Refused(Refused { reason: reason.unwrap_or_else(|| "unknown".to_owned()), detail, verdict }))
        }
        (1, None) => missing("status_id")(),
        (2, _) => Ok(Kind::Closed(Closed {
            reason: reason.unwrap_or_else(|| "unknown".to_owned()),
            detail,
            verdict,
            opened: raw.start_time.map_or(Ok(time), |at| millis(at, "start_time"))?,
            actions: 0,
            denied: 0,
            bytes_in: 0,
            bytes_out: 0,
        })),
        _ => Err(Error::Activity { class: class::AUTHENTICATION, activity }),
    }
}

fn acted(raw: &mut Raw<'_>, class_uid: u32, activity: u32, id: &str) -> Result<Kind, Error> {
    let correlation = raw.metadata.as_mut().and_then(|metadata| metadata.correlation_uid.take());
    let what = what(raw, class_uid, activity)?;
    let denied = raw.action_id == Some(2);
    let outcome = outcome(raw, class_uid);
    let action = match (what, correlation) {
        (What::Done { class, verb, text, objects }, correlation) => Action {
            id: correlation.unwrap_or_else(|| id.to_owned()),
            class,
            verb,
            text,
            objects,
            parameters_digest: None,
            database: raw.database.take().and_then(|database| database.name),
        },
        // A result names the action it belongs to instead of repeating it.
        (What::Named { class, .. }, Some(action)) => {
            let unknown = Outcome { status: Status::Unknown, ..empty() };
            return Ok(Kind::Resulted { action, class, outcome: outcome.unwrap_or(unknown) });
        }
        (What::Named { path, .. }, None) => return missing(path)(),
    };
    let policies = raw.authorizations.take().unwrap_or_default();
    let policies = policies.into_iter().filter_map(|authorization| authorization.policy?.name).collect();
    if denied {
        let reason = outcome.map(|outcome| outcome.detail).unwrap_or_default();
        return Ok(Kind::Acted {
            action,
            decision: Decision { effect: Effect::Deny, reason, policies },
            outcome: None,
        });
    }
    let decision = Decision { effect: Effect::Allow, reason: String::new(), policies };
    Ok(Kind::Acted { action, decision, outcome })
}

/// What an event of an action says was done: everything, or only the class, and the attribute it lacks.
enum What {
    Done { class: Class, verb: Verb, text: String, objects: Vec<String> },
    Named { class: Class, path: &'static str },
}

fn done(class: Class, verb: Verb, text: String) -> What {
    What::Done { objects: text::objects(class, &text), class, verb, text }
}

fn what(raw: &mut Raw<'_>, class_uid: u32, activity: u32) -> Result<What, Error> {
    match class_uid {
        class::DATASTORE => {
            let verb = match activity {
                1 | 4 | 8 => Verb::Read,
                2 => Verb::Update,
                3 => Verb::Connect,
                5 => Verb::Create,
                6 => Verb::Define,
                7 => Verb::Delete,
                _ => Verb::Other,
            };
            Ok(match raw.query_info.take().and_then(|query| query.query_string) {
                Some(text) => done(Class::Statement, verb, text),
                None => What::Named { class: Class::Statement, path: "query_info.query_string" },
            })
        }
        class::SSH => ssh(raw, activity),
        class::API => Ok(api(raw)),
        class::SMB => Ok(file(raw, activity)),
        _ => Ok(request(raw)),
    }
}

fn ssh(raw: &mut Raw<'_>, activity: u32) -> Result<What, Error> {
    if activity != 6 {
        return Err(Error::Activity { class: class::SSH, activity });
    }
    let command = raw.actor.as_mut().and_then(|actor| actor.process.take()?.cmd_line);
    Ok(match (raw.app_name.as_deref(), command) {
        (Some(channel::FORWARD), _) => {
            // The channel's end is what was done; the session's target is the server that it goes through.
            let Some(proxy) = raw.proxy_endpoint.take() else {
                return Ok(What::Named { class: Class::Forward, path: "proxy_endpoint" });
            };
            let to = required(raw.dst_endpoint.replace(proxy), "dst_endpoint")?;
            let port = to.port.unwrap_or_default();
            let address = to.ip.map(|ip| ip.to_string());
            let mut names = [to.hostname.as_deref(), address.as_deref(), to.name.as_deref()].into_iter().flatten();
            let text = text::forward(required(names.next(), "dst_endpoint.hostname")?, port);
            let others = names.map(|name| text::forward(name, port));
            let objects = std::iter::once(text.clone()).chain(others).collect();
            What::Done { class: Class::Forward, verb: Verb::Connect, text, objects }
        }
        (Some(channel::SHELL), Some(text)) => done(Class::Shell, Verb::Execute, text),
        (Some(channel::SHELL), None) => What::Named { class: Class::Shell, path: "actor.process.cmd_line" },
        (_, Some(text)) => done(Class::Command, Verb::Execute, text),
        (_, None) => What::Named { class: Class::Command, path: "actor.process.cmd_line" },
    })
}

fn api(raw: &mut Raw<'_>) -> What {
    let Some(operation) = raw.api.take().and_then(|api| api.operation) else {
        return What::Named { class: Class::Api, path: "api.operation" };
    };
    let resources = raw.resources.take().unwrap_or_default();
    let Some(resource) = resources.into_iter().next() else {
        return What::Named { class: Class::Api, path: "resources[0]" };
    };
    let Some(kind) = resource.kind else {
        return What::Named { class: Class::Api, path: "resources[0].type" };
    };
    let request = Api {
        operation: &operation,
        resource: &kind,
        namespace: resource.namespace.as_deref(),
        name: resource.name.as_deref(),
    };
    done(Class::Api, request.verb(), request.to_string())
}

fn file(raw: &mut Raw<'_>, activity: u32) -> What {
    let class = Class::File;
    let Some(command) = raw.command.take() else {
        return What::Named { class, path: "command" };
    };
    let Some(path) = raw.file.take().and_then(|file| file.path) else {
        return What::Named { class, path: "file.path" };
    };
    done(class, text::file_verb(activity), format!("{command} {path}"))
}

fn request(raw: &mut Raw<'_>) -> What {
    let class = Class::Request;
    let Some(request) = raw.http_request.take() else {
        return What::Named { class, path: "http_request" };
    };
    let Some(method) = request.http_method else {
        return What::Named { class, path: "http_request.http_method" };
    };
    let Some(path) = request.url.and_then(|url| url.path) else {
        return What::Named { class, path: "http_request.url.path" };
    };
    done(class, text::method_verb(&method), format!("{method} {path}"))
}

fn empty() -> Outcome {
    Outcome {
        status: Status::Unknown,
        code: String::new(),
        detail: String::new(),
        rows: 0,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
    }
}

/// What came of it; nothing if the event says nothing of it (`status_id` absent or 0 and no code).
fn outcome(raw: &mut Raw<'_>, class_uid: u32) -> Option<Outcome> {
    let status = match raw.status_id {
        Some(1) => Status::Success,
        Some(2) => Status::Failure,
        _ => Status::Unknown,
    };
    let code = match raw.http_response.take().and_then(|response| response.code) {
        Some(code) if class_uid == class::HTTP => code.to_string(),
        _ => raw.status_code.take().unwrap_or_default(),
    };
    if status == Status::Unknown && code.is_empty() && raw.duration.is_none() {
        return None;
    }
    let traffic = raw.traffic.take().unwrap_or_default();
    Some(Outcome {
        status,
        code,
        detail: raw.status_detail.take().unwrap_or_default(),
        bytes_in: traffic.bytes_in.unwrap_or_default(),
        bytes_out: traffic.bytes_out.unwrap_or_default(),
        duration_us: raw.duration.unwrap_or_default().saturating_mul(1000),
        ..empty()
    })
}

fn identity(raw: &mut Raw<'_>) -> Result<Identity, Error> {
    let actor = required(raw.actor.take(), "actor")?;
    let root = required(actor.user, "actor.user")?;
    let kind = match root.type_id {
        Some(user::ADMINISTRATOR) => PrincipalKind::Administrator,
        Some(user::SERVICE) => PrincipalKind::Workload,
        _ => PrincipalKind::Person,
    };
    let mut chain = vec![Principal { id: filled(root.uid, "actor.user.uid")?, kind }];
    if let Some(agent) = raw.ai_agent.take() {
        chain.push(Principal { id: filled(agent.uid, "ai_agent.uid")?, kind: PrincipalKind::Agent });
    }
    let issuer = actor.idp.and_then(|idp| idp.uid).unwrap_or_default();
    let mut identity = Identity::new(issuer, chain).map_err(|_| Error::Missing { path: "actor.user".to_owned() })?;
    identity.groups = root.groups.unwrap_or_default().into_iter().filter_map(|group| group.name).collect();
    if let Some(grant) = raw.delegation.take() {
        let id = required(grant.uid, "delegation.uid")?;
        identity.delegation = Some(Delegation { id, parent: grant.parent_uid.unwrap_or_default() });
    }
    Ok(identity)
}

fn source(raw: &mut Raw<'_>) -> Source {
    raw.src_endpoint.take().map_or_else(Source::default, |endpoint| Source {
        address: endpoint.ip,
        port: endpoint.port.unwrap_or_default(),
        host: endpoint.hostname,
        target: endpoint.uid,
    })
}

fn target(raw: &mut Raw<'_>, protocol: Protocol) -> Result<Target, Error> {
    let endpoint = required(raw.dst_endpoint.take(), "dst_endpoint")?;
    let address = || endpoint.ip.map(|ip| ip.to_string());
    let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let name = named(&endpoint.uid).or_else(|| named(&endpoint.hostname)).or_else(address);
    Ok(Target {
        name: required(name, "dst_endpoint.hostname")?,
        protocol,
        host: endpoint.hostname,
        address: endpoint.ip,
        port: endpoint.port.unwrap_or_default(),
        alias: endpoint.name,
    })
}

/// Observables of other names are somebody else's and are passed over.
fn observables(raw: &mut Raw<'_>) -> (Vec<Disclosure>, Vec<DecoyUse>) {
    let kind = |name: &str| -> Option<DisclosureKind> {
        OBSERVABLES.iter().find(|(known, ..)| *known == name).map(|(.., kind)| *kind)
    };
    let (mut disclosures, mut presented) = (Vec::<Disclosure>::new(), Vec::new());
    for observable in raw.observables.take().unwrap_or_default() {
        let (Some(name), Some(value)) = (observable.name, observable.value) else { continue };
        if name == PRESENTED.0 {
            presented.extend(serde_json::from_str::<DecoyUse>(&value));
        } else if name == STANDS_FOR.0 {
            if let Some(learnt) = disclosures.last_mut() {
                learnt.target = Some(value);
            }
        } else if let Some(kind) = kind(&name) {
            disclosures.push(Disclosure { kind, value, target: None });
        }
    }
    (disclosures, presented)
}
