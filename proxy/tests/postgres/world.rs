//! A gateway, its log, its issuer's key, and a real PostgreSQL cluster that is its target.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Durability, From, Log, Writer};
use interdict_proxy::config::{Barrier, Config, Identity, KeySource, Mask, OnTimeout, Target, Tls, UpstreamTls};
use interdict_proxy::disclose::Entry;
use interdict_proxy::upstream::{Credential, Sealed};
use interdict_proxy::{Secret, clock};
use interdict_schemas::{Action, Envelope, Event, Kind, Message, Outcome, Protocol, Topic};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::ServerName;
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

const ISSUER: &str = "https://issuer.example";
const PASSWORD: &str = "of the gateway";
const BINARIES: &str = "/usr/lib/postgresql/15/bin";

const POLICY: &str = r#"
permit (principal, action == Action::"connect", resource);
permit (principal, action == Action::"statement", resource);
@id("no-secrets")
forbid (principal, action == Action::"statement", resource) when { context.objects.contains("secrets") };
forbid (principal == Principal::"stranger", action, resource);
"#;

/// A PostgreSQL cluster of its own; gone when dropped.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Cluster {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, port };
        std::fs::write(cluster.path("password"), PASSWORD).unwrap();
        run(Command::new("chown").args(["-R", "postgres"]).arg(cluster.folder.path())).await;
        let data = cluster.path("data").display().to_string();
        let password = cluster.path("password").display().to_string();
        let initdb = [
            "-D",
            &data,
            "-U",
            "app",
            "-A",
            "scram-sha-256",
            "--pwfile",
            &password,
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ];
        run(Command::from(server("initdb")).args(initdb)).await;
        let folder = cluster.folder.path().display();
        let options = format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off");
        let log = cluster.path("log").display().to_string();
        run(Command::from(server("pg_ctl")).args(["-D", &data, "-w", "-l", &log, "-o", &options, "start"])).await;
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs SQL past the gateway.
    pub(crate) async fn direct(&self, sql: &str) -> String {
        let mut psql = client("psql");
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "app", "-d", "postgres", "-XAtc", sql]);
        run(psql.env("PGPASSWORD", PASSWORD)).await
    }

    /// Stops the server at once.
    pub(crate) fn stop(&self) {
        let mut stop = server("pg_ctl");
        stop.args(["-D", &self.path("data").display().to_string(), "-m", "immediate", "stop"]);
        // It may be stopped already.
        let _stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// PostgreSQL's server programs refuse to run as root.
fn server(program: &str) -> std::process::Command {
    let program = Path::new(BINARIES).join(program);
    assert!(program.exists(), "{} is needed: apt-get install postgresql-15", program.display());
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn client(program: &str) -> Command {
    let mut command = Command::new(Path::new(BINARIES).join(program));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(command: &mut Command) -> String {
    let output = command.output().await.expect("setpriv and postgresql-15 are needed: apt-get install postgresql-15");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running gateway and its target.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) cluster: Cluster,
    pub(crate) stop: CancellationToken,
    log: Arc<Embedded>,
    key: EncodingKey,
    _folder: tempfile::TempDir,
    _stop: DropGuard,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::masked(Mask::default(), "").await
    }

    /// With masks, and with more SQL run before.
    pub(crate) async fn masked(mask: Mask, sql: &str) -> Self {
        let cluster = Cluster::new().await;
        if !sql.is_empty() {
            cluster.direct(sql).await;
        }
        cluster
            .direct("create table secrets (v text); create table t (i int, v text); insert into t values (1, 'one')")
            .await;
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let point = pair.public_key_raw();
        let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), BASE64_URL_SAFE_NO_PAD.encode(&point[33..65]));
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "k1", "alg": "ES256", "use": "sig"});
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let jwks = file("keys.json", &json!({ "keys": [jwk] }).to_string());
        let policy = file("policy.cedar", POLICY);
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = Tls {
            certificate: file("cert.pem", &own.cert.pem()),
            key: file("key.pem", &own.signing_key.serialize_pem()),
        };
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
            tls: Some(tls),
            // No detector runs here.
            barrier: Barrier { bound: Duration::from_millis(5), on_timeout: OnTimeout::Admit },
            targets: vec![Arc::new(target(cluster.port))],
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
        Self { address, cluster, stop: stop.clone(), log, key, _folder: folder, _stop: stop.drop_guard() }
    }

    pub(crate) fn token(&self, root: &str) -> String {
        let expires = clock::now().plus_seconds(600).millis() / 1000;
        let claims = json!({"iss": ISSUER, "aud": "interdict", "sub": root, "exp": expires});
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }

    /// A client program pointed at the gateway.
    pub(crate) fn program(&self, name: &str, root: &str) -> Command {
        let mut command = client(name);
        command.envs([
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &self.address.port().to_string()),
            ("PGUSER", root),
            ("PGDATABASE", "postgres"),
            ("PGSSLMODE", "require"),
            ("PGPASSWORD", &self.token(root)),
        ]);
        command
    }

    /// Runs psql on a script; every line is a command of its own.
    pub(crate) async fn psql(&self, root: &str, script: &str) -> (String, String) {
        let mut psql = self.program("psql", root);
        let psql = psql.args(["-XAt", "-v", "VERBOSITY=verbose"]).stdin(Stdio::piped());
        let mut child = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let script = script.to_owned();
        let fed = tokio::spawn(async move { input.write_all(script.as_bytes()).await });
        let Output { stdout, stderr, .. } = child.wait_with_output().await.unwrap();
        // psql may be gone before it has read all.
        let _fed = fed.await.unwrap();
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// A connection in TLS, as PostgreSQL clients open it.
    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(trust::Anyone))
                .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    /// tokio-postgres through the gateway.
    pub(crate) async fn connect(&self, root: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config
            .user(root)
            .dbname("postgres")
            .password(self.token(root))
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect_raw(self.tls().await, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn append(&self, message: Message) {
        self.log.append(&[message]).await.unwrap();
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
}

fn target(port: u16) -> Target {
    Target {
        name: "orders-db".into(),
        protocol: Protocol::Postgres,
        listen: "127.0.0.1:0".parse().unwrap(),
        listen_tls: true,
        host: "127.0.0.1".into(),
        port,
        aliases: vec![],
        addresses: vec![],
        accounts: vec![],
        tags: vec![],
        fail_open: false,
        escaped_slashes: false,
        account: "app".into(),
        credential: Sealed::new(Credential::Password(Secret::new(PASSWORD.into()))),
        upstream_tls: UpstreamTls::Off,
        host_key: None,
    }
}

/// Actions in the order recorded, with whether each was allowed and what came of it.
pub(crate) fn story(events: &[Event]) -> Vec<(&Action, bool, Option<&Outcome>)> {
    let outcome = |id: &str| {
        let of = |event: &'_ Event| matches!(&event.kind, Kind::Resulted { action, .. } if action == id);
        events.iter().rev().find(|event| of(event)).and_then(|event| match &event.kind {
            Kind::Resulted { outcome, .. } => Some(outcome),
            _ => None,
        })
    };
    events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Acted { action, decision, .. } => {
                Some((action, decision.effect == interdict_schemas::Effect::Allow, outcome(&action.id)))
            }
            _ => None,
        })
        .collect()
}

/// How many sessions ended.
pub(crate) fn closed(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::Closed(_))).count()
}

mod trust {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    /// Believes every certificate: psql's sslmode=require.
    #[derive(Debug)]
    pub(super) struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }
}
