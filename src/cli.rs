//! The command line: names, arguments and their help. Decides nothing.

use crate::when::{self, When};
use clap::builder::RangedU64ValueParser;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use interdict_cluster::Address;
use interdict_detector::simulation::AttackKind;
use interdict_queries::hunt::{self, Hunt};
use interdict_queries::import;
use interdict_schemas::{PrincipalKind, Severity, Stop};
use std::path::{Path, PathBuf};

/// Exit codes, as README.md documents them.
pub(crate) mod code {
    /// Something failed while it ran.
    pub(crate) const FAILED: u8 = 1;
    /// The command line or the configuration is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// It ran, and the answer is no: a check found a mistake, `verify` a gap, `demo` a broken promise.
    pub(crate) const NO: u8 = 3;
    /// Nobody reads what it prints any more; as a shell tells of SIGPIPE.
    pub(crate) const UNREAD: u8 = 141;
}

/// The command line is wrong in a way that shows only when options are looked at together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Cuts the lines of movement of compromised automation.
#[derive(Debug, Parser)]
#[command(
    name = "interdict",
    version,
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 done, and the answer is no; 141 \
                  nobody reads what it prints any more."
)]
pub(crate) struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, env = "INTERDICT_CONFIG", default_value = "interdict.toml")]
    pub(crate) config: PathBuf,
    /// How logs are written to standard error. What is logged is set by INTERDICT_LOG (such as `info` or
    /// `interdict_proxy=debug`).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line; ends the process where that is all there is to do. A configuration that somebody named must
    /// be there, also for commands that can do without one: its settings were meant.
    pub(crate) fn read() -> Result<Self, Usage> {
        let matches = Self::command().get_matches();
        let cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let is_named = matches.value_source("config") != Some(ValueSource::DefaultValue);
        if is_named && !cli.config.exists() {
            let words = "correct --config (or INTERDICT_CONFIG), or leave it out for a command that needs none";
            return Err(Usage(format!("there is no configuration {}: {words}", cli.config.display())));
        }
        Ok(cli)
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
    /// With a header line.
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run proxy, collector and detector in this process.
    Up,
    /// Run the proxy alone (with Kafka).
    Proxy,
    /// Run the collector alone (with Kafka).
    Collector,
    /// Run the detector alone (with Kafka).
    Detector,
    /// Serve the lake to PostgreSQL and Arrow Flight SQL clients alone (with Kafka); `up` does it too, with [serve].
    Serve,
    /// Start real servers in a temporary folder and show a pivot being refused.
    Demo(Demo),
    /// Query the lake with SQL.
    Sql(Sql),
    /// List sessions, newest first.
    Sessions(Sessions),
    /// Play a recorded terminal, or print the transcript of a SQL or HTTP session.
    Replay(Replay),
    /// List or run the questions that come with interdict.
    #[command(subcommand)]
    Hunt(HuntCommand),
    /// Write events or sessions in forms that other tools read: OCSF, HAR, JSON lines.
    Export(Export),
    /// List alerts, follow them as they are raised, or say what one turned out to be.
    Alerts(Alerts),
    /// List, give or take back verdicts.
    Verdicts(Verdicts),
    /// Run the detector over stored events: of files, or of the lake.
    Forensics(Forensics),
    /// Play days with attacks in them through the detector and report what it caught, when, and at what noise.
    Simulate(Simulate),
    /// Show what an identity, a target or a host reached, what it learned, and what it could reach next.
    BlastRadius(BlastRadius),
    /// Compare what two settings of the detector find in the same history, and whom they would stop.
    Backtest(Backtest),
    /// Put other systems' logs into the lake.
    Import(Import),
    /// Show how the lake's files stand; compact, retain, vacuum and hold by hand.
    Lake(crate::maintain::Arguments),
    /// Prove from numbers, chains, signatures and digests that the lake is what the proxies wrote.
    Verify(Verify),
    /// Run a part of a cluster, for `--engine`. It asks nobody who they are: keep its ports on a closed network.
    #[command(subcommand)]
    Cluster(crate::cluster::Part),
    /// Check the configuration, the policies, and whether targets and bus can be reached.
    Check,
    /// Mint a development token from a local key.
    Token(Token),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Write what happened as JSON.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Keep the configuration, the log and the lake in this new folder.
    #[arg(long)]
    pub(crate) keep: Option<PathBuf>,
}

