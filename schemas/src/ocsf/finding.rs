//! Alerts to OCSF 2004 Detection Finding.

use super::VERSION;
use super::write::{object, product};
use crate::{Alert, Mode, Severity, Stop, Technique, Verdict};
use serde_json::{Value, json};
use std::collections::HashSet;

/// An alert, and the verdict given on it if there was one, as one OCSF finding.
///
/// A verdict that is not carried out (shadow, or watch) stops nothing, so the finding is a plain alert.
#[must_use]
pub fn finding(alert: &Alert, verdict: Option<&Verdict>) -> Value {
    let stopping = verdict.filter(|verdict| verdict.mode == Mode::Enforce && !verdict.revoked);
    let (action, words, disposition, disposition_words) = match stopping.map(|verdict| verdict.effect) {
        Some(Stop::Stop) => (2, Value::Null, 2, "Blocked"),
        Some(Stop::Hold) => (99, json!("Require Approval"), 99, "Approval Required"),
        Some(Stop::Watch) | None => (3, Value::Null, 19, "Alert"),
    };
    let unmapped = match stopping {
        Some(verdict) if verdict.effect != Stop::Watch => {
            object([("scope", scope(alert, verdict)), ("until", json!(verdict.until.millis()))])
        }
        _ => Value::Null,
    };
    let activity: u64 = if alert.revision <= 1 { 1 } else { 2 };
    // The message is unique; the finding stays the same through its updates.
    let uid = if activity == 1 { alert.id.clone() } else { format!("{}-{}", alert.id, alert.revision) };
    let mut seen = HashSet::new();
    let events = alert.events().filter(|id| seen.insert(*id)).map(|id| json!({"uid": id}));
    let information = json!({
        "uid": alert.id,
        "title": alert.title,
        "desc": alert.explanation,
        "analytic": {"name": alert.detection, "type_id": 1},
        "attacks": alert.techniques.iter().map(attack).collect::<Vec<_>>(),
        "related_events": events.collect::<Vec<_>>(),
    });
    object([
        ("activity_id", json!(activity)),
        ("category_uid", json!(2)),
        ("class_uid", json!(2004)),
        ("type_uid", json!(200_400 + activity)),
        ("severity_id", json!(severity(alert.severity))),
        ("time", json!(alert.time.millis())),
        (
            "metadata",
            json!({
                "uid": uid,
                "version": VERSION,
                "product": product(),
                "profiles": ["host", "security_control"],
            }),
        ),
        ("finding_info", information),
        ("actor", json!({"user": {"uid": alert.root}})),
        ("is_alert", json!(true)),
        ("risk_score", json!(alert.risk)),
        ("confidence_score", json!(alert.confidence.min(100))),
        ("action_id", json!(action)),
        ("action", words),
        ("disposition_id", json!(disposition)),
        ("disposition", json!(disposition_words)),
        ("status_id", json!(1)),
        ("unmapped", unmapped),
    ])
}

const fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn attack(technique: &Technique) -> Value {
    let (base, sub) = match technique.id.split_once('.') {
        Some((base, _)) => (base, json!({"uid": technique.id, "name": technique.name})),
        None => (technique.id.as_str(), Value::Null),
    };
    let name = if sub.is_null() { json!(technique.name) } else { Value::Null };
    let tactic = if technique.tactic.is_empty() { Value::Null } else { json!({"uid": technique.tactic}) };
    object([
        ("tactic", tactic),
        ("technique", object([("uid", json!(base)), ("name", name)])),
        ("sub_technique", sub),
    ])
}

/// One rule: the session is covered if all its keys match, as a verdict's scope says.
fn scope(alert: &Alert, verdict: &Verdict) -> Value {
    let scope = &verdict.scope;
    let one = |value: &Option<String>| value.as_ref().map_or(Value::Null, |value| json!([value]));
    // A scope's actor may be the root itself, which OCSF calls the user: then no agent is named.
    let root = scope.root.as_ref().unwrap_or(&alert.root);
    let root_acts = scope.actor.as_ref() == Some(root);
    let (user, agent) =
        if root_acts { (one(&scope.actor), Value::Null) } else { (one(&scope.root), one(&scope.actor)) };
    json!([object([
        ("user", user),
        ("agent", agent),
        ("session", one(&scope.session)),
        ("src", one(&scope.source)),
        ("dst", one(&scope.target)),
    ])])
}
