//! Who or what is stopped, until when, why, on whose evidence.

use crate::{Identity, Time, named};
use serde::{Deserialize, Serialize};

named! {
    /// What is done to what the verdict covers.
    Stop {
        /// Live sessions are cut, new ones refused.
        Stop = "stop",
        /// New sessions wait for a person's approval; until approvals exist they are refused with that reason.
        Hold = "hold",
        /// Nothing is stopped; the sessions are marked.
        Watch = "watch",
    }
}

named! {
    /// Whether a verdict is carried out.
    Mode {
        /// It is.
        Enforce = "enforce",
        /// It is only logged where it would have been.
        Shadow = "shadow",
    }
}

/// What a verdict covers: every field that is set must match.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The identity's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// A principal anywhere in the delegation chain, so that its delegates are covered too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// One session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Where the session comes from: address, host name or target name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A session, live or asked for, as a scope looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The session's id.
    pub session: &'a str,
    /// From where.
    pub source: &'a crate::Source,
    /// To which target.
    pub target: &'a str,
}

impl Scope {
    /// Whether nothing is set. Such a scope covers nothing: a verdict on everybody must be impossible to give by
    /// leaving things out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this scope covers the subject.
    #[must_use]
    pub fn covers(&self, subject: Subject<'_>) -> bool {
        let source = |wanted: &str| {
            subject.source.target.as_deref() == Some(wanted)
                || subject.source.host.as_deref() == Some(wanted)
                || subject.source.address.is_some_and(|address| address.to_string() == wanted)
        };
        !self.is_empty()
            && self.root.as_deref().is_none_or(|root| subject.identity.root().id == root)
            && self.actor.as_deref().is_none_or(|actor| subject.identity.involves(actor))
            && self.session.as_deref().is_none_or(|session| subject.session == session)
            && self.source.as_deref().is_none_or(source)
            && self.target.as_deref().is_none_or(|target| subject.target == target)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("root", &self.root),
            ("actor", &self.actor),
            ("session", &self.session),
            ("source", &self.source),
            ("target", &self.target),
        ];
        let mut first = true;
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{}{name}={value}", if first { "" } else { " " })?;
                first = false;
            }
        }
        Ok(())
    }
}

/// A decision about sessions that outlives the one that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Unique; a later record of the same id replaces it.
    pub id: String,
    /// When it was given: for a detection, the time of the event that caused it.
    pub time: Time,
    /// What it covers.
    pub scope: Scope,
    /// What is done.
    pub effect: Stop,
    /// Carried out, or only logged.
    pub mode: Mode,
    /// When it ends.
    pub until: Time,
    /// Why, in words a refused client may see.
    pub reason: String,
    /// Ids of the events it rests on.
    pub evidence: Vec<String>,
    /// The alert it came from, if one.
    pub alert: Option<String>,
    /// A detection's name, or a person.
    pub by: String,
    /// Taken back before its end.
    pub revoked: bool,
}

impl Verdict {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: Time) -> bool {
        !self.revoked && now < self.until
    }

    /// Whether it forbids the subject at `now`: enforced, live, stop or hold, and covering.
    #[must_use]
    pub fn forbids(&self, subject: Subject<'_>, now: Time) -> bool {
        self.mode == Mode::Enforce && self.effect != Stop::Watch && self.is_live(now) && self.scope.covers(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, PrincipalKind, Source};

    fn identity(chain: &[&str]) -> Identity {
        let chain = chain.iter().map(|id| Principal { id: (*id).into(), kind: PrincipalKind::Agent }).collect();
        Identity::new("https://issuer", chain).expect("chain")
    }

    #[test]
    fn scope_covers_what_all_its_fields_match() {
        let identity = identity(&["dana", "planner", "runner"]);
        let source = Source { address: Some("10.0.0.9".parse().expect("address")), ..Source::default() };
        let check = |scope: Scope, expected: bool| {
            let subject = Subject { identity: &identity, session: "s1", source: &source, target: "db" };
            assert_eq!(scope.covers(subject), expected, "{scope}");
        };
        let some = |text: &str| Some(text.to_owned());
        check(Scope::default(), false);
        check(Scope { root: some("dana"), ..Scope::default() }, true);
        check(Scope { root: some("planner"), ..Scope::default() }, false);
        check(Scope { actor: some("planner"), ..Scope::default() }, true);
        check(Scope { root: some("dana"), actor: some("other"), ..Scope::default() }, false);
        check(Scope { source: some("10.0.0.9"), target: some("db"), ..Scope::default() }, true);
        check(Scope { source: some("10.0.0.9"), target: some("web"), ..Scope::default() }, false);
        check(Scope { session: some("s2"), ..Scope::default() }, false);
    }
}
