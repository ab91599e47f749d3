//! A gateway, its log, its issuer's key, and a server that is its target.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream::StreamExt;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Durability, From, Log, Writer};
use interdict_proxy::config::{Barrier, Config, Identity, KeySource, Mask, OnTimeout, Target, UpstreamTls};
use interdict_proxy::disclose::Entry;
use interdict_proxy::upstream::{Credential, Sealed};
use interdict_proxy::{Secret, clock};
use interdict_schemas::{Envelope, Event, Message, Protocol, Topic};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

const ISSUER: &str = "https://issuer.example";

/// A running gateway.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Upstream,
    log: Arc<Embedded>,
    key: EncodingKey,
    folder: tempfile::TempDir,
    _stop: DropGuard,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::masked(Mask::default()).await
    }

    pub(crate) async fn masked(mask: Mask) -> Self {
        let upstream = Upstream::new().await;
        let address = upstream.address;
        Self::start(upstream, address, mask).await
    }

    /// The target stands elsewhere.
    pub(crate) async fn with_upstream(address: SocketAddr) -> Self {
        Self::start(Upstream::new().await, address, Mask::default()).await
    }

    async fn start(upstream: Upstream, target: SocketAddr, mask: Mask) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let point = pair.public_key_raw();
        let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), BASE64_URL_SAFE_NO_PAD.encode(&point[33..65]));
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "k1", "alg": "ES256", "use": "sig"});
        let jwks = folder.path().join("keys.json");
        std::fs::write(&jwks, json!({ "keys": [jwk] }).to_string()).unwrap();
        let policy = folder.path().join("policy.cedar");
        std::fs::write(&policy, POLICY).unwrap();
        let log = Embedded::open(&folder.path().join("log"), Settings::default()).unwrap();
        let writer = Writer::embedded(Arc::clone(&log), "gw-1", Durability::Os).unwrap();
        let config = Config {
            data: folder.path().to_owned(),
            name: "gw-1".into(),
            durability: Durability::Os,
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(2),
            connections: 100,
            identity: Identity {
                issuer: ISSUER.into(),
                keys: KeySource::File(jwks),
                audience: "interdict".into(),
                algorithms: vec![Algorithm::ES256],
                groups_claim: "groups".into(),
                max_depth: 8,
                leeway: Duration::from_secs(30),
            },
            policy,
            tls: None,
            // No detector runs here.
            barrier: Barrier { bound: Duration::from_millis(5), on_timeout: OnTimeout::Admit },
            targets: vec![Arc::new(api(target))],
            inventory: vec![Entry {
                name: "bastion-9".into(),
                host: None,
                aliases: vec!["bastion-9.internal".into()],
                addresses: vec!["10.9.9.9".parse().unwrap()],
                accounts: vec![],
            }],
            mask,
        };
        let stop = CancellationToken::new();
        let (ready, bound) = oneshot::channel();
        let shared: Arc<dyn Log> = Arc::clone(&log) as Arc<dyn Log>;
        tokio::spawn(interdict_proxy::run(config, shared, writer, ready, stop.clone()));
        let address = bound.await.expect("the gateway starts")[0].1;
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { address, upstream, log, key, folder, _stop: stop.drop_guard() }
    }

    pub(crate) fn token(&self, root: &str) -> String {
        let expires = clock::now().plus_seconds(600).millis() / 1000;
        let claims = json!({"iss": ISSUER, "aud": "interdict", "sub": root, "exp": expires});
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn raw(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A gateway that has refused already may have closed.
        let _written = stream.write_all(request.as_bytes()).await;
        stream
    }

    pub(crate) async fn verdict(&self, root: &str) {
        self.log.append(&[super::verdict(root)]).await.unwrap();
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let end = self.log.end(Topic::Events, 0).await.unwrap();
        let mut reader = self.log.reader(Topic::Events, From::new()).await.unwrap();
        let mut events = Vec::new();
        while reader.position(0) < end {
            for record in reader.next(1000).await.unwrap() {
                if let Message::Event(event) = Envelope::decode(&record.value).unwrap().message {
                    events.push(event);
                }
            }
        }
        events
    }

    pub(crate) async fn events_until(&self, condition: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let mut last = Vec::new();
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                last = self.events().await;
                if condition(&last) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let met = waited.await.is_ok();
        assert!(met, "the events never came to be so: {last:#?}");
        last
    }

    /// What stands in the log at this very moment.
    pub(crate) fn disclosures(&self) -> Vec<String> {
        let events = futures::executor::block_on(self.events());
        events.into_iter().flat_map(|event| event.disclosures).map(|disclosure| disclosure.value).collect()
    }
}

