//! The rule table: which verdict, if any, forbids a session. Pure: no clock, no bus.

use interdict_schemas::{Mode, Stop, Subject, Time, Verdict};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Every verdict that counts, filed by one thing it names, so that a look-up costs what the subject's own verdicts
/// cost and not what all do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    all: BTreeMap<String, Arc<Verdict>>,
    sessions: Index,
    principals: Index,
    sources: Index,
    targets: Index,
}

type Index = HashMap<String, Vec<Arc<Verdict>>>;

impl Table {
    /// This table with `news` applied in order, and without what has ended by `now`. A later verdict of the same id
    /// replaces an earlier one.
    pub(crate) fn with(&self, news: impl IntoIterator<Item = Verdict>, now: Time) -> Self {
        let mut all = self.all.clone();
        for verdict in news {
            all.insert(verdict.id.clone(), Arc::new(verdict));
        }
        // A verdict taken back is dropped, not remembered: verdicts come in order, so no older one of its id follows.
        all.retain(|_, verdict| verdict.is_live(now));
        let mut table = Self { all, ..Self::default() };
        for verdict in table.all.values() {
            let scope = &verdict.scope;
            let (index, key) = if let Some(session) = &scope.session {
                (&mut table.sessions, session)
            } else if let Some(principal) = scope.actor.as_ref().or(scope.root.as_ref()) {
                (&mut table.principals, principal)
            } else if let Some(source) = &scope.source {
                (&mut table.sources, source)
            } else if let Some(target) = &scope.target {
                (&mut table.targets, target)
            } else {
                continue;
            };
            index.entry(key.clone()).or_default().push(Arc::clone(verdict));
        }
        table
    }

    /// A verdict that forbids the subject at `now`; the oldest id if several do.
    pub(crate) fn forbids<'a>(&'a self, subject: Subject<'a>, now: Time) -> Option<&'a Verdict> {
        self.covering(subject).filter(move |verdict| verdict.forbids(subject, now)).min_by(|a, b| a.id.cmp(&b.id))
    }

    /// Verdicts that cover the subject but do not forbid it: shadow ones, and those that only watch.
    pub(crate) fn notes<'a>(&'a self, subject: Subject<'a>, now: Time) -> impl Iterator<Item = &'a Verdict> {
        self.covering(subject).filter(move |verdict| {
            verdict.is_live(now) && (verdict.mode == Mode::Shadow || verdict.effect == Stop::Watch)
        })
    }

    /// Whether something in the table has ended by `now`.
    pub(crate) fn has_expired(&self, now: Time) -> bool {
        self.all.values().any(|verdict| !verdict.is_live(now))
    }

    /// How many verdicts count.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    fn covering<'a>(&'a self, subject: Subject<'a>) -> impl Iterator<Item = &'a Verdict> {
        let address = subject.source.address.map(|address| address.to_string());
        let sources = [address, subject.source.host.clone(), subject.source.target.clone()];
        let by_source = sources.into_iter().flatten().filter_map(|source| self.sources.get(&source));
        let by_principal = subject.identity.chain().iter().filter_map(|link| self.principals.get(&link.id));
        by_principal
            .chain(self.sessions.get(subject.session))
            .chain(by_source)
            .chain(self.targets.get(subject.target))
            .flatten()
            .map(Arc::as_ref)
            .filter(move |verdict| verdict.scope.covers(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::{Identity, Principal, PrincipalKind, Scope, Source};

    const NOW: Time = Time(1_000);

    fn verdict(id: &str, scope: Scope) -> Verdict {
        Verdict {
            id: id.into(),
            time: Time(1),
            scope,
            effect: Stop::Stop,
            mode: Mode::Enforce,
            until: Time(2_000),
            reason: "because".into(),
            evidence: Vec::new(),
            alert: None,
            by: "test".into(),
            revoked: false,
        }
    }

    fn check(news: Vec<Verdict>, expected: Option<&str>) {
        let chain = ["dana", "planner", "runner"];
        let chain = chain.iter().map(|id| Principal { id: (*id).into(), kind: PrincipalKind::Agent }).collect();
        let identity = Identity::new("https://issuer", chain).expect("chain");
        let source = Source {
            address: Some("10.0.0.9".parse().expect("address")),
            target: Some("bastion".into()),
            ..Source::default()
        };
        let subject = Subject { identity: &identity, session: "s1", source: &source, target: "db" };
        let table = Table::default().with(news, NOW);
        assert_eq!(table.forbids(subject, NOW).map(|verdict| verdict.id.as_str()), expected);
    }

    #[test]
    fn any_way_of_naming_a_session_finds_it() {
        let some = |text: &str| Some(text.to_owned());
        check(vec![], None);
        check(vec![verdict("v", Scope::default())], None);
        check(vec![verdict("v", Scope { root: some("dana"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { actor: some("planner"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { root: some("planner"), ..Scope::default() })], None);
        check(vec![verdict("v", Scope { session: some("s1"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { source: some("10.0.0.9"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { source: some("bastion"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { target: some("db"), ..Scope::default() })], Some("v"));
        check(vec![verdict("v", Scope { target: some("web"), ..Scope::default() })], None);
        check(vec![verdict("v", Scope { root: some("dana"), target: some("web"), ..Scope::default() })], None);
    }

    #[test]
    fn only_what_counts_forbids() {
        let scope = Scope { target: Some("db".into()), ..Scope::default() };
        let base = || verdict("v", scope.clone());
        check(vec![Verdict { revoked: true, ..base() }], None);
        check(vec![base(), Verdict { revoked: true, ..base() }], None);
        check(vec![Verdict { revoked: true, ..base() }, base()], Some("v"));
        check(vec![Verdict { until: NOW, ..base() }], None);
        check(vec![Verdict { mode: Mode::Shadow, ..base() }], None);
        check(vec![Verdict { effect: Stop::Watch, ..base() }], None);
        check(vec![Verdict { effect: Stop::Hold, ..base() }], Some("v"));
        check(vec![verdict("w", scope.clone()), base()], Some("v"));
    }

    #[test]
    fn expired_verdicts_leave_the_table() {
        let scope = Scope { target: Some("db".into()), ..Scope::default() };
        let table = Table::default().with([verdict("v", scope)], NOW);
        assert!(!table.has_expired(NOW) && table.len() == 1);
        assert!(table.has_expired(Time(2_000)));
        assert_eq!(table.with([], Time(2_000)).len(), 0);
    }
}
