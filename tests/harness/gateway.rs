//! The real command with a configuration of its own before real servers.

use super::clients::{Answer, Clients};
use super::development::{self, Claims, SigningKey};
use super::servers::{Postgres, Process, Ssh, free_port};
use super::upstream;
use super::{eventually, run};
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The issuer that the harness's tokens name.
pub(crate) const ISSUER: &str = "https://issuer.test";

/// Everyone in `engineering`, and whatever agent acts for them, may do anything but change tables and shut down hosts.
const POLICY: &str = r#"
@id("engineering")
permit (principal in Group::"engineering", action, resource);

@id("agents-of-engineering")
permit (principal, action, resource)
when { principal.kind == "agent" && context.root in Group::"engineering" };

@id("no-drop")
@reason("tables are not dropped through the gateway")
forbid (principal, action == Action::"statement", resource)
when { context.verb == "define" };

@id("no-shutdown")
@reason("hosts are not shut down through the gateway")
forbid (principal, action == Action::"command", resource)
when { context.objects.contains("shutdown") };
"#;

/// Which log the parts share.
#[derive(Debug, Clone)]
pub(crate) enum Bus {
    /// `interdict up` with the embedded log.
    Embedded,
    /// Three processes with Kafka at this address.
    Kafka(String),
}

/// Servers, configuration, and the processes of interdict.
pub(crate) struct Gateway {
    pub(crate) postgres: Postgres,
    pub(crate) ssh: Ssh,
    pub(crate) folder: TempDir,
    key: SigningKey,
    bus: Bus,
    ports: Vec<(&'static str, u16)>,
    processes: Vec<(&'static str, Process)>,
    /// Of every process of interdict.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Gateway {
    /// Servers and configuration; interdict does not run yet.
    pub(crate) fn build(bus: Bus) -> Self {
        Self::build_with(bus, "")
    }

    /// The same with more lines at the end of the configuration.
    pub(crate) fn build_with(bus: Bus, more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("interdict-test-").tempdir().expect("folder");
        // PostgreSQL runs as its own user and must reach its folder below this one.
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
        let postgres = Postgres::start(&folder.path().join("postgres")).expect("PostgreSQL");
        postgres
            .run(
                "create role app login password 'pw';\ncreate database shop owner app;\n\\connect shop\nset role app;\n\
                 create table inventory (service text, host text);\n\
                 insert into inventory values ('web', 'bastion.corp.example'), ('api', 'kube.corp.example');",
            )
            .expect("schema");
        let ssh = Ssh::start(&folder.path().join("ssh")).expect("sshd");
        let api = upstream::api();
        let at = |name: &str| folder.path().join(name);
        let key = SigningKey::create(&at("data/development.pem"), &at("jwks.json")).expect("key");
        development::certificate(&["localhost"], &at("cert.pem"), &at("key.pem")).expect("certificate");
        development::write_new(&at("policies/test.cedar"), 0o644, POLICY.as_bytes()).expect("policy");
        development::write_new(&at("secrets/db"), 0o600, b"pw").expect("secret");
        development::write_new(&at("secrets/api"), 0o600, upstream::CREDENTIAL.as_bytes()).expect("secret");
        let ports: Vec<_> =
            ["db", "bastion", "cluster", "gone"].map(|name| (name, free_port().expect("port"))).to_vec();
        let gateway = Self { postgres, ssh, folder, key, bus, ports, processes: Vec::new(), environment: Vec::new() };
        fs::write(gateway.config(), gateway.configuration(api, more)).expect("configuration");
        gateway
    }

    /// Servers, configuration, and interdict running.
    pub(crate) fn up(bus: Bus) -> Self {
        let mut gateway = Self::build(bus);
        gateway.start();
        gateway
    }

    fn configuration(&self, api: SocketAddr, more: &str) -> String {
        let mut text = format!(
            "data = \"data\"\n\ngateway = {{ name = \"gw-1\", handshake_s = 60 }}\n[identity]\nissuer = \"{ISSUER}\"\njwks_file = \"jwks.json\"\n\
             audience = \"interdict\"\nalgorithms = [\"EdDSA\"]\n[policy]\npath = \"policies\"\n\
             [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n[collector]\nmax_age_s = 1\n\
             [barrier]\nbound_ms = 30000\n"
        );
        if let Bus::Kafka(brokers) = &self.bus {
            write!(
                text,
                "[bus]\nkind = \"kafka\"\n[bus.kafka]\nbrokers = \"{brokers}\"\npartitions = 3\nreplication = 1\n"
            )
            .expect("text");
        }
        let target = |name: &str, protocol: &str, address: &str, rest: &str| {
            format!(
                "[[target]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nlisten = \"{}\"\naddress = \"{address}\"\n{rest}",
                self.listener(name)
            )
        };
        let (pg, ssh) = (format!("127.0.0.1:{}", self.postgres.port), format!("127.0.0.1:{}", self.ssh.port));
        let db = "[target.credential]\naccount = \"app\"\npassword_file = \"secrets/db\"\n";
        text += &target("db", "postgres", &pg, &format!("aliases = [\"db.corp.example\"]\n{db}"));
        text += &target("gone", "postgres", "127.0.0.1:1", db);
        text += &target(
            "bastion",
            "ssh",
            &ssh,
            &format!(
                "aliases = [\"bastion.corp.example\"]\nhost_key = \"{}\"\n[target.credential]\naccount = \"{}\"\n\
                 key_file = \"{}\"\n",
                self.ssh.host_key,
                self.ssh.account,
                self.ssh.key_file.display()
            ),
        );
        text += &target(
            "cluster",
            "http",
            &api.to_string(),
            "aliases = [\"kube.corp.example\"]\n[target.credential]\nheader = \"Authorization\"\n\
             value_file = \"secrets/api\"\n",
        );
        text + more
    }

    /// The configuration's path.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("interdict.toml")
    }

    /// Where a target is reached through the gateway.
    pub(crate) fn listener(&self, target: &str) -> SocketAddr {
        let (_, port) = self.ports.iter().find(|(name, _)| *name == target).expect("a target of the harness");
        (Ipv4Addr::LOCALHOST, *port).into()
    }

    fn log(&self, part: &str) -> PathBuf {
        self.folder.path().join(format!("{part}.log"))
    }

    /// What a part logged since it started last.
    pub(crate) fn logged(&self, part: &str) -> String {
        fs::read_to_string(self.log(part)).unwrap_or_default()
    }

    /// The parts' names, in the order in which they start.
    fn parts(&self) -> &'static [&'static str] {
        match self.bus {
            Bus::Embedded => &["up"],
            Bus::Kafka(_) => &["collector", "detector", "proxy"],
        }
    }

