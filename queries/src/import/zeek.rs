//! Zeek logs, JSON or tab-separated: `conn`, `ssh`, `rdp`, `ntlm`, `kerberos`, `smb_mapping`, `smb_files`, `dce_rpc` and
//! `http`. Other logs of Zeek are counted and passed over.
//!
//! Zeek sees a network: who acts is known only where a protocol says it in clear. So the identity is the user that
//! Kerberos, NTLM or HTTP named on this connection (`uid`), and else the source host. A session is a connection; where a
//! user is known it is that user's session on it. Names that a client merely claims (RDP's cookie) are accounts, not
//! identities. What it calls itself (NTLM's workstation, RDP's client name) is left out: a connection comes from its
//! address, and with a name of its choice a client would stand where it never was. Kerberos tickets are asked of the KDC
//! and stand there as actions, not as sessions of what they are for.

mod row;
mod service;

use super::bounded::{Recent, Sorted};
use super::draft::{self, Deed, Draft, Ids, outcome, refused};
use super::{Format, Head, Reader, Record, Skip, Start, contains};
use interdict_schemas::{
    Account, Class, Event, Identity, Kind, PrincipalKind, Protocol, Source, Status, Target, Verb,
};
use row::{Header, Row};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;

const ISSUER: &str = "zeek";

#[derive(Debug)]
pub(super) struct Zeek;

impl Format for Zeek {
    fn name(&self) -> &'static str {
        ISSUER
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        let json = |line: &[u8]| {
            line.starts_with(b"{")
                && contains(line, b"\"ts\":")
                && [b"\"uid\":".as_slice(), b"\"_path\":", b"\"@stream\":"].iter().any(|mark| contains(line, mark))
        };
        head.any(|line| line.starts_with(b"#separator ") || line.starts_with(b"#fields\t") || json(line))
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Logs>::default()
    }
}

#[derive(Default)]
struct Logs {
    header: Header,
    /// The log that the file's name says it is.
    named: String,
    /// Users by connection.
    users: Recent<String>,
    sorted: Sorted<Event>,
}

impl Reader for Logs {
    fn begin(&mut self, start: &Start<'_>) {
        self.header = Header::default();
        self.named = start.name.split('.').next().unwrap_or_default().to_owned();
    }

    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        // Zeek escapes what is no UTF-8; what is not from Zeek is made readable.
        let line = String::from_utf8_lossy(record.text);
        if line.starts_with('#') {
            return self.header.take(&line).and(Err(Skip::Foreign("header")));
        }
        let row = if line.starts_with('{') { Row::json(record.text) } else { Row::columns(&self.header, &line) }?;
        let log = log(&row, &self.header.path, &self.named);
        let mut ids = Ids::of(ISSUER, record);
        let events = match log.as_ref() {
            "conn" => conn(&row, &mut ids),
            "ssh" => Wire::of(&row, Protocol::Ssh, &self.users)?.ssh(&row, &mut ids),
            "rdp" => Wire::of(&row, Protocol::Rdp, &self.users)?.rdp(&row, &mut ids),
            "ntlm" => ntlm(&row, &mut ids, &mut self.users),
            "kerberos" => kerberos(&row, &mut ids, &mut self.users),
            "smb_mapping" => Wire::of(&row, Protocol::Smb, &self.users)?.mapping(&row, &mut ids),
            "smb_files" => Wire::of(&row, Protocol::Smb, &self.users)?.file(&row, &mut ids),
            "dce_rpc" => Wire::of(&row, Protocol::Rpc, &self.users)?.call(&row, &mut ids),
            "http" => http(&row, &mut ids, &mut self.users),
            _ => Err(Skip::Foreign("log")),
        }?;
        for event in events {
            let weight = draft::weight(&event);
            self.sorted.push(event.time, event, weight);
        }
        while let Some(event) = self.sorted.overflow() {
            out.push_back(event);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut VecDeque<Event>) {
        while let Some(event) = self.sorted.pop() {
            out.push_back(event);
        }
    }
}

