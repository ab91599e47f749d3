//! What is asked for. The texts mean little: an attacker asks for what everybody asks for.

use super::dice::share;
use super::place::Role;
use interdict_schemas::Verb;

/// What it does, its text, and what it touches.
pub(super) type Words = (Verb, &'static str, &'static str);

/// Words for a system of this role. What `teaches` is a question whose answer could hold names of other systems.
pub(super) fn of(role: Role, teaches: bool, bits: u64) -> Words {
    let of: &[Words] = match (role, teaches) {
        (Role::Inventory | Role::Database, true) => &READ_SQL,
        (Role::Inventory | Role::Database, false) => &SQL,
        (Role::App | Role::Bastion, true) => &READ_SHELL,
        (Role::App | Role::Bastion, false) => &SHELL,
        (Role::Cluster, true) => &READ_CLUSTER,
        (Role::Cluster, false) => &CLUSTER,
        (Role::Vault, _) => &VAULT,
        (Role::Wiki, _) => &WIKI,
        (Role::Api, _) => &API,
    };
    let chosen = share(bits, u32::try_from(of.len()).unwrap_or(u32::MAX));
    of.get(chosen as usize).copied().unwrap_or((Verb::Other, "", ""))
}

const READ_SQL: [Words; 4] = [
    (Verb::Read, "select service, host, address from inventory where live", "inventory"),
    (Verb::Read, "select key, value from settings where key like 'endpoint.%'", "settings"),
    (Verb::Read, "select name, host, port from services order by name", "services"),
    (Verb::Read, "select * from connections where active", "connections"),
];
const SQL: [Words; 6] = [
    (Verb::Read, "select id, state from orders where id = $1", "orders"),
    (Verb::Read, "select count(*) from orders where created > now() - interval '1 hour'", "orders"),
    (Verb::Update, "update jobs set state = $2 where id = $1", "jobs"),
    (Verb::Create, "insert into audit (who, what) values ($1, $2)", "audit"),
    (Verb::Read, "select name, state from customers where region = $1 limit 50", "customers"),
    (Verb::Read, "select max(version) from migrations", "migrations"),
];
const READ_SHELL: [Words; 4] = [
    (Verb::Execute, "cat /etc/app/upstreams.conf", "cat"),
    (Verb::Execute, "cat .kube/config", "cat"),
    (Verb::Execute, "env", "env"),
    (Verb::Execute, "getent hosts", "getent"),
];
const SHELL: [Words; 6] = [
    (Verb::Execute, "systemctl status app", "systemctl"),
    (Verb::Execute, "journalctl -u app -n 200", "journalctl"),
    (Verb::Execute, "df -h", "df"),
    (Verb::Execute, "systemctl restart app", "systemctl"),
    (Verb::Execute, "tail -n 100 /var/log/app/error.log", "tail"),
    (Verb::Execute, "uptime", "uptime"),
];
const READ_CLUSTER: [Words; 2] = [
    (Verb::Read, "GET /api/v1/endpoints", "endpoints"),
    (Verb::Read, "GET /api/v1/namespaces/app/configmaps/upstreams", "configmaps"),
];
const CLUSTER: [Words; 4] = [
    (Verb::Read, "GET /api/v1/namespaces/app/pods", "pods"),
    (Verb::Read, "GET /apis/apps/v1/namespaces/app/deployments", "deployments"),
    (Verb::Update, "PATCH /apis/apps/v1/namespaces/app/deployments/web", "deployments"),
    (Verb::Read, "GET /api/v1/namespaces/app/events", "events"),
];
const VAULT: [Words; 2] = [
    (Verb::Read, "GET /v1/secret/data/app", "/v1/secret/data/app"),
    (Verb::Read, "GET /v1/secret/data/deploy", "/v1/secret/data/deploy"),
];
const WIKI: [Words; 3] = [
    (Verb::Read, "GET /pages/where-things-run", "/pages/where-things-run"),
    (Verb::Read, "GET /pages/on-call", "/pages/on-call"),
    (Verb::Read, "GET /search", "/search"),
];
const API: [Words; 4] = [
    (Verb::Read, "GET /v1/status", "/v1/status"),
    (Verb::Read, "GET /v1/services", "/v1/services"),
    (Verb::Create, "POST /v1/deployments", "/v1/deployments"),
    (Verb::Read, "GET /v1/metrics", "/v1/metrics"),
];
