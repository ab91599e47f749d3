//! Claims about tokens: what is believed, and which check refuses what is not.

use super::keys::{Keys, Limits};
use super::{Authenticator, Error, Verified, token};
use crate::clock;
use crate::config::{self, KeySource};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use interdict_schemas::PrincipalKind;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ISSUER: &str = "https://issuer.example";

/// A signing key and its public half, as an issuer has them.
struct Signer {
    id: &'static str,
    pair: rcgen::KeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        Self { id, pair: rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("key") }
    }

    fn jwk(&self) -> Value {
        // The uncompressed point: 4, x, y.
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
        header.kid = Some(self.id.into());
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        jsonwebtoken::encode(&header, claims, &key).expect("token")
    }
}

fn set(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}

fn settings(keys: KeySource) -> config::Identity {
    config::Identity {
        issuer: ISSUER.into(),
        keys,
        audience: "interdict".into(),
        algorithms: vec![Algorithm::ES256, Algorithm::RS256],
        groups_claim: "groups".into(),
        max_depth: 4,
        leeway: Duration::from_secs(30),
    }
}

fn seconds(from_now: i64) -> i64 {
    clock::now().0 / 1_000_000 + from_now
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "interdict", "sub": "dana", "exp": seconds(300)})
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn raw(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([7; 64]))
}

fn authenticator(signers: &[&Signer]) -> (Authenticator, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), set(signers).to_string()).expect("write");
    let settings = settings(KeySource::File(file.path().to_owned()));
    (Authenticator::new(&settings).expect("authenticator"), file)
}

async fn refusal(token: &str, signer: &Signer) -> Error {
    let (authenticator, _file) = authenticator(&[signer]);
    authenticator.verify(token).await.expect_err("refused")
}

async fn verified(claims: &Value) -> Verified {
    let signer = Signer::new("k1");
    let (authenticator, _file) = authenticator(&[&signer]);
    authenticator.verify(&signer.sign(claims)).await.expect("believed")
}

#[tokio::test]
async fn each_check_refuses_what_it_is_for() {
    let signer = Signer::new("k1");
    let check = async |claims: Value, expected: &str| {
        let error = refusal(&signer.sign(&claims), &signer).await;
        assert!(error.to_string().contains(expected), "{claims}: {error}");
    };
    check(with("aud", json!("other")), "for audience [\"other\"]").await;
    check(with("aud", json!(["a", "b"])), "for audience").await;
    check(with("aud", Value::Null), "for audience []").await;
    check(with("aud", json!(7)), "its aud is neither").await;
    check(with("iss", json!("https://evil.example")), "from issuer").await;
    check(with("iss", Value::Null), "it has no iss").await;
    check(with("exp", json!(seconds(-31))), "expired").await;
    check(with("exp", Value::Null), "it has no exp").await;
    check(with("exp", json!("soon")), "its exp is not a number").await;
    check(with("nbf", json!(seconds(60))), "valid only from").await;
    check(with("nbf", json!([1])), "its nbf is not a number").await;
    check(with("sub", Value::Null), "it has no sub").await;
    check(with("sub", json!("")), "a sub must have").await;
    check(with("sub", json!("a\nb")), "a sub must have").await;
    check(with("sub", json!(["dana"])), "its sub is not text").await;
    check(with("kind", json!("robot")), "kind \"robot\"").await;
    check(with("groups", json!([1])), "its groups is neither").await;
    check(with("act", json!("planner")), "its act is not an object").await;
    check(with("act", json!({"kind": "agent"})), "it has no sub").await;
    check(with("delegation", json!(1)), "its delegation").await;
    check(with("delegation", json!("")), "an empty id").await;
    check(with("delegation", json!({"id": "", "parent": "g1"})), "an empty id").await;
    let deep = json!({"sub": "d", "act": {"sub": "c", "act": {"sub": "b", "act": {"sub": "a"}}}});
    check(with("act", deep), "longer than 4 principals").await;
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    verified(&with("exp", json!(seconds(-20)))).await;
    verified(&with("nbf", json!(seconds(20)))).await;
    verified(&with("exp", json!(f64::from(u32::MAX) + 0.5))).await;
}

