//! The `interdict` command.

mod alerts;
mod backtest;
mod blast_radius;
mod case;
mod check;
mod cli;
mod cluster;
mod control;
mod demo;
mod development;
mod export;
mod feed;
mod forensics;
mod grid;
mod hunt;
mod import;
mod lake;
mod maintain;
mod replay;
mod runtime;
mod serve;
mod sessions;
mod settings;
mod simulate;
mod sql;
mod stored;
mod token;
mod told;
mod up;
mod verdicts;
mod verify;
mod when;

use cli::{Cli, Command, LogFormat, code};
use settings::Settings;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Many small things live long here: with the system's allocator the detector's state takes a sixth more memory, and a
/// third more time to grow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of a thread's stack: planning a statement, and working it out, recurses as deep as it is long.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let command = std::thread::Builder::new().name("main".into()).stack_size(STACK).spawn(start);
    match command.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // It has said why.
        Ok(Err(_)) => ExitCode::from(code::FAILED),
        Err(error) => tell(&error.into()),
    }
}

fn start() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return tell(&error.into()),
    };
    if let Err(error) = log(&cli) {
        return tell(&error);
    }
    let runtime = match runtime::builder(runtime::cores(), STACK).build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&error.into()),
    };
    let ran = async {
        let ran = run(cli).await;
        interdict_cluster::settle().await;
        ran
    };
    let code = match runtime.block_on(ran) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(code::NO),
        Err(error) => tell(&error),
    };
    // A task that blocks (a client that is still waited for) must not hold up the end.
    runtime.shutdown_background();
    code
}

/// Says what failed, and which exit code that is.
fn tell(error: &anyhow::Error) -> ExitCode {
    if is_unread(error) {
        return ExitCode::from(code::UNREAD);
    }
    // Many errors tell their cause in their own words; it is not told twice.
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    // What is told of may have its name from anybody, and a terminal acts on some of that.
    let words: Vec<_> = words.lines().map(interdict_queries::neutral).collect();
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "interdict: {}", words.join("\n"));
    ExitCode::from(if error.is::<settings::Error>() || error.is::<cli::Usage>() { code::USAGE } else { code::FAILED })
}

/// Whether whoever read what is printed has gone, as `head` does when it has enough: that is no failure to be told. Of
/// other errors the cause may be a socket's, and that is one.
fn is_unread(error: &anyhow::Error) -> bool {
    use std::error::Error as _;
    let output = error.downcast_ref::<interdict_queries::Error>();
    let findings = error.downcast_ref::<interdict_queries::forensics::Error>();
    let written = match (output, findings) {
        (Some(interdict_queries::Error::Output(written)), _) => Some(written),
        (_, Some(findings)) => findings.source().and_then(|source| source.downcast_ref()),
        _ => error.downcast_ref::<std::io::Error>(),
    };
    written.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn log(cli: &Cli) -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let quiet = !matches!(
        cli.command,
        Command::Up | Command::Proxy | Command::Collector | Command::Detector | Command::Serve
    );
    let default = match &cli.command {
        // It finds fault with its own statistics of every other question.
        Command::Cluster(_) => "warn,interdict=info,ballista_scheduler::display=off",
        _ if quiet => "error",
        _ => "warn,interdict=info",
    };
    let wanted = std::env::var("INTERDICT_LOG").unwrap_or_else(|_| default.into());
    let filter = EnvFilter::try_new(&wanted)
        .map_err(|error| cli::Usage(format!("INTERDICT_LOG = {wanted:?} is not understood: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// Runs one command; `Ok(false)` when it ran and the answer is no.
async fn run(cli: Cli) -> anyhow::Result<bool> {
    let settings = || Settings::load(&cli.config);
    match cli.command {
        Command::Up => {
            let settings = settings()?;
            let running = up::start(settings).await?;
            for (target, listener) in &running.listeners {
                tracing::info!(target, %listener, "listening");
            }
            running.until_told().await?;
        }
        Command::Proxy => up::alone(settings()?, "proxy").await?,
        Command::Collector => up::alone(settings()?, "collector").await?,
        Command::Detector => up::alone(settings()?, "detector").await?,
        Command::Serve => up::alone(settings()?, "serve").await?,
        Command::Demo(args) => return demo::run(args).await,
        Command::Sql(args) => sql::run(args, &cli.config).await?,
        Command::Export(args) => return export::run(args, &cli.config).await,
        Command::Hunt(command) => hunt::run(command, &cli.config).await?,
        Command::Sessions(args) => sessions::run(args, &cli.config).await?,
        Command::Replay(args) => replay::run(args, &cli.config).await?,
        Command::Alerts(args) => alerts::run(args, &cli.config).await?,
        Command::Verdicts(args) => verdicts::run(args, &settings()?).await?,
        Command::Forensics(args) => forensics::run(args, &cli.config).await?,
        Command::Simulate(args) => return simulate::run(args, &cli.config).await,
        Command::BlastRadius(args) => blast_radius::run(args, &cli.config).await?,
        Command::Backtest(args) => backtest::run(args, &cli.config).await?,
        Command::Import(args) => import::run(args, &cli.config).await?,
        Command::Lake(args) => return maintain::run(args, &cli.config).await,
        Command::Verify(args) => return verify::run(args, &cli.config).await,
        Command::Cluster(part) => cluster::run(part, &cli.config).await?,
        Command::Check => return check::run(&cli.config).await,
        Command::Token(args) => token::run(&args, &settings()?)?,
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "interdict", &mut script);
            std::io::stdout().write_all(&script)?;
        }
    }
    Ok(true)
}