/// Which log a record is of: what it says itself, its file's header, its file's name, or the fields it has.
fn log<'a>(row: &'a Row<'_>, header: &'a str, named: &'a str) -> Cow<'a, str> {
    const KNOWN: [&str; 9] =
        ["conn", "ssh", "rdp", "ntlm", "kerberos", "smb_mapping", "smb_files", "dce_rpc", "http"];
    const FIELDS: [(&str, &str); 9] = [
        ("conn_state", "conn"),
        ("auth_attempts", "ssh"),
        ("security_protocol", "rdp"),
        ("server_nb_computer_name", "ntlm"),
        ("request_type", "kerberos"),
        ("share_type", "smb_mapping"),
        ("named_pipe", "dce_rpc"),
        ("status_code", "http"),
        ("method", "http"),
    ];
    if let Some(path) = ["_path", "@stream", "@path"].iter().find_map(|key| row.find(key)) {
        return path;
    }
    if !header.is_empty() {
        return Cow::Borrowed(header);
    }
    if KNOWN.contains(&named) {
        return Cow::Borrowed(named);
    }
    let found = FIELDS.iter().find(|(key, _)| row.find(key).is_some());
    Cow::Borrowed(found.map_or("", |(_, log)| log))
}

/// The identity of somebody by name; Windows knows no case in names.
fn user(name: &str) -> Identity {
    let name = name.to_lowercase();
    draft::identity(ISSUER, &name, draft::windows_kind(&name))
}

/// One connection: who, from where, to where.
struct Wire {
    uid: String,
    draft: Draft,
}

impl Wire {
    /// The connection as the host's, or as its user's if one is known.
    fn of(row: &Row<'_>, protocol: Protocol, users: &Recent<String>) -> Result<Self, Skip> {
        let mut wire = Self::bare(row, protocol)?;
        if let Some(name) = users.find(&[&wire.uid]) {
            let name = name.clone();
            wire.identify(&name);
        }
        Ok(wire)
    }

    fn bare(row: &Row<'_>, protocol: Protocol) -> Result<Self, Skip> {
        let uid = row.required("uid")?.into_owned();
        let (from, to) = (row.address("id.orig_h")?, row.address("id.resp_h")?);
        let name = from.to_string();
        let draft = Draft {
            time: row.time()?,
            session: uid.clone(),
            identity: draft::identity(ISSUER, &name, PrincipalKind::Workload),
            source: Source { address: Some(from), port: row.port("id.orig_p")?, ..Source::default() },
            target: Target {
                name: to.to_string(),
                ..draft::target(&to.to_string(), protocol, row.port("id.resp_p")?)
            },
            account: Account::default(),
        };
        Ok(Self { uid, draft })
    }

    /// From now on it is this user's.
    fn identify(&mut self, name: &str) {
        self.draft.identity = user(name);
        let name = &self.draft.identity.root().id;
        self.draft.session = format!("{}/{name}", self.uid);
        name.clone_into(&mut self.draft.account.name);
    }

    fn ssh(self, row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
        let kind = match row.truth("auth_success") {
            Some(true) => Kind::Opened,
            Some(false) => refused("credential", "the server refused every attempt"),
            None => return Err(Skip::Foreign("undetermined")),
        };
        Ok(vec![self.draft.event(ids, kind)])
    }

    fn rdp(mut self, row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
        if self.draft.account.name.is_empty() {
            // At most nine characters that the client claims before it authenticates.
            row.name("cookie")?.unwrap_or_default().as_ref().clone_into(&mut self.draft.account.name);
        }
        let result = row.name("result")?.unwrap_or_default();
        let failed = ["NOT_ALLOWED", "REQUIRED", "INCONSISTENT", "FAIL"].iter().any(|word| result.contains(word));
        let kind = if failed { refused("target", &result) } else { Kind::Opened };
        Ok(vec![self.draft.event(ids, kind)])
    }

    fn mapping(mut self, row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
        let Some(share) = row.name("path")?.map(Cow::into_owned) else { return Err(Skip::Foreign("undetermined")) };
        self.draft.target.alias = host_of(&share).filter(|host| host.parse::<IpAddr>().is_err()).map(str::to_owned);
        let opened = self.draft.event(ids, Kind::Opened);
        let deed = Deed::new(Class::File, Verb::Connect, format!("connect {share}")).on(share);
        let connected = self.draft.did(ids, deed.came_to(outcome(Status::Success, "", "")));
        Ok(vec![opened, connected])
    }

