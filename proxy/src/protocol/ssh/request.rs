//! What a channel is opened for: the requests that come before its program runs. One program per channel (RFC 4254
//! section 6.5); what comes in a strange order is dropped.

use super::action;
use super::asciicast::Terminal;
use super::inbox::{Inbox, Input, Size};
use super::programs::opaque;
use crate::session::Session;
use interdict_schemas::{Action, DecoyPlace, DecoyUse};
use russh::Pty;

/// Variables forwarded of one channel.
const MAX_VARIABLES: usize = 64;

/// A terminal as the client asked for it.
#[derive(Debug)]
pub(super) struct Tty {
    pub(super) kind: String,
    pub(super) size: Size,
    pub(super) modes: Vec<(Pty, u32)>,
}

/// What is to run.
#[derive(Debug)]
pub(super) enum Program {
    /// The account's shell.
    Shell,
    /// A command line, as it came.
    Command(Vec<u8>),
    /// A subsystem.
    Subsystem(String),
}

/// What is to run, and where.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) program: Program,
    pub(super) tty: Option<Tty>,
    pub(super) variables: Vec<(String, String)>,
}

impl Request {
    /// Waits for it; `None` if the client leaves before it asks for anything.
    pub(super) async fn gather(inbox: &mut Inbox) -> Option<Self> {
        let mut tty: Option<Tty> = None;
        let mut variables = Vec::new();
        loop {
            let program = match inbox.next().await? {
                Input::Terminal { kind, size, modes } => {
                    tty = Some(Tty { kind, size, modes });
                    continue;
                }
                Input::Resize(size) => {
                    if let Some(tty) = &mut tty {
                        tty.size = size;
                    }
                    continue;
                }
                Input::Variable(name, value) => {
                    if variables.len() < MAX_VARIABLES {
                        variables.push((name, value));
                    }
                    continue;
                }
                Input::Data(_) | Input::Signal(_) | Input::Eof => continue,
                Input::Close => return None,
                Input::Shell => Program::Shell,
                Input::Command(line) => Program::Command(line),
                Input::Subsystem(name) => Program::Subsystem(name),
            };
            return Some(Self { program, tty, variables });
        }
    }

    /// As an action.
    pub(super) fn action(&self, id: String) -> Action {
        match &self.program {
            Program::Shell => action::shell(id),
            Program::Command(line) => action::command(id, line),
            Program::Subsystem(name) => action::subsystem(id, name),
        }
    }

    /// The decoys in what is to run, and in what it is given.
    pub(super) fn presented(&self, session: &Session) -> Vec<DecoyUse> {
        let program = match &self.program {
            Program::Command(line) => line.as_slice(),
            Program::Subsystem(name) => name.as_bytes(),
            Program::Shell => b"",
        };
        let values = self.variables.iter().map(|(_, value)| value.as_bytes());
        values.chain([program]).flat_map(|text| session.recognise(text, DecoyPlace::Command)).collect()
    }

    /// Why policy could not see all that it would run, if so.
    pub(super) fn opaque(&self) -> Option<&'static str> {
        match &self.program {
            Program::Command(line) => opaque(&String::from_utf8_lossy(line)),
            Program::Shell | Program::Subsystem(_) => None,
        }
    }

    /// The terminal, for the recording.
    pub(super) fn terminal(&self) -> Terminal {
        match &self.tty {
            Some(tty) => Terminal::new(&tty.kind, tty.size.columns, tty.size.rows),
            None => Terminal::absent(),
        }
    }
}

/// Whether a variable may be set on the target: language only. `TERM` travels with the terminal; anything else could
/// change what a permitted program does (`LD_PRELOAD`, `BASH_ENV`, `GIT_SSH_COMMAND`).
pub(super) fn is_harmless(name: &str) -> bool {
    name == "LANG" || name == "TERM" || name.starts_with("LC_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ssh::inbox;
    use crate::protocol::ssh::wire::Valve;
    use bytes::Bytes;

    fn size(columns: u32, rows: u32) -> Size {
        Size { columns, rows, width: 0, height: 0 }
    }

    #[tokio::test]
    async fn what_comes_before_the_program_is_gathered() {
        let (sender, mut inbox) = inbox::channel(&Valve::new());
        sender.send(Input::Terminal { kind: "xterm".into(), size: size(80, 24), modes: Vec::new() });
        sender.send(Input::Variable("LANG".into(), "C".into()));
        sender.send(Input::Data(Bytes::from_static(b"early")));
        sender.send(Input::Resize(size(100, 50)));
        sender.send(Input::Command(b"id".to_vec()));
        let request = Request::gather(&mut inbox).await.unwrap();
        assert_eq!(request.tty.as_ref().map(|tty| tty.size.columns), Some(100));
        assert_eq!(request.variables, [("LANG".to_owned(), "C".to_owned())]);
        assert_eq!(request.action(String::new()).text, "id");
        sender.send(Input::Close);
        assert!(Request::gather(&mut inbox).await.is_none());
        drop(sender);
        assert!(Request::gather(&mut inbox).await.is_none());
    }

    #[test]
    fn variables_that_change_programs_are_not_set() {
        for name in ["LANG", "LC_ALL", "TERM"] {
            assert!(is_harmless(name), "{name}");
        }
        for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "LANGUAGE", "lc_all", ""] {
            assert!(!is_harmless(name), "{name}");
        }
    }
}
