//! Made-up events, and rows of them.

use arrow::array::RecordBatch;
use interdict_schemas::lake::{self, Located, Place, Record, Table};
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Effect, Event, Identity, Kind, Message, Principal, PrincipalKind,
    Protocol, Source, Stamp, Target, Time, Verb,
};

/// About 500 bytes each: sessions of an opening, six statements and an end.
pub(crate) fn event(index: usize) -> Event {
    let (session, part) = (index / 8, index % 8);
    let mix = session.wrapping_mul(2_654_435_761);
    let root = mix % 5_000;
    let target = (root * 7 + mix % 5) % 2_000;
    let time = Time(1_772_409_600_000_000 + i64::try_from(index).expect("small") * 10_000);
    let mut chain =
        vec![Principal { id: format!("workload-{root}@prod.example.com"), kind: PrincipalKind::Workload }];
    if mix.is_multiple_of(3) {
        chain.push(Principal { id: format!("agent-{}", mix % 40), kind: PrincipalKind::Agent });
    }
    let mut identity = Identity::new("https://issuer.example.com", chain).expect("identity");
    identity.groups = vec!["engineering".into(), format!("team-{}", mix % 30)];
    let kind = match part {
        0 => Kind::Opened,
        7 => Kind::Closed(Closed {
            reason: "client".into(),
            detail: String::new(),
            verdict: None,
            opened: time,
            actions: 6,
            denied: 0,
            bytes_in: 1_100,
            bytes_out: 9_000,
        }),
        _ => Kind::Acted {
            action: Action {
                id: format!("01JN{index:022}"),
                class: Class::Statement,
                verb: Verb::Read,
                text: format!(
                    "select o.id, o.total, c.name from orders o join customers c on c.id = o.customer where o.id = {} \
                     and o.placed > now() - interval '7 days' order by o.placed desc limit 50",
                    mix % 100_000
                ),
                objects: vec!["orders".into(), "customers".into()],
                parameters_digest: None,
                database: Some("shop".into()),
            },
            decision: Decision { effect: Effect::Allow, reason: String::new(), policies: vec!["shop-read".into()] },
            outcome: None,
        },
    };
    Event {
        id: format!("01JM{index:022}"),
        time,
        session: format!("01JK{session:022}"),
        identity,
        source: Source { address: Some([10, 0, 3, 7].into()), port: 40_000, ..Source::default() },
        target: Target {
            name: format!("orders-db-{target}"),
            protocol: Protocol::Postgres,
            host: Some(format!("db-{target}.internal.example.com")),
            address: None,
            port: 5432,
            alias: None,
        },
        account: Account { name: "app".into(), credential: Some(format!("cred-{}", target % 50)) },
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind,
    }
}

/// The tables that have rows of these events.
pub(crate) const TABLES: [Table; 2] = [Table::Events, Table::Sessions];

/// Rows of each of these tables, in its order, a few at once, as a library takes them.
pub(crate) fn rows(from: usize, count: usize) -> [Vec<RecordBatch>; 2] {
    let mut records: Vec<(String, Record)> = (from..from + count)
        .map(|index| {
            let message = Message::Event(event(index));
            let sequence = index as u64 + 1;
            let previous = Some(interdict_schemas::chain::record(&sequence.to_be_bytes()));
            let stamp = Some(Stamp { proxy: "bench".into(), spool: "01JSPOOL".into(), sequence, previous });
            let (key, place) = (message.key(), Place { stamp, partition: 0, offset: index as u64 });
            (key, Record::try_from(&Located { place, value: message }).expect("valid"))
        })
        .collect();
    records.sort_by(|left, right| left.0.cmp(&right.0));
    TABLES.map(|table| {
        let rows = |records: &[(String, Record)]| lake::rows(table, records.iter().map(|(_, record)| record));
        let rows = records.chunks(1_024).map(|records| rows(records).expect("rows"));
        rows.filter(|rows| rows.num_rows() > 0).collect()
    })
}
