//! An S3-compatible server on the loopback, with one bucket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The secret of the credential that clients have.
pub(crate) const SECRET: &str = "hush-this-is-the-secret";
/// The bucket that is there.
pub(crate) const BUCKET: &str = "interdict-lake";

/// A server that goes with the test.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python that `deploy/packages.sh` made, or one that has the server anyway.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).unwrap_or_default();
    let made = cache.join("interdict/s3/bin/python");
    if made.exists() { made } else { "python3".into() }
}

impl Server {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(SCRIPT));
        let mut process = Command::new(python())
            .arg(script.into_iter().find(|script| script.exists()).expect("the server's script"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3; run deploy/packages.sh test");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let port =
            line.trim().parse().expect("the server's port; it lacks moto[server]: run deploy/packages.sh test");
        let mut bucket = TcpStream::connect(("127.0.0.1", port)).expect("listens");
        let host = format!("127.0.0.1:{port}");
        write!(bucket, "PUT /{BUCKET} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").expect("asked");
        let mut answer = String::new();
        bucket.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains(" 200 "), "{answer}");
        Self { process, port }
    }

    /// What tells a client where it is, and who the client is.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "the-key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }
}

/// From the checkout's folder.
const SCRIPT: &str = "collector/tests/s3/server.py";
