//! Events to OCSF.

use super::text::{self, Api};
use super::{OBSERVABLES, PRESENTED, STANDS_FOR, VERSION, channel, user};
use crate::{Action, Class, Decision, Effect, Event, Identity, Kind, Outcome, PrincipalKind, Status, class};
use serde_json::{Map, Value, json};

/// An event as one OCSF object.
#[must_use]
pub fn event(event: &Event) -> Value {
    let (class, activity) = class::of(event);
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("activity_id", json!(activity));
    put("category_uid", json!(class / 1000));
    put("class_uid", json!(class));
    put("type_uid", json!(u64::from(class) * 100 + u64::from(activity)));
    put("severity_id", json!(1));
    put("time", json!(event.time.millis()));
    put("metadata", metadata(event));
    put("actor", actor(event));
    if let Some(agent) = agent(&event.identity) {
        put("ai_agent", json!({"uid": agent, "name": short(agent), "type_id": 1}));
    }
    if let Some(grant) = &event.identity.delegation {
        let parent = Some(&grant.parent).filter(|parent| !parent.is_empty());
        let issuer = Some(&event.identity.issuer).filter(|issuer| !issuer.is_empty());
        put(
            "delegation",
            object([("uid", json!(grant.id)), ("parent_uid", json!(parent)), ("issuer_uid", json!(issuer))]),
        );
    }
    let source = &event.source;
    // An endpoint is none without a word of which one it is.
    let is_unknown = source.target.is_none() && source.host.is_none() && source.address.is_none();
    put(
        "src_endpoint",
        object([
            ("uid", json!(source.target)),
            ("name", if is_unknown { json!("unknown") } else { Value::Null }),
            ("hostname", json!(source.host)),
            ("ip", json!(source.address)),
            ("port", port(source.port)),
        ]),
    );
    let target = &event.target;
    // Only where it says more than the host name, so that what was imported goes out as it came.
    let uid = Some(&target.name).filter(|name| target.host.as_ref() != Some(name));
    let endpoint = object([
        ("uid", json!(uid)),
        ("name", json!(target.alias)),
        ("hostname", json!(target.host)),
        ("ip", json!(target.address)),
        ("port", port(target.port)),
    ]);
    match &event.kind {
        Kind::Acted { action, .. } if action.class == Class::Forward => {
            put("dst_endpoint", forwarded(action));
            put("proxy_endpoint", endpoint);
        }
        _ => put("dst_endpoint", endpoint),
    }
    let disclosed = event.disclosures.iter().flat_map(|learnt| [Some(observable(learnt)), stands_for(learnt)]);
    let observables: Vec<_> = disclosed.flatten().chain(event.presented.iter().map(presented)).collect();
    if !observables.is_empty() {
        put("observables", Value::Array(observables));
    }
    what(event, &mut out);
    Value::Object(out)
}

fn what(event: &Event, out: &mut Map<String, Value>) {
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            out.insert(key.to_owned(), value);
        }
    };
    match &event.kind {
        Kind::Opened | Kind::Refused(_) | Kind::Closed(_) => {
            put("service", json!({"name": event.target.protocol.name()}));
            put("session", json!({"uid": event.session}));
            let account = &event.account;
            put(
                "user",
                object([
                    ("name", json!(account.name)),
                    ("credential_uid", json!(account.credential)),
                    ("type_id", json!(0)),
                ]),
            );
        }
        Kind::Acted { .. } | Kind::Resulted { .. } => {}
    }
    match &event.kind {
        Kind::Opened => put("status_id", json!(1)),
        Kind::Refused(refused) => {
            put("status_id", json!(2));
            put("status_detail", json!(refused.reason));
            put("message", text(&refused.detail));
            put("policy", policy(refused.verdict.as_deref()));
            denied(&mut put);
        }
        Kind::Closed(closed) => {
            put("status_id", json!(1));
            put("status_detail", json!(closed.reason));
            put("message", text(&closed.detail));
            put("policy", policy(closed.verdict.as_deref()));
            put("start_time", json!(closed.opened.millis()));
            put("end_time", json!(event.time.millis()));
            put("duration", json!((event.time.micros_since(closed.opened) / 1000).max(0)));
        }
        Kind::Acted { action, decision, outcome } => {
            acted(event, action, &mut put);
            decided(decision, &mut put);
            match (decision.effect, outcome) {
                (Effect::Deny, _) => {
                    put("status_id", json!(2));
                    put("status_detail", text(&decision.reason));
                    denied(&mut put);
                }
                (Effect::Allow, Some(outcome)) => resulted(action.class, outcome, &mut put),
                (Effect::Allow, None) => put("status_id", json!(0)),
            }
        }
        Kind::Resulted { action, class, outcome } => {
            put("app_name", app(*class));
            resulted(*class, outcome, &mut put);
            answered(event, action, *class, outcome, &mut put);
        }
    }
}

