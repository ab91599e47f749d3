//! Teleport's audit events, one JSON object a line: sessions of SSH, Kubernetes, databases, applications and desktops,
//! what was done in them, and logins. Other events are counted.
//!
//! Who: `user`, behind its `impersonator` if it has one; a bot is a workload. A session is Teleport's own `sid`, or the
//! event where it has none. `login`, `db_user` and the like are the account on the target.

use super::draft::{self, Deed, Draft, Ids, outcome, refused};
use super::value::{checked, name, object, required, text, time};
use super::{Format, Head, Reader, Record, Skip, contains};
use interdict_schemas::{
    Account, Class, Event, Identity, Kind, Outcome, Principal, PrincipalKind, Protocol, Status, Target, Time, Verb,
};
use serde_json::Value;
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Teleport;

impl Format for Teleport {
    fn name(&self) -> &'static str {
        "teleport"
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        let marks = [b"\"event\":".as_slice(), b"\"code\":", b"\"time\":", b"\"uid\":"];
        head.any(|line| line.starts_with(b"{") && marks.iter().all(|mark| contains(line, mark)))
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Audit)
    }
}

struct Audit;

impl Reader for Audit {
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let line = object(record.text)?;
        let what = What::of(required(&line, "event")?).ok_or(Skip::Foreign("event"))?;
        let mut ids = match name(&line, "uid")? {
            Some(uid) => Ids::from(format!("teleport-{uid}")),
            None => Ids::of("teleport", record),
        };
        let draft = draft(&line, what, &ids)?;
        out.push_back(match what {
            What::Start if is_failure(&line) => draft.event(&mut ids, refused("target", failure(&line))),
            What::Start => draft.event(&mut ids, Kind::Opened),
            What::Refused => draft.event(&mut ids, refused("credential", failure(&line))),
            What::End => {
                let opened = match name(&line, "session_start")? {
                    Some(opened) => time(opened, "session_start")?,
                    None => draft.time,
                };
                draft.event(&mut ids, draft::closed(opened, count(&line, "rx"), count(&line, "tx")))
            }
            What::Command | What::Statement | What::Api | What::Request | What::Forward | What::File => {
                draft.did(&mut ids, deed(&line, what)?)
            }
        });
        Ok(())
    }
}

/// What an event is of those that say something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Start,
    Refused,
    End,
    Command,
    Statement,
    Api,
    Request,
    Forward,
    File,
}

impl What {
    fn of(event: &str) -> Option<Self> {
        Some(match event {
            "session.start" | "db.session.start" | "app.session.start" | "windows.desktop.session.start" => {
                Self::Start
            }
            // Teleport calls a login what opens its own doors.
            "user.login" => Self::Start,
            "auth" => Self::Refused,
            "session.end" | "db.session.end" | "app.session.end" | "windows.desktop.session.end" => Self::End,
            "exec" => Self::Command,
            "db.session.query" | "db.session.postgres.statements.execute" | "db.session.mysql.statements.execute" => {
                Self::Statement
            }
            "kube.request" => Self::Api,
            "app.session.request" => Self::Request,
            "port" => Self::Forward,
            "scp" | "sftp" => Self::File,
            _ => return None,
        })
    }
}

fn draft(line: &Value, what: What, ids: &Ids) -> Result<Draft, Skip> {
    let when: Time = time(required(line, "time")?, "time")?;
    let session = match (dotless(line, "sid")?, what) {
        (Some(sid), _) => sid.to_owned(),
        (None, What::Api) => {
            let (user, cluster) = (required(line, "user")?, name(line, "kubernetes_cluster")?.unwrap_or_default());
            // A request without a session is one of that day's.
            format!("{user}@{cluster}/{}", when.day())
        }
        (None, _) => ids.base(),
    };
    let (target, account) = target(line)?;
    let from = dotless(line, "addr.remote")?.unwrap_or_default();
    let (host, port) = peer(from);
    Ok(Draft {
        time: when,
        session,
        identity: identity(line)?,
        source: draft::source(host, port),
        target,
        account: Account { name: account.to_owned(), credential: None },
    })
}

