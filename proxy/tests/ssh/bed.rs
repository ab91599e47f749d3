//! A gateway between real OpenSSH programs: `sshd` in a temporary folder behind it, `ssh` in front of it.

use anyhow::{Context, ensure};
use interdict_bus::{Log, Writer, embedded};
use interdict_proxy::Config;
use interdict_schemas::{Envelope, Event, Kind, Message, Mode, Scope, Stop, Stream, Time, Topic, Verdict};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
const POLICY: &str = r#"
permit (principal == Principal::"dana", action, resource);
forbid (principal, action == Action::"command", resource) when { context.objects.contains("shutdown") };
"#;

/// What differs between tests.
pub(crate) struct Options {
    /// Pin another host key than the target has.
    pub(crate) wrong_pin: bool,
    /// Let no sshd run.
    pub(crate) target_down: bool,
    /// Share the decoys of other gateways.
    pub(crate) decoy_key: Option<PathBuf>,
}

pub(crate) const USUAL: Options = Options { wrong_pin: false, target_down: false, decoy_key: None };

/// Everything that runs; ended when dropped.
pub(crate) struct Bed {
    folder: TempDir,
    key: KeyPair,
    sshd: Option<Child>,
    log: Arc<embedded::Embedded>,
    gateway: SocketAddr,
    shutdown: CancellationToken,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(sshd) = &mut self.sshd {
            // It may have ended by itself.
            let _killed = sshd.kill();
            let _reaped = sshd.wait();
        }
    }
}

