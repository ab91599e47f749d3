//! What is refused, and what the client is told.

use crate::world::{World, closed};
use interdict_schemas::Kind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_why() {
    let world = World::new().await;
    let refused = async |root: &str, variable: &str, value: &str| {
        let mut psql = world.program("psql", root);
        let output = psql.args(["-Xc", "select 1"]).env(variable, value).output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused("dana", "PGPASSWORD", "not.a.token").await;
    assert!(error.contains("token"), "{error}");
    let error = refused("dana", "PGSSLMODE", "disable").await;
    assert!(error.contains("sslmode=require"), "{error}");
    let error = refused("stranger", "PGCONNECT_TIMEOUT", "10").await;
    assert!(error.contains("access denied (policy)"), "{error}");
    let error = refused("dana", "PGDATABASE", "nowhere").await;
    assert!(error.contains("database \"nowhere\" does not exist"), "{error}");
    let mut psql = world.program("psql", "dana");
    let output = psql.args(["-Xd", "replication=database dbname=postgres", "-c", "select 1"]).output().await.unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("replication does not go through"), "{output:?}");
    world.cluster.stop();
    let error = refused("dana", "PGCONNECT_TIMEOUT", "10").await;
    assert!(
        error.contains("target orders-db cannot be reached") && !error.contains(&world.cluster.port.to_string()),
        "{error}"
    );
    let events = world.events_until(|events| closed(events) == 2).await;
    let reasons: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Closed(closed) => Some((closed.reason.as_str(), closed.detail.as_str())),
            _ => None,
        })
        .collect();
    assert!(reasons.iter().all(|(reason, detail)| *reason == "target" && !detail.is_empty()), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_answered_with_an_error_or_a_closed_connection() {
    let world = World::new().await;
    let long = [&[0, 0, 0x27, 0x11][..], &[0; 20_000]].concat();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 8],
        &[0xff; 64],
        &long,
        &[0, 0, 0, 9, 0, 3, 0, 0, 1],
        b"\x16\x03\x01\0\x05hello",
    ] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an answer, too.
        let _read =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("closed");
    }
    for bytes in
        [&b"garbage in tls"[..], b"Q\0\0\0\x0dselect 1\0", b"p\x7f\xff\xff\xff", b"p\0\0\0\x04", b"X\0\0\0\x04"]
    {
        let mut stream = world.tls().await;
        stream.write_all(b"\0\0\0\x13\0\x03\0\0user\0dana\0\0").await.unwrap();
        let mut request = [0; 9];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        let _read =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("closed");
    }
    let (out, error) = world.psql("dana", "select 'still serving';\n").await;
    assert_eq!(out, "still serving\n", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quoting_that_can_be_read_in_two_ways_is_refused() {
    let world = World::new().await;
    let (out, error) = world
        .psql(
            "dana",
            "select 'fine\\';
set standard_conforming_strings = off;
select '\\'';table secrets;--';
select 'plain';
",
        )
        .await;
    assert_eq!(out, "fine\\\nSET\nplain\n", "{error}");
    // psql splits at the semicolon, so that the table is asked for by itself, too.
    let reasons: Vec<_> = error.lines().filter(|line| line.contains("42501")).collect();
    assert!(reasons.len() == 2 && reasons[0].contains("two ways") && reasons[1].contains("no-secrets"), "{error}");
}
