//! A served lake and clients of it.

use crate::fixture::Lake;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use interdict_queries::serve::{
    Caller, Counter, Desk, Door, Grant, Kind, Limits, Question, Refusal, Rows, Visit, serve_flight, serve_postgres,
};
use interdict_queries::{Engine, Settings};
use interdict_schemas::{Identity, Outcome, Principal, PrincipalKind, Time};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// Lets in whoever has one of these tokens:
/// `all` sees everything; `own` sees rows of its root, and no recordings; `barred` is refused; another is not believed.
#[derive(Default)]
pub(crate) struct TestDoor {
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) revoked: CancellationToken,
}

impl Door for TestDoor {
    fn admit<'a>(&'a self, caller: Caller<'a>) -> BoxFuture<'a, Result<Arc<dyn Visit>, Refusal>> {
        Box::pin(async move {
            let rows = match caller.token {
                "all" => Rows::default(),
                "own" => Rows(vec![vec!["root = $root".to_owned()]]),
                "barred" => return Err(Refusal::new(Kind::Forbidden, "access denied (policy)")),
                _ => return Err(Refusal::new(Kind::Unauthenticated, "the token is malformed")),
            };
            let root = Principal { id: "user:dana".into(), kind: PrincipalKind::Person };
            let visit = TestVisit {
                identity: Identity::rooted("https://issuer.example", root, Vec::new()),
                rows,
                log: Arc::clone(&self.log),
                revoked: self.revoked.clone(),
            };
            Ok(Arc::new(visit) as Arc<dyn Visit>)
        })
    }
}

struct TestVisit {
    identity: Identity,
    rows: Rows,
    log: Arc<Mutex<Vec<String>>>,
    revoked: CancellationToken,
}

impl TestVisit {
    fn note(&self, line: String) {
        self.log.lock().expect("log").push(line);
    }
}

impl Visit for TestVisit {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn expires(&self) -> Time {
        Time(i64::MAX)
    }

    fn ask(&self, question: &Question) -> Result<Grant, Refusal> {
        let parameters = if question.parameters.is_some() { " with values" } else { "" };
        self.note(format!("ask {:?} {}{parameters}", question.tables, question.text));
        if question.tables.contains("recordings") && !self.rows.0.is_empty() {
            return Err(Refusal::new(Kind::Forbidden, "permission denied: table recordings"));
        }
        let rows: BTreeMap<_, _> = question.tables.iter().map(|table| (table.clone(), self.rows.clone())).collect();
        Ok(Grant { action: "a-1".into(), rows })
    }

    fn decline(&self, question: &Question, _reason: &str) -> Result<(), Refusal> {
        self.note(format!("decline {} {}", question.verb, question.text));
        Ok(())
    }

    fn result(&self, _action: &str, outcome: Outcome) -> Result<(), Refusal> {
        self.note(format!("result {} {} {}", outcome.status, outcome.code, outcome.rows));
        Ok(())
    }

    fn revoked(&self) -> BoxFuture<'_, Refusal> {
        Box::pin(async {
            self.revoked.cancelled().await;
            Refusal::new(Kind::Over, "the session was cut: verdict v-1")
        })
    }

    fn count(&self, _bytes_in: u64, _bytes_out: u64) {}

    fn leave(&self, reason: &'static str, _detail: &str) {
        self.note(format!("leave {reason}"));
    }
}

/// A served lake.
pub(crate) struct Bed {
    pub(crate) lake: Lake,
    pub(crate) address: SocketAddr,
    pub(crate) flight: SocketAddr,
    pub(crate) door: Arc<TestDoor>,
    pub(crate) desk: Arc<Desk>,
    roots: RootCertStore,
    stop: CancellationToken,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bed {
    pub(crate) async fn new(lake: Lake, limits: Limits) -> Self {
        let (tls, roots) = certificate();
        let engine = Engine::open(lake.path().to_str().expect("path"), Settings::default()).expect("engine");
        let desk = Arc::new(Desk::open(engine, limits).await.expect("desk"));
        let door = Arc::new(TestDoor::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let address = listener.local_addr().expect("address");
        let stop = CancellationToken::new();
        let counter = || Counter {
            desk: Arc::clone(&desk),
            door: Arc::clone(&door) as Arc<dyn Door>,
            tls: Arc::clone(&tls),
            handshake: Duration::from_secs(10),
            connections: 50,
        };
        tokio::spawn(serve_postgres(counter(), listener, stop.clone(), Duration::from_secs(1)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let flight = listener.local_addr().expect("address");
        tokio::spawn(serve_flight(counter(), listener, stop.clone()));
        Self { lake, address, flight, door, desk, roots, stop }
    }

    /// A TLS stream that begins at once.
    pub(crate) async fn stream(&self) -> TlsStream<TcpStream> {
        self.tls(self.address, b"postgresql").await
    }

    /// A Flight SQL client.
    pub(crate) async fn flight(&self) -> FlightSqlServiceClient<Channel> {
        let stream = self.tls(self.flight, b"h2").await;
        let mut stream = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| std::io::Error::other("one connection is made"));
            std::future::ready(stream)
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await;
        FlightSqlServiceClient::new(channel.expect("connects"))
    }

    async fn tls(&self, address: SocketAddr, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(address).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("tls")
    }

    pub(crate) async fn try_client(&self, token: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.user("dana").password(token).dbname("lake").ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect_raw(self.stream().await, NoTls).await?;
        tokio::spawn(async move {
            // The test sees what its own calls say.
            let _ = connection.await;
        });
        Ok(client)
    }

    /// A client, and what it is warned of.
    pub(crate) async fn warned(&self, token: &str) -> (tokio_postgres::Client, Arc<Mutex<Vec<String>>>) {
        let mut config = tokio_postgres::Config::new();
        config.user("dana").password(token).dbname("lake").ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, mut connection) = config.connect_raw(self.stream().await, NoTls).await.expect("is let in");
        let warnings = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&warnings);
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    noted.lock().expect("warnings").push(notice.message().to_owned());
                }
            }
        });
        (client, warnings)
    }

    pub(crate) async fn client(&self, token: &str) -> tokio_postgres::Client {
        self.try_client(token).await.expect("is let in")
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.door.log.lock().expect("log").clone()
    }

    /// Waits until the log has a line.
    pub(crate) async fn until(&self, line: &str) {
        for _ in 0..2_000 {
            if self.log().iter().any(|have| have == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{line:?} was not logged: {:#?}", self.log());
    }
}

fn certificate() -> (Arc<ServerConfig>, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("certificate");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("root");
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).expect("key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("pair");
    (Arc::new(config), roots)
}

/// The SQLSTATE of an error.
pub(crate) fn code(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("none", |code| code.code())
}