fn identity(line: &Value) -> Result<Identity, Skip> {
    let user = required(line, "user")?;
    // 1 is a person, 2 is one of Teleport's own or a bot.
    let is_bot = line.get("user_kind").and_then(Value::as_u64) == Some(2) || !text(line, "bot_name").is_empty();
    let kind = if is_bot { PrincipalKind::Workload } else { PrincipalKind::Person };
    let acting = Principal { id: user.to_owned(), kind };
    let issuer = name(line, "cluster_name")?.map_or_else(|| "teleport".to_owned(), |name| format!("teleport:{name}"));
    let mut identity = match name(line, "impersonator")?.filter(|impersonator| *impersonator != user) {
        Some(id) => {
            let root = Principal { id: id.to_owned(), kind: PrincipalKind::Workload };
            Identity::rooted(issuer, root, vec![acting])
        }
        None => Identity::rooted(issuer, acting, Vec::new()),
    };
    let roles = line.get("user_roles").and_then(Value::as_array).into_iter().flatten();
    for role in roles.filter_map(Value::as_str).take(64) {
        identity.groups.extend(checked(role, "user_roles[]")?.map(str::to_owned));
    }
    Ok(identity)
}

/// The target and the account there, by whichever of the protocols' attributes the event has.
fn target(line: &Value) -> Result<(Target, &str), Skip> {
    let account = |key: &str| name(line, key).map(Option::unwrap_or_default);
    if let Some(service) = name(line, "db_service")? {
        let protocol = match text(line, "db_protocol") {
            "postgres" | "cockroachdb" => Protocol::Postgres,
            _ => Protocol::Database,
        };
        let mut target = draft::target(service, protocol, 0);
        if let Some(uri) = name(line, "db_uri")? {
            let (host, port) = peer(uri);
            let at = draft::target(host, protocol, port);
            (target.host, target.address, target.port) = (at.host, at.address, at.port);
        }
        return Ok((target, account("db_user")?));
    }
    if let Some(cluster) = name(line, "kubernetes_cluster")? {
        let users = line.get("kubernetes_users").and_then(|users| users.get(0)).and_then(Value::as_str);
        let user = checked(users.unwrap_or_default(), "kubernetes_users[]")?.unwrap_or_default();
        return Ok((Target { host: None, ..draft::target(cluster, Protocol::Kubernetes, 0) }, user));
    }
    if let Some(app) = name(line, "app_name")? {
        return Ok((Target { host: None, ..draft::target(app, Protocol::Http, 0) }, ""));
    }
    if let Some(desktop) = name(line, "desktop_name")? {
        let mut target = draft::target(desktop, Protocol::Rdp, 0);
        let (host, port) = peer(account("desktop_addr")?);
        (target.address, target.port) = (host.parse().ok(), port);
        return Ok((target, account("windows_user")?));
    }
    let host = name(line, "server_hostname")?;
    if let Some(server) = host.or(name(line, "server_id")?) {
        let (address, port) =
            peer(dotless(line, "server_addr")?.or(dotless(line, "addr.local")?).unwrap_or_default());
        let address = address.parse().ok().filter(|address: &std::net::IpAddr| !address.is_unspecified());
        let host = host.map(str::to_owned);
        let target = Target { name: server.to_owned(), protocol: Protocol::Ssh, host, address, port, alias: None };
        return Ok((target, account("login")?));
    }
    let cluster = name(line, "cluster_name")?.unwrap_or("teleport");
    Ok((Target { host: None, ..draft::target(cluster, Protocol::Http, 0) }, account("login")?))
}

