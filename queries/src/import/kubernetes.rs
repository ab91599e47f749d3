//! Kubernetes audit logs: one `audit.k8s.io/v1` Event a line, at its last stage.
//!
//! Who: the authenticated user with its groups; an impersonated user is its delegate. From where: the last of
//! `sourceIPs`, the only one that a client cannot write itself, and the pod that a service account's token belongs to.
//! The log knows no sessions and not its own cluster's name: a session is one user from one source with one credential
//! on one day, and the target is `kubernetes`. A token that is issued is a disclosed credential, by the id under which its later use
//! is logged.

use super::bounded::Sorted;
use super::draft::{self, Deed, Draft, Ids, outcome, refused};
use super::value::{at, checked, name, object, required, text, time};
use super::{Format, Head, Reader, Record, Skip, contains};
use interdict_schemas::{
    Account, Class, DisclosureKind, Event, Identity, Principal, PrincipalKind, Protocol, Source, Status, Target,
    Time, Verb,
};
use serde_json::Value;
use std::collections::VecDeque;

const ISSUER: &str = "kubernetes";

#[derive(Debug)]
pub(super) struct Kubernetes;

impl Format for Kubernetes {
    fn name(&self) -> &'static str {
        ISSUER
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        head.any(|line| line.starts_with(b"{") && contains(line, b"\"audit.k8s.io/"))
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Audit>::default()
    }
}

#[derive(Default)]
struct Audit {
    sorted: Sorted<Event>,
}

impl Reader for Audit {
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let event = event(&object(record.text)?, record)?;
        let weight = draft::weight(&event);
        // A request is logged when it ends, and a watch ends long after it began.
        self.sorted.push(event.time, event, weight);
        while let Some(event) = self.sorted.overflow() {
            out.push_back(event);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut VecDeque<Event>) {
        while let Some(event) = self.sorted.pop() {
            out.push_back(event);
        }
    }
}

fn event(line: &Value, record: &Record<'_>) -> Result<Event, Skip> {
    if !text(line, "apiVersion").starts_with("audit.k8s.io/") || text(line, "kind") != "Event" {
        return Err(Skip::Foreign("kind"));
    }
    // Earlier stages of the same request say nothing that the last does not.
    if !matches!(required(line, "stage")?, "ResponseComplete" | "Panic") {
        return Err(Skip::Foreign("stage"));
    }
    let (began, ended) = (required(line, "requestReceivedTimestamp")?, name(line, "stageTimestamp")?);
    let began = time(began, "requestReceivedTimestamp")?;
    let ended = ended.map_or(Ok(began), |ended| time(ended, "stageTimestamp"))?;
    let identity = identity(line)?;
    let source = source(line)?;
    let credential = extra(line, "authentication.kubernetes.io/credential-id")?;
    let from = source.address.map(|address| address.to_string()).unwrap_or_default();
    let session = format!("{identity}@{from}/{}/{}", credential.unwrap_or_default(), began.day());
    let draft = Draft {
        time: began,
        session,
        account: Account { name: identity.actor().id.clone(), credential: credential.map(str::to_owned) },
        identity,
        source,
        target: Target { host: None, ..draft::target(ISSUER, Protocol::Kubernetes, 0) },
    };
    let mut ids = match name(line, "auditID")? {
        // Clients may choose the id themselves, but not when it arrives: none hides behind another's.
        Some(id) => Ids::from(format!("{ISSUER}-{id}-{}", began.0)),
        None => Ids::of(ISSUER, record),
    };
    let code = at(line, "responseStatus.code").and_then(Value::as_u64).unwrap_or_default();
    let words = text(line, "responseStatus.message");
    if code == 401 {
        return Ok(draft.event(&mut ids, refused("token", words)));
    }
    Ok(draft.did(&mut ids, deed(line, code, words, began, ended)?))
}