/// What the target knows that should not leave.
pub(crate) const SECRETS: &str = "{\"items\": [{\"name\": \"a\", \"token\": \"hunter2\"},  {\"name\":\"b\",\"token\":\"swordfish\",\"n\":1.10}, {\"token\":null}]}";

const POLICY: &str = r#"
permit (principal, action == Action::"connect", resource);
permit (principal, action == Action::"request", resource)
unless { context has path && context.path like "/forbidden*" };
forbid (principal == Principal::"stranger", action, resource);
"#;

fn api(address: SocketAddr) -> Target {
    Target {
        name: "api".into(),
        protocol: Protocol::Http,
        listen: "127.0.0.1:0".parse().unwrap(),
        listen_tls: false,
        host: address.ip().to_string(),
        port: address.port(),
        aliases: vec![],
        addresses: vec![],
        accounts: vec![],
        tags: vec![],
        fail_open: false,
        escaped_slashes: false,
        account: "gateway".into(),
        credential: Sealed::new(Credential::Header {
            name: http::header::AUTHORIZATION,
            value: Secret::new(b"Bearer of-the-gateway".to_vec()),
        }),
        upstream_tls: UpstreamTls::Off,
        host_key: None,
    }
}

/// What curl got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Runs the real curl.
pub(crate) async fn curl(arguments: &[&str]) -> Answer {
    let curl = tokio::process::Command::new("curl")
        .args(["-sS", "--max-time", "60", "-w", "\n%{http_code}"])
        .args(arguments)
        .kill_on_drop(true)
        .output();
    let output = curl.await.expect("curl is needed: apt-get install curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {text}", String::from_utf8_lossy(&output.stderr));
    let (body, status) = text.rsplit_once('\n').unwrap();
    Answer { status: status.parse().unwrap(), body: body.to_owned() }
}

type Reply = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
    open: Option<mpsc::Sender<&'static str>>,
}

/// The target.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Upstream {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let served = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                served.seen.lock().unwrap().connections += 1;
                let served = served.clone();
                let service = service_fn(move |request| {
                    let answer = served.answer(request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(async move {
                    // A connection that breaks is what some tests want.
                    let _over = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        upstream
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Sends more of the open answer.
    pub(crate) async fn say(&self, text: &'static str) {
        let open = self.seen.lock().unwrap().open.clone().expect("an answer is open");
        open.send(text).await.expect("the answer is still taken");
    }

    fn answer(&self, request: Request<Incoming>) -> Reply {
        let path = request.uri().path().to_owned();
        self.seen.lock().unwrap().requests.push(format!("{} {path}", request.method()));
        let full = |text: String| Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
        match path.as_str() {
            "/echo" => Response::new(request.into_body().boxed_unsync()),
            "/seen" => {
                let headers = request.headers().iter();
                let headers = headers.map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())));
                Response::new(full(serde_json::Value::Object(headers.collect()).to_string()))
            }
            "/open" => {
                let (sender, receiver) = mpsc::channel(8);
                sender.try_send("opened").unwrap();
                self.seen.lock().unwrap().open = Some(sender);
                let pieces = futures::stream::unfold(receiver, |mut receiver| async {
                    receiver.recv().await.map(|text| (Ok(Frame::data(Bytes::from(text))), receiver))
                });
                Response::new(StreamBody::new(pieces.boxed()).boxed_unsync())
            }
            "/moved" => Response::builder()
                .status(302)
                .header("location", "http://bastion-9.internal/")
                .body(full(String::new()))
                .unwrap(),
            "/secrets" => Response::builder()
                .header("content-type", "application/json; charset=utf-8")
                .header("etag", "\"of-the-secret\"")
                .body(full(SECRETS.into()))
                .unwrap(),
            "/secrets-chunked" => {
                let pieces: Vec<_> =
                    SECRETS.as_bytes().chunks(7).map(|piece| Ok(Frame::data(piece.into()))).collect();
                let body = StreamBody::new(futures::stream::iter(pieces)).boxed_unsync();
                Response::builder().header("content-type", "application/vnd.api+json").body(body).unwrap()
            }
            "/secrets-encoded" => Response::builder()
                .header("content-type", "application/json")
                .header("content-encoding", "gzip")
                .body(full(SECRETS.into()))
                .unwrap(),
            "/secrets-broken" => Response::builder()
                .header("content-type", "application/json")
                .body(full(SECRETS.replace(']', "")))
                .unwrap(),
            "/secrets-typed" => Response::builder()
                .header("content-type", "application/json")
                .body(full(SECRETS.replace("\"swordfish\"", "[\"swordfish\"]")))
                .unwrap(),
            "/encoded" => Response::builder().header("content-encoding", "gzip").body(full("?".into())).unwrap(),
            _ => Response::new(full("hello\n".into())),
        }
    }
}
