//! What a client asks for, as actions. Pure: the id comes from outside, and nothing is decided here.

use super::programs::programs;
use interdict_schemas::{Action, Class, Verb};

/// A command line sent with `exec`. Bytes that are not UTF-8 are shown as U+FFFD; they are forwarded as they came.
pub(super) fn command(id: String, line: &[u8]) -> Action {
    let text = String::from_utf8_lossy(line).into_owned();
    let objects = programs(&text);
    action(id, Class::Command, Verb::Execute, text, objects)
}

/// An interactive shell.
pub(super) fn shell(id: String) -> Action {
    action(id, Class::Shell, Verb::Execute, "shell".into(), Vec::new())
}

/// A subsystem such as `sftp`.
pub(super) fn subsystem(id: String, name: &str) -> Action {
    action(id, Class::Command, Verb::Execute, format!("subsystem {name}"), vec![name.to_owned()])
}

/// A way through the target, or back through the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward<'a> {
    /// `ssh -L`, `-D`, `-W`, `-J`: on to a host and port.
    Local(&'a str, u32),
    /// `ssh -R`: a port of the target leads back.
    Remote(&'a str, u32),
    /// On to a Unix socket of the target.
    LocalSocket(&'a str),
    /// A Unix socket of the target leads back.
    RemoteSocket(&'a str),
    /// The client's display.
    X11,
    /// The client's key agent.
    Agent,
}

/// A forward. Its text begins with where it leads.
pub(super) fn forward(id: String, forward: Forward<'_>) -> Action {
    let (text, object) = match forward {
        Forward::Local(host, port) => (address(host, port), host),
        Forward::Remote(host, port) => (format!("{} back to the client", address(host, port)), host),
        Forward::LocalSocket(path) => (path.to_owned(), path),
        Forward::RemoteSocket(path) => (format!("{path} back to the client"), path),
        Forward::X11 => ("x11".to_owned(), "x11"),
        Forward::Agent => ("agent".to_owned(), "agent"),
    };
    action(id, Class::Forward, Verb::Connect, text, vec![object.to_owned()])
}

fn address(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn action(id: String, class: Class, verb: Verb, text: String, objects: Vec<String>) -> Action {
    Action { id, class, verb, text, objects, parameters_digest: None, database: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: Action, class: Class, text: &str, objects: &[&str]) {
        assert_eq!((action.class, action.text.as_str()), (class, text));
        assert_eq!(action.objects, objects, "{text}");
    }

    #[test]
    fn every_request_has_its_action() {
        let id = String::new;
        check(command(id(), b"sudo rm -rf /"), Class::Command, "sudo rm -rf /", &["sudo", "rm"]);
        check(command(id(), b"echo \xff"), Class::Command, "echo \u{fffd}", &["echo"]);
        check(shell(id()), Class::Shell, "shell", &[]);
        check(subsystem(id(), "sftp"), Class::Command, "subsystem sftp", &["sftp"]);
        let forwarded = |given, text, objects| check(forward(id(), given), Class::Forward, text, objects);
        forwarded(Forward::Local("db.internal", 5432), "db.internal:5432", &["db.internal"]);
        forwarded(Forward::Local("fd00::5", 22), "[fd00::5]:22", &["fd00::5"]);
        forwarded(Forward::Remote("0.0.0.0", 80), "0.0.0.0:80 back to the client", &["0.0.0.0"]);
        forwarded(Forward::LocalSocket("/run/x"), "/run/x", &["/run/x"]);
        forwarded(Forward::RemoteSocket("/run/x"), "/run/x back to the client", &["/run/x"]);
        forwarded(Forward::X11, "x11", &["x11"]);
        forwarded(Forward::Agent, "agent", &["agent"]);
    }
}