    /// Starts interdict and waits until it admits.
    pub(crate) fn start(&mut self) {
        for part in self.parts() {
            self.start_part(part);
        }
        let last = self.parts().last().expect("parts");
        eventually("ready", || {
            let log = self.logged(last);
            if let Some(status) =
                self.processes.last_mut().and_then(|(_, process)| process.0.try_wait().ok().flatten())
            {
                panic!("interdict {last} ended with {status}:\n{log}");
            }
            log.contains(" ready").then_some(())
        });
    }

    /// Starts one part.
    pub(crate) fn start_part(&mut self, part: &'static str) {
        self.start_another(part, part);
    }

    /// Starts one more of a part, under a name of its own; it stops before the others.
    pub(crate) fn start_another(&mut self, part: &str, name: &'static str) {
        let log = fs::File::create(self.log(name)).expect("log");
        let process = self.command(&[part]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.processes.push((name, Process(process.expect("interdict"))));
    }

    /// Kills one part as `kill -9` does.
    pub(crate) fn kill(&mut self, part: &str) {
        let before = self.processes.len();
        self.processes.retain(|(name, _)| *name != part);
        assert!(self.processes.len() < before, "{part} does not run");
    }

    /// Process id of a part.
    pub(crate) fn pid(&self, part: &str) -> u32 {
        self.processes.iter().find(|(name, _)| *name == part).expect("a running part").1.0.id()
    }

    /// Ends interdict as a supervisor does, and says whether every part ended well.
    pub(crate) fn stop(&mut self) -> bool {
        let mut well = true;
        // The proxy first, so that the others take what it leaves.
        for (_, mut process) in std::mem::take(&mut self.processes).into_iter().rev() {
            let told = Command::new("kill").arg(process.0.id().to_string()).status().expect("kill");
            well &= told.success() && process.0.wait().expect("wait").success();
        }
        well
    }

    /// The real command with this configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = interdict();
        command.arg("--config").arg(self.config()).args(args).envs(self.environment.iter().cloned());
        command
    }

