//! The views over what is stored: who goes where, what waits for a person, what is missing, and everything by the names of
//! other standards.

use crate::fixture::{Lake, MORNING, alert, csv, session, story};
use interdict_queries::Settings;
use interdict_queries::output::{Format, write};
use interdict_schemas::lake::{Located, Place, Table};
use interdict_schemas::{
    Class, Event, Finding, Kind, Message, Mode, Outcome, Protocol, Resolution, Scope, Stamp, Status, Stop, Stream,
    Verb, Verdict,
};
use std::collections::BTreeMap;
use std::path::Path;

async fn check(lake: &Lake, sql: &str, expected: &str) {
    let rows = lake.engine().sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(csv(rows).await, expected, "{sql}");
}

#[tokio::test]
async fn edges_tell_who_goes_where_as_what() {
    let mut lake = story().await;
    // Recorded as opened, and never admitted.
    let held = session("s9", &["user:dana"], "cmdb", Protocol::Postgres, 500);
    let mut closed = held.closed(501);
    if let Message::Event(Event { kind: Kind::Closed(closed), .. }) = &mut closed {
        closed.reason = "barrier".into();
        (closed.actions, closed.denied, closed.bytes_in, closed.bytes_out) = (0, 0, 0, 0);
    }
    lake.write([held.opened(), closed]).await;
    check(
        &lake,
        "select root, account, target, protocol, sessions, refused from edges order by root, target",
        "root,account,target,protocol,sessions,refused\n\
         svc:deploy,app,cmdb,postgres,1,0\nuser:dana,app,bastion,ssh,1,0\nuser:dana,app,cluster,kubernetes,1,1\n\
         user:dana,app,cmdb,postgres,3,1\n",
    )
    .await;
    check(
        &lake,
        "select first, last from edges where root = 'svc:deploy'",
        "first,last\n2026-03-02T08:00:00Z,2026-03-02T08:00:03Z\n",
    )
    .await;
}

fn hold(id: &str, alert: &str, minutes: i64) -> Verdict {
    Verdict {
        id: id.into(),
        time: MORNING,
        scope: Scope { root: Some("user:dana".into()), ..Scope::default() },
        effect: Stop::Hold,
        mode: Mode::Enforce,
        until: MORNING.plus_seconds(minutes * 60),
        reason: "wait".into(),
        evidence: Vec::new(),
        alert: Some(alert.into()),
        by: "rare_path".into(),
        revoked: false,
    }
}

fn resolution(alert: &str, finding: Finding) -> Message {
    let (root, by) = ("user:dana".into(), "erin".into());
    let (time, note) = (MORNING.plus_seconds(90), "a drill".into());
    Message::Resolution(Resolution { alert: alert.into(), root, finding, by, time, note })
}

#[tokio::test]
async fn approvals_tell_what_was_asked_and_who_decided() {
    let mut lake = Lake::new();
    let long = 1_000_000_000;
    let waits = hold("v-waits", "f-1", long);
    let by_hand = hold("v-hand", "f-2", long);
    let lifted = Verdict { revoked: true, by: "omar".into(), time: MORNING.plus_seconds(60), ..by_hand.clone() };
    let by_finding = hold("v-finding", "f-3", long);
    let taken_back = Verdict { revoked: true, ..by_finding.clone() };
    let alone = Verdict { revoked: true, by: "omar".into(), ..hold("v-zalone", "f-7", long) };
    let other = Verdict { effect: Stop::Stop, ..hold("v-stop", "f-6", long) };
    let shadow = Verdict { mode: Mode::Shadow, ..hold("v-shadow", "f-6", long) };
    let verdicts = [
        waits,
        by_hand,
        lifted,
        by_finding,
        taken_back,
        hold("v-denied", "f-4", long),
        hold("v-over", "f-5", 1),
        other,
        shadow,
        alone,
    ];
    let mut asked = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 30).refused("verdict");
    if let Message::Event(Event { kind: Kind::Refused(refused), .. }) = &mut asked {
        refused.verdict = Some("v-waits".into());
    }
    let found = [resolution("f-3", Finding::Benign), resolution("f-4", Finding::Malicious), asked];
    lake.write(verdicts.map(Message::Verdict).into_iter().chain(found)).await;
    check(
        &lake,
        "select verdict, state, asked_by, attempts, decided_by, note, \
         date_part('minute', decided) * 60 + date_part('second', decided) as after from approvals order by verdict",
        "verdict,state,asked_by,attempts,decided_by,note,after\n\
         v-denied,denied,rare_path,0,erin,a drill,90\nv-finding,granted,rare_path,0,erin,a drill,90\n\
         v-hand,granted,rare_path,0,omar,,60\nv-over,expired,rare_path,0,,,\nv-waits,waiting,rare_path,1,,,\nv-zalone,granted,omar,0,omar,,0\n",
    )
    .await;
}

