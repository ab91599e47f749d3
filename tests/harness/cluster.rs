//! A scheduler and its executors as processes of the real command.

use super::eventually;
use super::gateway::interdict;
use super::servers::Process;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// What a part says when it is reached, before its address.
const READY: &str = "ready listening=";

/// A cluster whose parts write their logs to a folder.
pub(crate) struct Cluster {
    folder: PathBuf,
    pub(crate) scheduler: SocketAddr,
    lead: Option<Process>,
    executors: Vec<(&'static str, Process)>,
}

impl Cluster {
    /// A scheduler alone.
    pub(crate) fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("folder");
        let mut cluster = Self {
            folder: folder.to_owned(),
            scheduler: ([127, 0, 0, 1], 0).into(),
            lead: None,
            executors: Vec::new(),
        };
        let (process, listening) = cluster.part("scheduler", &["scheduler", "--listen", "127.0.0.1:0"]);
        cluster.scheduler = listening;
        cluster.lead = Some(process);
        cluster
    }

    /// As `--engine` takes it.
    pub(crate) fn engine(&self) -> String {
        format!("ballista://{}", self.scheduler)
    }

    /// One more executor, that the scheduler knows of.
    pub(crate) fn add(&mut self, name: &'static str, lake: &Path) {
        let (scheduler, work) = (self.scheduler.to_string(), self.work(name));
        let (lake, work) = (lake.to_str().expect("path"), work.to_str().expect("path").to_owned());
        let mut args = vec!["executor", "--scheduler", &scheduler, "--listen", "127.0.0.1:0", "--lake", lake];
        args.extend(["--work", &work, "--threads", "2", "--memory-mib", "512"]);
        let (process, _) = self.part(name, &args);
        self.executors.push((name, process));
        let known = format!("{} executors", self.executors.len());
        eventually("the scheduler knows its executors", || self.health().contains(&known).then_some(()));
    }

    /// Where an executor keeps rows on their way.
    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether an executor holds rows of any job.
    pub(crate) fn holds_rows(&self, name: &str) -> bool {
        fs::read_dir(self.work(name)).is_ok_and(|mut jobs| jobs.any(|job| job.is_ok_and(|job| job.path().is_dir())))
    }

    /// Kills an executor as `kill -9` does.
    pub(crate) fn kill(&mut self, name: &str) {
        let before = self.executors.len();
        self.executors.retain(|(known, _)| *known != name);
        assert!(self.executors.len() < before, "{name} does not run");
    }

    /// Kills the scheduler.
    pub(crate) fn behead(&mut self) {
        self.lead = None;
    }

    /// Tells a part to end, as a supervisor does, and says whether it ended well.
    pub(crate) fn stop(&mut self, name: &str) -> bool {
        let at = self.executors.iter().position(|(known, _)| *known == name).expect("a running executor");
        let (_, mut process) = self.executors.remove(at);
        let told = std::process::Command::new("kill").arg(process.0.id().to_string()).status().expect("kill");
        told.success() && eventually("the executor ends", || process.0.try_wait().expect("wait")).success()
    }

    /// What a part logged.
    pub(crate) fn logged(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// What the scheduler says of itself over HTTP.
    fn health(&self) -> String {
        let asked = || {
            let mut stream = TcpStream::connect(self.scheduler)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: scheduler\r\nConnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            std::io::Result::Ok(text)
        };
        asked().unwrap_or_default()
    }

    fn part(&self, name: &str, args: &[&str]) -> (Process, SocketAddr) {
        let log = fs::File::create(self.folder.join(format!("{name}.log"))).expect("log");
        let started = interdict()
            .arg("cluster")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("interdict");
        let mut process = Process(started);
        let listening = eventually("the part listens", || {
            let log = self.logged(name);
            if let Some(status) = process.0.try_wait().expect("wait") {
                panic!("the {name} ended with {status}:\n{log}");
            }
            let (_, rest) = log.split_once(READY)?;
            // A line that is not whole yet names no address.
            rest.split_once('\n')?.0.trim().parse().ok()
        });
        (process, listening)
    }
}

impl Drop for Cluster {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what the cluster said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["scheduler", "first", "second"] {
                eprintln!("-- {name} logged:\n{}", self.logged(name));
            }
        }
    }
}