fn acted(event: &Event, action: &Action, put: &mut impl FnMut(&str, Value)) {
    put("app_name", app(action.class));
    match action.class {
        Class::Statement => {
            put("query_info", json!({"uid": action.id, "query_string": action.text}));
            put("database", database(event, action.database.as_deref()));
        }
        Class::Command | Class::Shell | Class::Forward => {}
        Class::Request => {
            let (method, path) = text::request(&action.text);
            put("http_request", json!({"http_method": method, "url": {"path": path}}));
        }
        Class::File => {
            let (command, path) = text::request(&action.text);
            put("command", json!(command));
            let name = path.rsplit(['\\', '/']).next().unwrap_or(path);
            put("file", json!({"name": name, "path": path, "type_id": 0}));
        }
        Class::Api => {
            let request = Api::parse(&action.text);
            let service = event.target.protocol.name();
            put("api", json!({"operation": request.operation, "service": {"name": service}}));
            // A list of things has no name; what it is of identifies it.
            let uid = Some(request.resource).filter(|_| request.name.is_none());
            let resource = object([
                ("uid", json!(uid)),
                ("type", json!(request.resource)),
                ("name", json!(request.name)),
                ("namespace", json!(request.namespace)),
            ]);
            put("resources", json!([resource]));
        }
    }
}

fn decided(decision: &Decision, put: &mut impl FnMut(&str, Value)) {
    if decision.policies.is_empty() {
        return;
    }
    let policies = decision.policies.iter();
    put(
        "authorizations",
        policies.map(|name| json!({"decision": decision.effect.name(), "policy": {"name": name}})).collect(),
    );
}