    fn file(mut self, row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
        let action = row.required("action")?;
        let (share, name) = (row.find("path").unwrap_or_default(), row.find("name").unwrap_or_default());
        let path = match (share.is_empty(), name.is_empty()) {
            (true, true) => return Err(Skip::missing("name")),
            (true, false) => name.into_owned(),
            (false, true) => share.to_string(),
            (false, false) => format!("{share}\\{}", name.trim_start_matches('\\')),
        };
        self.draft.target.alias = host_of(&share).filter(|host| host.parse::<IpAddr>().is_err()).map(str::to_owned);
        let operation = action.rsplit("::").next().unwrap_or_default().to_ascii_lowercase();
        let operation =
            operation.trim_start_matches("file_").trim_start_matches("pipe_").trim_start_matches("print_");
        let verb = match operation {
            "open" | "read" | "close" => Verb::Read,
            "write" | "rename" | "set_attribute" => Verb::Update,
            "delete" => Verb::Delete,
            _ => Verb::Other,
        };
        let deed = Deed::new(Class::File, verb, format!("{operation} {path}")).on(path);
        Ok(vec![self.draft.did(ids, deed.came_to(outcome(Status::Success, "", "")))])
    }

    fn call(self, row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
        let endpoint = row.name("endpoint")?.unwrap_or(Cow::Borrowed("unknown"));
        let operation = row.name("operation")?.unwrap_or(Cow::Borrowed("unknown"));
        let verb = call_verb(&operation);
        let mut done = outcome(Status::Success, "", "");
        done.duration_us = row.micros("rtt").and_then(|micros| u64::try_from(micros).ok()).unwrap_or_default();
        let deed = Deed::new(Class::Api, verb, format!("{operation} {endpoint}")).on(endpoint);
        Ok(vec![self.draft.did(ids, deed.came_to(done))])
    }
}

fn conn(row: &Row<'_>, ids: &mut Ids) -> Result<Vec<Event>, Skip> {
    let transport = row.find("proto").unwrap_or_default();
    let services = row.find("service").unwrap_or_default();
    let Some(protocol) = service::of(&services, &transport, row.port("id.resp_p")?) else {
        return Err(Skip::Foreign("plumbing"));
    };
    let wire = Wire::bare(row, protocol)?;
    if is_for_many(wire.draft.target.address) {
        return Err(Skip::Foreign("broadcast"));
    }
    let state = row.find("conn_state").unwrap_or_default();
    let kind = match state.as_ref() {
        "REJ" => refused("target", "the target rejected the connection"),
        "S0" | "SH" | "SHR" | "RSTOS0" | "RSTRH" => refused("unanswered", "the connection was never established"),
        _ => Kind::Opened,
    };
    let opened = matches!(kind, Kind::Opened);
    let mut events = vec![wire.draft.event(ids, kind)];
    if opened && let Some(duration) = row.micros("duration") {
        let ended = Draft { time: wire.draft.time.plus_micros(duration), ..wire.draft.clone() };
        let (sent, received) = (row.count("orig_bytes"), row.count("resp_bytes"));
        events.push(ended.event(ids, draft::closed(wire.draft.time, sent, received)));
    }
    Ok(events)
}

fn is_for_many(address: Option<IpAddr>) -> bool {
    match address {
        Some(IpAddr::V4(address)) => {
            let [.., last] = address.octets();
            address.is_multicast() || address.is_broadcast() || last == 255
        }
        Some(IpAddr::V6(address)) => address.is_multicast(),
        None => false,
    }
}

fn ntlm(row: &Row<'_>, ids: &mut Ids, users: &mut Recent<String>) -> Result<Vec<Event>, Skip> {
    let protocol = service::at_port(row.port("id.resp_p")?).unwrap_or(Protocol::Ntlm);
    let mut wire = Wire::bare(row, protocol)?;
    wire.draft.target.host = match row.name("server_dns_computer_name")? {
        Some(host) => Some(host.into_owned()),
        None => row.name("server_nb_computer_name")?.map(Cow::into_owned),
    };
    let name = match (row.name("username")?, row.name("domainname")?) {
        (Some(user), Some(domain)) => format!("{user}@{domain}"),
        (Some(user), None) => user.into_owned(),
        (None, _) => String::new(),
    };
    let success = row.truth("success");
    if !name.is_empty() {
        wire.identify(&name);
        if success == Some(true) {
            let name = wire.draft.identity.root().id.clone();
            let bytes = name.len();
            users.insert(&[&wire.uid], name, bytes);
        }
    }
    let kind = match success {
        Some(true) => Kind::Opened,
        Some(false) => refused("credential", &row.name("status")?.unwrap_or_default()),
        None => return Err(Skip::Foreign("undetermined")),
    };
    Ok(vec![wire.draft.event(ids, kind)])
}

