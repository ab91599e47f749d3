//! Events in the making: what all events of one record share, their ids, and the small pieces that every format needs.

use super::Record;
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Disclosure, DisclosureKind, Effect, Event, Identity, Kind, Outcome,
    Principal, PrincipalKind, Protocol, Refused, Source, Status, Target, Time, Verb,
};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// Ids of what a record means: they follow from its bytes and its place in its file, so that reading it again gives
/// the same, and two equal lines are two events.
#[derive(Debug)]
pub(super) struct Ids {
    base: String,
    given: u32,
}

impl Ids {
    pub(super) fn of(format: &str, record: &Record<'_>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(record.place.line.to_le_bytes());
        hasher.update(record.place.part.to_le_bytes());
        hasher.update((record.member.len() as u64).to_le_bytes());
        hasher.update(record.member);
        hasher.update(record.text);
        let digest: String = hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        Self::from(format!("{format}-{digest}"))
    }

    /// Ids that begin with one that the log itself gives.
    pub(super) const fn from(base: String) -> Self {
        Self { base, given: 0 }
    }

    /// What the ids begin with.
    pub(super) fn base(&self) -> String {
        self.base.clone()
    }

    pub(super) fn next(&mut self) -> String {
        self.given += 1;
        if self.given == 1 { self.base.clone() } else { format!("{}-{}", self.base, self.given) }
    }
}

/// What all events of a record share.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) time: Time,
    pub(super) session: String,
    pub(super) identity: Identity,
    pub(super) source: Source,
    pub(super) target: Target,
    pub(super) account: Account,
}

impl Draft {
    pub(super) fn event(&self, ids: &mut Ids, kind: Kind) -> Event {
        self.whole(ids.next(), kind, Vec::new())
    }

    /// Something done, as another system saw it; it is its own action.
    pub(super) fn did(&self, ids: &mut Ids, deed: Deed) -> Event {
        let Deed { class, verb, text, objects, database, outcome, denied, disclosures } = deed;
        let effect = if denied.is_some() { Effect::Deny } else { Effect::Allow };
        let decision = Decision { effect, reason: denied.unwrap_or_default(), policies: Vec::new() };
        let id = ids.next();
        let action = Action { id: id.clone(), class, verb, text, objects, parameters_digest: None, database };
        self.whole(id, Kind::Acted { action, decision, outcome }, disclosures)
    }

    fn whole(&self, id: String, kind: Kind, disclosures: Vec<Disclosure>) -> Event {
        Event {
            id,
            time: self.time,
            session: self.session.clone(),
            identity: self.identity.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            account: self.account.clone(),
            disclosures,
            presented: Vec::new(),
            kind,
        }
    }
}

/// Something done.
#[derive(Debug)]
pub(super) struct Deed {
    class: Class,
    verb: Verb,
    text: String,
    objects: Vec<String>,
    database: Option<String>,
    outcome: Option<Outcome>,
    denied: Option<String>,
    disclosures: Vec<Disclosure>,
}

impl Deed {
    pub(super) fn new(class: Class, verb: Verb, text: String) -> Self {
        let (objects, disclosures) = (Vec::new(), Vec::new());
        Self { class, verb, text, objects, database: None, outcome: None, denied: None, disclosures }
    }

    pub(super) fn on(mut self, object: impl Into<String>) -> Self {
        self.objects.push(object.into());
        self
    }

    pub(super) fn database(mut self, name: Option<String>) -> Self {
        self.database = name;
        self
    }

    pub(super) fn came_to(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// The system's own policy did not let it be, in its words.
    pub(super) fn denied(mut self, words: Option<String>) -> Self {
        self.denied = words;
        self
    }

    pub(super) fn taught(mut self, kind: DisclosureKind, value: impl Into<String>, target: Option<String>) -> Self {
        self.disclosures.push(Disclosure { kind, value: value.into(), target });
        self
    }
}

/// An identity of one principal.
pub(super) fn identity(issuer: &str, id: &str, kind: PrincipalKind) -> Identity {
    Identity::rooted(issuer, Principal { id: id.to_owned(), kind }, Vec::new())
}

/// Somebody by that name: a computer's or a service's account, or a person's.
pub(super) fn windows_kind(user: &str) -> PrincipalKind {
    let name = user.split('@').next().unwrap_or_default();
    let services = ["anonymous logon", "system", "local service", "network service"];
    let is_service = name.ends_with('$') || services.contains(&name.to_ascii_lowercase().as_str());
    if is_service { PrincipalKind::Workload } else { PrincipalKind::Person }
}

/// Where a session comes from, by address or by name.
pub(super) fn source(host: &str, port: u16) -> Source {
    match host.parse() {
        Ok(address) => Source { address: Some(address), port, ..Source::default() },
        Err(_) => Source { host: filled(host), port, ..Source::default() },
    }
}

/// A target that is known by address or by name, under that name.
pub(super) fn target(name: &str, protocol: Protocol, port: u16) -> Target {
    let address: Option<IpAddr> = name.parse().ok();
    Target {
        name: name.to_owned(),
        protocol,
        host: if address.is_some() { None } else { filled(name) },
        address,
        port,
        alias: None,
    }
}

pub(super) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn refused(reason: &str, detail: &str) -> Kind {
    Kind::Refused(Refused { reason: reason.to_owned(), detail: detail.to_owned(), verdict: None })
}

pub(super) fn closed(opened: Time, bytes_in: u64, bytes_out: u64) -> Kind {
    Kind::Closed(Closed {
        reason: "unknown".to_owned(),
        detail: String::new(),
        verdict: None,
        opened,
        actions: 0,
        denied: 0,
        bytes_in,
        bytes_out,
    })
}

pub(super) fn outcome(status: Status, code: &str, detail: &str) -> Outcome {
    Outcome {
        status,
        code: code.to_owned(),
        detail: detail.to_owned(),
        rows: 0,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
    }
}

/// What an HTTP method does.
pub(super) fn method_verb(method: &str) -> Verb {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" => Verb::Read,
        "POST" => Verb::Create,
        "PUT" | "PATCH" => Verb::Update,
        "DELETE" => Verb::Delete,
        "CONNECT" => Verb::Connect,
        _ => Verb::Other,
    }
}

/// How much an event weighs in memory, about.
pub(super) fn weight(event: &Event) -> usize {
    let text = match &event.kind {
        Kind::Acted { action, decision, outcome } => {
            let detail = outcome.as_ref().map_or(0, |outcome| outcome.detail.len());
            let objects: usize = action.objects.iter().map(String::len).sum();
            action.text.len() + objects + decision.reason.len() + detail
        }
        Kind::Refused(refused) => refused.reason.len() + refused.detail.len(),
        _ => 0,
    };
    let groups: usize = event.identity.groups.iter().map(String::len).sum();
    let chain: usize = event.identity.chain().iter().map(|principal| principal.id.len()).sum();
    let names = event.session.len() + event.target.name.len() + event.account.name.len() + event.id.len();
    let alias = event.target.alias.as_ref().map_or(0, String::len);
    let disclosed: usize = event.disclosures.iter().map(|learnt| learnt.value.len()).sum();
    1024 + text + groups + chain + names + alias + disclosed
}
