//! Alerts posted: signed, tried again, never lost over a restart.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use interdict_bus::Log;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_detector::sinks::webhook::{Config, GROUP, SIGNATURE, Webhook, signature};
use interdict_detector::{Backoff, Detector};
use interdict_schemas::{Alert, Message, Topic};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const SECRET: &[u8] = b"a key that nobody else has";

/// What the receiver answers, in order, then 200; and what it got.
struct Receiver {
    answers: Mutex<Vec<u16>>,
    got: mpsc::UnboundedSender<(u16, String, Vec<u8>)>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut answers = receiver.answers.lock().expect("answers");
    let status = if answers.is_empty() { 200 } else { answers.remove(0) };
    let signed = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    receiver.got.send((status, signed, body.to_vec())).expect("a test that listens");
    StatusCode::from_u16(status).expect("a status")
}

async fn receiver(answers: &[u16]) -> (Config, mpsc::UnboundedReceiver<(u16, String, Vec<u8>)>) {
    let (got, getting) = mpsc::unbounded_channel();
    let state = Arc::new(Receiver { answers: Mutex::new(answers.to_vec()), got });
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}/alerts", socket.local_addr().expect("an address"));
    let app = Router::new().route("/alerts", post(receive)).with_state(state);
    tokio::spawn(async move { axum::serve(socket, app).await });
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(4));
    (Config::new(url.parse().expect("a url"), SECRET.to_vec()).with_backoff(backoff), getting)
}

fn alerts() -> Vec<Message> {
    let mut detector = Detector::new(interdict_detector::Settings::default());
    let story = "target bastion host=bastion.internal
        target cluster host=k8s.internal
        09:00 dana>runner@sandbox config-db/postgres open
        09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
        09:02 dana>runner@sandbox bastion/ssh open
        09:03 dana>runner@sandbox bastion/ssh reads kubeconfig host_name=k8s.internal
        09:04 dana>runner@sandbox cluster/http open";
    let outputs = crate::story::events(story).into_iter().flat_map(|event| detector.observe(&event));
    let alerts: Vec<_> = outputs.map(Message::from).filter(|message| message.topic() == Topic::Alerts).collect();
    assert_eq!(alerts.len(), 2);
    alerts
}

/// Every partition is one's own.
fn alone() -> watch::Receiver<BTreeSet<u32>> {
    watch::channel(BTreeSet::from([0])).1
}

async fn committed(log: &dyn Log, offset: u64) {
    while log.committed(GROUP, Topic::Alerts, 0).await.expect("a commit") != Some(offset) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn alerts_are_signed_tried_again_and_not_sent_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let log: Arc<dyn Log> = Embedded::open(folder.path(), Settings::default()).expect("a log");
    let alerts = alerts();
    // What was there before a webhook was configured is not sent.
    log.append(&alerts[..1]).await.expect("appended");

    let (config, mut got) = receiver(&[503, 429]).await;
    let webhook = Webhook::start(config.clone(), Arc::clone(&log)).await.expect("a webhook");
    let stop = CancellationToken::new();
    let running = tokio::spawn(webhook.deliver(alone(), stop.clone()));
    log.append(&alerts[1..]).await.expect("appended");
    for expected in [503, 429, 200] {
        let (status, signed, body) = got.recv().await.expect("a post");
        assert_eq!(status, expected);
        let seconds = signed.strip_prefix("t=").and_then(|rest| rest.split(',').next()).expect("a time");
        assert_eq!(signed, signature(SECRET, seconds.parse().expect("seconds"), &body));
        let alert: Alert = serde_json::from_slice(&body).expect("an alert");
        assert_eq!(Message::Alert(alert), alerts[1]);
    }
    committed(log.as_ref(), 2).await;
    stop.cancel();
    running.await.expect("no panic");

    // What came while it was down is sent, and nothing else.
    log.append(&alerts[..1]).await.expect("appended");
    let webhook = Webhook::start(config, Arc::clone(&log)).await.expect("a webhook");
    let stop = CancellationToken::new();
    let running = tokio::spawn(webhook.deliver(alone(), stop.clone()));
    let (_, _, body) = got.recv().await.expect("a post");
    let alert: Alert = serde_json::from_slice(&body).expect("an alert");
    assert_eq!(Message::Alert(alert), alerts[0]);
    committed(log.as_ref(), 3).await;
    stop.cancel();
    running.await.expect("no panic");
    assert!(got.try_recv().is_err());
}

#[tokio::test]
async fn an_alert_refused_for_good_does_not_block_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let log: Arc<dyn Log> = Embedded::open(folder.path(), Settings::default()).expect("a log");
    let (config, mut got) = receiver(&[400]).await;
    let webhook = Webhook::start(config, Arc::clone(&log)).await.expect("a webhook");
    log.append(&alerts()).await.expect("appended");
    let stop = CancellationToken::new();
    let running = tokio::spawn(webhook.deliver(alone(), stop.clone()));
    assert_eq!(got.recv().await.expect("a post").0, 400);
    assert_eq!(got.recv().await.expect("a post").0, 200);
    committed(log.as_ref(), 2).await;
    stop.cancel();
    running.await.expect("no panic");
}

#[test]
fn a_signature_is_the_hmac_of_time_and_body() {
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    let expected = "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
    let signed = signature(b"key", 1_700_000_000, b"{}");
    assert_eq!(signed, expected);
    assert_ne!(signed, signature(b"key", 1_700_000_001, b"{}"));
    assert_ne!(signed, signature(b"kex", 1_700_000_000, b"{}"));
}
