//! `interdict check`: is the configuration right, do the policies hold together, can targets, bus and lake be reached? Every
//! answer is one line; what is wrong stands with its file and line.

use crate::settings::Settings;
use interdict_proxy::identity::Authenticator;
use interdict_proxy::policy::Policies;
use interdict_queries::Engine;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a target may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(config: &Path) -> anyhow::Result<bool> {
    let mut report = Report { good: true };
    let settings = Settings::load(config)?;
    let text = std::fs::read_to_string(config)?;
    let place = |needle: String| {
        let line = text.lines().position(|line| line.replace(' ', "") == needle).map_or(1, |index| index + 1);
        format!("{}:{line}", config.display())
    };
    report.line(true, format_args!("configuration {}", config.display()))?;

    for jewel in settings.unknown_jewels() {
        let place = place("[detector]".into());
        let words = "which no target or system here is called; it counts once one is met in imported logs";
        report.note(format_args!("{place}: detector.crown_jewels names {jewel:?}, {words}"))?;
    }
    match Policies::load(&settings.proxy.policy, &settings.proxy.targets) {
        Ok(_) => report.line(true, format_args!("policies {}", settings.proxy.policy.display()))?,
        Err(error) => report.line(false, format_args!("policies: {error}"))?,
    }
    match Authenticator::new(&settings.proxy.identity) {
        Ok(_) => report.line(true, format_args!("identity: tokens of {}", settings.proxy.identity.issuer))?,
        Err(error) => report.line(false, format_args!("{}: identity: {error}", place("[identity]".into())))?,
    }
    if let Some(tls) = &settings.proxy.tls {
        match interdict_proxy::tls::server(&tls.certificate, &tls.key) {
            Ok(_) => report.line(true, format_args!("certificate {}", tls.certificate.display()))?,
            Err(error) => report.line(false, format_args!("{}: {error}", place("[tls]".into())))?,
        }
    }
    for target in &settings.proxy.targets {
        let reached = tokio::time::timeout(PATIENCE, TcpStream::connect(target.address())).await;
        let why = match reached {
            Ok(Ok(_)) => {
                report.line(true, format_args!("target {} at {}", target.name, target.address()))?;
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        let place = place(format!("name=\"{}\"", target.name));
        report.line(false, format_args!("{place}: target {} at {}: {why}", target.name, target.address()))?;
    }
    match bus(&settings).await {
        Ok(what) => report.line(true, format_args!("bus: {what}"))?,
        Err(error) => report.line(false, format_args!("{}: bus: {error:#}", place("[bus]".into())))?,
    }
    match tokio::time::timeout(PATIENCE, lake(&settings)).await {
        Ok(Ok(what)) => report.line(true, format_args!("lake: {what}"))?,
        Ok(Err(error)) => report.line(false, format_args!("{}: lake: {error:#}", place("[lake]".into())))?,
        Err(_) => {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            report.line(false, format_args!("{}: lake: {why}", place("[lake]".into())))?;
        }
    }
    Ok(report.good)
}

async fn lake(settings: &Settings) -> anyhow::Result<String> {
    let place = settings.collector.lake.display().to_string();
    let engine = Engine::open(&place, interdict_queries::Settings::default())?;
    let is_empty = engine.snapshot().await?.is_empty();
    Ok(if is_empty { format!("{place}, in which nothing is written yet") } else { place })
}

async fn bus(settings: &Settings) -> anyhow::Result<String> {
    if let Some(kafka) = &settings.bus.kafka {
        settings.open_log().await?;
        return Ok(format!("Kafka at {}", kafka.brokers));
    }
    let socket = settings.data.join(crate::control::SOCKET);
    if crate::control::Control::connect(&socket).await?.is_some() {
        return Ok(format!("the local log in {}, held by a running gateway", settings.data.display()));
    }
    settings.open_log().await?;
    Ok(format!("the local log in {}", settings.data.display()))
}

/// Lines, and whether all are good.
struct Report {
    good: bool,
}

impl Report {
    fn line(&mut self, good: bool, words: std::fmt::Arguments<'_>) -> std::io::Result<()> {
        self.good &= good;
        writeln!(std::io::stdout(), "{}  {words}", if good { "ok " } else { "bad" })
    }

    /// What may be meant, and may be a mistake.
    fn note(&self, words: std::fmt::Arguments<'_>) -> std::io::Result<()> {
        writeln!(std::io::stdout(), "see  {words}")
    }
}