#[tokio::test]
async fn signatures_cannot_be_forged() {
    let signer = Signer::new("k1");
    let check = async |token: String, expected: fn(&Error) -> bool| {
        let error = refusal(&token, &signer).await;
        assert!(expected(&error), "{error}");
        assert!(!error.told().contains("k1"));
    };
    let algorithm: fn(&Error) -> bool = |error| matches!(error, Error::Algorithm(_));
    let malformed: fn(&Error) -> bool = |error| matches!(error, Error::Malformed(_));
    check(raw(&json!({"alg": "none", "kid": "k1"}), &claims()), algorithm).await;
    check(raw(&json!({"alg": "None"}), &claims()), algorithm).await;
    check(raw(&json!({"alg": "ES384", "kid": "k1"}), &claims()), algorithm).await;
    check(raw(&json!({"alg": "ES256", "kid": "k1"}), &claims()), |error| *error == Error::Signature).await;
    check(raw(&json!({"alg": "RS256", "kid": "k1"}), &claims()), |error| matches!(error, Error::UnknownKey(_))).await;
    check(raw(&json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]}), &claims()), malformed).await;
    check(raw(&json!({"kid": "k1"}), &claims()), malformed).await;
    check(raw(&json!([]), &claims()), malformed).await;
    // HMAC under the public key: whoever takes the algorithm from the token would believe it.
    let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
    header.kid = Some("k1".into());
    let public = EncodingKey::from_secret(signer.pair.public_key_raw());
    check(jsonwebtoken::encode(&header, &claims(), &public).expect("token"), algorithm).await;
    // Another key under the same id, and the right signature under other claims.
    check(Signer::new("k1").sign(&claims()), |error| *error == Error::Signature).await;
    check(Signer::new("k2").sign(&claims()), |error| *error == Error::UnknownKey("k2".into())).await;
    let token = signer.sign(&claims());
    let signature = token.rsplit('.').next().expect("signature");
    let head = token.split('.').next().expect("header");
    let other = URL_SAFE_NO_PAD.encode(with("sub", json!("root")).to_string());
    check(format!("{head}.{other}.{signature}"), |error| *error == Error::Signature).await;
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let signer = Signer::new("k1");
    let check = async |token: String| {
        let error = refusal(&token, &signer).await;
        assert!(matches!(error, Error::Malformed(_)), "{token:.40}: {error}");
    };
    for token in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\u{0}.\u{0}.\u{0}", "e30.e30.e30"] {
        check(token.into()).await;
    }
    check("a".repeat(token::MAX_TOKEN + 1)).await;
    check(signer.sign(&json!(["no", "object"]))).await;
}

#[tokio::test]
async fn nested_actors_become_the_chain_from_root_to_actor() {
    let mut claims = with("act", json!({"sub": "runner", "act": {"sub": "planner", "kind": "workload"}}));
    claims["groups"] = json!("sre dba");
    claims["jti"] = json!("grant-7");
    let identity = verified(&claims).await.identity;
    let chain: Vec<_> = identity.chain().iter().map(|link| (link.id.as_str(), link.kind)).collect();
    let expected =
        [("dana", PrincipalKind::Person), ("planner", PrincipalKind::Workload), ("runner", PrincipalKind::Agent)];
    assert_eq!(chain, expected);
    assert_eq!(identity.groups, ["sre", "dba"]);
    assert_eq!(identity.delegation.as_ref().map(|grant| grant.id.as_str()), Some("grant-7"));

    let mut claims = with("delegation", json!({"id": "g2", "parent": "g1"}));
    claims["groups"] = json!(["sre", "on call"]);
    claims["kind"] = json!("workload");
    let identity = verified(&claims).await.identity;
    assert_eq!(identity.root().kind, PrincipalKind::Workload);
    assert_eq!(identity.groups, ["sre", "on call"]);
    let grant = identity.delegation.expect("delegation");
    assert_eq!((grant.id.as_str(), grant.parent.as_str()), ("g2", "g1"));
}

#[tokio::test]
async fn a_token_without_key_id_needs_a_single_key() {
    let (one, two) = (Signer::new("k1"), Signer::new("k2"));
    let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
    header.kid = None;
    let key = EncodingKey::from_ec_der(&one.pair.serialize_der());
    let token = jsonwebtoken::encode(&header, &claims(), &key).expect("token");
    let (single, _file) = authenticator(&[&one]);
    single.verify(&token).await.expect("the only key");
    let (several, _file) = authenticator(&[&one, &two]);
    assert_eq!(several.verify(&token).await, Err(Error::NoKeyId(2)));
}

#[tokio::test]
async fn a_changed_key_file_is_read_again_and_a_broken_one_is_not_believed() {
    let (old, new) = (Signer::new("old"), Signer::new("new one"));
    let (authenticator, file) = authenticator(&[&old]);
    std::fs::write(file.path(), "{").expect("write");
    authenticator.verify(&old.sign(&claims())).await.expect("keys before stay");
    std::fs::write(file.path(), set(&[&new]).to_string()).expect("write");
    authenticator.verify(&new.sign(&claims())).await.expect("the new key");
    assert_eq!(authenticator.verify(&old.sign(&claims())).await, Err(Error::UnknownKey("old".into())));
}

#[test]
fn keys_that_cannot_verify_are_passed_over() {
    let file = tempfile::NamedTempFile::new().expect("file");
    let check = |text: &str, expected: &str| {
        std::fs::write(file.path(), text).expect("write");
        let settings = settings(KeySource::File(file.path().to_owned()));
        let error = Authenticator::new(&settings).expect_err("no key").to_string();
        assert!(error.contains(expected), "{text}: {error}");
    };
    check("[]", "no JWKS");
    check("{\"keys\": []}", "no key that verifies");
    check(
        "{\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\", \"kid\": \"k1\"}, {\"kty\": \"new\"}, 7]}",
        "no key that verifies",
    );
    let mut encrypting = Signer::new("k1").jwk();
    encrypting["use"] = json!("enc");
    check(&json!({"keys": [encrypting]}).to_string(), "no key that verifies");
}