fn deed(line: &Value, code: u64, words: &str, began: Time, ended: Time) -> Result<Deed, Skip> {
    let verb = required(line, "verb")?;
    let kind = name(line, "objectRef.resource")?.unwrap_or_default();
    let subresource = name(line, "objectRef.subresource")?.unwrap_or_default();
    let namespace = name(line, "objectRef.namespace")?;
    let object = name(line, "objectRef.name")?.unwrap_or_default();
    let resource = match (kind, subresource) {
        // What is no resource has only its path.
        ("", _) => text(line, "requestURI").split('?').next().unwrap_or_default().to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, subresource) => format!("{kind}/{subresource}"),
    };
    let text = match (namespace, object) {
        (Some(namespace), object) => format!("{verb} {resource} {namespace}/{object}"),
        (None, "") => format!("{verb} {resource}"),
        (None, object) => format!("{verb} {resource} {object}"),
    };
    let status = match code {
        0 => Status::Unknown,
        1..400 => Status::Success,
        _ => Status::Failure,
    };
    let mut done = outcome(status, &if code == 0 { String::new() } else { code.to_string() }, words);
    done.duration_us = u64::try_from(ended.micros_since(began)).unwrap_or_default();
    let annotation = |key: &str| line.get("annotations").and_then(|all| all.get(key)).and_then(Value::as_str);
    let denied = (annotation("authorization.k8s.io/decision") == Some("forbid") || code == 403).then(|| {
        let reason = annotation("authorization.k8s.io/reason").filter(|reason| !reason.is_empty());
        reason.unwrap_or(words).to_owned()
    });
    let mut deed =
        Deed::new(Class::Api, self::verb(verb, subresource), text).on(resource).came_to(done).denied(denied);
    if let Some(issued) = annotation("authentication.kubernetes.io/issued-credential-id") {
        let issued = checked(issued, "annotations.authentication.kubernetes.io/issued-credential-id")?;
        if let Some(issued) = issued {
            deed = deed.taught(DisclosureKind::Credential, issued, None);
        }
    }
    Ok(deed)
}

fn verb(verb: &str, subresource: &str) -> Verb {
    match (verb, subresource) {
        ("create" | "get", "exec" | "attach") => Verb::Execute,
        ("create" | "get", "portforward" | "proxy") => Verb::Connect,
        ("get" | "list" | "watch", _) => Verb::Read,
        ("create", _) => Verb::Create,
        ("update" | "patch", _) => Verb::Update,
        ("delete" | "deletecollection", _) => Verb::Delete,
        _ => Verb::Other,
    }
}

fn identity(line: &Value) -> Result<Identity, Skip> {
    /// The most groups that are kept.
    const GROUPS: usize = 64;
    let root = required(line, "user.username")?;
    let groups: Vec<&str> = at(line, "user.groups")
        .and_then(Value::as_array)
        .map(|groups| groups.iter().filter_map(Value::as_str).take(GROUPS).collect())
        .unwrap_or_default();
    for group in &groups {
        checked(group, "user.groups[]")?;
    }
    let mut delegates = Vec::new();
    if let Some(id) = name(line, "impersonatedUser.username")? {
        delegates.push(Principal { id: id.to_owned(), kind: kind(id, &[]) });
    }
    let root = Principal { id: root.to_owned(), kind: kind(root, &groups) };
    let mut identity = Identity::rooted(ISSUER, root, delegates);
    identity.groups = groups.into_iter().map(str::to_owned).collect();
    Ok(identity)
}

fn kind(user: &str, groups: &[&str]) -> PrincipalKind {
    if user.starts_with("system:") {
        PrincipalKind::Workload
    } else if groups.contains(&"system:masters") {
        PrincipalKind::Administrator
    } else {
        PrincipalKind::Person
    }
}

fn source(line: &Value) -> Result<Source, Skip> {
    let last = at(line, "sourceIPs").and_then(Value::as_array).and_then(|all| all.last()).and_then(Value::as_str);
    let address = match last {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Skip::wrong("sourceIPs[]", "an IP address"))?),
    };
    let host = extra(line, "authentication.kubernetes.io/pod-name")?.map(str::to_owned);
    Ok(Source { address, host, ..Source::default() })
}

/// The first value of one of the user's extra attributes.
fn extra<'a>(line: &'a Value, key: &str) -> Result<Option<&'a str>, Skip> {
    let found = at(line, "user.extra").and_then(|extra| extra.get(key)?.get(0)?.as_str());
    found.map_or(Ok(None), |text| checked(text, key))
}
