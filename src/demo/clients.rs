//! The real clients, as anybody would call them: psql, ssh and curl, with a token for a password.

use super::servers::{Process, program};
use anyhow::Context as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a client answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Exit status; -1 if a signal ended it.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) errors: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// One identity's clients.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    token: String,
    askpass: PathBuf,
    known_hosts: PathBuf,
}

impl Clients {
    /// Clients that present `token`; `folder` takes ssh's files.
    pub(crate) fn new(folder: &Path, token: String) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let askpass = folder.join("askpass");
        fs::write(&askpass, "#!/bin/sh\nprintf '%s\\n' \"$INTERDICT_TOKEN\"\n")?;
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700))?;
        Ok(Self { token, askpass, known_hosts: folder.join("known_hosts") })
    }

    /// `psql` with one statement after another.
    pub(crate) fn psql(&self, at: SocketAddr, database: &str, statements: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("psql")?);
        command
            .env("PGPASSWORD", &self.token)
            .env("PGSSLMODE", "require")
            .env("PGCONNECT_TIMEOUT", "20")
            .args(["-X", "-A", "-t", "-h", &at.ip().to_string(), "-p", &at.port().to_string()])
            .args(["-U", "me", "-d", database]);
        for statement in statements {
            command.args(["-c", statement]);
        }
        Ok(command)
    }

    /// `ssh` with a command.
    pub(crate) fn ssh(&self, at: SocketAddr, options: &[&str], line: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(program("ssh")?);
        command
            .env("INTERDICT_TOKEN", &self.token)
            .env("SSH_ASKPASS", &self.askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"])
            .args(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "-o", "ConnectTimeout=20"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.known_hosts.display()))
            .args(options)
            .args(["-p", &at.port().to_string(), "-l", "me", &at.ip().to_string(), line])
            .stdin(Stdio::null());
        Ok(command)
    }

    /// `curl` of a path.
    pub(crate) fn curl(&self, at: SocketAddr, path: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(program("curl")?);
        command
            .args(["-sS", "--max-time", "20", "-w", "\n%{http_code}", "-H"])
            .arg(format!("Authorization: Bearer {}", self.token))
            .arg(format!("http://{at}{path}"));
        Ok(command)
    }
}

/// Runs a client to its end without holding up the runtime.
pub(crate) async fn run(mut command: Command) -> anyhow::Result<Answer> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    Ok(output.with_context(|| format!("cannot run {name}"))?.into())
}

/// Starts a client that goes on.
pub(crate) fn start(mut command: Command) -> anyhow::Result<Process> {
    Ok(Process(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?))
}