/// Where a question runs.
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// The scheduler of a cluster that answers, as ballista://HOST:PORT (see `interdict cluster`); this process if left out.
    #[arg(long, value_name = "URL")]
    pub(crate) engine: Option<Address>,
}

/// What becomes of files that cannot be read.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Broken {
    /// Go on without files of the lake that cannot be read: each is named, and the exit code is 1. Every file is read twice.
    #[arg(long, conflicts_with = "engine")]
    pub(crate) skip_broken: bool,
}

/// Where the lake is and how rows are printed.
#[derive(Debug, Args)]
pub(crate) struct Rows {
    /// The lake's folder; the configuration's if left out.
    #[arg(long)]
    pub(crate) lake: Option<PathBuf>,
    /// How rows are printed.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query; read from standard input if left out.
    pub(crate) query: Option<String>,
    /// Read the query from a file.
    #[arg(long, short, conflicts_with = "query")]
    pub(crate) file: Option<PathBuf>,
    /// Ask again whenever the lake has something new, and print the rows that are new, until interrupted. Not as a table,
    /// and not on a cluster.
    #[arg(long, conflicts_with_all = ["engine", "skip_broken"])]
    pub(crate) follow: bool,
    /// Bytes of memory that the query may use in this process, in MiB.
    #[arg(long, default_value_t = 512, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 30))]
    pub(crate) memory_mib: usize,
    /// Disk that the query may use for what does not fit in the memory, in MiB; eight times the memory if left out.
    #[arg(long)]
    pub(crate) spill_mib: Option<u64>,
    /// Seconds that the query may take.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) broken: Broken,
    #[command(flatten)]
    pub(crate) engine: Engine,
    #[command(flatten)]
    pub(crate) rows: Rows,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HuntCommand {
    /// What there is to be hunted for.
    List,
    /// A hunt, its parameters, how to read it, and its statement.
    Show {
        /// Its name.
        #[arg(value_parser = hunt)]
        hunt: &'static Hunt,
    },
    /// Run a hunt.
    Run(HuntRun),
}

#[derive(Debug, Args)]
pub(crate) struct HuntRun {
    /// Its name.
    #[arg(value_parser = hunt)]
    pub(crate) hunt: &'static Hunt,
    /// Only what happened from this moment on: RFC 3339, a date, or how long ago. 30 days if left out.
    #[arg(long, value_parser = when::parse)]
    pub(crate) since: Option<When>,
    /// Sets a parameter, as `interdict hunt show` names them: `minimum=3`; may be repeated.
    #[arg(long = "param", value_parser = param)]
    pub(crate) params: Vec<(String, i64)>,
    /// Disk that the hunt may use for what does not fit in its 512 MiB of memory, in MiB.
    #[arg(long, default_value_t = 4096)]
    pub(crate) spill_mib: u64,
    #[command(flatten)]
    pub(crate) broken: Broken,
    #[command(flatten)]
    pub(crate) engine: Engine,
    #[command(flatten)]
    pub(crate) rows: Rows,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Disk that may be used to put rows in order, in MiB.
    #[arg(long, global = true, default_value_t = 32_768)]
    pub(crate) spill_mib: u64,
    /// Go on without files of the lake that cannot be read: each is named, and the exit code is 1. Every file is read twice.
    #[arg(long, global = true)]
    pub(crate) skip_broken: bool,
    #[command(subcommand)]
    pub(crate) form: ExportForm,
    /// Where it is written; standard output if left out.
    #[arg(long, global = true, value_parser = file)]
    pub(crate) out: Option<PathBuf>,
    /// The lake's folder; the configuration's if left out.
    #[arg(long, global = true)]
    pub(crate) lake: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportForm {
    /// Events as OCSF JSON lines, or with --security-lake as Parquet in Amazon Security Lake's layout.
    Ocsf {
        /// Only from this moment on: RFC 3339, a date, or how long ago.
        #[arg(long, value_parser = when::parse)]
        from: Option<When>,
        /// Only until this moment.
        #[arg(long, value_parser = when::parse)]
        to: Option<When>,
        /// Only this session's.
        #[arg(long, conflicts_with_all = ["from", "to"])]
        session: Option<String>,
        /// Write Parquet below this folder, as it is to lie in the bucket of Amazon Security Lake: one class a custom source,
        /// partitioned by region, account and day.
        #[arg(long, conflicts_with = "out", requires_all = ["region", "account"], value_parser = folder)]
        security_lake: Option<PathBuf>,
        /// The AWS region, such as eu-central-1.
        #[arg(long, requires = "security_lake")]
        region: Option<String>,
        /// The AWS account: 12 digits.
        #[arg(long, requires = "security_lake", value_parser = account)]
        account: Option<String>,
        /// What the custom sources' names begin with.
        #[arg(long, requires = "security_lake", default_value = "interdict")]
        source: String,
    },
    /// Everything about an alert as one signed archive (tar, or compressed where --out ends in .zst); or check one.
    Case {
        /// The alert's id.
        #[arg(required_unless_present = "check", conflicts_with = "check")]
        alert: Option<String>,
        /// Check this archive instead; exit code 3 if it is not what was signed, or nobody vouches for the key.
        #[arg(long, conflicts_with = "out")]
        check: Option<PathBuf>,
        /// To make one: the file of the key that signs, `lake.case_key_file` or the local log's if left out. To check one: the
        /// public key that must have signed, 64 hexadecimal digits or a file of them.
        #[arg(long)]
        key: Option<String>,
    },
    /// A session's statements, commands or requests with their outcomes, as JSON lines.
    Transcript {
        /// Its id.
        session: String,
    },
    /// An HTTP session as HAR 1.2.
    Har {
        /// Its id.
        session: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Sessions {
    /// Only sessions of this root.
    #[arg(long)]
    pub(crate) root: Option<String>,
    /// Only sessions of this acting identity.
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only sessions to this target.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Only sessions in this state.
    #[arg(long, value_parser = ["open", "closed", "refused"])]
    pub(crate) state: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) rows: Rows,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The session's id, as `interdict sessions` lists it.
    #[arg(required_unless_present = "alert")]
    pub(crate) session: Option<String>,
    /// All sessions in this alert's chain, one after the other.
    #[arg(long, conflicts_with_all = ["session", "export"])]
    pub(crate) alert: Option<String>,
    /// Start here: so long after the session's beginning (`90s`, `5m`), or at a moment (RFC 3339). What was on the screen
    /// by then is shown at once.
    #[arg(long, value_parser = at)]
    pub(crate) at: Option<When>,
    /// Play this many times faster.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Wait at most this many seconds between two outputs.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) idle_limit: f64,
    /// Go on without files of the lake that cannot be read: each is named, and the exit code is 1. Every file is read twice.
    #[arg(long)]
    pub(crate) skip_broken: bool,
    /// Write an asciicast file instead of playing.
    #[arg(long, value_parser = file)]
    pub(crate) export: Option<PathBuf>,
    /// The asciicast version: 3, or 2 for players before asciinema 3.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(crate) asciicast: u8,
    /// The lake's folder; the configuration's if left out.
    #[arg(long)]
    pub(crate) lake: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    pub(crate) command: Option<AlertCommand>,
    /// Print alerts as they are raised, until interrupted.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only alerts since this moment (RFC 3339, a date, or how long ago: 12h, 7d).
    #[arg(long, value_parser = when::parse, conflicts_with = "follow")]
    pub(crate) since: Option<When>,
    /// Only alerts about this root.
    #[arg(long, conflicts_with = "follow")]
    pub(crate) root: Option<String>,
    /// Only alerts about what this actor did.
    #[arg(long, conflicts_with = "follow")]
    pub(crate) actor: Option<String>,
    /// Only alerts that are at least so severe.
    #[arg(long, value_parser = severity, conflicts_with = "follow")]
    pub(crate) severity: Option<Severity>,
    /// Only alerts of which nobody has said yet what they were.
    #[arg(long, conflicts_with = "follow")]
    pub(crate) open: bool,
    /// At most this many, the newest.
    #[arg(long, default_value_t = 100, conflicts_with = "follow")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) rows: Rows,
}

#[derive(Debug, Args)]
pub(crate) struct Verdicts {
    #[command(subcommand)]
    pub(crate) command: Option<VerdictCommand>,
    /// How rows are printed.
    #[arg(long, short, value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VerdictCommand {
    /// Verdicts that count now; with --all, also those that ended.
    List {
        /// Also those that ended or were revoked.
        #[arg(long)]
        all: bool,
    },
    /// Give a verdict. What it covers must match every scope option given; at least one is needed.
    Add(Give),
    /// Take a verdict back.
    Revoke {
        /// Its id.
        id: String,
        /// Who takes it back; the name of the user that runs this command if left out.
        #[arg(long)]
        by: Option<String>,
    },
}

/// What a verdict covers.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Covered {
    /// Covers identities with this root.
    #[arg(long, value_parser = filled)]
    pub(crate) root: Option<String>,
    /// Covers this principal and its delegates.
    #[arg(long, value_parser = filled)]
    pub(crate) actor: Option<String>,
    /// Covers this session.
    #[arg(long, value_parser = filled)]
    pub(crate) session: Option<String>,
    /// Covers sessions from this address, host or target.
    #[arg(long, value_parser = filled)]
    pub(crate) source: Option<String>,
    /// Covers sessions to this target.
    #[arg(long, value_parser = filled)]
    pub(crate) target: Option<String>,
}

/// An option that is empty was most likely meant to be filled by a variable that is not set.
fn filled(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("it is empty; leave the option out, or name what is meant".into())
    } else {
        Ok(text.into())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Give {
    #[command(flatten)]
    pub(crate) covered: Covered,
    /// Why, in words that the refused client sees.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    /// stop, hold or watch.
    #[arg(long, default_value = "stop", value_parser = effect)]
    pub(crate) effect: Stop,
    /// Hours until it ends.
    #[arg(long = "for-hours", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub(crate) hours: u32,
    /// Log where it would have counted, and stop nothing.
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Who gives it; the name of the user that runs this command if left out.
    #[arg(long)]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Show one alert whole: what happened hop by hop and why each belongs to it, what was done, what people said.
    Show {
        /// The alert's id, as `interdict alerts` lists it.
        id: String,
        #[command(flatten)]
        rows: Rows,
    },
    /// Say what an alert turned out to be. It is recorded, and the detector hears of it.
    Resolve(Resolve),
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The alert's id, as `interdict alerts` lists it.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) found: Found,
    /// Why, in words.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
    /// Who says so; the name of the user that runs this command if left out.
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// The lake's folder; the configuration's if left out.
    #[arg(long)]
    pub(crate) lake: Option<PathBuf>,
}

/// What an alert turned out to be.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Found {
    /// The movement was meant.
    #[arg(long)]
    pub(crate) benign: bool,
    /// It was an attack.
    #[arg(long)]
    pub(crate) malicious: bool,
}

/// Where stored events are.
#[derive(Debug, Args)]
pub(crate) struct Stored {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// Files of events in time order; `.gz`, `.zst` and `.tar` are unpacked, `-` is standard input. The lake if left out.
    #[arg(long, num_args = 1.., conflicts_with = "engine")]
    pub(crate) events: Vec<PathBuf>,
    /// The lake's folder; the configuration's if left out.
    #[arg(long, conflicts_with = "events")]
    pub(crate) lake: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: Engine,
}

/// How an answer that is not one list of rows is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Forensics {
    #[command(flatten)]
    pub(crate) stored: Stored,
    /// Only alerts from this moment on: RFC 3339, a date, or how long ago (`7d`). What came before teaches habit.
    #[arg(long, value_parser = when::parse)]
    pub(crate) from: Option<When>,
    /// Nothing after this moment.
    #[arg(long, value_parser = when::parse)]
    pub(crate) to: Option<When>,
    /// Other settings than the configuration's: a file with a `[detector]` section.
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
    /// Only alerts about this root or actor.
    #[arg(long)]
    pub(crate) identity: Option<String>,
    /// Only alerts with this target in their chain.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Where alerts go, each revision as an OCSF finding on a line; `-` is standard output. A table of their last
    /// revisions is printed if left out.
    #[arg(long)]
    pub(crate) alerts: Option<PathBuf>,
    /// Instead of a table, one alert hop by hop: its id, as the table has it.
    #[arg(long, conflicts_with_all = ["alerts", "identity", "target"])]
    pub(crate) show: Option<String>,
}

#[derive(Debug, Args)]
// `--events` takes all that follow it, so whose radius it is must stand before.
#[command(override_usage = "interdict blast-radius <IDENTITY|TARGET|HOST> [OPTIONS]")]
pub(crate) struct BlastRadius {
    /// An identity (root or delegate), a target, or a host by name or address.
    #[arg(value_name = "IDENTITY|TARGET|HOST")]
    pub(crate) subject: String,
    /// Only what began at this moment or later: RFC 3339, a date, or how long ago (`7d`).
    #[arg(long, value_parser = when::parse)]
    pub(crate) since: Option<When>,
    /// Nothing after this moment.
    #[arg(long, value_parser = when::parse)]
    pub(crate) until: Option<When>,
    /// Follow at most so many hops from the subject's own sessions.
    #[arg(long)]
    pub(crate) hops: Option<u32>,
    /// Write a picture for Graphviz.
    #[arg(long)]
    pub(crate) dot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) stored: Stored,
    /// How the answer is printed.
    #[arg(long, short, value_enum, default_value_t = Shown::Table)]
    pub(crate) output: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// The new settings: a file with a `[detector]` section, such as a changed copy of the configuration.
    #[arg(long)]
    pub(crate) rules: PathBuf,
    /// The settings to compare with; the configuration's if left out.
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
    /// Only what is raised from this moment on: RFC 3339, a date, or how long ago (`7d`).
    #[arg(long, value_parser = when::parse)]
    pub(crate) from: Option<When>,
    /// Nothing after this moment.
    #[arg(long, value_parser = when::parse)]
    pub(crate) to: Option<When>,
    #[command(flatten)]
    pub(crate) stored: Stored,
    /// How the comparison is printed.
    #[arg(long, short, value_enum, default_value_t = Shown::Table)]
    pub(crate) output: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// Files of logs in time order; `.gz`, `.zst` and `.tar` are unpacked. One that was imported before adds nothing.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The lake's folder; the configuration's if left out.
    #[arg(long)]
    pub(crate) lake: Option<PathBuf>,
}

