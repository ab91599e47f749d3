//! Nothing runs, waits or is held without bound.

use super::bed::{Bed, code};
use crate::fixture::story;
use interdict_queries::serve::Limits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;

/// Runs for longer than any test waits.
const LONG: &str = "select count(*) from (select distinct a.value * 100000 + b.value from generate_series(1, 100000) a \
                    cross join generate_series(1, 100000) b)";
/// Never ends by itself, and has rows at once.
const WIDE: &str = "select concat(h, h, h, h, h, h, h, h) from (select encode(sha512(a.value::text), 'hex') as h from \
                    generate_series(1, 100000000) a)";

async fn bed(limits: Limits) -> Bed {
    Bed::new(story().await, limits).await
}

#[tokio::test(flavor = "multi_thread")]
async fn time_memory_and_rows_are_bounded_and_the_session_goes_on() {
    let limits =
        Limits { memory: 16 << 20, time: Duration::from_secs(2), rows: 1_000, questions: 2, ..Limits::default() };
    let bed = bed(limits).await;
    let client = bed.client("all").await;
    let check = async |sql: &str, expected: &str| {
        let error = client.simple_query(sql).await.err().unwrap_or_else(|| panic!("{sql} was answered"));
        assert_eq!(code(&error), expected, "{sql}: {error:?}");
    };
    let started = Instant::now();
    check(LONG, "57014").await;
    client.simple_query("set statement_timeout = '100ms'").await.expect("sets");
    let own = Instant::now();
    check(LONG, "57014").await;
    assert!(own.elapsed() < Duration::from_secs(1) && started.elapsed() < Duration::from_secs(8));
    // A client may lower its limit, not raise it.
    client.simple_query("set statement_timeout = '1h'").await.expect("sets");
    check(LONG, "57014").await;
    check("select array_agg(value) from generate_series(1, 100000000)", "53200").await;
    check("select value from generate_series(1, 10000)", "54000").await;
    client.simple_query("select value from generate_series(1, 1000)").await.expect("fits");
    bed.until("result failure 54000 8192").await;
}

/// Sorts more than fits in 64 MiB of memory and 16 MiB of disk.
const LARGE: &str = "select max(h) from (select encode(sha512(a.value::text), 'hex') as h from \
                     generate_series(1, 1000000) a order by 1 offset 1)";

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_memory_or_disk_harms_nobody_else() {
    let limits = Limits { memory: 64 << 20, spill: 16 << 20, questions: 8, ..Limits::default() };
    for (sql, expected, words) in [
        ("select array_agg(value) from generate_series(1, 100000000)", "53200", "MiB of memory"),
        (LARGE, "53100", "serve.spill_mib"),
    ] {
        let bed = bed(limits).await;
        let (heavy, other) = (bed.client("all").await, bed.client("all").await);
        let heavy = tokio::spawn(async move { (heavy.simple_query(sql).await.err(), heavy) });
        bed.until(&format!("ask {{}} {sql}")).await;
        let mut answered = 0;
        while !heavy.is_finished() {
            let rows = other.query("select root from events order by id", &[]).await;
            assert_eq!(rows.expect("is answered beside it").len(), 14, "{sql}");
            answered += 1;
        }
        assert!(answered > 0, "nothing was asked beside it");
        let (error, heavy) = heavy.await.expect("task");
        let error = error.unwrap_or_else(|| panic!("{sql} was answered"));
        assert_eq!(code(&error), expected, "{error:?}");
        assert!(error.as_db_error().is_some_and(|told| told.message().contains(words)), "{error:?}");
        // What it filled is free again, for it too.
        let sorted = "select value from generate_series(1, 100000) a order by value desc limit 1";
        heavy.simple_query(sorted).await.expect("goes on");
    }
}

#[test]
fn long_chains_are_refused_and_short_ones_have_room() {
    // The stack that the command gives to those who serve.
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(32 << 20).enable_all().build();
    let served = async { tokio::spawn(chains()).await };
    runtime.expect("a runtime").block_on(served).expect("no question ends the server");
}

