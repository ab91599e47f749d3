//! Real servers, a real gateway and real clients for a test, in a temporary folder that goes with them.

#![allow(dead_code, unused_imports, reason = "tests and benches each use a part of it")]

#[path = "../../bus/tests/contract/broker.rs"]
pub(crate) mod broker;
#[path = "../../src/demo/clients.rs"]
pub(crate) mod clients;
pub(crate) mod cluster;
#[path = "../../src/development.rs"]
pub(crate) mod development;
pub(crate) mod gateway;
#[path = "../../collector/tests/s3/server.rs"]
pub(crate) mod s3;
#[path = "../../src/demo/servers.rs"]
pub(crate) mod servers;
pub(crate) mod upstream;

use std::time::{Duration, Instant};

/// Waits until `answer` is something; fails, naming `what`, after a minute.
pub(crate) fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(25));
    }
}

/// Runs a client to its end.
pub(crate) fn run(mut command: std::process::Command) -> clients::Answer {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| panic!("{name}: {error}")).into()
}