/// How other systems' logs are read.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The files' format; `auto` tells it by how each file begins.
    #[arg(long, default_value = "auto", value_parser = format())]
    format: String,
    /// The year of times that have none, as in syslog; the year in which the file was changed last if left out.
    #[arg(long, value_parser = clap::value_parser!(i16).range(1970..=9998))]
    year: Option<i16>,
}

impl Logs {
    /// As the readers take it.
    pub(crate) fn options(&self) -> import::Options {
        import::Options { format: import::find(&self.format), year: self.year }
    }
}

fn format() -> clap::builder::PossibleValuesParser {
    std::iter::once("auto").chain(import::ALL.iter().map(|format| format.name())).collect::<Vec<_>>().into()
}

/// Days with attacks in them. Exit code 0 even if attacks are missed; see --fail-below.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Days; attacks begin half way through, or after two weeks.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// People, CI jobs, services and agents.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) identities: u32,
    /// Legitimate sessions on a working day, about.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    pub(crate) sessions_per_day: u32,
    /// How many attacks.
    #[arg(long, default_value_t = 27, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) attacks: u32,
    /// Only attacks of these kinds, with commas between; all if left out.
    #[arg(long, value_delimiter = ',', value_parser = attack)]
    pub(crate) kinds: Vec<AttackKind>,
    /// Everything random follows from it; 1 if left out, and any number with --bus.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the report as JSON.
    #[arg(long, value_name = "REPORT")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as one HTML page with plots.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the events as OCSF lines, which `forensics --events` and `import` read.
    #[arg(long, value_name = "FILE", conflicts_with = "bus")]
    pub(crate) events: Option<PathBuf>,
    /// Exit with code 3 if less than so many percent of the attacks are caught.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_below: Option<f64>,
    /// Play onto the bus of the configuration, for the detector that runs there, instead of through one of our own.
    /// What is played stays in the lake; its issuer is `https://simulation.invalid`.
    #[arg(long)]
    pub(crate) bus: bool,
    /// With --bus: so many times faster than life. The default is a day a second.
    #[arg(long, default_value_t = 86_400.0, value_parser = speed, requires = "bus")]
    pub(crate) speed: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Only what was recorded from this moment on: RFC 3339, a date, or how long ago (`7d`).
    #[arg(long, value_parser = when::parse)]
    pub(crate) from: Option<When>,
    /// Only what was recorded until this moment.
    #[arg(long, value_parser = when::parse)]
    pub(crate) to: Option<When>,
    /// Only what a session left. One of which no event is there is not whole.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) session: Option<String>,
    /// A public key that may have signed, 64 hexadecimal digits or a file of them; may be repeated, and no other is believed.
    /// Left out: those beside the configuration's log, and for other proxies the first that signed.
    #[arg(long = "key", value_parser = key_or_file)]
    pub(crate) keys: Vec<[u8; 32]>,
    /// A report of an earlier proof (`--json`): what it saw must still be there.
    #[arg(long)]
    pub(crate) after: Option<PathBuf>,
    /// The oldest records of each log may be missing: for lakes out of which a build took old days that did not yet write
    /// down what it took. What retention of this build took is known, and told, without it.
    #[arg(long)]
    pub(crate) head_may_be_gone: bool,
    /// The lake's folder; the configuration's if left out.
    #[arg(long)]
    pub(crate) lake: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Make the local key and its JWKS (the file that `identity.jwks_file` names) first.
    #[arg(long)]
    pub(crate) new_key: bool,
    /// The identity: the root of the chain.
    #[arg(long, required_unless_present = "new_key")]
    pub(crate) subject: Option<String>,
    /// person, administrator, workload or agent.
    #[arg(long, default_value = "person", value_parser = kind)]
    pub(crate) kind: PrincipalKind,
    /// A group of the root; may be repeated.
    #[arg(long = "group")]
    pub(crate) groups: Vec<String>,
    /// A delegate; may be repeated, from the first to the one that acts.
    #[arg(long = "act")]
    pub(crate) delegates: Vec<String>,
    /// Seconds it lives.
    #[arg(long, default_value_t = 3600)]
    pub(crate) lifetime: u64,
}

