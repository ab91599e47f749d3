//! Every part in one process, on one log. Starts them in the order in which they need each other, stops them in the
//! order in which they feed each other, and stops all when one fails.

use crate::control;
use crate::serve;
use crate::settings::Settings;
use anyhow::{Context as _, bail};
use interdict_bus::Log;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A part that runs.
struct Part {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Part {
    fn start<F>(name: &'static str, part: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        Self { name, task: tokio::spawn(part(stop.clone())), stop }
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task
            .await
            .with_context(|| format!("the {} panicked", self.name))?
            .with_context(|| format!("the {} failed", self.name))
    }
}

/// All parts, running.
pub(crate) struct Running {
    /// Each target's name and where clients reach it.
    pub(crate) listeners: Vec<(String, SocketAddr)>,
    /// The log they share.
    pub(crate) log: Arc<dyn Log>,
    /// In the order in which they stop.
    parts: Vec<Part>,
}

/// Starts every part and returns once the proxy admits.
pub(crate) async fn start(settings: Settings) -> anyhow::Result<Running> {
    for jewel in settings.unknown_jewels() {
        tracing::warn!(jewel, "detector.crown_jewels names what is no target here; check the spelling");
    }
    let (log, writer) = settings.open_writer().await?;
    let collector = Part::start("collector", {
        let (config, log) = (settings.collector.clone(), Arc::clone(&log));
        |stop| async move { Ok(interdict_collector::run(config, log, stop).await?) }
    });
    let detector = Part::start("detector", {
        let (config, log) = (settings.detector.clone(), Arc::clone(&log));
        |stop| async move { Ok(interdict_detector::run(config, log, stop).await?) }
    });
    let control = Part::start("control socket", {
        let (socket, log) = (settings.data.join(control::SOCKET), Arc::clone(&log));
        |stop| async move { control::serve(&socket, log, stop).await }
    });
    let serving =
        settings.serve.clone().map(|config| serve::Serving { config, writer: writer.clone(), alone: false });
    let (ready, listeners) = oneshot::channel();
    let proxy = Part::start("proxy", {
        let (config, log) = (settings.proxy.clone(), Arc::clone(&log));
        |stop| async move { Ok(interdict_proxy::run(config, log, writer, ready, stop).await?) }
    });
    let mut parts = vec![proxy, control, detector, collector];
    let mut ready = vec![listeners];
    if let Some(serving) = serving {
        let (told, served) = oneshot::channel();
        let log = Arc::clone(&log);
        parts.insert(1, Part::start(serve::NAME, |stop| serve::run(serving, settings, log, told, stop)));
        ready.push(served);
    }
    let mut running = Running { listeners: Vec::new(), log, parts };
    for listeners in ready {
        tokio::select! {
            listeners = listeners => match listeners {
                Ok(listeners) => running.listeners.extend(listeners),
                // The part ended before it was ready; its own words say why.
                Err(_) => return Err(running.fail().await),
            },
            error = running.failure() => return Err(running.give_up(error).await),
        }
    }
    Ok(running)
}

impl Running {
    /// Waits until a part ends by itself, and says why.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        let tasks = self.parts.iter_mut().map(|part| &mut part.task);
        let (ended, index, _) = futures::future::select_all(tasks).await;
        let name = self.parts.remove(index).name;
        match ended {
            Err(error) => anyhow::Error::new(error).context(format!("the {name} panicked")),
            Ok(Err(error)) => error.context(format!("the {name} failed")),
            Ok(Ok(())) => anyhow::anyhow!("the {name} ended by itself"),
        }
    }

    async fn fail(mut self) -> anyhow::Error {
        let error = self.failure().await;
        self.give_up(error).await
    }

    /// Stops the parts that run after one failed; the failure is what is told.
    async fn give_up(self, error: anyhow::Error) -> anyhow::Error {
        if let Err(further) = self.stop().await {
            tracing::warn!("while stopping: {further:#}");
        }
        error
    }

    /// Stops the parts, upstream first, so that each hands on what it holds.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let mut failures = Vec::new();
        for part in self.parts {
            if let Err(error) = part.end().await {
                failures.push(format!("{error:#}"));
            }
        }
        if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("; ")) }
    }

    /// Runs until the process is told to end or a part fails.
    pub(crate) async fn until_told(mut self) -> anyhow::Result<()> {
        let failure = tokio::select! {
            told = told() => { told?; None }
            failure = self.failure() => Some(failure),
        };
        if let Some(failure) = failure {
            return Err(self.give_up(failure).await);
        }
        tracing::info!("stopping: live sessions may end by themselves for a while; tell again to end at once");
        tokio::select! {
            stopped = self.stop() => stopped,
            told = told() => {
                told?;
                bail!("ended at once; what was recorded stands in the log");
            }
        }
    }
}

/// SIGINT or SIGTERM.
pub(crate) async fn told() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// One part alone, until the process is told to end.
pub(crate) async fn alone(settings: Settings, name: &'static str) -> anyhow::Result<()> {
    let part = match name {
        "collector" => {
            let log = settings.open_shared(name).await?;
            Part::start(
                name,
                |stop| async move { Ok(interdict_collector::run(settings.collector, log, stop).await?) },
            )
        }
        "detector" => {
            let log = settings.open_shared(name).await?;
            Part::start(name, |stop| async move { Ok(interdict_detector::run(settings.detector, log, stop).await?) })
        }
        "serve" => {
            let config = settings.serve_section()?;
            settings.refuse_embedded(name)?;
            let (log, writer) = settings.open_writer_in(serve::SPOOL).await?;
            let (ready, _) = oneshot::channel();
            let serving = serve::Serving { config, writer, alone: true };
            Part::start(name, |stop| serve::run(serving, settings, log, ready, stop))
        }
        _ => {
            settings.refuse_embedded(name)?;
            let (log, writer) = settings.open_writer().await?;
            let (ready, _) = oneshot::channel();
            Part::start(name, |stop| async move {
                Ok(interdict_proxy::run(settings.proxy, log, writer, ready, stop).await?)
            })
        }
    };
    let Part { name, stop, mut task } = part;
    tokio::select! {
        told = told() => told?,
        ended = &mut task => {
            ended.with_context(|| format!("the {name} panicked"))?.with_context(|| format!("the {name} failed"))?;
            bail!("the {name} ended by itself");
        }
    }
    Part { name, stop, task }.end().await
}
