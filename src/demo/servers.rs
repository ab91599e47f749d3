//! Real servers in a folder: a PostgreSQL cluster and an OpenSSH server, each on a free loopback port. They die with
//! the value that holds them. Knows nothing of interdict, so that the tests use it too.

use anyhow::{Context, bail};
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(30);

/// A loopback port that nothing listens on now and that this process was not given before, outside the range from
/// which outgoing connections take theirs.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Processes start at different places, so that they seldom meet.
    let start = u16::try_from(std::process::id() % 97).unwrap_or(0) * 100;
    (0..10_000)
        .map(|_| 10_000 + (start + GIVEN.fetch_add(1, Ordering::Relaxed) % 10_000) % 10_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port from 10000 to 20000 is free")
}

/// A process that is killed when its owner goes.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `ready` holds; `what` names it in the error.
fn wait_until(what: &str, log: &Path, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > START {
            let log = fs::read_to_string(log).unwrap_or_default();
            bail!("{what} did not answer within {} s; its log:\n{log}", START.as_secs());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// The first of the candidates that exists, or one on the PATH.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("`{name}` is not installed; `make packages` installs it"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Uid and gid of a user, from /etc/passwd.
fn user(name: &str) -> Option<(u32, u32)> {
    fs::read_to_string("/etc/passwd").ok()?.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let mut numbers = fields.skip(1);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

/// A PostgreSQL cluster that takes SCRAM-SHA-256 over TCP only.
#[derive(Debug)]
pub(crate) struct Postgres {
    /// Where it listens on loopback.
    pub(crate) port: u16,
    /// Password of the superuser `postgres`.
    pub(crate) password: String,
    _process: Process,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts it.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let password = format!("pg-{}", rand::random::<u64>());
        let (data, log, secret) = (folder.join("data"), folder.join("log"), folder.join("secret"));
        fs::create_dir_all(folder)?;
        fs::write(&secret, &password)?;
        // initdb and postgres refuse to run as root.
        let mut run_as = None;
        if is_root() {
            let (uid, gid) = user("postgres").context("user `postgres` is missing; `make packages` installs it")?;
            for path in [folder, &secret] {
                chown(path, Some(uid), Some(gid))?;
            }
            run_as = Some((uid, gid));
        }
        let command = |name: &str| -> anyhow::Result<Command> {
            use std::os::unix::process::CommandExt as _;
            let mut command = Command::new(program(name)?);
            command.current_dir(folder).env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
            if let Some((uid, gid)) = run_as {
                command.gid(gid).uid(uid);
            }
            Ok(command)
        };
        let made = command("initdb")?
            .args(["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--no-sync", "--pwfile"])
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port()?;
        let output = fs::File::create(&log)?;
        let process = command("postgres")?
            .arg("-D")
            .arg(&data)
            .args(["-c", &format!("port={port}"), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "log_statement=all"])
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let process = Process(process);
        wait_until("PostgreSQL", &log, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("database system is ready to accept connections"))
        })?;
        Ok(Self { port, password, _process: process })
    }

    /// Runs a script as the superuser, past the gateway.
    pub(crate) fn run(&self, sql: &str) -> anyhow::Result<String> {
        let mut child = Command::new(program("psql")?)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", "postgres"])
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .env("PGPASSWORD", &self.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("psql's stdin")?.write_all(sql.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// An OpenSSH server that takes one public key for the user that runs this process.
#[derive(Debug)]
pub(crate) struct Ssh {
    /// Where it listens on loopback.
    pub(crate) port: u16,
    /// The account that the key opens.
    pub(crate) account: String,
    /// Its host key, in OpenSSH's public-key form.
    pub(crate) host_key: String,
    /// The private key that opens it.
    pub(crate) key_file: PathBuf,
    _process: Process,
}

impl Ssh {
    /// Makes keys in `folder` and starts sshd there.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        if is_root() {
            fs::create_dir_all("/run/sshd").context("sshd wants the folder /run/sshd")?;
        }
        let (host, key_file) = (folder.join("host_key"), folder.join("client_key"));
        for path in [&host, &key_file] {
            let made = Command::new(program("ssh-keygen")?)
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "interdict", "-f"])
                .arg(path)
                .output()?;
            if !made.status.success() {
                bail!("ssh-keygen failed: {}", String::from_utf8_lossy(&made.stderr));
            }
        }
        let authorized = folder.join("authorized_keys");
        fs::copy(key_file.with_extension("pub"), &authorized)?;
        let (port, log, config) = (free_port()?, folder.join("log"), folder.join("sshd_config"));
        fs::write(
            &config,
            format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
                 AcceptEnv LANG LC_*\nPrintMotd no\nMaxStartups 200\nMaxSessions 100\n",
                host.display(),
                authorized.display(),
            ),
        )?;
        let process = Command::new(program("sshd")?)
            .args(["-D", "-f"])
            .arg(&config)
            .arg("-E")
            .arg(&log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let process = Process(process);
        wait_until("sshd", &log, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        let account = Command::new("id").arg("-un").output()?;
        let host_key = fs::read_to_string(host.with_extension("pub"))?;
        Ok(Self {
            port,
            account: String::from_utf8_lossy(&account.stdout).trim().to_owned(),
            host_key: host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            key_file,
            _process: process,
        })
    }
}