fn hunt(name: &str) -> Result<&'static Hunt, String> {
    let known = || hunt::ALL.iter().map(|hunt| hunt.name).collect::<Vec<_>>().join(", ");
    hunt::find(name).ok_or_else(|| format!("there are {}", known()))
}

fn param(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=NUMBER")?;
    let value = value.parse().map_err(|_| format!("`{value}` is no whole number"))?;
    Ok((name.to_owned(), value))
}

/// Where in a session: after its beginning, or at a moment.
fn at(text: &str) -> Result<When, String> {
    when::parse(text).map_err(|_| {
        "write how long after the session's beginning (90s, 5m), or a moment: 2026-03-01T08:00:00Z (Z is UTC)"
            .to_owned()
    })
}

/// A file that is written.
fn file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("it is no file's name".to_owned()),
        text => Ok(text.into()),
    }
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an AWS account has 12 digits".to_owned()) }
}

/// A public key, written out or in a file, whose first line counts.
pub(crate) fn key_or_file(text: &str) -> Result<[u8; 32], String> {
    let error = match key(text) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    if !Path::new(text).is_file() {
        return Err(format!("{error}, and no file either"));
    }
    let written = std::fs::read_to_string(text).map_err(|error| format!("cannot read {text}: {error}"))?;
    key(written.lines().next().unwrap_or_default()).map_err(|error| format!("{text}: {error}"))
}

