//! Who plays, and on what: the demo's names in one place.

/// A routine deploy bot: what it does is its habit.
pub(crate) const BOT: &str = "deploy-bot";
/// The person whose agent was compromised: the root of its chain.
pub(crate) const PERSON: &str = "dana@corp.example";
/// The delegates, from the first to the one that acts.
pub(crate) const AGENTS: [&str; 3] = ["planner-agent", "coder-agent", "shell-agent"];

/// PostgreSQL with the inventory and the configuration tables.
pub(crate) const DATABASE: &str = "config-db";
/// An SSH host that the bot deploys to.
pub(crate) const APP: &str = "app-1";
/// An SSH host that the agent has no business on.
pub(crate) const BASTION: &str = "bastion-2";
/// The HTTP service that stands for a cluster's API.
pub(crate) const CLUSTER: &str = "cluster-api";

/// The names under which responses mention them.
pub(crate) const ALIASES: [(&str, &str); 4] = [
    (DATABASE, "config-db.prod.corp.example"),
    (APP, "app-1.prod.corp.example"),
    (BASTION, "bastion-2.prod.corp.example"),
    (CLUSTER, "kube.prod.corp.example"),
];

/// What the database holds. The bot reads `inventory`; the agent reads `settings`.
pub(crate) const SCHEMA: &str = "
create role interdict login password '{password}';
create database config owner interdict;
\\connect config
set role interdict;
create table inventory (service text, host text);
insert into inventory values ('shop', 'app-1.prod.corp.example'), ('cluster', 'kube.prod.corp.example');
create table settings (name text, value text);
insert into settings values
  ('theme', 'dark'), ('ssh_gateway', 'bastion-2.prod.corp.example'), ('cluster', 'https://kube.prod.corp.example');
";

/// What is allowed: everyone here may reach everything, so that only the chain gives the attack away.
pub(crate) const POLICY: &str = r#"// Every hop is allowed. Only the chain is the attack.
@id("staff-and-bots-connect")
permit (principal in Group::"engineering", action, resource);

@id("agents-of-engineering")
permit (principal, action, resource)
when { principal.kind == "agent" && context.root in Group::"engineering" };

@id("no-definitions")
@reason("tables and rights are not changed through the gateway")
forbid (principal, action == Action::"statement", resource)
when { context.verb == "define" };
"#;