async fn chains() {
    let bed = bed(Limits::default()).await;
    let client = bed.client("all").await;
    for (start, link) in [
        ("select 1", "+1"),
        ("select 1", " union all select 1"),
        ("select true", " or 2=1"),
        ("select 'a'", "||'a'"),
        ("select 1", "::int"),
        ("select 1 in (1", ",1"),
        ("set x = 1", "+1"),
    ] {
        let statement = |links: usize| {
            let end = if start.contains('(') { ")" } else { "" };
            format!("{start}{}{end}", link.repeat(links))
        };
        let error =
            client.simple_query(&statement(20_000)).await.err().unwrap_or_else(|| panic!("{link} was answered"));
        assert_eq!(code(&error), "42601", "{link}: {error:?}");
        // As long as it may be: whatever is said of it, the server stands.
        let words = link.split(' ').count().max(2);
        let _ = client.simple_query(&statement(1_900 / words / 2)).await;
        client.simple_query("select 1").await.expect("the server stands");
    }
    for sql in ["select repeat('x', 1000000000)", "select levenshtein('a', 'b')", "select lpad('x', 1000000000)"] {
        assert_eq!(code(&client.simple_query(sql).await.expect_err(sql)), "42883", "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_what_runs_and_nothing_else() {
    let bed = bed(Limits::default()).await;
    let client = bed.client("all").await;
    let token = client.cancel_token();
    let started = Instant::now();
    let running = tokio::spawn(async move { (client.simple_query(LONG).await.err(), client) });
    bed.until(&format!("ask {{}} {LONG}")).await;
    // Clients ask in clear, on a connection of its own.
    let stream = TcpStream::connect(bed.address).await.expect("connects");
    token.cancel_query_raw(stream, NoTls).await.expect("asks");
    let (error, client) = running.await.expect("task");
    assert_eq!(code(&error.expect("is cancelled")), "57014");
    assert!(started.elapsed() < Duration::from_secs(10));
    bed.until("result failure 57014 0").await;
    client.simple_query("select 1").await.expect("goes on");
    // Also when it is asked over TLS, and when nothing runs.
    client.cancel_token().cancel_query_raw(bed.stream().await, NoTls).await.expect("asks");
    // Nobody tells a client when its request was seen: as in PostgreSQL it may hit what is asked next, and no more.
    if let Err(error) = client.simple_query("select 1").await {
        assert_eq!(code(&error), "57014");
    }
    client.simple_query("select 1").await.expect("goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_ends_the_session_and_what_it_asks() {
    let bed = bed(Limits::default()).await;
    let (busy, idle) = (bed.client("all").await, bed.client("all").await);
    let running = tokio::spawn(async move { busy.simple_query(LONG).await });
    bed.until(&format!("ask {{}} {LONG}")).await;
    bed.door.revoked.cancel();
    let error = running.await.expect("task").expect_err("is cut");
    assert_eq!(code(&error), "57P01");
    assert!(error.to_string().contains("verdict v-1") || format!("{error:?}").contains("verdict v-1"), "{error:?}");
    assert!(idle.simple_query("select 1").await.is_err());
    bed.until("leave verdict").await;
}

/// A startup packet, a password and a statement, as bytes.
fn dialogue(sql: &str) -> Vec<u8> {
    let packet = |kind: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len() + 4).expect("length").to_be_bytes();
        [kind, &length, body].concat()
    };
    let startup = packet(b"", b"\0\x03\0\0user\0dana\0database\0lake\0\0");
    let (password, query) = (packet(b"p", b"all\0"), packet(b"Q", &[sql.as_bytes(), b"\0"].concat()));
    [startup, password, query].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_nothing_for_long() {
    let limits = Limits { time: Duration::from_secs(3), rows: u64::MAX, ..Limits::default() };
    let bed = bed(limits).await;
    let mut stream = bed.stream().await;
    stream.write_all(&dialogue(WIDE)).await.expect("asks");
    stream.flush().await.expect("asks");
    bed.until(&format!("ask {{}} {WIDE}")).await;
    let asked = Instant::now();
    let result = loop {
        if let Some(line) = bed.log().into_iter().find(|line| line.starts_with("result")) {
            break line;
        }
        assert!(asked.elapsed() < Duration::from_secs(30), "{:#?}", bed.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // A row has a kilobyte: what was made of the answer's 100 GB fills buffers of the network and a batch or two.
    let rows: u64 = result.rsplit(' ').next().and_then(|rows| rows.parse().ok()).expect("rows");
    assert!((1..=32 * 1024).contains(&rows), "{result}");
    bed.until("leave client").await;
    assert!(asked.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_nobody_goes_on_with_gives_its_place_back() {
    let bed = bed(Limits { time: Duration::from_secs(6), questions: 1, ..Limits::default() }).await;
    let (mut holder, other) = (bed.client("all").await, bed.client("all").await);
    let transaction = holder.transaction().await.expect("begins");
    let portal = transaction.bind(WIDE, &[]).await.expect("binds");
    assert_eq!(transaction.query_portal(&portal, 5).await.expect("rows").len(), 5);
    other.simple_query("set statement_timeout = '100ms'").await.expect("sets");
    assert_eq!(code(&other.simple_query("select 1").await.expect_err("no place")), "57014");
    other.simple_query("set statement_timeout = 0").await.expect("sets");
    other.simple_query("select 1").await.expect("the place is free again");
    // What was made of the answer already may still come; it ends long before the answer would.
    let end = loop {
        if let Err(error) = transaction.query_portal(&portal, 10_000).await {
            break error;
        }
    };
    assert_eq!(code(&end), "57014");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_protocol_is_refused_before_it_is_gathered() {
    let bed = bed(Limits::default()).await;
    // In clear.
    let mut plain = TcpStream::connect(bed.address).await.expect("connects");
    plain.write_all(&dialogue("select 1")).await.expect("writes");
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.expect("reads");
    assert!(String::from_utf8_lossy(&answer).contains("C28000"), "{answer:?}");
    // A message of four gigabytes.
    let mut long = bed.stream().await;
    long.write_all(&dialogue("select 1")).await.expect("writes");
    long.write_all(b"Q\xff\xff\xff\xff").await.expect("writes");
    let mut answer = Vec::new();
    // The end may come as a reset.
    let _ = long.read_to_end(&mut answer).await;
    assert!(String::from_utf8_lossy(&answer).contains("08P01"), "{}", String::from_utf8_lossy(&answer));
    // More prepared statements than a client needs.
    let client = bed.client("all").await;
    let mut kept = Vec::new();
    let error = loop {
        match client.prepare("select 1").await {
            Ok(statement) => kept.push(statement),
            Err(error) => break error,
        }
        assert!(kept.len() < 2_000);
    };
    assert_eq!(code(&error), "53400");
    drop(kept);
    client.query("select 1", &[]).await.expect("there is place again");
}
