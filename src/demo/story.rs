//! The two stories, played through real clients.

use super::clients::{self, Answer};
use super::say;
use super::stage::{Stage, now};
use super::{cast, servers};
use anyhow::{Context as _, bail, ensure};
use interdict_schemas::{PrincipalKind, Time};
use std::time::{Duration, Instant};

/// One thing a client did, and what it saw.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// When it began.
    pub(crate) at: Time,
    /// Who.
    pub(crate) who: String,
    /// The client's command as a person would type it.
    pub(crate) did: String,
    /// What came of it.
    pub(crate) saw: String,
    /// Whether interdict stopped it.
    pub(crate) stopped: bool,
}

/// Everything that was played.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// In order.
    pub(crate) steps: Vec<Step>,
}

impl Outcome {
    fn add(&mut self, at: Time, who: &str, did: &str, saw: &str, stopped: bool) {
        let saw = saw.split_whitespace().collect::<Vec<_>>().join(" ");
        self.steps.push(Step { at, who: who.into(), did: did.into(), saw, stopped });
    }
}

fn succeeded(what: &str, answer: &Answer) -> anyhow::Result<()> {
    ensure!(answer.status == 0, "{what} failed with {}: {}{}", answer.status, answer.output, answer.errors);
    Ok(())
}

/// Plays both stories.
pub(crate) async fn play(stage: &Stage) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    say("3  a deploy bot does what it does every day");
    bot(stage, &mut outcome).await?;
    say("4  a compromised agent, three delegations below a person, follows what it reads");
    agent(stage, &mut outcome).await?;
    Ok(outcome)
}

async fn bot(stage: &Stage, outcome: &mut Outcome) -> anyhow::Result<()> {
    let bot = stage.clients(cast::BOT, PrincipalKind::Workload, &[])?;
    let at = now();
    let answer = clients::run(bot.psql(
        stage.listener(cast::DATABASE)?,
        "config",
        &["select service, host from inventory"],
    )?)
    .await?;
    succeeded("the bot's psql", &answer)?;
    outcome.add(at, cast::BOT, "psql config-db -c 'select service, host from inventory'", &answer.output, false);

    let at = now();
    let answer = clients::run(bot.ssh(stage.listener(cast::APP)?, &[], "echo shop restarted")?).await?;
    succeeded("the bot's ssh", &answer)?;
    outcome.add(at, cast::BOT, "ssh app-1 'echo shop restarted'", &answer.output, false);

    let at = now();
    let answer = clients::run(bot.curl(stage.listener(cast::CLUSTER)?, "/api/v1/namespaces/shop/pods")?).await?;
    succeeded("the bot's curl", &answer)?;
    ensure!(answer.output.trim_end().ends_with("200"), "the bot's API call was refused: {}", answer.output);
    outcome.add(at, cast::BOT, "curl cluster-api/api/v1/namespaces/shop/pods", &answer.output, false);
    Ok(())
}

async fn agent(stage: &Stage, outcome: &mut Outcome) -> anyhow::Result<()> {
    let agent = stage.clients(cast::PERSON, PrincipalKind::Person, &cast::AGENTS)?;
    let name = cast::AGENTS.last().copied().context("the chain has an end")?;

    let at = now();
    let answer =
        clients::run(agent.psql(stage.listener(cast::DATABASE)?, "config", &["select name, value from settings"])?)
            .await?;
    succeeded("the agent's psql", &answer)?;
    outcome.add(at, name, "psql config-db -c 'select name, value from settings'", &answer.output, false);

    let at = now();
    let ssh = clients::start(agent.ssh(stage.listener(cast::BASTION)?, &[], "echo on the bastion; sleep 30")?)?;
    let (status, output) = tokio::task::spawn_blocking(move || stopped(ssh)).await??;
    outcome.add(at, name, "ssh bastion-2 'echo on the bastion; sleep 30'", &output, status != 0);

    let at = now();
    let answer = clients::run(agent.curl(stage.listener(cast::CLUSTER)?, "/api/v1/secrets")?).await?;
    let stopped = answer.output.trim_end().ends_with("403");
    outcome.add(at, name, "curl cluster-api/api/v1/secrets", &answer.output, stopped);
    Ok(())
}

/// Waits for the end of a session that would go on for half a minute if it were admitted.
fn stopped(mut ssh: servers::Process) -> anyhow::Result<(i32, String)> {
    use std::io::Read as _;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = ssh.0.try_wait()? {
            break status;
        }
        if start.elapsed() > Duration::from_secs(20) {
            bail!("the agent's ssh session was not stopped within 20 s");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let mut output = String::new();
    if let Some(stdout) = ssh.0.stdout.as_mut() {
        stdout.read_to_string(&mut output)?;
    }
    if let Some(stderr) = ssh.0.stderr.as_mut() {
        stderr.read_to_string(&mut output)?;
    }
    Ok((status.code().unwrap_or(-1), output))
}
