//! `auth.txt` of Los Alamos' Comprehensive Multi-Source Cyber-Security Events, Windows logons of 58 days:
//! `time,source user@domain,destination user@domain,source computer,destination computer,authentication type,logon
//! type,authentication orientation,success or failure`. Times are seconds since the recording began and stay so.
//!
//! A logon or a ticket opens a session (or is refused); a logoff closes the newest one of that user on that computer,
//! which is all that the log says of it. Screens locked and accounts mapped are no movement.

use super::bounded::Recent;
use super::draft::{self, Draft, Ids, refused};
use super::{Format, Head, Reader, Record, Skip, Start};
use interdict_schemas::{Account, Event, Kind, Protocol, Source, Time};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct LanlAuth;

impl Format for LanlAuth {
    fn name(&self) -> &'static str {
        "lanl-auth"
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        head.any(|line| {
            let Ok(line) = Line::<9>::parse(line) else { return false };
            let [time, .., outcome] = line.columns;
            seconds(time).is_ok() && matches!(outcome, "Success" | "Fail")
        })
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Logons>::default()
    }
}

/// One line of so many columns.
pub(super) struct Line<'a, const N: usize> {
    pub(super) columns: [&'a str; N],
}

impl<'a, const N: usize> Line<'a, N> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Skip> {
        let line = std::str::from_utf8(line).map_err(|_| Skip::fault("wrong", "the line is no text"))?;
        let columns: Vec<&str> = line.trim().split(',').take(N + 1).collect();
        let found = columns.len();
        let columns = <[&str; N]>::try_from(columns).map_err(|_| {
            let more = if found > N { "more".to_owned() } else { found.to_string() };
            Skip::fault("columns", format!("the line has {more} columns, not {N}"))
        })?;
        if columns.iter().any(|column| column.len() > 1024) {
            return Err(Skip::wrong("a column", "at most 1024 bytes long"));
        }
        Ok(Self { columns })
    }
}

/// Seconds since the recording began.
pub(super) fn seconds(text: &str) -> Result<Time, Skip> {
    let wrong = || Skip::wrong("time", "whole seconds since the start");
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds: i64 = text.parse().ok().filter(|seconds| *seconds <= 253_402_300_799).ok_or_else(wrong)?;
    Ok(Time(0).plus_seconds(seconds))
}

/// A computer's name.
pub(super) fn computer(name: &str, column: &str) -> Result<String, Skip> {
    if name.is_empty() || name == "?" { Err(Skip::missing(column)) } else { Ok(name.to_owned()) }
}

/// A session that may still be closed.
struct Session {
    draft: Draft,
}

#[derive(Default)]
struct Logons {
    open: Recent<Session>,
}

impl Reader for Logons {
    fn begin(&mut self, start: &Start<'_>) {
        if !start.continues {
            self.open.clear();
        }
    }

    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let [time, user, account, from, to, authentication, logon, orientation, outcome] =
            Line::parse(record.text)?.columns;
        let time = seconds(time)?;
        let mut ids = Ids::of("lanl-auth", record);
        match orientation {
            "LogOn" | "TGS" | "TGT" => {}
            "LogOff" => {
                let Some(Session { draft }) = self.open.take(&[account, to]) else {
                    return Err(Skip::Foreign("unopened"));
                };
                let closed = draft::closed(draft.time, 0, 0);
                out.push_back(Draft { time, ..draft }.event(&mut ids, closed));
                return Ok(());
            }
            _ => return Err(Skip::Foreign("orientation")),
        }
        let protocol = match (logon, authentication) {
            ("RemoteInteractive", _) => Protocol::Rdp,
            (_, "Kerberos") => Protocol::Kerberos,
            (_, "NTLM") => Protocol::Ntlm,
            _ => Protocol::Logon,
        };
        if user.is_empty() {
            return Err(Skip::missing("source user"));
        }
        let draft = Draft {
            time,
            session: ids.base(),
            identity: draft::identity("lanl", user, draft::windows_kind(user)),
            source: Source { host: Some(computer(from, "source computer")?), ..Source::default() },
            target: draft::target(&computer(to, "destination computer")?, protocol, 0),
            account: Account { name: account.to_owned(), credential: None },
        };
        let kind = match outcome {
            "Success" => Kind::Opened,
            "Fail" => refused("credential", authentication),
            _ => return Err(Skip::wrong("the last column", "Success or Fail")),
        };
        out.push_back(draft.event(&mut ids, kind));
        if outcome == "Success" && orientation == "LogOn" {
            let bytes = 1024 + user.len() + account.len() + from.len() + to.len();
            self.open.insert(&[account, to], Session { draft }, bytes);
        }
        Ok(())
    }
}
