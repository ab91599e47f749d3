//! OpenSSH's own log: `Accepted`, `Failed`, and the end of a session, in lines of syslog (`Mar  2 10:00:00 host
//! sshd[1]: ...`) or with ISO times (`2026-03-02T10:00:00+01:00 host sshd[1]: ...`). Other programs' lines are counted.
//!
//! Who: the identity that a certificate names, else the account. A key's fingerprint is the credential. Syslog's times
//! have neither year nor zone: the year is the one the user gave, or the one in which the file was changed last, and
//! goes up when the months go down; the zone is taken to be UTC.

use super::bounded::Recent;
use super::draft::{self, Draft, Ids, refused};
use super::{Format, Head, Reader, Record, Skip, Start, value};
use interdict_schemas::{Account, Event, Kind, PrincipalKind, Protocol, Source, Time};
use std::collections::VecDeque;
use std::net::IpAddr;

#[derive(Debug)]
pub(super) struct Sshd;

impl Format for Sshd {
    fn name(&self) -> &'static str {
        "sshd"
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        head.any(|line| std::str::from_utf8(line).is_ok_and(|line| Line::split(line).is_some()))
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Log>::default()
    }
}

/// When a line was written, as it says.
#[derive(Debug, Clone, Copy)]
enum When {
    Whole(Time),
    /// As syslog has it: the month, counted from 1, the day of it and the time of day, without year and zone.
    Yearless {
        month: i8,
        day: i8,
        time: jiff::civil::Time,
    },
}

/// A line of syslog.
struct Line<'a> {
    when: When,
    host: &'a str,
    program: &'a str,
    process: &'a str,
    words: &'a str,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl<'a> Line<'a> {
    fn split(line: &'a str) -> Option<Self> {
        // RFC 3164's priority, where it was kept.
        let line = line.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or(line, |(_, rest)| rest);
        let line = line.trim_start();
        let (when, rest) = match line.split_once(' ') {
            Some((first, rest)) if first.contains('T') && first.len() < 64 => {
                (When::Whole(first.parse::<jiff::Timestamp>().ok()?.into()), rest)
            }
            _ => {
                let (month, rest) = line.split_once(' ')?;
                let (day, rest) = rest.trim_start().split_once(' ')?;
                let (time, rest) = rest.split_once(' ')?;
                let month = MONTHS.iter().zip(1_i8..).find(|(name, _)| **name == month)?.1;
                let time = if time.len() < 32 { time.parse().ok()? } else { return None };
                (When::Yearless { month, day: day.parse().ok().filter(|day| (1..=31).contains(day))?, time }, rest)
            }
        };
        let (host, rest) = rest.trim_start().split_once(' ')?;
        let (tag, words) = rest.split_once(": ")?;
        let (program, process) = match tag.split_once('[') {
            Some((program, process)) => (program, process.trim_end_matches(']')),
            None => (tag, ""),
        };
        let is_name = !host.is_empty() && !program.is_empty() && !program.contains(' ');
        is_name.then_some(Self { when, host, program, process, words })
    }
}

struct Session {
    draft: Draft,
    peer: String,
    process: String,
}

#[derive(Default)]
struct Log {
    year: Option<i16>,
    /// The month of the last line, and of the file's end if the year is that one's.
    month: Option<i8>,
    ends: Option<(i16, i8)>,
    open: Recent<Session>,
    /// The process that serves a peer's port.
    peers: Recent<String>,
}

impl Reader for Log {
    fn begin(&mut self, start: &Start<'_>) {
        let changed = start.modified.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let changed = changed.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
        (self.year, self.month) = (start.year, None);
        self.ends = changed.map(|date| (date.year(), date.month()));
        if !start.continues {
            self.open.clear();
            self.peers.clear();
        }
    }

    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let text = std::str::from_utf8(record.text).map_err(|_| Skip::fault("wrong", "the line is no text"))?;
        let line = Line::split(text).ok_or_else(|| Skip::fault("wrong", "the line is none of syslog"))?;
        let time = self.time(line.when)?;
        if !matches!(line.program, "sshd" | "sshd-session" | "sshd-auth") {
            return Err(Skip::Foreign("program"));
        }
        value::checked(line.host, "the host")?;
        value::checked(line.process, "the process")?;
        let mut ids = Ids::of("sshd", record);
        let words = line.words.trim();
        let event = if let Some(login) = words.strip_prefix("Accepted ") {
            self.accepted(&line, time, login, &mut ids)
        } else if let Some(login) = words.strip_prefix("Failed ") {
            Login::parse(login)?
                .draft(&line, time, &ids)
                .map(|draft| draft.event(&mut ids, refused("credential", login)))
        } else if let Some(login) = words.strip_prefix("Invalid user ") {
            // Each attempt is told again as `Failed`.
            Err(Skip::Foreign(if login.is_empty() { "message" } else { "repeated" }))
        } else if words.contains("session closed for user ") {
            self.closed(&[line.host, line.process], time, &mut ids)
        } else if let Some(peer) = disconnected(words) {
            let key = [line.host, peer.as_str()];
            match self.peers.take(&key) {
                Some(process) => self.closed(&[line.host, &process], time, &mut ids),
                None => Err(Skip::Foreign("unopened")),
            }
        } else {
            Err(Skip::Foreign("message"))
        }?;
        out.push_back(event);
        Ok(())
    }
}