/// An issuer over HTTP on loopback: discovery and keys, counting requests.
struct Issuer {
    address: SocketAddr,
    keys: Arc<Mutex<String>>,
    names: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Issuer {
    async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let keys = Arc::new(Mutex::new(set(signers).to_string()));
        let names = Arc::new(Mutex::new(format!("http://{address}")));
        let asked = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn({
            let (keys, names, asked) = (Arc::clone(&keys), Arc::clone(&names), Arc::clone(&asked));
            async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { break };
                        request.push(byte);
                    }
                    let body = if request.starts_with(b"GET /.well-known/openid-configuration ") {
                        let name = names.lock().expect("names").clone();
                        json!({"issuer": name, "jwks_uri": format!("http://{address}/keys")}).to_string()
                    } else {
                        asked.fetch_add(1, Ordering::SeqCst);
                        keys.lock().expect("keys").clone()
                    };
                    let head =
                        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                    if stream.write_all((head + &body).as_bytes()).await.is_err() {
                        continue;
                    }
                    let _closed = stream.shutdown().await;
                }
            }
        });
        Self { address, keys, names, asked, task }
    }

    fn source(&self) -> KeySource {
        let url = format!("http://{}/.well-known/openid-configuration", self.address);
        KeySource::Discovery(url.parse().expect("url"))
    }

    fn keys(&self, limits: Limits) -> Arc<Keys> {
        Keys::new(&format!("http://{}", self.address), self.source(), limits).expect("keys")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn header(key: &str) -> token::Header {
    token::Header { algorithm: Algorithm::ES256, key: Some(key.into()) }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let issuer = Issuer::start(&[&old]).await;
    let keys = issuer.keys(Limits { again: Duration::ZERO, ..Limits::default() });
    keys.find(&header("old")).await.expect("discovered");
    keys.find(&header("old")).await.expect("cached");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
    *issuer.keys.lock().expect("keys") = set(&[&old, &new]).to_string();
    keys.find(&header("new")).await.expect("rotated in");
    keys.find(&header("old")).await.expect("still published");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_reach_the_issuer() {
    let signer = Signer::new("k1");
    let issuer = Issuer::start(&[&signer]).await;
    let keys = issuer.keys(Limits { again: Duration::from_secs(3600), ..Limits::default() });
    keys.find(&header("k1")).await.expect("known");
    let flood = (0..200).map(|index| {
        let keys = Arc::clone(&keys);
        async move { keys.find(&header(&format!("made up {index}"))).await }
    });
    for found in futures::future::join_all(flood).await {
        assert!(matches!(found, Err(Error::UnknownKey(_))));
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_first_tokens_ask_the_issuer_once() {
    let signer = Signer::new("k1");
    let issuer = Issuer::start(&[&signer]).await;
    let keys = issuer.keys(Limits { again: Duration::ZERO, ..Limits::default() });
    let first = (0..50).map(|_| {
        let keys = Arc::clone(&keys);
        async move { keys.find(&header("k1")).await }
    });
    for found in futures::future::join_all(first).await {
        found.expect("known");
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn old_keys_serve_while_the_issuer_is_down_but_not_for_ever() {
    let signer = Signer::new("k1");
    let issuer = Issuer::start(&[&signer]).await;
    let limits = Limits { fresh: Duration::ZERO, again: Duration::ZERO, ..Limits::default() };
    let (kept, dropped) = (issuer.keys(limits), issuer.keys(Limits { keep: Duration::ZERO, ..limits }));
    kept.find(&header("k1")).await.expect("known");
    dropped.warm().await.expect("known");
    issuer.task.abort();
    while !issuer.task.is_finished() {
        tokio::task::yield_now().await;
    }
    kept.find(&header("k1")).await.expect("kept");
    assert!(matches!(kept.find(&header("k2")).await, Err(Error::UnknownKey(_))));
    assert!(matches!(dropped.find(&header("k1")).await, Err(Error::Keys(_))));
}

#[tokio::test]
async fn an_issuer_that_names_itself_otherwise_is_not_believed() {
    let signer = Signer::new("k1");
    let issuer = Issuer::start(&[&signer]).await;
    *issuer.names.lock().expect("names") = "https://evil.example".into();
    let Err(Error::Keys(error)) = issuer.keys(Limits::default()).find(&header("k1")).await else {
        panic!("believed");
    };
    assert!(error.contains("evil.example"), "{error}");
}

#[tokio::test]
async fn an_endless_document_is_cut_off() {
    let signer = Signer::new("k1");
    let issuer = Issuer::start(&[&signer]).await;
    *issuer.keys.lock().expect("keys") = " ".repeat((1 << 20) + 1);
    let Err(Error::Keys(error)) = issuer.keys(Limits::default()).find(&header("k1")).await else {
        panic!("believed");
    };
    assert!(error.contains("more than"), "{error}");
}
