//! `interdict serve`: the lake for the tools people have. Owns the meeting of three parts that do not know each other:
//! the server's protocols, the proxy's tokens, policies and verdicts, and the bus, on which every question is recorded.

mod door;

use crate::runtime;
use crate::settings::Settings;
use anyhow::Context as _;
use door::LakeDoor;
use interdict_bus::{Log, Writer};
use interdict_proxy::config::{Target, UpstreamTls};
use interdict_proxy::upstream::{Credential, Sealed};
use interdict_proxy::{Gateway, tls};
use interdict_queries::serve::{Config, Counter, Desk, Door, serve_flight, serve_postgres};
use interdict_queries::{Engine, Settings as Reading};
use interdict_schemas::{Identity, Principal, PrincipalKind, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// What the part is called.
pub(crate) const NAME: &str = "lake server";

/// Its spool's folder in the data folder, where it runs alone: a log belongs to one process, and a proxy may run there.
pub(crate) const SPOOL: &str = "log-serve";

/// What it serves with.
pub(crate) struct Serving {
    pub(crate) config: Config,
    pub(crate) writer: Writer,
    /// Whether no proxy runs in this process.
    pub(crate) alone: bool,
}

/// Tells, once, that the server admits: its name and addresses.
type Ready = oneshot::Sender<Vec<(String, SocketAddr)>>;

/// Serves until `stop`.
pub(crate) async fn run(
    serving: Serving,
    settings: Settings,
    log: Arc<dyn Log>,
    ready: Ready,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Serving { config, writer, alone } = serving;
    let target = Arc::new(target(&config));
    let mut proxy = settings.proxy.clone();
    proxy.targets.push(Arc::clone(&target));
    let (handshake, drain) = (proxy.handshake, proxy.drain);
    let pair = proxy.tls.clone().context("the lake is served in TLS only: write a [tls] section")?;
    let certificate = tls::server(&pair.certificate, &pair.key)?;
    let gateway = Gateway::new(proxy, writer)?;
    if alone {
        gateway.bury()?;
    }
    let mut reading = Reading::default();
    reading.replay = settings.replay.clone().unwrap_or(reading.replay);
    let engine = Engine::open(&settings.collector.lake.display().to_string(), reading)?;
    let desk = Arc::new(Desk::open(engine, config.limits).await?);
    check_rows(&gateway, &desk)?;

    let listener = bind(config.listen, "serve.listen").await?;
    let flight = match config.flight {
        Some(address) => Some(bind(address, "serve.flight").await?),
        None => None,
    };
    let mut bound = vec![(config.name.clone(), listener.local_addr()?)];
    if let Some(flight) = &flight {
        bound.push((format!("{} (flight)", config.name), flight.local_addr()?));
    }
    let over = CancellationToken::new();
    let _ended = over.clone().drop_guard();
    let follower = tokio::spawn({
        let (gateway, over) = (Arc::clone(&gateway), over.clone());
        async move { gateway.follow(log, over).await }
    });
    tokio::select! {
        () = gateway.ready() => {}
        () = stop.cancelled() => return Ok(()),
    }
    tracing::info!(lake = config.name, address = %config.listen, "the lake is served");
    // Nobody may be listening.
    let _told = ready.send(bound);
    let door: Arc<dyn Door> = Arc::new(LakeDoor::new(Arc::clone(&gateway), target));
    let counter = move || Counter {
        desk: Arc::clone(&desk),
        door: Arc::clone(&door),
        tls: Arc::clone(&certificate),
        handshake,
        connections: config.connections,
    };
    let flight = flight.map(TcpListener::into_std).transpose()?;
    let listener = listener.into_std()?;
    let served = apart({
        let stop = stop.clone();
        move || async move {
            // Taken over by the runtime that serves them.
            let listener = TcpListener::from_std(listener)?;
            let postgres = serve_postgres(counter(), listener, stop.clone(), drain);
            match flight {
                None => postgres.await,
                Some(flight) => {
                    let flight = serve_flight(counter(), TcpListener::from_std(flight)?, stop);
                    let ((), flight) = tokio::join!(postgres, flight);
                    flight?;
                }
            }
            anyhow::Ok(())
        }
    })
    .await;
    over.cancel();
    if follower.await.is_err() {
        tracing::error!("the task that follows verdicts panicked");
    }
    if alone && let Err(error) = gateway.flushed().await {
        tracing::warn!(%error, "the last records stand in the local log only; they are shipped at the next start");
    }
    served
}

/// Bytes of a thread's stack: planning a statement recurses as deep as it is long.
const STACK: usize = 32 << 20;

/// Runs on threads of its own, half of the machine's: questions reckon, and must not hold up the sessions that the
/// proxy beside them carries.
async fn apart<F>(work: impl FnOnce() -> F + Send + 'static) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let threads = runtime::cores().div_ceil(2);
    let (done, result) = oneshot::channel();
    std::thread::Builder::new().name("lake".to_owned()).spawn(move || {
        let runtime = runtime::builder(threads, STACK).thread_name("lake-worker").build();
        let ended = match runtime {
            Ok(runtime) => {
                let ended = runtime.block_on(work());
                runtime.shutdown_background();
                ended
            }
            Err(error) => Err(error.into()),
        };
        // Whoever waited may be gone.
        let _ = done.send(ended);
    })?;
    result.await.context("its thread panicked")?
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}

/// The lake as policies, verdicts and records know it. Nothing is ever dialled for it.
fn target(config: &Config) -> Target {
    Target {
        name: config.name.clone(),
        protocol: Protocol::Postgres,
        listen: config.listen,
        listen_tls: true,
        host: config.listen.ip().to_string(),
        port: config.listen.port(),
        aliases: Vec::new(),
        addresses: Vec::new(),
        accounts: Vec::new(),
        tags: config.tags.clone(),
        fail_open: false,
        escaped_slashes: false,
        account: String::new(),
        credential: Sealed::new(Credential::None),
        upstream_tls: UpstreamTls::Off,
        host_key: None,
    }
}

/// A condition of a policy that fits no table would only be noticed by whoever is refused for it.
fn check_rows(gateway: &Gateway, desk: &Desk) -> anyhow::Result<()> {
    let nobody = Principal { id: String::new(), kind: PrincipalKind::Person };
    let nobody = Identity::rooted("", nobody, Vec::new());
    for (policy, condition) in gateway.policies().conditions() {
        let fits = |table: &String| desk.check_rows(table, condition, &nobody).is_ok();
        anyhow::ensure!(
            desk.tables().iter().any(fits),
            "policy {policy}: @rows({condition:?}) fits no table of the lake; it must be a condition on a table's \
             columns, with $root and $actor for who asks"
        );
    }
    Ok(())
}