impl Log {
    fn accepted(&mut self, line: &Line<'_>, time: Time, login: &str, ids: &mut Ids) -> Result<Event, Skip> {
        let draft = Login::parse(login)?.draft(line, time, ids)?;
        let event = draft.event(ids, Kind::Opened);
        let peer = peer(draft.source.address, draft.source.port);
        let bytes = draft::weight(&event);
        self.peers.insert(&[line.host, &peer], line.process.to_owned(), 64 + line.process.len());
        let session = Session { draft, peer, process: line.process.to_owned() };
        self.open.insert(&[line.host, line.process], session, bytes);
        Ok(event)
    }

    fn closed(&mut self, key: &[&str; 2], time: Time, ids: &mut Ids) -> Result<Event, Skip> {
        let Some(Session { draft, peer, process }) = self.open.take(key) else {
            return Err(Skip::Foreign("unopened"));
        };
        // A newer process may serve the same port by now.
        let [host, _] = key;
        if self.peers.find(&[host, &peer]) == Some(&process) {
            self.peers.take(&[host, &peer]);
        }
        let kind = draft::closed(draft.time, 0, 0);
        Ok(Draft { time, ..draft }.event(ids, kind))
    }

    fn time(&mut self, when: When) -> Result<Time, Skip> {
        let (month, day, time) = match when {
            When::Whole(time) => return Ok(time),
            When::Yearless { month, day, time } => (month, day, time),
        };
        let year = match (self.year, self.ends) {
            (Some(year), _) => year,
            // What stands in a later month than the file was changed in is of the year before.
            (None, Some((year, last))) => year.saturating_sub(i16::from(month > last)),
            (None, None) => return Err(Skip::fault("year", "the time has no year; give it with --year")),
        };
        // A year has turned when the months go far down; a few lines out of order turn nothing.
        let turned = self.month.is_some_and(|before| before - month > 6);
        let year = year.saturating_add(i16::from(turned));
        (self.year, self.month) = (Some(year), Some(month));
        let date =
            jiff::civil::Date::new(year, month, day).map_err(|_| Skip::wrong("the date", "one of the calendar"))?;
        let at = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC);
        at.map(|at| at.timestamp().into()).map_err(|_| Skip::wrong("the time", "one of the calendar"))
    }
}

/// `publickey for ana from 10.0.0.1 port 50000 ssh2: ED25519 SHA256:...`
struct Login<'a> {
    method: &'a str,
    account: &'a str,
    address: IpAddr,
    port: u16,
    key: &'a str,
}

impl<'a> Login<'a> {
    fn parse(words: &'a str) -> Result<Self, Skip> {
        let wrong = || Skip::wrong("the line", "METHOD for ACCOUNT from ADDRESS port PORT");
        let (method, rest) = words.split_once(" for ").ok_or_else(wrong)?;
        // A client chooses the account and may write ` from ` into it; the last one is sshd's.
        let (account, rest) = rest.rsplit_once(" from ").ok_or_else(wrong)?;
        let account = account.strip_prefix("invalid user ").unwrap_or(account);
        let (address, rest) = rest.split_once(" port ").ok_or_else(wrong)?;
        let (port, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        value::checked(account, "the account")?;
        Ok(Self {
            method,
            account,
            address: address.parse().map_err(|_| Skip::wrong("the address", "an IP address"))?,
            port: port.parse().map_err(|_| Skip::wrong("the port", "a port"))?,
            key: rest.split_once(": ").map_or("", |(_, key)| key),
        })
    }

    fn draft(&self, line: &Line<'_>, time: Time, ids: &Ids) -> Result<Draft, Skip> {
        let credential = self.key.split(' ').find(|word| word.starts_with("SHA256:") || word.starts_with("MD5:"));
        let named = self.key.split_once(" ID ").map(|(_, rest)| rest.split(" (serial ").next().unwrap_or_default());
        let named = value::checked(named.unwrap_or_default(), "the certificate's id")?;
        let id = named.or(Some(self.account).filter(|account| !account.is_empty())).unwrap_or("unknown");
        let kind = if self.account == "root" && named.is_none() {
            PrincipalKind::Administrator
        } else {
            PrincipalKind::Person
        };
        // Fingerprints are short; and who asked with `none`, to hear which methods there are, showed no credential.
        let credential = credential.filter(|credential| credential.len() <= 256 && self.method != "none");
        Ok(Draft {
            time,
            session: ids.base(),
            identity: draft::identity("sshd", id, kind),
            source: Source { address: Some(self.address), port: self.port, ..Source::default() },
            target: draft::target(line.host, Protocol::Ssh, 22),
            account: Account { name: self.account.to_owned(), credential: credential.map(str::to_owned) },
        })
    }
}

fn peer(address: Option<IpAddr>, port: u16) -> String {
    address.map_or_else(String::new, |address| format!("{address} {port}"))
}

/// The peer whose connection a line says is gone: `Disconnected from user ana 10.0.0.1 port 50000`.
fn disconnected(words: &str) -> Option<String> {
    let begins = ["Disconnected from ", "Received disconnect from ", "Connection closed by ", "Connection reset by "];
    let rest = begins.iter().find_map(|begin| words.strip_prefix(begin))?;
    let (address, rest) = rest.rsplit_once(" port ")?;
    let address = address.rsplit(' ').next()?.parse().ok()?;
    let port = rest.split([' ', ':']).next()?.parse().ok()?;
    Some(peer(Some(address), port))
}