/// Reads 32 bytes of 64 hexadecimal digits.
pub(crate) fn key(text: &str) -> Result<[u8; 32], String> {
    let (pairs, rest) = text.trim().as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes = bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("`{text}` is not 64 hexadecimal digits"))
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().map_err(|_| "it is no number".to_owned())?;
    if f64::is_finite(speed) && speed > 0.0 { Ok(speed) } else { Err("it must be above 0".to_owned()) }
}

fn folder(text: &str) -> Result<PathBuf, String> {
    match text.contains("://") {
        true => Err("it is a URL; name a folder, and copy what is written there, as with `aws s3 sync`".to_owned()),
        false => Ok(text.into()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("it must be from 0 to 100".to_owned()) }
}

fn attack(name: &str) -> Result<AttackKind, String> {
    let known = || AttackKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    AttackKind::parse(name).ok_or_else(|| format!("there are {}", known()))
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = || Severity::ALL.iter().map(|severity| severity.name()).collect::<Vec<_>>().join(", ");
    Severity::parse(text).ok_or_else(|| format!("there are {}", known()))
}

fn effect(text: &str) -> Result<Stop, String> {
    Stop::parse(text).ok_or_else(|| "a verdict does stop, hold or watch".to_owned())
}

fn kind(text: &str) -> Result<PrincipalKind, String> {
    PrincipalKind::parse(text).ok_or_else(|| "a principal is a person, administrator, workload or agent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
