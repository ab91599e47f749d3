//! One real Apache Kafka node for a test: started by tests/kafka/start.sh, frozen, killed and started again on the
//! same port and data. Stands alone, so that other test binaries include it by path. It ends with the test process,
//! however that ends.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// A node and its data.
#[derive(Debug)]
pub struct Broker {
    folder: tempfile::TempDir,
    port: Option<u16>,
    node: Option<Node>,
}

#[derive(Debug)]
struct Node {
    script: Child,
    pid: u32,
}

impl Broker {
    /// A new node with data of its own; returns when it takes requests.
    ///
    /// # Panics
    /// With the script's words, when it does not start: Java or Maven is missing, or the jars cannot be fetched.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("interdict-kafka-").tempdir().expect("temporary folder");
        let mut broker = Self { folder, port: None, node: None };
        broker.restart();
        broker
    }

    /// The node that tests of one process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `127.0.0.1:PORT`
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port.expect("the node was started"))
    }

    /// Stops the node in the middle of whatever it does; its connections stay open and are silent.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills the node (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(mut node) = self.node.take() {
            node.end();
        }
    }

    /// Starts the node again, on the same port and data.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("bash");
        command.arg(script()).arg(self.folder.path().join("node"));
        if let Some(port) = self.port {
            command.arg(port.to_string());
        }
        let stderr = self.folder.path().join("stderr");
        let errors = std::fs::File::create(&stderr).expect("a file for the script's errors");
        let mut script = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("bash is needed to start Kafka; install it: apt-get install bash");
        let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut value = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name).map(str::to_owned));
            line.unwrap_or_else(|| {
                panic!("Kafka did not start:\n{}", std::fs::read_to_string(&stderr).unwrap_or_default())
            })
        };
        let pid = value("pid=").parse().expect("the script prints a process id");
        let bootstrap = value("bootstrap=");
        self.port = bootstrap.rsplit(':').next().and_then(|port| port.parse().ok());
        self.node = Some(Node { script, pid });
    }

    fn signal(&self, name: &str) {
        self.node.as_ref().expect("the node runs").signal(name);
    }
}

impl Node {
    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} {}", self.pid);
    }

    fn end(&mut self) {
        // The script waits for the node, and the node may be frozen: only KILL ends it then.
        let _ = Command::new("kill").arg("-KILL").arg(self.pid.to_string()).stderr(Stdio::null()).status();
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// tests/kafka/start.sh of this workspace, wherever in it the test's package is.
fn script() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    loop {
        let script = folder.join("tests/kafka/start.sh");
        if script.is_file() {
            return script;
        }
        assert!(folder.pop(), "tests/kafka/start.sh is not in this workspace");
    }
}
