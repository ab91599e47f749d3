//! Sessions at the density of Los Alamos' data: one on each edge of each identity, spread over 60 days.

use interdict_schemas::{
    Account, Closed, Event, Identity, Kind, Principal, PrincipalKind, Protocol, Source, Target, Time,
};

const DAYS: u64 = 60;
const DAY_US: u64 = 86_400_000_000;

/// The opening and the end of each session in order of time, from a day's start on; `edges` for each of `identities`.
pub(crate) fn events(identities: u64, edges: u64, from: Time) -> impl Iterator<Item = Event> {
    (0..edges).flat_map(move |edge| {
        (0..identities).flat_map(move |identity| {
            // Seven in ten targets are a team's own, the others anybody's.
            let is_own = edge < edges * 7 / 10;
            let target =
                if is_own { identity / 12 * 10 + edge } else { (identity * 7919 + edge * 104_729) % identities };
            let after = edge * DAYS / edges * DAY_US + identity * DAY_US / identities;
            let event = open(edge * identities + identity, identity, target, from.plus_micros(signed(after)));
            [event.clone(), close(event)]
        })
    })
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).expect("sixty days")
}

fn close(mut event: Event) -> Event {
    event.id.push('c');
    let (opened, reason) = (event.time, "client".to_owned());
    event.kind = Kind::Closed(Closed {
        reason,
        detail: String::new(),
        verdict: None,
        opened,
        actions: 0,
        denied: 0,
        bytes_in: 0,
        bytes_out: 0,
    });
    event
}

fn open(number: u64, identity: u64, target: u64, time: Time) -> Event {
    Event {
        id: format!("e{number}"),
        time,
        session: format!("s{number}"),
        identity: Identity::rooted(
            "https://issuer.example",
            Principal { id: format!("user:{identity}"), kind: PrincipalKind::Person },
            Vec::new(),
        ),
        source: Source { host: Some(format!("laptop-{identity}.corp")), ..Source::default() },
        target: Target {
            name: format!("host-{target}.corp"),
            protocol: Protocol::Ssh,
            host: None,
            address: None,
            port: 22,
            alias: None,
        },
        account: Account { name: "deploy".into(), credential: None },
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind: Kind::Opened,
    }
}
