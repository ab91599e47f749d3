//! What every column means: its unit, where its value comes from, and what OCSF 1.9 calls it. `schemas/TABLES.md` is
//! this file as a page; a test keeps the two, and the schemas, together.

use super::Table;
use arrow::datatypes::{DataType, Field};

/// A column: its name, or `table.name` where one table means something else; its meaning and unit; whose word it is;
/// OCSF's name, or `-`.
type Entry = (&'static str, &'static str, &'static str, &'static str);

/// What a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// In words, with its unit.
    pub words: &'static str,
    /// Whose word it is.
    pub source: &'static str,
    /// OCSF's name of it, or `-`.
    pub ocsf: &'static str,
}

/// What a column of a table means; `None` for what is no column of it.
#[must_use]
pub fn meaning(table: Table, column: &str) -> Option<Meaning> {
    table.schema().column_with_name(column)?;
    let own = format!("{}.{column}", table.name());
    let found = DICTIONARY.iter().find(|entry| entry.0 == own);
    let (_, words, source, ocsf) = found.or_else(|| DICTIONARY.iter().find(|entry| entry.0 == column))?;
    Some(Meaning { words, source, ocsf })
}

/// All tables as a page.
#[must_use]
pub fn page() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(HEAD);
    for table in Table::ALL {
        // A `String` takes everything.
        let _ = write!(
            page,
            "\n## {}\n\n| column | type | meaning | whose word | OCSF |\n|---|---|---|---|---|\n",
            table.name()
        );
        for field in table.schema().fields() {
            let Some(Meaning { words, source, ocsf }) = meaning(table, field.name()) else { continue };
            let ocsf = if ocsf == "-" { ocsf.to_owned() } else { format!("`{ocsf}`") };
            let _ = writeln!(page, "| `{}` | {} | {words} | {source} | {ocsf} |", field.name(), kind(field));
        }
    }
    page
}

fn kind(field: &Field) -> String {
    let name = named(field.data_type());
    if field.is_nullable() { format!("{name}, or null") } else { name }
}

fn named(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "text".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Binary => "bytes".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp (UTC, µs)".to_owned(),
        DataType::List(element) => format!("list of {}", named(element.data_type())),
        DataType::Struct(fields) => {
            let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
            format!("({})", names.join(", "))
        }
        other => other.to_string(),
    }
}

const HEAD: &str = "# The lake's tables

Delta Lake on Parquet, partitioned by `date`. Rows within a file are sorted: `events`, `sessions` and `disclosures` by
root and time, `recordings` by session and index, the rest by time. Bounds of each file stand in Delta's log; Parquet
has page indexes, and bloom filters on the columns in which one identity, session, target or fingerprint is looked for.
A column is only ever added, at first null: an older reader passes over it, and an older file has none of it.
";

