//! HTTP through a whole gateway: real curl on one side, a real server on the other, the embedded log between.

#![expect(clippy::print_stderr, reason = "figures are shown with --nocapture")]

#[path = "http/world.rs"]
mod world;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use interdict_schemas::{Effect, Kind, Message, Mode, Scope, Status, Stop, Time, Verdict};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{World, curl};

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

#[tokio::test]
async fn curl_works_and_the_target_sees_the_gateways_credential_only() {
    let world = World::new().await;
    for version in VERSIONS {
        let token = world.token("dana");
        let bearer = format!("Authorization: Bearer {token}");
        let answer = curl(&[version, "--compressed", "-H", &bearer, &world.url("/seen?x=1")]).await;
        assert_eq!(answer.status, 200, "{version}: {answer:?}");
        let seen = json(&answer.body);
        assert_eq!(seen["authorization"], "Bearer of-the-gateway", "{version}");
        assert_eq!(seen["accept-encoding"], "identity");
        assert!(!answer.body.contains(&token), "{version}: the caller's token reached the target");
        let own = format!("X-Interdict-Token: {token}");
        let answer = curl(&[version, "-H", &own, "-H", "X-Forwarded-For: 1.2.3.4", &world.url("/seen")]).await;
        assert!(!answer.body.contains(&token) && !answer.body.contains("1.2.3.4"), "{answer:?}");
    }
    let events = world.events_until(|events| closed(events) == 4).await;
    let acted = events.iter().filter_map(|event| match &event.kind {
        Kind::Acted { action, .. } => Some(action.text.as_str()),
        _ => None,
    });
    let acted: Vec<_> = acted.collect();
    assert_eq!(acted, ["GET /seen?x=1", "GET /seen", "GET /seen?x=1", "GET /seen"]);
    let results = results(&events);
    assert!(results.iter().all(|(outcome, _)| outcome.status == Status::Success && outcome.code == "200"));
}

