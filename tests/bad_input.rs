//! Hostile and broken input: a clear error, the reason in the log, nothing lost.

use crate::harness::gateway::{Bus, Gateway};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

#[test]
fn tokens_that_are_not_believed_open_nothing() {
    let gateway = Gateway::up(Bus::Embedded);
    let now = u64::try_from(jiff::Timestamp::now().as_second()).expect("clock");
    let good = gateway.token("dana", &[], |_| {});
    let unsigned = {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", encode(r#"{"alg":"none"}"#), good.split('.').nth(1).expect("claims"))
    };
    let long = "x".repeat(100_000);
    let cases = [
        ("empty", String::new()),
        ("garbage", "no.token.at-all".into()),
        ("tampered", format!("{}x", good)),
        ("alg none", unsigned),
        ("too long", long),
        ("wrong audience", gateway.token("dana", &[], |claims| claims.audience = "somebody else")),
        ("wrong issuer", gateway.token("dana", &[], |claims| claims.issuer = "https://elsewhere")),
        ("expired", gateway.token("dana", &[], |claims| claims.issued = now - 100_000)),
        ("not yet valid", gateway.token("dana", &[], |claims| claims.issued = now + 100_000)),
        ("too deep", gateway.token("dana", &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"], |_| {})),
    ];
    for (name, token) in cases {
        if !token.is_empty() {
            let clients = gateway.clients_with(token.clone());
            let answer = gateway.psql(&clients, &["select 1"]);
            assert_ne!(answer.status, 0, "{name} over psql: {}", answer.output);
            assert!(!answer.errors.contains("panicked"), "{name}: {}", answer.errors);
            assert_ne!(gateway.ssh(&clients, "echo in").output.trim(), "in", "{name} over ssh");
        }
        let answer = gateway.curl(&gateway.clients_with(token), "/");
        assert!(!answer.output.ends_with("200"), "{name} over curl: {}", answer.output);
    }
    assert_eq!(gateway.sql("select * from sessions where state <> 'refused'"), Vec::<serde_json::Value>::new());
    let clients = gateway.clients_with(good);
    assert_eq!(gateway.psql(&clients, &["select 1"]).status, 0, "the good token still works");
}

#[test]
fn garbage_bytes_are_answered_or_cut_and_harm_nobody() {
    let gateway = Gateway::up(Bus::Embedded);
    let mut seed: u64 = 7;
    for target in ["db", "bastion", "cluster"] {
        for length in [0, 1, 7, 8, 100, 4096, 200_000] {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    seed.to_be_bytes()[0]
                })
                .collect();
            let mut stream = TcpStream::connect(gateway.listener(target)).expect("listener");
            stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("timeout");
            // The gateway may cut at any point, so writes and reads may fail; what counts is what comes after.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 4096]);
        }
        // A length field that promises gigabytes.
        let mut stream = TcpStream::connect(gateway.listener(target)).expect("listener");
        let _ = stream.write_all(&[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]);
    }
    let dana = gateway.clients("dana", &[]);
    assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
    assert_eq!(gateway.ssh(&dana, "true").status, 0);
    assert!(gateway.curl(&dana, "/").output.ends_with("200"));
    assert!(!gateway.logged("up").contains("panicked"), "{}", gateway.logged("up"));
}

#[test]
fn a_target_that_is_down_is_named_and_recorded() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    let answer = crate::harness::run(dana.psql(gateway.listener("gone"), "shop", &["select 1"]).expect("psql"));
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("gone"), "{}", answer.errors);
    let closed =
        gateway.sql_until("select reason, detail from sessions where target = 'gone' and state = 'closed'", 1);
    assert_eq!(closed[0]["reason"], "target", "{closed:?}");
}

#[test]
fn a_denied_statement_leaves_the_session_usable() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    let answer = gateway.psql(&dana, &["select 1", "drop table inventory", "select 2"]);
    assert_eq!(answer.output.split_whitespace().collect::<Vec<_>>(), ["1", "2"], "{}", answer.errors);
    assert!(answer.errors.contains("tables are not dropped"), "{}", answer.errors);
    assert_eq!(gateway.postgres.run("\\connect shop\nselect count(*) from inventory;").expect("psql").trim(), "2");
    let denied = gateway.sql_until("select decision_reason from events where decision = 'deny'", 1);
    assert!(denied[0]["decision_reason"].as_str().is_some_and(|reason| reason.contains("not dropped")), "{denied:?}");

    let answer = gateway.ssh(&dana, "shutdown -h now");
    assert!(answer.errors.contains("not shut down"), "{}", answer.errors);
    assert_ne!(answer.status, 0);
}

#[test]
fn a_client_that_vanishes_is_recorded() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    let psql = dana.psql(gateway.listener("db"), "shop", &["select pg_sleep(50)"]).expect("psql");
    let client = crate::harness::clients::start(psql).expect("psql");
    gateway.until_in_lake("kind = 'acted'", 1);
    drop(client);
    let closed = gateway.sql_until("select reason from sessions where state = 'closed'", 1);
    assert_eq!(closed[0]["reason"], "client", "{closed:?}");
}

#[test]
fn without_policies_nobody_enters() {
    let gateway = Gateway::build(Bus::Embedded);
    std::fs::write(gateway.folder.path().join("policies/test.cedar"), "// nothing is permitted\n").expect("policy");
    let mut gateway = gateway;
    gateway.start();
    let answer = gateway.psql(&gateway.clients("dana", &[]), &["select 1"]);
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("policy") || answer.errors.contains("permit"), "{}", answer.errors);
    assert_eq!(gateway.sql_until("select reason from sessions where state = 'refused'", 1)[0]["reason"], "policy");
}

#[test]
fn a_log_filter_that_cannot_be_read_is_told() {
    let mut interdict = crate::harness::gateway::interdict();
    interdict.args(["hunt", "list"]).env("INTERDICT_LOG", "warn,=[");
    let answer = crate::harness::run(interdict);
    assert_eq!(answer.status, 2, "{}", answer.errors);
    assert!(answer.errors.contains("INTERDICT_LOG = \"warn,=[\" is not understood"), "{}", answer.errors);
}