#[tokio::test]
async fn gaps_tell_what_is_missing_and_why() {
    let mut lake = Lake::chained();
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Ssh, 0);
    let mut lost = one.closed(9);
    if let Message::Event(Event { kind: Kind::Closed(closed), .. }) = &mut lost {
        closed.reason = "lost".into();
    }
    let made = [
        one.opened(),
        one.acted("a1", 1, "ls", None),
        one.resulted("a1", 2, &[]),
        one.acted("a2", 3, "id", None),
        lost,
    ];
    let mut records: Vec<_> = made.into_iter().map(|message| lake.next(message)).collect();
    records.extend([0, 1, 2, 3].map(|at| lake.next(one.chunk(at, 100, Stream::Output, b"x"))));
    // Two more that never come, of which somebody signed.
    lake.next(one.opened());
    lake.next(one.opened());
    records.push(lake.checkpoint(&crate::fixture::pair(7), None));
    let missing = |record: &Located<Message>| match (&record.value, &record.place.stamp) {
        (Message::Event(_), Some(stamp)) => [1, 3].contains(&stamp.sequence),
        (Message::Chunk(_), Some(stamp)) => stamp.sequence == 3,
        _ => false,
    };
    records.retain(|record| !missing(record));
    // What was imported counts lines, not records.
    let stamp = Some(Stamp { proxy: "import".into(), spool: "file".into(), sequence: 9, previous: None });
    records.push(Located { place: Place { stamp, partition: i32::MAX as u32, offset: 9 }, value: one.opened() });
    lake.put(&records, &Table::ALL).await;
    check(
        &lake,
        "select what, reason, spool, session, first, last, missing, after is not null as a, before is not null as b \
         from gaps order by what, first",
        "what,reason,spool,session,first,last,missing,a,b\n\
         events,head,01SPOOL,,1,1,1,false,true\nevents,between,01SPOOL,,3,3,1,true,true\n\
         events,tail,01SPOOL,,6,7,2,true,true\nrecording,pieces,01SPOOL,s1,2,2,1,true,true\n\
         recordings,between,01SPOOL,,3,3,1,true,true\nsession,unended,01SPOOL,s1,,,,true,true\n",
    )
    .await;
    check(&story().await, "select count(*) as n from gaps", "n\n0\n").await;
}

#[tokio::test]
async fn rejected_tells_what_could_not_be_read() {
    let lake = story().await;
    check(&lake, "select count(*) as n from rejected", "n\n0\n").await;
    let folder = lake.path().join("events/_rejected");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join("3-17"), b"garbage").expect("writes");
    std::fs::write(folder.join("0-2"), alert("f-9", 1).encode()).expect("writes");
    std::fs::write(folder.join("0-5"), session("s", &["x"], "t", Protocol::Ssh, 0).opened().encode())
        .expect("writes");
    std::fs::write(folder.join("notes.txt"), b"nobody's").expect("writes");
    check(
        &lake,
        "select topic, bus_partition, bus_offset, bytes, file from rejected where bytes < 10",
        "topic,bus_partition,bus_offset,bytes,file\ninterdict.events,3,17,7,events/_rejected/3-17\n",
    )
    .await;
    let rows = lake
        .engine()
        .sql("select reason, length(digest) as n from rejected order by bus_offset")
        .await
        .expect("rows");
    let told = csv(rows).await;
    let [_, other, readable, garbage] = told.lines().collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert_eq!(other, "it belongs on interdict.alerts,64");
    assert!(readable.starts_with("this build can read it"), "{readable}");
    assert!(garbage.len() > 5 && garbage.ends_with(",64"), "{garbage}");
    let empty = Lake::new();
    check(&empty, "select count(*) as n from rejected", "n\n0\n").await;
}

#[tokio::test]
async fn risk_and_replay_are_values_wherever_sql_takes_one() {
    let lake = story().await;
    check(&lake, "select risk('s1') as a, risk('none') as b, risk(null) as c", "a,b,c\n800,,\n").await;
    check(
        &lake,
        "select session from sessions order by risk(session) desc nulls last, session limit 2",
        "session\ns1\ns0\n",
    )
    .await;
    check(
        &lake,
        "select coalesce(risk(session), 0) as risk, count(*) as n from sessions where risk(session) is null or \
         risk(session) > 700 group by 1 order by 1",
        "risk,n\n0,4\n800,1\n",
    )
    .await;
    check(&lake, "select risk, alert from risk('s1')", "risk,alert\n800,f-1\n").await;
    check(
        &lake,
        "select replay_url(session) as url, replay_url(null) as none from sessions where session = 's1'",
        "url,none\ninterdict://replay/s1,\n",
    )
    .await;
    let replay = "https://gateway/replay?session={session}".to_owned();
    let settings = Settings { replay, ..Settings::default() };
    let engine = interdict_queries::Engine::open(lake.path().to_str().expect("path"), settings).expect("opens");
    let told = csv(engine.sql("select replay_url('a/b') as url").await.expect("rows")).await;
    assert_eq!(told, "url\nhttps://gateway/replay?session=a%2Fb\n");
}

