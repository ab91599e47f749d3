//! Two weeks of the bot's past, as a log from elsewhere would bring them: what it did, not what the answers held. The
//! detector learns habit from it.

use super::cast;
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Effect, Event, Identity, Kind, Message, Outcome, Principal,
    PrincipalKind, Protocol, Source, Status, Target, Time, Verb,
};

use std::net::{IpAddr, Ipv4Addr};

/// Days of history before today.
const DAYS: i64 = 14;
const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;

/// One routine run a day, `login` being its account on the host: read the inventory, log in to the host it names, call the cluster's API.
pub(crate) fn of_the_bot(issuer: &str, login: &str, now: Time) -> anyhow::Result<Vec<Message>> {
    let mut identity =
        Identity::new(issuer, vec![Principal { id: cast::BOT.into(), kind: PrincipalKind::Workload }])?;
    identity.groups = vec!["engineering".into()];
    let mut events = Vec::new();
    for day in (1..=DAYS).rev() {
        let start = now.plus_micros(-day * DAY);
        let steps = [
            (
                cast::DATABASE,
                Protocol::Postgres,
                "interdict",
                Class::Statement,
                "select service, host from inventory",
            ),
            (cast::APP, Protocol::Ssh, login, Class::Command, "systemctl restart shop"),
            (cast::CLUSTER, Protocol::Http, "", Class::Request, "GET /api/v1/namespaces/shop/pods"),
        ];
        for (step, (target, protocol, account, class, text)) in (0_i64..).zip(steps) {
            let id = format!("history-{day}-{step}");
            let at = start.plus_micros(step * MINUTE);
            let event = |part: &str, after: i64, kind: Kind| Event {
                id: format!("{id}-{part}"),
                time: at.plus_micros(after),
                session: id.clone(),
                identity: identity.clone(),
                source: Source { address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), ..Source::default() },
                target: Target { name: target.into(), protocol, host: None, address: None, port: 0, alias: None },
                account: Account { name: account.into(), credential: None },
                disclosures: Vec::new(),
                presented: Vec::new(),
                kind,
            };
            let action = Action {
                id: format!("{id}-action"),
                class,
                verb: if class == Class::Command { Verb::Execute } else { Verb::Read },
                text: text.into(),
                objects: Vec::new(),
                parameters_digest: None,
                database: None,
            };
            let decision = Decision { effect: Effect::Allow, reason: String::new(), policies: Vec::new() };
            let outcome = Outcome {
                status: Status::Success,
                code: String::new(),
                detail: String::new(),
                rows: u64::from(protocol == Protocol::Postgres) * 2,
                bytes_in: 0,
                bytes_out: 64,
                duration_us: 900,
            };
            let closed = Closed {
                reason: "client".into(),
                detail: String::new(),
                verdict: None,
                opened: at,
                actions: 1,
                denied: 0,
                bytes_in: 0,
                bytes_out: 64,
            };
            events.push(event("open", 0, Kind::Opened));
            events.push(event("act", 1000, Kind::Acted { action, decision, outcome: Some(outcome) }));
            events.push(event("close", 2000, Kind::Closed(closed)));
        }
    }
    Ok(events.into_iter().map(Message::Event).collect())
}
