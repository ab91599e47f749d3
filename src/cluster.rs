//! `interdict cluster`: the parts of a Ballista cluster that knows the lake and its functions.

use crate::{lake, up};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use interdict_cluster::{Address, executor, scheduler};
use interdict_queries::Travelling;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where rows are fetched from an executor if nobody says.
const EXECUTOR_PORT: u16 = 50051;

#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Take questions and hand their parts to executors. One a cluster.
    Scheduler(Scheduler),
    /// Work for a scheduler. As many as there are machines.
    Executor(Executor),
}

#[derive(Debug, Args)]
pub(crate) struct Scheduler {
    /// Where it is reached. Port 0 is any that is free.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, Address::PORT)))]
    listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Executor {
    /// Its scheduler, as HOST:PORT.
    #[arg(long, value_parser = Address::from_authority)]
    scheduler: Address,
    /// Where rows are fetched from it, by who asks and by other executors. Port 0 is any that is free.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, EXECUTOR_PORT)))]
    listen: SocketAddr,
    /// The host under which they reach it; the address from which the scheduler sees it come if left out.
    #[arg(long)]
    advertise: Option<String>,
    /// The lake's folder or URL, under the name by which it is asked; the configuration's if left out. Nothing else is
    /// read.
    #[arg(long)]
    lake: Option<PathBuf>,
    /// A folder for rows on their way, of this executor alone; a temporary one if left out.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Memory that its tasks may use together, in MiB; 70 % of the machine's if left out.
    #[arg(long)]
    memory_mib: Option<NonZeroUsize>,
    /// Tasks at a time; as many as there are processors if left out.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

pub(crate) async fn run(part: Part, config: &Path) -> anyhow::Result<()> {
    match part {
        Part::Scheduler(args) => tokio::select! {
            ended = scheduler::run(args.listen, Arc::new(Travelling), ready) => Ok(ended?),
            told = up::told() => told,
        },
        Part::Executor(args) => work(args, config).await,
    }
}

async fn work(args: Executor, config: &Path) -> anyhow::Result<()> {
    let lake = lake::place(args.lake, config)?;
    // Held until the end: what is below goes with it.
    let own = match &args.work {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("interdict-executor-").tempdir().context("no folder for rows")?),
    };
    let work = args.work.or_else(|| own.as_ref().map(|own| own.path().to_owned())).unwrap_or_default();
    std::fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let settings = executor::Settings {
        scheduler: args.scheduler,
        listen: args.listen,
        advertise: args.advertise,
        lake: lake.url().clone(),
        work,
        memory: args.memory_mib.map(|mib| mib.get() << 20),
        threads: args.threads.map(NonZeroUsize::get),
    };
    // It hears by itself that it is to end, and finishes its tasks first.
    Ok(executor::run(settings, Arc::new(Travelling), ready).await?)
}

fn ready(listening: SocketAddr) {
    tracing::info!(%listening, "ready");
}