#[tokio::test]
async fn refusals_say_why() {
    let world = World::new().await;
    for version in VERSIONS {
        let bearer = format!("Authorization: Bearer {}", world.token("dana"));
        let answer = curl(&[version, "-i", &world.url("/seen")]).await;
        assert_eq!(answer.status, 401, "{version}: {answer:?}");
        assert!(answer.body.to_lowercase().contains("www-authenticate: bearer"), "{answer:?}");
        let answer = curl(&[version, "-H", "Authorization: Bearer not.a.token", &world.url("/seen")]).await;
        assert_eq!((answer.status, &json(&answer.body)["error"]), (401, &Value::from("unauthenticated")));
        let answer = curl(&[version, "-H", &bearer, &world.url("/forbidden/x")]).await;
        let body = json(&answer.body);
        assert_eq!((answer.status, &body["error"]), (403, &Value::from("denied")), "{answer:?}");
        assert!(body["session"].is_string() && body["reason"] != "", "{body}");
        let answer = curl(&[version, "-H", &bearer, &world.url("/%66orbidden")]).await;
        assert_eq!(answer.status, 403, "an escaped path is the same path");
        let answer = curl(&[version, "-H", &bearer, "--path-as-is", &world.url("/a/../seen")]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let stranger = format!("Authorization: Bearer {}", world.token("stranger"));
        let answer = curl(&[version, "-H", &stranger, &world.url("/seen")]).await;
        assert_eq!((answer.status, &json(&answer.body)["cause"]), (403, &Value::from("policy")), "{answer:?}");
    }
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"];
    let answer = curl(&[&["-H", &bearer, &world.url("/seen")][..], &upgrade].concat()).await;
    assert_eq!(answer.status, 501, "{answer:?}");
    assert_eq!(world.upstream.requests(), Vec::<String>::new(), "nothing refused reaches the target");
    let events = world.events_until(|events| results(events).len() == 3).await;
    let denied = events.iter().filter(|event| match &event.kind {
        Kind::Acted { decision, .. } => decision.effect == Effect::Deny,
        _ => false,
    });
    assert_eq!(denied.count(), 4);
    assert_eq!(events.iter().filter(|event| matches!(event.kind, Kind::Refused(_))).count(), 2);
}

#[tokio::test]
async fn target_that_is_down_is_a_bad_gateway() {
    let world = World::with_upstream("127.0.0.1:1".parse().unwrap()).await;
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let answer = curl(&["-H", &bearer, &world.url("/seen")]).await;
    assert_eq!(answer.status, 502);
    assert_eq!(json(&answer.body)["target"], "api");
    let events = world.events_until(|events| results(events).len() == 1).await;
    let (outcome, _) = results(&events).remove(0);
    assert_eq!((outcome.status, outcome.code.as_str()), (Status::Failure, "502"));
    assert!(outcome.detail.contains("cannot be reached"), "{}", outcome.detail);
}

#[tokio::test]
async fn ten_megabytes_stream_both_ways_unchanged() {
    let world = World::new().await;
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let body: Vec<u8> = (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (up, down) = (world.file("up"), world.file("down"));
    std::fs::write(&up, &body).unwrap();
    let data = format!("@{}", up.display());
    for version in VERSIONS {
        for framing in ["X-None: 1", "Transfer-Encoding: chunked"] {
            let down = down.to_str().unwrap();
            let request = [version, "-H", &bearer, "-H", framing, "--data-binary", &data, "-o", down];
            let answer = curl(&[&request[..], &[&world.url("/echo")]].concat()).await;
            assert_eq!(answer.status, 200, "{version} {framing}");
            assert_eq!(Sha256::digest(std::fs::read(down).unwrap()), Sha256::digest(&body), "{version} {framing}");
        }
    }
    let events = world.events_until(|events| results(events).len() == 4).await;
    for (outcome, _) in results(&events) {
        assert_eq!((outcome.bytes_in, outcome.bytes_out), (body.len() as u64, body.len() as u64));
    }
}

#[tokio::test]
async fn disclosure_stands_in_the_log_before_the_client_sees_it() {
    let world = World::new().await;
    let mut client = world
        .raw(&format!("GET /open HTTP/1.1\r\nHost: x\r\nX-Interdict-Token: {}\r\n\r\n", world.token("dana")))
        .await;
    read_until(&mut client, "opened").await;
    // Split in the middle of the name; the first half arrives although the answer does not end.
    world.upstream.say("connect to bastion-9.int").await;
    read_until(&mut client, "bastion-9.int").await;
    assert_eq!(world.disclosures(), Vec::<String>::new());
    world.upstream.say("ernal").await;
    read_until(&mut client, "ernal").await;
    assert_eq!(world.disclosures(), ["bastion-9.internal"], "the client sees what is not recorded");
    world.upstream.say(" and 10.9.9.9!").await;
    read_until(&mut client, "10.9.9.9").await;
    assert_eq!(world.disclosures(), ["bastion-9.internal", "10.9.9.9"]);
}

#[tokio::test]
async fn heads_are_scanned_and_encoded_bodies_marked() {
    let world = World::new().await;
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let answer = curl(&["-H", &bearer, &world.url("/moved")]).await;
    assert_eq!(answer.status, 302);
    assert_eq!(world.disclosures(), ["bastion-9.internal"]);
    curl(&["-H", &bearer, &world.url("/encoded")]).await;
    let events = world.events_until(|events| closed(events) == 2).await;
    let encoded = results(&events).into_iter().any(|(outcome, _)| outcome.detail.contains("encoded (gzip)"));
    assert!(encoded);
}

#[tokio::test]
async fn verdict_cuts_a_live_stream_and_refuses_the_next() {
    let world = World::new().await;
    for version in VERSIONS {
        let root = format!("root{version}");
        let token = world.token(&root);
        let bearer = format!("Authorization: Bearer {token}");
        let url = world.url("/open");
        let mut child = tokio::process::Command::new("curl")
            .args(["-sN", version, "-H", &bearer, &url])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut first = [0; 6];
        out.read_exact(&mut first).await.unwrap();
        let given = Instant::now();
        world.verdict(&root).await;
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).await.unwrap();
        let took = given.elapsed();
        assert!(!child.wait().await.unwrap().success(), "a cut answer must not look whole");
        assert!(took < Duration::from_secs(2), "{version}: cut after {took:?}");
        eprintln!("{version}: cut {took:?} after the verdict was given");
        let answer = curl(&[version, "-H", &bearer, &world.url("/seen")]).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("seen pivoting"), "{answer:?}");
    }
    let events = world.events_until(|events| closed(events) == 2).await;
    let cut = |event: &interdict_schemas::Event| matches!(&event.kind, Kind::Closed(closed) if closed.reason == "verdict" && closed.verdict.is_some());
    assert_eq!(events.iter().filter(|event| cut(event)).count(), 2);
    assert!(results(&events).iter().all(|(outcome, _)| outcome.status == Status::Unknown));
}

#[tokio::test]
async fn client_that_vanishes_leaves_an_outcome() {
    let world = World::new().await;
    let mut client = world
        .raw(&format!("GET /open HTTP/1.1\r\nHost: x\r\nX-Interdict-Token: {}\r\n\r\n", world.token("dana")))
        .await;
    read_until(&mut client, "opened").await;
    drop(client);
    let events = world.events_until(|events| closed(events) == 1).await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["opened", "acted", "resulted", "closed"]);
}