static DICTIONARY: &[Entry] = &[
    // Every table.
    ("date", "UTC day of `time`; the years 1 to 9999, beyond them the nearest", "collector", "-"),
    ("time", "when it happened, by the writer's clock", "proxy", "time"),
    ("proxy", "configured name of the writer; null on what no proxy wrote", "proxy", "metadata.product.uid"),
    ("spool", "id of the writer's local log", "proxy", "-"),
    ("sequence", "place in the spool, 1, 2, 3, .. without gaps, by topic", "proxy", "metadata.sequence"),
    ("bus_partition", "partition of the topic it was read from; 2147483647 for files", "bus", "-"),
    ("bus_offset", "offset there", "bus", "-"),
    // Who, from where, to what.
    ("session", "id of the session", "proxy", "session.uid"),
    ("issuer", "`iss` of the token: who vouches for the identity", "token", "actor.idp.uid"),
    ("root", "`sub`: the person or workload at the start of the chain", "token", "actor.user.uid"),
    ("root_kind", "person, administrator, workload or agent", "token", "actor.user.type"),
    ("actor", "who acts now: the last of the chain", "token", "ai_agent.uid"),
    ("actor_kind", "person, administrator, workload or agent", "token", "ai_agent.type"),
    ("chain", "all principals, root first, actor last", "token", "-"),
    ("chain_kinds", "their kinds, in the same order", "token", "-"),
    ("groups", "groups of the root", "token", "actor.user.groups"),
    ("delegation", "the grant that the actor acts under", "token", "delegation.uid"),
    ("parent_delegation", "the grant which that one was made from", "token", "delegation.parent_uid"),
    ("source_address", "the peer's IP address", "socket", "src_endpoint.ip"),
    ("source_port", "the peer's port", "socket", "src_endpoint.port"),
    ("source_host", "the peer's host name, where known", "inventory", "src_endpoint.hostname"),
    ("source_target", "the protected target that the peer is", "inventory", "src_endpoint.uid"),
    ("target", "the inventory's name of the system", "inventory", "dst_endpoint.uid"),
    ("protocol", "how the target is spoken to", "inventory", "service.name"),
    ("target_host", "its host name", "inventory", "dst_endpoint.hostname"),
    ("target_address", "its IP address", "inventory", "dst_endpoint.ip"),
    ("target_port", "its port", "inventory", "dst_endpoint.port"),
    ("target_alias", "the alias that was dialled", "client", "dst_endpoint.name"),
    ("account", "the account used there", "policy", "user.name"),
    ("credential", "fingerprint of its credential; never the credential", "proxy", "user.credential_uid"),
    // Events.
    ("id", "id of the event", "proxy", "metadata.uid"),
    ("kind", "opened, refused, closed, acted or resulted", "proxy", "activity_name"),
    ("class_uid", "OCSF class", "proxy", "class_uid"),
    ("activity_id", "OCSF activity", "proxy", "activity_id"),
    ("action", "id of the action; the result of it has the same", "proxy", "metadata.correlation_uid"),
    ("class", "statement, command, shell, request, forward, api or file", "proxy", "-"),
    ("verb", "what it does: read, create, update, delete, ..", "parser", "-"),
    ("text", "the statement, command or request, normalised; without secrets", "client", "query_info.query_string"),
    ("objects", "tables, paths or resources that it touches", "parser", "resources"),
    ("parameters_digest", "digest of its parameters", "proxy", "-"),
    ("database", "the database it was done in", "client", "database.name"),
    ("decision", "allow or deny", "policy", "action"),
    ("decision_reason", "why, in words", "policy", "status_detail"),
    ("policies", "ids of the policies that decided", "policy", "policy.uid"),
    ("status", "success, failure or unknown", "target", "status"),
    ("code", "the target's own code: SQLSTATE, exit code, HTTP status", "target", "status_code"),
    ("detail", "in words", "target", "status_detail"),
    ("rows", "rows returned or changed", "target", "-"),
    (
        "duration_us",
        "microseconds from the request to the end of its answer; OCSF's `duration` is this by 1000, in milliseconds",
        "proxy",
        "duration",
    ),
    ("bytes_in", "bytes to the target; of the whole session in `closed`", "proxy", "traffic.bytes_in"),
    ("bytes_out", "bytes from the target; of the whole session in `closed`", "proxy", "traffic.bytes_out"),
    ("reason", "a stable word: why it was refused or ended", "proxy", "status_detail"),
    ("verdict", "id of the verdict that did it", "detector", "-"),
    ("opened", "when the session was opened", "proxy", "session.created_time"),
    ("actions", "actions of the whole session", "proxy", "count"),
    ("denied", "those of them that were denied", "proxy", "-"),
    ("disclosures", "what the response taught the identity", "proxy", "observables"),
    ("presented", "decoys that were shown", "proxy", "observables"),
    // Sessions.
    ("state", "open, refused or closed: one row for each fact", "proxy", "activity_name"),
    ("closed", "when it ended", "proxy", "session.expiration_time"),
    // Disclosures.
    ("event", "the event whose response disclosed it", "proxy", "metadata.uid"),
    ("from_target", "the system that disclosed it", "inventory", "dst_endpoint.uid"),
    ("from_protocol", "how that was spoken to", "inventory", "service.name"),
    ("disclosures.kind", "host_name, address, alias, account, credential or decoy", "proxy", "observables.type"),
    ("value", "the name or address; of a secret its fingerprint", "proxy", "observables.value"),
    ("disclosures.target", "the inventory's name of what was disclosed", "inventory", "-"),
    // Recordings.
    ("index", "place in the recording, 0, 1, 2, ..", "proxy", "-"),
    ("stream", "header, output, input, resize or exit", "proxy", "-"),
    (
        "data",
        "a terminal's output as the client was sent it, nothing masked in it (masks are for `postgres` and `http`); of a \
         header, a resize and an exit their text",
        "proxy",
        "-",
    ),
    // Alerts.
    ("alerts.time", "the event's time at which it was found", "detector", "time"),
    ("alerts.id", "id of the finding; the same in all its revisions", "detector", "finding_info.uid"),
    ("revision", "1, 2, 3, ..: the highest counts", "detector", "-"),
    ("detection", "which detection found it", "detector", "finding_info.analytic.name"),
    ("alerts.actor", "who acted", "detector", "actor.user.name"),
    ("title", "in a line", "detector", "finding_info.title"),
    ("explanation", "in words", "detector", "finding_info.desc"),
    ("severity", "informational, low, medium, high or critical", "detector", "severity"),
    ("risk", "0 to 1000", "detector", "risk_score"),
    ("confidence", "0 to 100, percent", "detector", "confidence_score"),
    ("alerts.chain", "the hops that lead there, in order", "detector", "evidences"),
    ("techniques", "MITRE ATT&CK", "detector", "finding_info.attacks"),
    // Verdicts.
    ("verdicts.time", "when it was given, or taken back by a person", "detector", "time"),
    ("verdicts.id", "id of the verdict; its record with the highest offset counts", "detector", "-"),
    ("scope_root", "whom it stops: this root", "detector", "-"),
    ("scope_actor", "this actor", "detector", "-"),
    ("scope_session", "this session", "detector", "-"),
    ("scope_source", "sessions from this target", "detector", "-"),
    ("scope_target", "sessions to this target", "detector", "-"),
    ("effect", "stop, hold or watch", "detector", "-"),
    ("mode", "enforce or shadow", "configuration", "-"),
    ("until", "when it ends by itself", "detector", "-"),
    ("verdicts.reason", "why, in words", "detector", "-"),
    ("evidence", "ids of the events that prove it", "detector", "-"),
    ("alert", "id of the alert that it belongs to", "detector", "finding_info.uid"),
    ("author", "a detection's name, or a person's", "detector", "-"),
    ("verdicts.author", "who gave it, or took it back: a detection's name, or a person's", "detector", "-"),
    ("revoked", "whether this record takes it back", "person", "-"),
    // Resolutions.
    ("resolutions.time", "when it was said", "person", "time"),
    ("finding", "benign or malicious", "person", "verdict"),
    ("note", "why, in words", "person", "comment"),
    // Checkpoints.
    ("previous", "head of the chain before this record, SHA-256; null before there were chains", "proxy", "-"),
    ("checkpoints.time", "when it was signed", "proxy", "time"),
    ("signer", "the proxy that signed", "proxy", "-"),
    ("log", "the log whose records are chained", "proxy", "-"),
    ("checkpoints.chain", "the topic whose records are chained", "proxy", "-"),
    ("last", "sequence number of the newest record that the head covers", "proxy", "-"),
    ("head", "head of the chain after that record, SHA-256", "proxy", "-"),
    ("key", "public key, Ed25519", "proxy", "-"),
    ("successor", "the key that signs from here on, when it changes", "proxy", "-"),
    ("signature", "over all of it, Ed25519", "proxy", "-"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_meaning_and_every_meaning_a_column() {
        for table in Table::ALL {
            for field in table.schema().fields() {
                assert!(meaning(table, field.name()).is_some(), "{}.{}", table.name(), field.name());
            }
        }
        for (name, ..) in DICTIONARY {
            let is_used = Table::ALL.into_iter().any(|table| {
                let column = name.strip_prefix(&format!("{}.", table.name())).unwrap_or(name);
                table.schema().column_with_name(column).is_some()
            });
            assert!(is_used, "{name} is no column");
        }
    }

    #[test]
    fn the_page_says_what_the_schemas_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/TABLES.md");
        if std::env::var_os("INTERDICT_BLESS").is_some() {
            std::fs::write(path, page()).expect("written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(found, page(), "run this test once with INTERDICT_BLESS=1");
    }
}