    /// Runs the real command and asks that it succeeds.
    pub(crate) fn interdict(&self, args: &[&str]) -> String {
        let answer = run(self.command(args));
        assert_eq!(answer.status, 0, "interdict {args:?}: {}{}", answer.output, answer.errors);
        answer.output
    }

    /// Rows of a query, as JSON.
    pub(crate) fn sql(&self, query: &str) -> Vec<serde_json::Value> {
        let output = self.interdict(&["sql", "--output", "json", query]);
        output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Clients of an identity in `engineering`.
    pub(crate) fn clients(&self, subject: &str, delegates: &[&str]) -> Clients {
        let folder = self.folder.path().join("clients").join(subject);
        Clients::new(&folder, self.token(subject, delegates, |_| {})).expect("clients")
    }

    /// A token, after `change`.
    pub(crate) fn token(&self, subject: &str, delegates: &[&str], change: impl FnOnce(&mut Claims<'_>)) -> String {
        let delegates: Vec<String> = delegates.iter().map(|name| (*name).to_owned()).collect();
        let groups = ["engineering".to_owned()];
        let mut claims = Claims {
            issuer: ISSUER,
            audience: "interdict",
            subject,
            kind: interdict_schemas::PrincipalKind::Person,
            groups: &groups,
            delegates: &delegates,
            issued: u64::try_from(jiff::Timestamp::now().as_second()).expect("clock"),
            lifetime: 3600,
        };
        change(&mut claims);
        self.key.mint(&claims).expect("token")
    }

    /// Clients that present this token.
    pub(crate) fn clients_with(&self, token: String) -> Clients {
        Clients::new(&self.folder.path().join("clients/other"), token).expect("clients")
    }

    /// psql to `db`.
    pub(crate) fn psql(&self, clients: &Clients, statements: &[&str]) -> Answer {
        run(clients.psql(self.listener("db"), "shop", statements).expect("psql"))
    }

    /// ssh to `bastion`.
    pub(crate) fn ssh(&self, clients: &Clients, line: &str) -> Answer {
        run(clients.ssh(self.listener("bastion"), &[], line).expect("ssh"))
    }

    /// curl of `cluster`.
    pub(crate) fn curl(&self, clients: &Clients, path: &str) -> Answer {
        run(clients.curl(self.listener("cluster"), path).expect("curl"))
    }

    /// Rows of a query, once there are at least `count`.
    pub(crate) fn sql_until(&self, query: &str, count: usize) -> Vec<serde_json::Value> {
        eventually(&format!("{count} rows of {query}"), || Some(self.sql(query)).filter(|rows| rows.len() >= count))
    }

    /// Waits until the lake holds every event of the query `select count(*) ... `, at least `count`.
    pub(crate) fn until_in_lake(&self, condition: &str, count: i64) {
        let query = format!("select count(*) as n from events where {condition}");
        eventually(&format!("{count} events where {condition}"), || {
            let rows = self.sql(&query);
            (rows.first()?.get("n")?.as_i64()? >= count).then_some(())
        });
    }
}

impl Drop for Gateway {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what interdict said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for part in self.parts().iter().chain(self.processes.iter().map(|(name, _)| name)) {
                eprintln!("-- {part} logged:\n{}", self.logged(part));
            }
        }
    }
}

/// The command under test.
pub(crate) fn interdict() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interdict"));
    command.env_remove("INTERDICT_CONFIG").env_remove("INTERDICT_LOG");
    command
}

/// The checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