fn deed(line: &Value, what: What) -> Result<Deed, Skip> {
    let done = done(line);
    Ok(match what {
        What::Statement => {
            let statement = text(line, "db_query");
            let statement = if statement.is_empty() { "execute a prepared statement" } else { statement };
            let database = name(line, "db_name")?.map(str::to_owned);
            Deed::new(Class::Statement, sql_verb(statement), statement.to_owned()).database(database)
        }
        What::Api => {
            let verb = required(line, "verb")?;
            let kind = name(line, "resource_kind")?;
            let resource = match kind.or(name(line, "resource_type")?) {
                Some(kind) => kind.to_owned(),
                None => text(line, "request_path").split('?').next().unwrap_or_default().to_owned(),
            };
            let object = name(line, "resource_name")?.unwrap_or_default();
            let text = match name(line, "resource_namespace")? {
                Some(namespace) => format!("{} {resource} {namespace}/{object}", verb.to_lowercase()),
                None => format!("{} {resource} {object}", verb.to_lowercase()),
            };
            Deed::new(Class::Api, draft::method_verb(verb), text.trim_end().to_owned()).on(resource)
        }
        What::Request => {
            let (method, path) = (required(line, "method")?, text(line, "path"));
            Deed::new(Class::Request, draft::method_verb(method), format!("{method} {path}")).on(path)
        }
        What::Forward => {
            let to = name(line, "addr")?.unwrap_or("unknown");
            Deed::new(Class::Forward, Verb::Connect, to.to_owned()).on(to)
        }
        What::File => {
            let path = text(line, "path");
            let action = match line.get("action") {
                Some(Value::String(action)) => action.clone(),
                Some(action) => action.to_string(),
                None => String::new(),
            };
            let verb = if action.contains("upload") { Verb::Create } else { Verb::Read };
            let text = format!("{} {action} {path}", text(line, "event"));
            Deed::new(Class::Command, verb, text).on(path)
        }
        _ => {
            let command = text(line, "command");
            if command.is_empty() {
                return Err(Skip::missing("command"));
            }
            let program = command.split_whitespace().next().unwrap_or_default();
            Deed::new(Class::Command, Verb::Execute, command.to_owned()).on(program)
        }
    }
    .came_to(done))
}

fn done(line: &Value) -> Outcome {
    let code = match (line.get("exitCode"), line.get("response_code").or_else(|| line.get("status_code"))) {
        (Some(Value::String(code)), _) => code.chars().take(32).collect(),
        (_, Some(Value::Number(code))) => code.to_string(),
        _ => String::new(),
    };
    let failed = match code.parse::<u32>() {
        Ok(code) if line.get("exitCode").is_some() => code != 0,
        Ok(code) => code >= 400,
        Err(_) => is_failure(line),
    };
    outcome(if failed { Status::Failure } else { Status::Success }, &code, failure(line))
}

fn is_failure(line: &Value) -> bool {
    line.get("success").and_then(Value::as_bool) == Some(false) || !text(line, "error").is_empty()
}

fn failure(line: &Value) -> &str {
    ["error", "exitError", "message"]
        .iter()
        .map(|key| text(line, key))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn sql_verb(statement: &str) -> Verb {
    match statement.split_whitespace().next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "select" | "show" | "table" | "explain" => Verb::Read,
        "insert" | "copy" => Verb::Create,
        "update" | "merge" => Verb::Update,
        "delete" | "truncate" => Verb::Delete,
        "create" | "alter" | "drop" | "grant" | "revoke" => Verb::Define,
        "call" | "do" | "execute" => Verb::Execute,
        _ => Verb::Other,
    }
}

fn count(line: &Value, key: &str) -> u64 {
    line.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// The name at a key that may have dots in it.
fn dotless<'a>(line: &'a Value, key: &str) -> Result<Option<&'a str>, Skip> {
    line.get(key).and_then(Value::as_str).map_or(Ok(None), |text| checked(text, key))
}

/// `host:port`, with IPv6 in brackets; port 0 if there is none.
fn peer(text: &str) -> (&str, u16) {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host.trim_start_matches('[').trim_end_matches(']'), port.parse().unwrap_or_default())
        }
        _ => (text, 0),
    }
}