/// What the other standards' views tell of: sessions of each fate, and an action of each class with what came of it.
async fn everything() -> Lake {
    let mut lake = Lake::new();
    let agent = ["user:dana", "agent:plan"];
    let db = session("s1", &agent, "orders", Protocol::Postgres, 0);
    let ssh = session("s2", &["user:dana"], "bastion", Protocol::Ssh, 10);
    let web = session("s3", &["user:dana"], "shop", Protocol::Http, 20);
    let api = session("s4", &["svc:deploy"], "cluster", Protocol::Kubernetes, 30);
    let files = session("s5", &["user:dana"], "share", Protocol::Smb, 40);
    // Allowed by policy, and by the time it was judged no more.
    let late = session("s6", &["user:dana"], "vault", Protocol::Http, 50);
    let mut never = late.closed(51);
    if let Message::Event(Event { kind: Kind::Closed(closed), .. }) = &mut never {
        closed.reason = "verdict".into();
        closed.verdict = Some("v-1".into());
        (closed.actions, closed.denied, closed.bytes_in, closed.bytes_out) = (0, 0, 0, 0);
    }
    let shaped = |mut message: Message, change: &dyn Fn(&mut interdict_schemas::Action)| {
        if let Message::Event(Event { kind: Kind::Acted { action, .. }, .. }) = &mut message {
            change(action);
        }
        message
    };
    let ended = |mut message: Message, class: Class, code: &str, status: Status| {
        if let Message::Event(Event { kind: Kind::Resulted { class: of, outcome, .. }, .. }) = &mut message {
            *of = class;
            *outcome = Outcome { code: code.into(), status, ..outcome.clone() };
        }
        message
    };
    lake.write([
        db.opened(),
        shaped(db.acted("a1", 1, "update orders set paid = true", None), &|action| {
            action.verb = Verb::Update;
            action.objects = vec!["public.orders".into()];
            action.database = Some("shop".into());
        }),
        db.resulted("a1", 2, &[]),
        shaped(db.acted("a2", 3, "drop table orders", Some("tables are not dropped")), &|action| {
            action.verb = Verb::Define
        }),
        db.closed(4),
        ssh.opened(),
        shaped(ssh.acted("a3", 1, "systemctl restart web", None), &|action| action.verb = Verb::Execute),
        ended(ssh.resulted("a3", 2, &[]), Class::Command, "1", Status::Failure),
        web.acted("a4", 1, "GET /orders/7?full=1", None),
        ended(web.resulted("a4", 2, &[]), Class::Request, "200", Status::Success),
        shaped(api.acted("a5", 1, "create pods/exec prod/web-1", None), &|action| {
            action.verb = Verb::Create;
            action.objects = vec!["pods/exec".into()];
        }),
        shaped(files.acted("a6", 1, "delete \\share\\plan.txt", None), &|action| {
            action.verb = Verb::Delete;
            action.objects = vec!["\\share\\plan.txt".into()];
        }),
        files.refused("policy"),
        late.opened(),
        never,
    ])
    .await;
    lake
}

#[tokio::test]
async fn other_standards_names_have_the_values_they_want() {
    let lake = everything().await;
    for (name, order) in [
        ("ecs_events", "\"@timestamp\", \"event.id\""),
        ("asim_authentication", "\"TimeGenerated\", \"EventOriginalUid\""),
        ("asim_audit", "\"TimeGenerated\", \"EventOriginalUid\""),
        ("udm_events", "\"metadata.event_timestamp\", \"metadata.product_log_id\""),
        ("cim_authentication", "\"_time\", session_id"),
        ("cim_change", "\"_time\", session_id"),
    ] {
        let sql = format!("select * from {name} order by {order}");
        let rows = lake.engine().sql(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut out = Vec::new();
        write(rows, Format::Json, None, &mut out).await.expect("writes");
        // One attribute a line, so that a difference can be read; what is null is left out.
        let mut found = String::new();
        for line in String::from_utf8(out).expect("text").lines() {
            let row: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).expect("JSON");
            for (key, value) in row.iter().filter(|(_, value)| !value.is_null()) {
                found += &format!("{key}: {value}\n");
            }
            found.push('\n');
        }
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/views/{name}.golden"));
        if std::env::var_os("INTERDICT_BLESS").is_some() {
            std::fs::create_dir_all(golden.parent().expect("folder")).expect("folder");
            std::fs::write(&golden, &found).expect("writes");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{name}: run this test once with INTERDICT_BLESS=1 and read what changed");
    }
}