fn kerberos(row: &Row<'_>, ids: &mut Ids, users: &mut Recent<String>) -> Result<Vec<Event>, Skip> {
    let Some(client) = row.name("client")? else { return Err(Skip::Foreign("anonymous")) };
    // `name/REALM`; an empty name is a client that was not told.
    let (name, realm) = client.rsplit_once('/').unwrap_or((&client, ""));
    if name.is_empty() {
        return Err(Skip::Foreign("anonymous"));
    }
    let name = if realm.is_empty() { name.to_owned() } else { format!("{name}@{realm}") };
    let mut wire = Wire::bare(row, Protocol::Kerberos)?;
    wire.identify(&name);
    let (failure, success) = (row.name("error_msg")?, row.truth("success"));
    let service = row.name("service")?.unwrap_or_default().into_owned();
    let kind = row.name("request_type")?.unwrap_or_default();
    match (kind.as_ref(), success) {
        ("TGS", _) => {
            let status = match success {
                Some(true) => Status::Success,
                Some(false) => Status::Failure,
                None => Status::Unknown,
            };
            let done = outcome(status, "", &failure.unwrap_or_default());
            let deed = Deed::new(Class::Api, Verb::Connect, format!("ticket {service}")).on(service);
            Ok(vec![wire.draft.did(ids, deed.came_to(done))])
        }
        (_, Some(true)) => {
            let name = wire.draft.identity.root().id.clone();
            let bytes = name.len();
            users.insert(&[&wire.uid], name, bytes);
            Ok(vec![wire.draft.event(ids, Kind::Opened)])
        }
        (_, Some(false)) => Ok(vec![wire.draft.event(ids, refused("credential", &failure.unwrap_or_default()))]),
        (_, None) => Err(Skip::Foreign("undetermined")),
    }
}

fn http(row: &Row<'_>, ids: &mut Ids, users: &mut Recent<String>) -> Result<Vec<Event>, Skip> {
    let protocol = match service::at_port(row.port("id.resp_p")?) {
        Some(protocol @ (Protocol::Winrm | Protocol::Kubernetes)) => protocol,
        _ => Protocol::Http,
    };
    if let Some(name) = row.name("username")? {
        let (uid, bytes) = (row.required("uid")?, name.len());
        users.insert(&[&uid], name.to_lowercase(), bytes);
    }
    let mut wire = Wire::of(row, protocol, users)?;
    let Some(method) = row.name("method")? else { return Err(Skip::Foreign("undetermined")) };
    let path = row.find("uri").unwrap_or(Cow::Borrowed("/")).into_owned();
    let host = row.name("host")?.map(|host| host.split(':').next().unwrap_or_default().to_owned());
    wire.draft.target.alias = host.filter(|host| !host.is_empty() && host.parse::<IpAddr>().is_err());
    let code = row.name("status_code")?.unwrap_or_default();
    let status = match code.parse::<u16>() {
        Ok(code) if code < 400 => Status::Success,
        Ok(_) => Status::Failure,
        Err(_) => Status::Unknown,
    };
    let mut done = outcome(status, &code, "");
    (done.bytes_in, done.bytes_out) = (row.count("request_body_len"), row.count("response_body_len"));
    let verb = draft::method_verb(&method);
    let object = path.split('?').next().unwrap_or_default().to_owned();
    let deed = Deed::new(Class::Request, verb, format!("{method} {path}")).on(object);
    Ok(vec![wire.draft.did(ids, deed.came_to(done))])
}

/// The host of `\\host\share`.
fn host_of(share: &str) -> Option<&str> {
    share.strip_prefix("\\\\")?.split('\\').next().filter(|host| !host.is_empty() && host.len() <= 255)
}

/// What a remote procedure does, by the first word of its name.
fn call_verb(operation: &str) -> Verb {
    let has = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    if has(&["Create", "Start", "Exec", "Add"]) {
        Verb::Execute
    } else if has(&["Delete", "Remove"]) {
        Verb::Delete
    } else if has(&["Set", "Change", "Control"]) {
        Verb::Update
    } else if has(&["Enum", "Query", "Get", "Lookup", "Open", "Connect", "Close", "map"]) {
        Verb::Read
    } else {
        Verb::Other
    }
}
