//! The stage: servers, keys, policy and configuration in one folder, and interdict running on them.

use super::cast;
use super::clients::Clients;
use super::history;
use super::servers::{Postgres, Ssh};
use crate::development::{self, Claims, SigningKey};
use crate::settings::Settings;
use crate::up::{self, Running};
use anyhow::Context as _;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use interdict_schemas::{PrincipalKind, Time};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const ISSUER: &str = "https://issuer.demo.corp.example";

/// The servers and everything that interdict needs to stand before them.
pub(crate) struct Stage {
    folder: PathBuf,
    pub(crate) settings: Settings,
    key: SigningKey,
    listeners: OnceLock<BTreeMap<String, SocketAddr>>,
    _postgres: Postgres,
    ssh: Ssh,
}

impl Stage {
    /// Starts the servers and writes the configuration.
    pub(crate) async fn build(folder: &Path) -> anyhow::Result<Self> {
        let (postgres, ssh) = tokio::task::spawn_blocking({
            let folder = folder.to_owned();
            move || anyhow::Ok((Postgres::start(&folder.join("postgres"))?, Ssh::start(&folder.join("ssh"))?))
        })
        .await??;
        let password = format!("gateway-{}", rand::random::<u64>());
        postgres.run(&cast::SCHEMA.replace("{password}", &password))?;
        let api_token = format!("cluster-{}", rand::random::<u64>());
        let api = serve_api(api_token.clone()).await?;

        let at = |name: &str| folder.join(name);
        // Where `interdict token` looks for it.
        let key = SigningKey::create(&at("interdict/data/development.pem"), &at("interdict/jwks.json"))?;
        development::certificate(&["localhost", "127.0.0.1"], &at("interdict/cert.pem"), &at("interdict/key.pem"))?;
        development::write_new(&at("interdict/policies/demo.cedar"), 0o644, cast::POLICY.as_bytes())?;
        development::write_new(&at("interdict/secrets/config-db"), 0o600, password.as_bytes())?;
        development::write_new(&at("interdict/secrets/cluster"), 0o600, format!("Bearer {api_token}").as_bytes())?;
        let path = at("interdict/interdict.toml");
        development::write_new(&path, 0o644, configuration(&postgres, &ssh, api).as_bytes())?;
        let settings = Settings::load(&path)?;
        Ok(Self { folder: folder.to_owned(), settings, key, listeners: OnceLock::new(), _postgres: postgres, ssh })
    }

    /// Puts the bot's past on the bus and starts every part.
    pub(crate) async fn up(&self) -> anyhow::Result<Running> {
        let past = history::of_the_bot(ISSUER, &self.ssh.account, now())?;
        {
            let log = self.settings.open_log().await?;
            log.append(&past).await?;
        }
        let running = up::start(self.settings.clone()).await?;
        let listeners = running.listeners.iter().cloned().collect();
        self.listeners.set(listeners).ok().context("the stage is up already")?;
        Ok(running)
    }

    /// Where a target is reached through the gateway.
    pub(crate) fn listener(&self, target: &str) -> anyhow::Result<SocketAddr> {
        let listeners = self.listeners.get().context("the stage is not up")?;
        listeners.get(target).copied().with_context(|| format!("no listener for {target}"))
    }

    /// The clients of the bot, or of the person's agent.
    pub(crate) fn clients(&self, subject: &str, kind: PrincipalKind, delegates: &[&str]) -> anyhow::Result<Clients> {
        let delegates: Vec<String> = delegates.iter().map(|name| (*name).to_owned()).collect();
        let token = self.key.mint(&Claims {
            issuer: ISSUER,
            audience: "interdict",
            subject,
            kind,
            groups: &["engineering".to_owned()],
            delegates: &delegates,
            issued: u64::try_from(now().0 / 1_000_000)?,
            lifetime: 3600,
        })?;
        Clients::new(&self.folder.join("clients").join(subject), token)
    }
}

/// The wall clock.
pub(crate) fn now() -> Time {
    jiff::Timestamp::now().into()
}

/// An HTTP service that stands for a cluster's API: it answers whoever holds its credential, which is only the gateway.
async fn serve_api(token: String) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let expected = format!("Bearer {token}");
    let routes = axum::Router::new().fallback(move |request: Request| {
        let known =
            request.headers().get("authorization").is_some_and(|given| given.as_bytes() == expected.as_bytes());
        let path = request.uri().path().to_owned();
        async move {
            if known {
                (StatusCode::OK, format!("{{\"kind\":\"PodList\",\"path\":\"{path}\",\"items\":[]}}\n"))
                    .into_response()
            } else {
                (StatusCode::UNAUTHORIZED, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}\n").into_response()
            }
        }
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the demo's API ended");
        }
    });
    Ok(address)
}

fn configuration(postgres: &Postgres, ssh: &Ssh, api: SocketAddr) -> String {
    let alias = |target: &str| cast::ALIASES.iter().find(|(name, _)| *name == target).map_or("", |(_, alias)| *alias);
    let ssh_target = |name: &str| {
        format!(
            "\n[[target]]\nname = \"{name}\"\nprotocol = \"ssh\"\nlisten = \"127.0.0.1:0\"\n\
             address = \"127.0.0.1:{}\"\naliases = [\"{}\"]\nhost_key = \"{}\"\n\
             [target.credential]\naccount = \"{}\"\nkey_file = \"{}\"\n",
            ssh.port,
            alias(name),
            ssh.host_key,
            ssh.account,
            ssh.key_file.display(),
        )
    };
    format!(
        "data = \"data\"\n\n[gateway]\nname = \"gw-1\"\n\n[identity]\nissuer = \"{ISSUER}\"\njwks_file = \"jwks.json\"\n\
         audience = \"interdict\"\nalgorithms = [\"EdDSA\"]\n\n[policy]\npath = \"policies\"\n\n\
         [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\n[collector]\nmax_age_s = 1\n\n\
         [[target]]\nname = \"{db}\"\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:0\"\n\
         address = \"127.0.0.1:{port}\"\naliases = [\"{db_alias}\"]\n\
         [target.credential]\naccount = \"interdict\"\npassword_file = \"secrets/config-db\"\n{app}{bastion}\n\
         [[target]]\nname = \"{api_name}\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:0\"\naddress = \"{api}\"\n\
         aliases = [\"{api_alias}\"]\n[target.credential]\nheader = \"Authorization\"\nvalue_file = \"secrets/cluster\"\n",
        db = cast::DATABASE,
        port = postgres.port,
        db_alias = alias(cast::DATABASE),
        app = ssh_target(cast::APP),
        bastion = ssh_target(cast::BASTION),
        api_name = cast::CLUSTER,
        api_alias = alias(cast::CLUSTER),
    )
}
