//! Which actions look around: who am I, what may I do, who else is here, where can I go from here. The words are the
//! usual ones of ATT&CK's discovery and credential access tactics (T1033, T1087, T1069, T1082, T1049, T1016, T1613, T1552,
//! T1580), not of any data set. Looking around is no attack: how much it counts is habit's to say.

use aho_corasick::AhoCorasick;
use interdict_schemas::{Action, Class};
use std::sync::LazyLock;

/// First words of a command that only look around.
const PROGRAMS: &[&str] = &[
    "id",
    "whoami",
    "who",
    "w",
    "last",
    "lastlog",
    "uname",
    "hostname",
    "groups",
    "getent",
    "ss",
    "netstat",
    "arp",
    "ifconfig",
    "route",
    "env",
    "printenv",
    "history",
    "lsof",
    "nmap",
    "finger",
    "net",
    "nltest",
    "systeminfo",
    "ipconfig",
    "tasklist",
];
/// Programs that do, with these words after them.
const WITH: &[(&str, &str)] = &[
    ("sudo", "-l"),
    ("crontab", "-l"),
    ("ip", "addr"),
    ("ip", "route"),
    ("ip", "neigh"),
    ("kubectl", "can-i"),
    ("aws", "get-caller-identity"),
    ("ls", ".ssh"),
    ("ls", "/home"),
    ("cat", ".ssh/"),
    ("cat", "/etc/passwd"),
    ("cat", "/etc/shadow"),
    ("cat", "/etc/group"),
    ("cat", "/etc/sudoers"),
    ("cat", "/etc/resolv.conf"),
    ("cat", "_history"),
    ("cat", ".aws/"),
    ("cat", ".kube/"),
    ("find", ".pem"),
    ("find", ".key"),
    ("find", "id_rsa"),
    ("find", "-perm"),
    ("grep", "password"),
];
/// What a statement reads that describes the database and its users.
const CATALOGUE: &[&str] = &[
    "information_schema",
    "pg_roles",
    "pg_user",
    "pg_shadow",
    "pg_authid",
    "pg_database",
    "pg_stat_activity",
    "pg_hba",
    "pg_tables",
    "pg_class",
    "pg_namespace",
    "current_user",
    "session_user",
    "has_table_privilege",
    "role_table_grants",
];
/// What a Kubernetes request lists that describes rights, accounts and secrets.
const RESOURCES: &[&str] = &[
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "secrets",
    "serviceaccounts",
    "rolebindings",
    "clusterrolebindings",
    "roles",
    "clusterroles",
    "namespaces",
    "nodes",
];
/// What a path asks for that describes a service, its users or its secrets.
const PATHS: &[&str] = &[
    "/.well-known/",
    "/openapi",
    "/swagger",
    "/users",
    "/roles",
    "/graphql?",
    "/meta-data",
    "/metadata/",
    "/catalog/services",
    "/actuator",
    "/.env",
    "/.git/",
    "/debug/",
];

/// Whether an action looks around.
#[must_use]
pub(crate) fn is_discovery(action: &Action) -> bool {
    let text = action.text.as_str();
    // What is longer is a program, and most of it data.
    let text = &text[..text.floor_char_boundary(512)];
    match action.class {
        Class::Command | Class::Shell => text.split(['|', ';', '&', '\n']).any(looks_around),
        Class::Statement => finds(&IN_STATEMENTS, text),
        Class::Api => {
            let mut words = text.split([' ', '/']);
            let verb = words.next().unwrap_or_default();
            let is_review = text.contains("reviews");
            (is_review
                || verb.eq_ignore_ascii_case("list")
                || verb.eq_ignore_ascii_case("get") && text.contains("nodes"))
                && words.any(|word| RESOURCES.contains(&word))
        }
        Class::Request => finds(&IN_PATHS, text),
        _ => false,
    }
}

fn looks_around(command: &str) -> bool {
    let command = command.trim_start();
    let (first, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let program = first.rsplit('/').next().unwrap_or(first);
    if PROGRAMS.contains(&program) {
        return true;
    }
    WITH.iter().any(|(of, word)| *of == program && rest.contains(word))
}

/// Finds any of the words, whatever their case.
fn finder(words: &[&str]) -> Option<AhoCorasick> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok()
}

static IN_STATEMENTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| finder(CATALOGUE));
static IN_PATHS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| finder(PATHS));

fn finds(finder: &Option<AhoCorasick>, text: &str) -> bool {
    finder.as_ref().is_some_and(|finder| finder.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::Verb;

    #[test]
    fn looking_around_is_told_from_work() {
        let check = |class: Class, text: &str, expected: bool| {
            let action = Action {
                id: String::new(),
                class,
                verb: Verb::Other,
                text: text.into(),
                objects: Vec::new(),
                parameters_digest: None,
                database: None,
            };
            assert_eq!(is_discovery(&action), expected, "{text}");
        };
        check(Class::Command, "/usr/bin/whoami", true);
        check(Class::Command, "cd /tmp; sudo -l", true);
        check(Class::Command, "ls; cat /etc/passwd", true);
        check(Class::Command, " é", false);
        check(Class::Command, "ls; aé; éé x", false);
        check(Class::Command, "systemctl restart shop", false);
        check(Class::Command, "identify picture.png", false);
        check(Class::Statement, "select * from PG_Shadow", true);
        check(Class::Statement, "select * from orders where id = 7", false);
        check(Class::Api, "list secrets", true);
        check(Class::Api, "list pods", false);
        check(Class::Request, "GET /.well-known/openid-configuration", true);
        check(Class::Request, "GET /orders/7", false);
        check(Class::Command, "", false);
    }
}