impl Bed {
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        for name in ["host", "other", "client"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path.join(name)))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let sshd = if options.target_down { None } else { Some(sshd(path, port)?) };
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        use base64::Engine as _;
        let public = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.public_key_raw());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k", "x": public}]});
        std::fs::write(path.join("keys.json"), keys.to_string())?;
        std::fs::write(path.join("policy.cedar"), POLICY)?;
        let pin = std::fs::read_to_string(path.join(if options.wrong_pin { "other.pub" } else { "host.pub" }))?;
        let decoys =
            options.decoy_key.map(|key| format!("[gateway]\ndecoy_key_file = {:?}\n", key.display().to_string()));
        let config = format!(
            r#"
{}
[identity]
issuer = "https://issuer.example"
jwks_file = "keys.json"
audience = "interdict"
algorithms = ["EdDSA"]
[policy]
path = "policy.cedar"
[barrier]
bound_ms = 20
on_timeout = "admit"
[[target]]
name = "host-1"
protocol = "ssh"
listen = "127.0.0.1:0"
address = "127.0.0.1:{port}"
host_key = "{}"
[target.credential]
account = "{}"
key_file = "client"
[[inventory]]
name = "bastion-3"
aliases = ["bastion-3.internal"]
"#,
            decoys.unwrap_or_default(),
            pin.trim(),
            account()?,
        );
        let config = Config::parse(&config, &path.join("interdict.toml"))?;
        let log = embedded::Embedded::open(&path.join("log"), embedded::Settings::default())?;
        let writer = Writer::embedded(Arc::clone(&log), "gw-1", interdict_bus::Durability::Os)?;
        let (ready, bound) = oneshot::channel();
        let shutdown = CancellationToken::new();
        tokio::spawn(interdict_proxy::run(config, Arc::clone(&log) as Arc<dyn Log>, writer, ready, shutdown.clone()));
        let bound = tokio::time::timeout(PATIENCE, bound).await.context("the gateway is not ready")??;
        let gateway = bound.first().context("no listener")?.1;
        Ok(Self { folder, key, sshd, log, gateway, shutdown })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway
    }

    pub(crate) fn token(&self, subject: &str) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": "https://issuer.example", "aud": "interdict", "sub": subject, "kind": "person",
            "iat": now, "nbf": now, "exp": now + 600,
        });
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid = Some("k".into());
        Ok(jsonwebtoken::encode(
            &header,
            &claims,
            &jsonwebtoken::EncodingKey::from_ed_der(self.key.serialized_der()),
        )?)
    }

    /// `ssh` to the gateway as its users run it; the token answers whatever it asks.
    pub(crate) fn ssh(&self, token: &str) -> anyhow::Result<tokio::process::Command> {
        self.ssh_as("anybody", token)
    }

    /// The same by another name.
    pub(crate) fn ssh_as(&self, user: &str, token: &str) -> anyhow::Result<tokio::process::Command> {
        let askpass = self.path().join(format!("askpass-{}", interdict_proxy::clock::id()));
        std::fs::write(&askpass, format!("#!/bin/sh\necho '{token}'\n"))?;
        run(Command::new("chmod").arg("700").arg(&askpass))?;
        let mut ssh = tokio::process::Command::new("ssh");
        ssh.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").env_remove("SSH_AUTH_SOCK");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "NumberOfPasswordPrompts=1"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.path().join("known_hosts").display()));
        ssh.args(["-o", "LogLevel=ERROR", "-p", &self.gateway.port().to_string(), "-l", user, "127.0.0.1"]);
        ssh.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(ssh)
    }

    /// Everything recorded so far on a topic.
    async fn messages(&self, topic: Topic) -> anyhow::Result<Vec<Message>> {
        let end = self.log.end(topic, 0).await?;
        let mut reader = self.log.reader(topic, BTreeMap::new()).await?;
        let mut messages = Vec::new();
        while reader.position(0) < end {
            for record in reader.next(1000).await? {
                messages.push(Envelope::decode(&record.value)?.message);
            }
        }
        Ok(messages)
    }

    pub(crate) async fn events(&self) -> anyhow::Result<Vec<Event>> {
        let messages = self.messages(Topic::Events).await?;
        Ok(messages
            .into_iter()
            .filter_map(|message| if let Message::Event(event) = message { Some(event) } else { None })
            .collect())
    }

    /// The recording's chunks of one kind, joined.
    pub(crate) async fn recorded(&self, stream: Stream) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        for message in self.messages(Topic::Recordings).await? {
            if let Message::Chunk(chunk) = message
                && chunk.stream == stream
            {
                bytes.extend(chunk.data);
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until a recorded event satisfies `wanted`.
    pub(crate) async fn event(&self, wanted: impl Fn(&Kind) -> bool) -> anyhow::Result<Event> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events().await?;
            if let Some(event) = events.iter().find(|event| wanted(&event.kind)) {
                return Ok(event.clone());
            }
            ensure!(Instant::now() < deadline, "no such event among {events:#?}");
            tokio::task::yield_now().await;
        }
    }

    /// Every action: its text and whether it was allowed.
    pub(crate) async fn acted(&self) -> anyhow::Result<Vec<(String, bool)>> {
        let acted = self.events().await?.into_iter().filter_map(|event| match event.kind {
            Kind::Acted { action, decision, .. } => Some((action.text, decision.effect.name() == "allow")),
            _ => None,
        });
        Ok(acted.collect())
    }

    /// Gives a verdict on everything that `root` does.
    pub(crate) async fn stop(&self, root: &str) -> anyhow::Result<()> {
        let now = interdict_proxy::clock::now();
        let verdict = Verdict {
            id: "verdict-1".into(),
            time: now,
            scope: Scope { root: Some(root.into()), ..Scope::default() },
            effect: Stop::Stop,
            mode: Mode::Enforce,
            until: Time(now.0 + 600_000_000),
            reason: "a pivot was seen".into(),
            evidence: Vec::new(),
            alert: None,
            by: "test".into(),
            revoked: false,
        };
        self.log.append(&[Message::Verdict(verdict)]).await?;
        Ok(())
    }
}

fn sshd(folder: &Path, port: u16) -> anyhow::Result<Child> {
    let program = PathBuf::from("/usr/sbin/sshd");
    ensure!(program.exists(), "{} is missing; install Debian's openssh-server", program.display());
    if account()? == "root" {
        std::fs::create_dir_all("/run/sshd").context("sshd separates its privileges in /run/sshd")?;
    }
    std::fs::copy(folder.join("client.pub"), folder.join("authorized"))?;
    let config = folder.join("sshd_config");
    let path = folder.display();
    std::fs::write(
        &config,
        format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {path}/host\nAuthorizedKeysFile {path}/authorized\n\
             UsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nAcceptEnv LANG LC_*\n\
             PidFile none\nPrintMotd no\n"
        ),
    )?;
    let child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("sshd.log"))?)
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < deadline, "sshd: {}", std::fs::read_to_string(folder.join("sshd.log"))?);
        std::thread::yield_now();
    }
    Ok(child)
}

fn account() -> anyhow::Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}: install Debian's openssh-client"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
