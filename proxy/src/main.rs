//! The proxy alone, as a thin binary: reads its file, opens its log, runs until told to end. The other parts are
//! reached over Kafka. `interdict proxy` is the same with the rest of the command beside it.

use anyhow::{Context as _, bail};
use clap::Parser;
use interdict_bus::embedded::Embedded;
use interdict_bus::kafka::Kafka;
use interdict_bus::{Log, Writer};
use interdict_proxy::Config;
use serde::Deserialize;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Stands between identities and infrastructure; records what crosses, and stops what verdicts stop.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, default_value = "interdict.toml", env = "INTERDICT_CONFIG")]
    config: PathBuf,
    /// What is logged: a level, or directives as RUST_LOG takes them.
    #[arg(long, default_value = "warn,interdict=info", env = "INTERDICT_LOG")]
    log: String,
    /// How log lines are written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The section that is the bus's; the proxy's own reader refuses keys that nobody knows.
#[derive(Deserialize)]
struct Sections {
    #[serde(default)]
    bus: interdict_bus::config::Raw,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_new(&arguments.log).context("--log is not understood")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if arguments.log_format == LogFormat::Json {
        lines.json().init()
    } else {
        lines.init()
    }

    let place = arguments.config.display();
    let text = std::fs::read_to_string(&arguments.config)
        .with_context(|| format!("cannot read {place}; name the configuration with --config"))?;
    let config = Config::parse(&text, &arguments.config)?;
    let sections: Sections = toml::from_str(&text).with_context(|| place.to_string())?;
    let bus = sections.bus.resolve().with_context(|| place.to_string())?;
    let Some(kafka) = bus.kafka else {
        bail!(
            "{place}: the embedded log belongs to one process, so a proxy alone would never hear a verdict; set \
             bus.kind = \"kafka\", or run all parts in one process with `interdict up`"
        );
    };
    // What people did is nobody else's to read.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data)
        .with_context(|| format!("cannot make {}", config.data.display()))?;
    let spool = Embedded::open(&config.data.join("log"), bus.embedded)?;
    let kafka = Kafka::connect(kafka).await?;
    let writer = Writer::spooled(spool, Arc::clone(&kafka), &config.name, config.durability)?;

    let shutdown = CancellationToken::new();
    let twice = told(shutdown.clone())?;
    // Whoever supervises the process reads the log line; nobody waits on the channel.
    let (ready, _) = oneshot::channel();
    tokio::select! {
        ran = interdict_proxy::run(config, kafka as Arc<dyn Log>, writer, ready, shutdown) => {
            ran?;
            Ok(ExitCode::SUCCESS)
        }
        () = twice => Ok(ExitCode::from(130)),
    }
}

/// Cancels on SIGINT or SIGTERM; returns on a second one, which ends the process at once. What was recorded stands in
/// the log.
fn told(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        tracing::info!("stopping; a second signal ends at once");
        shutdown.cancel();
        next().await;
        tracing::warn!("ended at once");
    })
}
