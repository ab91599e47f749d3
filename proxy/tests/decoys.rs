//! Decoys planted by real servers' answers and presented by real clients: psql, curl and ssh, at gateways that share
//! nothing but a key.

#[path = "http/world.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod http_world;
#[path = "postgres/world.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod postgres_world;
#[path = "ssh/bed.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest")]
mod ssh_bed;

use http_world::{SECRETS, curl};
use interdict_proxy::config::Mask;
use interdict_proxy::mask::decoy::Form;
use interdict_proxy::mask::rule::shape;
use interdict_proxy::mask::{Field, Rule, fingerprint, json};
use interdict_schemas::{
    DecoyPlace, DecoyUse, DisclosureKind, Event, Kind, Message, Mode, Scope, Stop, Time, Verdict,
};
use postgres_world::closed;
use ssh_bed::{Bed, Options, USUAL};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const USERS: &str =
    "create table users (id int primary key, name text, password text, host varchar, raw bytea, pin int, \
                     born date);
insert into users values (1, 'ann', 'hunter2', 'db-1.internal', 'hunter2', 4711, '2000-01-01'), \
                         (2, 'bob', 'swordfish', '', null, 4712, '2000-01-02');
create view shows as select id, password as p from users;
create view harmless as select id, name from users;
create table parts (id int, token text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (100);
insert into parts values (1, 'tok-1')";

fn verdict(root: &str) -> Message {
    Message::Verdict(Verdict {
        id: format!("v-{root}"),
        time: Time(1),
        scope: Scope { root: Some(root.into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: Time(i64::MAX),
        reason: "pivoted".into(),
        evidence: vec![],
        alert: None,
        by: "test".into(),
        revoked: false,
    })
}

fn key(folder: &Path) -> PathBuf {
    use std::io::Write as _;
    let path = folder.join("decoys");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    writeln!(file, "{}", "3c".repeat(32)).unwrap();
    path
}

fn column(table: &str, column: &str, form: Form, prefix: &str, suffix: &str) -> Rule {
    Rule {
        target: "orders-db".into(),
        field: Field::Column {
            schema: "public".into(),
            table: table.into(),
            column: column.into(),
            checked_views: vec!["public.harmless".into()],
        },
        shape: shape(form, prefix, suffix).unwrap(),
    }
}

fn columns(key: PathBuf) -> Mask {
    Mask {
        key: Some(key),
        rules: vec![
            column("users", "password", Form::Base62, "", ""),
            column("users", "host", Form::Base32, "db-", ".internal"),
            column("users", "raw", Form::Hex, "", ""),
            column("users", "pin", Form::Base62, "", ""),
            column("parts", "token", Form::Base62, "ghp_", ""),
        ],
    }
}

fn member(key: PathBuf) -> Mask {
    let rule = Rule {
        target: "api".into(),
        field: Field::Json { path: json::Path::parse("items.*.token").unwrap(), under: "/secrets".into() },
        shape: shape(Form::Base62, "sk_live_", "").unwrap(),
    };
    Mask { key: Some(key), rules: vec![rule] }
}

/// What was presented, with whom it is recorded under and whether the attempt was refused.
fn presented(events: &[Event]) -> Vec<(DecoyUse, String)> {
    let refused = |event: &Event| match &event.kind {
        Kind::Refused(refused) => refused.reason == "decoy",
        Kind::Acted { decision, .. } => decision.effect.name() == "deny",
        _ => false,
    };
    let mut uses = Vec::new();
    for event in events.iter().filter(|event| !event.presented.is_empty()) {
        assert!(refused(event), "{event:?}");
        uses.extend(event.presented.iter().map(|used| (used.clone(), event.identity.root().id.clone())));
    }
    uses
}

fn opened(events: &[Event], root: &str) -> String {
    let opened = |event: &&Event| matches!(event.kind, Kind::Opened) && event.identity.root().id == root;
    events.iter().find(opened).expect("a session").session.clone()
}

fn planted(events: &[Event]) -> Vec<String> {
    let disclosures = events.iter().flat_map(|event| &event.disclosures);
    disclosures.filter(|learnt| learnt.kind == DisclosureKind::Decoy).map(|learnt| learnt.value.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_masked_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let world = postgres_world::World::masked(columns(key(folder.path())), USERS).await;
    let (out, error) = world
        .psql(
            "dana",
            "select id, name, password as innocent, raw from users order by id;
with a as (select password as x from (select * from users) b) select x from a;
select token from parts;
select token from parts_1;
begin;
declare c cursor for select password from users;
fetch all in c;
commit;
update users set name = 'anne' where id = 1 returning id, name;
delete from users where id = 3 returning password;
select count(*), max(id) from users;
select id, host, born from users order by id;
explain select * from users;
select u.id from users u join t on t.i = u.id;
prepare p as select password from users where id = $1;
execute p(1);
\\d users
",
        )
        .await;
    assert_eq!(error, "", "{out}");
    for secret in ["hunter2", "swordfish", "68756e74657232", "tok-1", "db-1.internal"] {
        assert!(!out.contains(secret), "{secret} in {out}");
    }
    let first = out.lines().next().unwrap().split('|').collect::<Vec<_>>();
    let [_, name, decoy, raw] = first[..] else { panic!("{out}") };
    assert_eq!((name, decoy.len(), raw.len()), ("ann", 49, 2 + 2 * 72), "{out}");
    assert!(out.matches(decoy).count() >= 4, "the same value has the same decoy in one session: {out}");
    let events = world.events_until(|events| closed(events) == 1).await;
    let planted = planted(&events);
    assert!(planted.contains(&fingerprint(decoy)), "{planted:?}");
    assert!(!format!("{events:?}").contains(decoy), "no record holds a decoy");
    assert_eq!(presented(&events), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_and_described_results_are_masked_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = postgres_world::World::masked(columns(key(folder.path())), USERS).await;
    let client = world.connect("dana").await;
    let statement = client.prepare("select id, password, name, raw, host from users where id = $1").await.unwrap();
    for _ in 0..3 {
        let row = client.query_one(&statement, &[&1]).await.unwrap();
        let (password, name, raw): (String, String, Vec<u8>) = (row.get(1), row.get(2), row.get(3));
        assert_eq!((password.len(), name.as_str(), raw.len()), (49, "ann", 72));
        let row = client.query_one(&statement, &[&2]).await.unwrap();
        assert_eq!((row.get::<_, Option<Vec<u8>>>(3), row.get::<_, String>(4)), (None, String::new()));
    }
    let error = client.query("select upper(password) from users", &[]).await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{error:?}");
    let rows = client.query("select id from users", &[]).await.unwrap();
    assert_eq!(rows.len(), 2, "the session goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_masked_is_refused_and_the_session_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let world = postgres_world::World::masked(columns(key(folder.path())), USERS).await;
    let refused = [
        "select upper(password) from users",
        "select password || '' from users",
        "select u from users u",
        "select row_to_json(u) from users u",
        "select string_agg(password, ',') from users",
        "select p from shows",
        "select pin from users",
        "copy users to stdout",
        "copy (select password from users) to stdout",
        "create table mine as select * from users",
        "create view mine as select password as p from users",
        "insert into t select id, password from users",
        "select * from users \\; select 'after'",
        "update users set name = password",
        "select set_config('a.b', password, false) from users",
        "select query_to_xml('select * from users', true, false, '')",
        "create table fresh (v text) \\; select v from fresh",
    ];
    let script: String = refused.iter().map(|sql| format!("{sql};\nselect 'goes on';\n")).collect();
    let (out, error) = world.psql("dana", &script).await;
    for secret in ["hunter2", "swordfish", "HUNTER2"] {
        assert!(!out.contains(secret) && !error.contains(secret), "{secret} in {out}{error}");
    }
    assert_eq!(error.lines().filter(|line| line.contains("42501")).count(), refused.len(), "{out}{error}");
    assert_eq!(out.lines().filter(|line| *line == "goes on").count(), refused.len(), "{out}{error}");
    let (out, error) = world.psql("dana", "select id from users where password::int = 5;\nselect 1;\n").await;
    assert!(out == "1\n" && error.contains("withheld") && !error.contains("hunter2"), "{error}");
    let details = format!("{:?}", world.events().await);
    assert!(!details.contains("hunter2"), "no record holds a masked value");
    let (out, error) =
        world.psql("dana", "select id, name from harmless order by id;\nselect id from shows;\n").await;
    assert_eq!((out.as_str(), error.as_str()), ("1|ann\n2|bob\n1\n2\n", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_that_is_not_in_the_database_denies_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let mask = Mask { key: Some(key(folder.path())), rules: vec![column("users", "pasword", Form::Base62, "", "")] };
    let world = postgres_world::World::masked(mask, USERS).await;
    let (out, error) = world.psql("dana", "select id from users;\nselect v from t;\n").await;
    assert_eq!(out, "one\n", "{error}");
    assert!(error.contains("public.users.pasword"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoy_of_a_column_is_known_wherever_it_is_presented() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = key(folder.path());
    let world = postgres_world::World::masked(columns(key.clone()), USERS).await;
    let (out, _) = world.psql("dana", "select password, host from users where id = 1;\n").await;
    let (password, host) = out.trim().split_once('|').expect("two columns");
    assert!(host.starts_with("db-") && host.ends_with(".internal"), "{host}");
    let origin = opened(&world.events().await, "dana");
    let used = |field: &str, target: &str, place| DecoyUse {
        session: origin.clone(),
        field: field.into(),
        target: target.into(),
        place,
    };
    let secret = |place| used("public.users.password", "orders-db", place);

    // PostgreSQL, where it was planted: with nobody known behind it, and with somebody.
    let mut psql = world.program("psql", "eve");
    let output = psql.env("PGPASSWORD", password).args(["-c", "select 1"]).output().await?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("the token is malformed"), "{words}");
    let mut psql = world.program("psql", "eve");
    assert!(!psql.env("PGUSER", password).args(["-c", "select 1"]).output().await?.status.success());
    let (_, error) = world.psql("eve", &format!("select '{password}';\nselect 1;\n")).await;
    assert!(error.contains("42501") && !error.contains(password), "{error}");
    let client = world.connect("mallory").await;
    assert!(client.query("select $1::text", &[&password]).await.is_err(), "as a parameter");
    let events = world.events_until(|events| presented(events).len() == 4).await;
    let expected = [
        (secret(DecoyPlace::Password), "dana".to_owned()),
        (secret(DecoyPlace::User), "eve".to_owned()),
        (secret(DecoyPlace::Statement), "eve".to_owned()),
        (secret(DecoyPlace::Statement), "mallory".to_owned()),
    ];
    assert_eq!(presented(&events), expected);
    assert!(!format!("{events:?}").contains(password), "no record holds a decoy");
    // Whoever hands back what it was masked has not moved; it is refused all the same.
    let script = format!("update users set password = (select '{password}') where id = 1;\n");
    let client = world.psql("dana", &script).await;
    assert!(client.1.contains("42501"), "another session of the same person: {}", client.1);

    // SSH, at a gateway that shares the key and has no masks.
    let bed = Bed::start(Options { decoy_key: Some(key.clone()), ..USUAL }).await?;
    let unknown = |used: DecoyUse| DecoyUse { field: String::new(), target: String::new(), ..used };
    assert!(!bed.ssh(password)?.arg("id").output().await?.status.success());
    assert!(!bed.ssh_as(password, "not-a-token")?.arg("id").output().await?.status.success());
    assert!(!bed.ssh_as(password, &bed.token("dana")?)?.arg("id").output().await?.status.success());
    for command in [format!("ssh -i key root@{host} id"), format!("PGPASSWORD={password} psql -h db")] {
        let output = bed.ssh(&bed.token("dana")?)?.arg(&command).output().await?;
        assert_eq!(output.status.code(), Some(126), "{command}: {output:?}");
    }
    let _refused = bed.ssh(&bed.token("dana")?)?.args(["-W", &format!("{host}:22")]).output().await?;
    let events = bed.events().await?;
    let seen: Vec<_> = presented(&events).into_iter().map(|(used, root)| (unknown(used), root)).collect();
    let ours = |place| unknown(secret(place));
    let from = "unknown:127.0.0.1".to_owned();
    let expected = [
        (ours(DecoyPlace::Password), from.clone()),
        (ours(DecoyPlace::User), from.clone()),
        (ours(DecoyPlace::User), from),
        (ours(DecoyPlace::User), "dana".into()),
        (ours(DecoyPlace::Destination), "dana".into()),
        (ours(DecoyPlace::Command), "dana".into()),
        (ours(DecoyPlace::Destination), "dana".into()),
    ];
    assert_eq!(seen, expected);
    assert!(!format!("{events:?}").contains(password) && !format!("{events:?}").contains(host));

    // HTTP, likewise.
    let http = http_world::World::masked(Mask { key: Some(key), rules: vec![] }).await;
    let bearer = format!("Authorization: Bearer {}", http.token("dana"));
    let stolen = format!("Authorization: Bearer {password}");
    assert_eq!(curl(&["-H", &stolen, &http.url("/seen")]).await.status, 401);
    assert_eq!(curl(&["-u", &format!("root:{password}"), &http.url("/seen")]).await.status, 401);
    for headers in
        [format!("X-Api-Key: {password}"), format!("Cookie: a=b; session={password}"), format!("Host: {host}")]
    {
        let answer = curl(&["-H", &bearer, "-H", &headers, &http.url("/seen")]).await;
        assert_eq!(answer.status, 403, "{headers}: {answer:?}");
    }
    assert_eq!(curl(&["-H", &bearer, &http.url(&format!("/seen?key={password}"))]).await.status, 403);
    let events = http.events_until(|events| presented(events).len() == 6).await;
    let places: Vec<_> =
        presented(&events).into_iter().map(|(used, root)| (used.session, used.place, root)).collect();
    let expected = [
        (DecoyPlace::Header, "unknown:127.0.0.1"),
        (DecoyPlace::Password, "unknown:127.0.0.1"),
        (DecoyPlace::Header, "dana"),
        (DecoyPlace::Header, "dana"),
        (DecoyPlace::Host, "dana"),
        (DecoyPlace::Destination, "dana"),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(place, root)| (origin.clone(), place, root.to_owned())).collect();
    assert_eq!(places, expected);
    assert_eq!(http.upstream.requests(), Vec::<String>::new(), "nothing refused reaches the target");
    assert!(!format!("{events:?}").contains(password) && !format!("{events:?}").contains(host));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoy_of_a_json_field_is_planted_and_known() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path());
    let world = http_world::World::masked(member(key.clone())).await;
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let mut tokens = Vec::new();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for path in ["/secrets", "/secrets-chunked"] {
            let answer = curl(&[version, "-i", "-H", &bearer, "-H", "Range: bytes=0-3", &world.url(path)]).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(!answer.body.contains("hunter2") && !answer.body.contains("swordfish"), "{answer:?}");
            assert!(!answer.body.contains("of-the-secret"), "a digest of what was masked: {answer:?}");
            let body = answer.body.rsplit_once("\r\n\r\n").unwrap().1;
            let document: serde_json::Value = serde_json::from_str(body).unwrap();
            let token = |at: usize| document["items"][at]["token"].as_str().unwrap().to_owned();
            assert!(token(0).starts_with("sk_live_") && token(0).len() == 8 + 49 && token(0) != token(1), "{body}");
            let restored = body.replace(&token(0), "hunter2").replace(&token(1), "swordfish");
            assert_eq!(restored, SECRETS, "every other byte stays");
            tokens.push(token(0));
        }
    }
    for path in ["/secrets-encoded", "/secrets-broken", "/secrets-typed", "/secrets-plain"] {
        let answer = curl(&["-H", &bearer, &world.url(path)]).await;
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
        assert!(answer.body.contains("masked") && !answer.body.contains("swordfish"), "{path}: {answer:?}");
    }
    assert_eq!(curl(&["-H", &bearer, &world.url("/other")]).await.body, "hello\n", "no rule is about it");
    let events = world.events().await;
    let planted = planted(&events);
    assert!(tokens.iter().all(|token| planted.contains(&fingerprint(token))), "{planted:?}");
    assert!(!tokens.iter().any(|token| format!("{events:?}").contains(token.as_str())));

    let session = opened(&events, "dana");
    let stolen = format!("Authorization: Bearer {}", tokens[0]);
    assert_eq!(curl(&["-H", &stolen, &world.url("/secrets")]).await.status, 401);
    let events = world.events_until(|events| !presented(events).is_empty()).await;
    let used = DecoyUse { session, field: "items.*.token".into(), target: "api".into(), place: DecoyPlace::Header };
    assert_eq!(presented(&events), [(used, "dana".to_owned())], "told under the root that it was taken from");
}