#[tokio::test]
async fn ambiguous_framing_smuggles_nothing() {
    let world = World::new().await;
    let token = world.token("dana");
    let head = |rest: &str| format!("POST /echo HTTP/1.1\r\nHost: x\r\nX-Interdict-Token: {token}\r\n{rest}");
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let attempts = [
        head(&format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
            smuggled.len() + 5
        )),
        head(&format!("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{smuggled}")),
        head(&format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len())),
        head(&format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}")),
        head(&format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        head(&format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}")),
        head(&format!("Content-Length: +0\r\n\r\n{smuggled}")),
        head("Host: y\r\nContent-Length: 0\r\n\r\n"),
        head("X: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        format!("CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\nX-Interdict-Token: {token}\r\n\r\n"),
        format!("GET http://elsewhere/smuggled HTTP/1.1\r\nHost: elsewhere\r\nX-Interdict-Token: {token}\r\n\r\n"),
        format!("GET /smuggled HTTP/1.1\r\nX-Interdict-Token: {token}\r\n\r\n"),
        "\u{16}\u{3}\u{1}garbage\r\n\r\n".to_owned(),
        format!("GET /smuggled HTTP/1.1\r\nHost: x\r\nBig: {}\r\n\r\n", "x".repeat(200_000)),
    ];
    for attempt in attempts {
        let mut client = world.raw(&attempt).await;
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset after the refusal is as good as an end.
        let _ended = client.read_to_end(&mut answer).await;
    }
    let requests = world.upstream.requests();
    assert!(requests.iter().all(|request| request == "POST /echo"), "{requests:?}");
    assert!(requests.len() <= 2, "{requests:?}");
}

#[tokio::test]
async fn connection_is_one_session_and_reuses_the_targets() {
    let world = World::new().await;
    let bearer = format!("Authorization: Bearer {}", world.token("dana"));
    let url = world.url("/hello");
    let answer = curl(&["-H", &bearer, &url, &url, &url]).await;
    assert_eq!(answer.body.matches("hello\n").count(), 3, "{answer:?}");
    let events = world.events_until(|events| closed(events) == 1).await;
    assert_eq!(opened(&events), 1);
    assert_eq!(world.upstream.connections(), 1);
}

#[tokio::test]
async fn streams_of_one_connection_share_its_session() {
    let world = World::new().await;
    let (dana, erin) = (world.token("dana"), world.token("erin"));
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let requests = (0..50).map(|i| {
        let bearer = format!("Bearer {}", if i % 2 == 0 { &dana } else { &erin });
        let request = http::Request::get(world.url("/hello")).header("authorization", bearer);
        let mut sender = sender.clone();
        async move {
            let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello\n");
        }
    });
    futures::future::join_all(requests).await;
    drop(sender);
    let events = world.events_until(|events| closed(events) == 2).await;
    assert_eq!(opened(&events), 2, "one session per token");
    assert_eq!(results(&events).len(), 50);
}

#[tokio::test]
async fn added_latency_is_small() {
    let world = World::new().await;
    let request = format!("GET /hello HTTP/1.1\r\nHost: x\r\nX-Interdict-Token: {}\r\n\r\n", world.token("dana"));
    let mut medians = Vec::new();
    for address in [world.upstream.address, world.address] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut times = Vec::new();
        for _ in 0..300 {
            let start = Instant::now();
            stream.write_all(request.as_bytes()).await.unwrap();
            read_until(&mut stream, "hello").await;
            times.push(start.elapsed());
        }
        times.sort();
        medians.push(times[times.len() / 2]);
    }
    eprintln!("median: direct {:?}, through the gateway {:?} (unoptimised build)", medians[0], medians[1]);
    assert!(medians[1] < Duration::from_millis(50));
}

fn closed(events: &[interdict_schemas::Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::Closed(_))).count()
}

fn opened(events: &[interdict_schemas::Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::Opened)).count()
}

fn results(events: &[interdict_schemas::Event]) -> Vec<(interdict_schemas::Outcome, usize)> {
    let results = events.iter().filter_map(|event| match &event.kind {
        Kind::Resulted { outcome, .. } => Some((outcome.clone(), event.disclosures.len())),
        _ => None,
    });
    results.collect()
}

async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    let found = async {
        while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "ended before {text:?}");
            read.extend_from_slice(&piece[..length]);
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), found).await;
    assert!(found.is_ok(), "{text:?} did not arrive; only {:?}", String::from_utf8_lossy(&read));
}

fn verdict(root: &str) -> Message {
    Message::Verdict(Verdict {
        id: format!("v-{root}"),
        time: Time(0),
        scope: Scope { root: Some(root.to_owned()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: Time(i64::MAX),
        reason: "seen pivoting".into(),
        evidence: vec![],
        alert: None,
        by: "test".into(),
        revoked: false,
    })
}