fn resulted(class: Class, outcome: &Outcome, put: &mut impl FnMut(&str, Value)) {
    put(
        "status_id",
        json!(match outcome.status {
            Status::Success => 1,
            Status::Failure => 2,
            Status::Unknown => 0,
        }),
    );
    put("status_detail", text(&outcome.detail));
    match outcome.code.parse::<u32>() {
        Ok(code) if class == Class::Request => put("http_response", json!({"code": code})),
        _ => put("status_code", text(&outcome.code)),
    }
    if outcome.duration_us > 0 {
        put("duration", json!(outcome.duration_us / 1000));
    }
    let network = matches!(class, Class::Request | Class::Command | Class::Shell | Class::Forward | Class::File);
    if network && (outcome.bytes_in, outcome.bytes_out) != (0, 0) {
        put("traffic", json!({"bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out}));
    }
}

/// What a class must have, of a result that does not repeat what was done: nothing of which is read back.
fn answered(event: &Event, action: &str, class: Class, outcome: &Outcome, put: &mut impl FnMut(&str, Value)) {
    match class {
        Class::Statement => put("database", database(event, None)),
        Class::Api => {
            put("api", json!({"operation": "unknown", "service": {"name": event.target.protocol.name()}}));
        }
        Class::Request if outcome.code.parse::<u32>().is_err() => put("http_request", json!({"uid": action})),
        Class::Request | Class::Command | Class::Shell | Class::Forward | Class::File => {}
    }
}

/// A database by its name, or else by the system that it is in.
fn database(event: &Event, name: Option<&str>) -> Value {
    let uid = Some(&event.target.name).filter(|_| name.is_none());
    object([("uid", json!(uid)), ("name", json!(name)), ("type_id", json!(1))])
}

fn denied(put: &mut impl FnMut(&str, Value)) {
    put("action_id", json!(2));
    put("disposition_id", json!(2));
    put("disposition", json!("Blocked"));
}

fn metadata(event: &Event) -> Value {
    let (class, _) = class::of(event);
    let (correlation, denied) = match &event.kind {
        // An imported action is its own event.
        Kind::Acted { action, decision, .. } => (
            Some(&action.id).filter(|id| **id != event.id),
            decision.effect == Effect::Deny || !decision.policies.is_empty(),
        ),
        Kind::Resulted { action, .. } => (Some(action), false),
        Kind::Refused(_) => (None, true),
        Kind::Closed(closed) => (None, closed.verdict.is_some()),
        Kind::Opened => (None, false),
    };
    let forward = matches!(&event.kind, Kind::Acted { action, .. } if action.class == Class::Forward);
    let profiles: Vec<&str> = [
        ("host", matches!(class, class::SSH | class::HTTP | class::SMB)),
        ("ai_operation", agent(&event.identity).is_some() || event.identity.delegation.is_some()),
        ("network_proxy", forward),
        ("security_control", denied),
    ]
    .into_iter()
    .filter_map(|(name, used)| used.then_some(name))
    .collect();
    object([
        ("uid", json!(event.id)),
        ("correlation_uid", json!(correlation)),
        ("version", json!(VERSION)),
        ("product", product()),
        ("profiles", if profiles.is_empty() { Value::Null } else { json!(profiles) }),
    ])
}

fn actor(event: &Event) -> Value {
    let root = event.identity.root();
    let kind = match root.kind {
        PrincipalKind::Person => user::PERSON,
        PrincipalKind::Administrator => user::ADMINISTRATOR,
        PrincipalKind::Workload | PrincipalKind::Agent => user::SERVICE,
    };
    let groups: Vec<Value> = event.identity.groups.iter().map(|name| json!({"name": name})).collect();
    let user = object([
        ("uid", json!(root.id)),
        ("name", json!(short(&root.id))),
        ("type_id", json!(kind)),
        ("groups", if groups.is_empty() { Value::Null } else { json!(groups) }),
    ]);
    let process = match &event.kind {
        Kind::Acted { action, .. } if matches!(action.class, Class::Command | Class::Shell) => {
            json!({"uid": action.id, "cmd_line": action.text})
        }
        _ => Value::Null,
    };
    let issuer = &event.identity.issuer;
    let idp = if issuer.is_empty() { Value::Null } else { json!({"uid": issuer}) };
    object([("user", user), ("session", json!({"uid": event.session})), ("process", process), ("idp", idp)])
}

/// The acting agent, if another than the root acts.
fn agent(identity: &Identity) -> Option<&str> {
    (identity.chain().len() > 1).then(|| identity.actor().id.as_str())
}

/// The last part of an id such as `user:ana` or `agent:planner/shell-0`.
fn short(id: &str) -> &str {
    id.rsplit([':', '/']).next().unwrap_or(id)
}

fn app(class: Class) -> Value {
    match class {
        Class::Forward => json!(channel::FORWARD),
        Class::Shell => json!(channel::SHELL),
        _ => Value::Null,
    }
}

fn forwarded(action: &Action) -> Value {
    let (host, to) = text::endpoint(&action.text);
    let known = |object: &String| text::endpoint(object).0.parse::<std::net::IpAddr>().ok();
    let address = action.objects.iter().find_map(known).or_else(|| host.parse().ok());
    object([("hostname", json!(host)), ("ip", json!(address)), ("port", port(to))])
}

fn observable(disclosure: &crate::Disclosure) -> Value {
    let (name, kind) = OBSERVABLES
        .iter()
        .find(|(.., known)| *known == disclosure.kind)
        .map_or(("response.other", 99), |(name, kind, _)| (*name, *kind));
    json!({"name": name, "type_id": kind, "value": disclosure.value})
}

fn stands_for(disclosure: &crate::Disclosure) -> Option<Value> {
    let (name, kind) = STANDS_FOR;
    disclosure.target.as_ref().map(|target| json!({"name": name, "type_id": kind, "value": target}))
}

fn presented(used: &crate::DecoyUse) -> Value {
    let (name, kind) = PRESENTED;
    json!({"name": name, "type_id": kind, "value": json!(used).to_string()})
}

fn policy(verdict: Option<&str>) -> Value {
    verdict.map_or(Value::Null, |uid| json!({"uid": uid}))
}

fn port(port: u16) -> Value {
    if port == 0 { Value::Null } else { json!(port) }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// Who made the object.
pub(super) fn product() -> Value {
    json!({"name": "interdict", "vendor_name": "interdict"})
}

/// An object of the attributes that have a value.
pub(super) fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    let present = attributes.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(key, value)| (key.to_owned(), value)).collect())
}
