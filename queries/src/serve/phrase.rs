//! Questions of PostgreSQL's tools that cannot be planned in the words in which they are put, in words that can. Each is
//! known by its text, which the tools do not change within a version.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The functions of the field: name, result, arguments, what it answers.
static FUNCTIONS: [[&str; 4]; 7] = [
    [
        "chain",
        "TABLE(nth bigint, time timestamptz, session text, actor text, source text, target text, protocol text, account text, \
         cause text, evidence text, events text[])",
        "alert text",
        "the hops of an alert, in their order",
    ],
    ["fingerprint", "text", "statement text", "what statements have in common that differ in their values"],
    [
        "learned",
        "TABLE(kind text, value text, target text, from_target text, times bigint, first timestamptz, last timestamptz, \
         first_used timestamptz)",
        "identity text",
        "what an identity was taught, and when it first used it",
    ],
    [
        "reached_from",
        "TABLE(target text, hops bigint, session text, root text, actor text, time timestamptz)",
        "host text, since timestamp",
        "where sessions lead that start on a host, and those that start there",
    ],
    ["replay_url", "text", "session text", "where a session is replayed"],
    [
        "risk",
        "TABLE(risk integer, confidence integer, severity text, alert text, detection text, title text, time timestamptz, \
         verdict text)",
        "session text",
        "the alerts that have a session in their chain",
    ],
    ["risk", "integer", "session text", "the highest risk among them"],
];

/// The text, or one that asks the same in other words.
pub(super) fn said_otherwise(text: &str) -> Cow<'_, str> {
    storage_options(text)
        .or_else(|| bare_fetch(text))
        .or_else(|| search_path(text))
        .or_else(|| functions(text))
        .or_else(|| roles(text))
        .map_or(Cow::Borrowed(text), Cow::Owned)
}

/// PostgreSQL's shortest way to take a cursor's next row, which the parser does not know.
fn bare_fetch(text: &str) -> Option<String> {
    let words: Vec<_> = text.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).split_whitespace().collect();
    let [fetch, name] = words.as_slice() else { return None };
    fetch.eq_ignore_ascii_case("fetch").then(|| format!("fetch next from {name}"))
}

/// psql's `\d+` asks for a table's storage options, of which there are none, by an array made of a query.
fn storage_options(text: &str) -> Option<String> {
    const OPTIONS: &str = "pg_catalog.array_to_string(c.reloptions || array(select 'toast.' || x from \
                           pg_catalog.unnest(tc.reloptions) x), ', ')";
    text.contains(OPTIONS).then(|| text.replace(OPTIONS, "''"))
}

/// Grafana asks for the tables of the search path in a form that the rewriting would answer with none: the path is always
/// the same here, so that it is said instead.
fn search_path(text: &str) -> Option<String> {
    const END: &str = "string_to_array(current_setting('search_path'),',') s";
    let lower = text.to_ascii_lowercase();
    let (case, end) = lower.find("case when trim(s[i])").zip(lower.rfind(END))?;
    let start = lower.get(..case)?.rfind("select")?;
    let (before, after) = (text.get(..start)?, text.get(end + END.len()..)?);
    (start < end).then(|| format!("{before}'public'{after}"))
}

/// psql's `\df`: the functions that are the lake's own. Those that SQL has anyway are in every manual.
fn functions(text: &str) -> Option<String> {
    if !text.contains("pg_catalog.pg_get_function_result(p.oid)") || !text.contains("FROM pg_catalog.pg_proc p") {
        return None;
    }
    let verbose = text.contains("\"Volatility\"");
    let mut rows = String::new();
    for [name, result, arguments, words] in FUNCTIONS {
        let comma = if rows.is_empty() { "" } else { ", " };
        let words = if verbose { format!(", '{words}'") } else { String::new() };
        // A `String` takes everything.
        let _ = write!(rows, "{comma}('public', '{name}', '{result}', '{arguments}', 'func'{words})");
    }
    let more = if verbose { ", \"Description\"" } else { "" };
    let pattern = pattern(text, "p.proname").map(|pattern| format!(" where \"Name\" ~ '{pattern}'"));
    Some(format!(
        "select * from (values {rows}) as f (\"Schema\", \"Name\", \"Result data type\", \"Argument data types\", \"Type\"{more}){} \
         order by 1, 2, 4",
        pattern.unwrap_or_default()
    ))
}

/// psql's `\du`: there is one role that can be told of, that of whoever asks; who else may come in, policies decide.
fn roles(text: &str) -> Option<String> {
    if !text.contains("FROM pg_catalog.pg_roles r") || !text.contains("as memberof") {
        return None;
    }
    let verbose = text.contains("AS description");
    let description = if verbose { ", cast(null as varchar) as description" } else { "" };
    let pattern = pattern(text, "r.rolname").map(|pattern| format!(" where rolname ~ '{pattern}'"));
    Some(format!(
        "select * from (select session_user as rolname, false as rolsuper, true as rolinherit, false as rolcreaterole, \
         false as rolcreatedb, true as rolcanlogin, -1 as rolconnlimit, cast(null as timestamp) as rolvaliduntil, \
         '{{}}' as memberof{description}, false as rolreplication, false as rolbypassrls) as r{}",
        pattern.unwrap_or_default()
    ))
}

/// The regular expression that psql makes of a name's pattern, as it stands in the statement, quotes doubled.
fn pattern<'a>(text: &'a str, column: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(&format!("{column} OPERATOR(pg_catalog.~) '"))?;
    behind.split_once("' COLLATE").map(|(pattern, _)| pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_ask_is_said_otherwise_and_nothing_else() {
        let df = "SELECT pg_catalog.pg_get_function_result(p.oid) FROM pg_catalog.pg_proc p \
                  WHERE p.proname OPERATOR(pg_catalog.~) '^(cha.*)$' COLLATE pg_catalog.default";
        let said = said_otherwise(df);
        assert!(said.contains("'chain'") && said.contains("where \"Name\" ~ '^(cha.*)$'"), "{said}");
        let du = "SELECT r.rolname, ARRAY(SELECT 1) as memberof FROM pg_catalog.pg_roles r";
        assert!(said_otherwise(du).contains("session_user as rolname"));
        for text in
            ["select 1", "select * from pg_catalog.pg_roles", "select * from events where text = 'as memberof'"]
        {
            assert_eq!(said_otherwise(text), text);
        }
    }
}
