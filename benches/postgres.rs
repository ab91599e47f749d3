//! pgbench -S: direct, through PgBouncer (session pooling, no TLS, looks at nothing and records nothing), and through
//! interdict (TLS, token, policy, record before forward, scan), in turns.

use crate::figures::{median, resident};
use crate::harness::broker::Broker;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::servers::{Process, free_port, program};
use crate::harness::{self, eventually};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};

const ROUNDS: usize = 5;
const SECONDS: &str = "6";
const CLIENTS: &str = "8";

pub(crate) fn run() {
    let gateway = Gateway::up(Bus::Embedded);
    gateway.postgres.run("alter system set log_statement = none;").expect("settings");
    gateway.postgres.run("select pg_reload_conf();").expect("settings");
    let direct = gateway.postgres.port;
    let mut init = pgbench(direct, "app", "pw", "disable");
    init.args(["-i", "-s", "10", "-q", "shop"]);
    let made = run_client(init);
    assert!(made.contains("done") || made.is_empty(), "{made}");
    let (bouncer, _process) = pgbouncer(&gateway);
    let token = gateway.token("bench", &[], |claims| claims.kind = interdict_schemas::PrincipalKind::Workload);
    let ways = [
        ("direct", direct, "app", "pw", "disable"),
        ("pgbouncer", bouncer, "app", "pw", "disable"),
        ("interdict", gateway.listener("db").port(), "app", token.as_str(), "require"),
    ];
    for mode in ["simple", "extended", "prepared"] {
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            for (way, (_, port, user, password, tls)) in ways.iter().enumerate() {
                let mut load = pgbench(*port, user, password, tls);
                load.args(["-n", "-S", "-M", mode, "-c", CLIENTS, "-j", "2", "-T", SECONDS, "shop"]);
                rates[way].push(rate(&run_client(load)));
            }
        }
        let medians: Vec<f64> = rates.iter_mut().map(|rates| median(rates)).collect();
        println!(
            "pgbench -S -M {mode:<8} direct {:>8.0} tps   pgbouncer {:>8.0} ({:.2} of direct)   interdict {:>8.0} ({:.2} of direct, {:.2} of pgbouncer)",
            medians[0],
            medians[1],
            medians[1] / medians[0],
            medians[2],
            medians[2] / medians[0],
            medians[2] / medians[1],
        );
    }
    println!("resident memory of `interdict up` (all parts) after the load: {:.0} MiB", resident(gateway.pid("up")));
    drop(gateway);
    let broker = Broker::start();
    let gateway = Gateway::up(Bus::Kafka(broker.bootstrap()));
    let mut init = pgbench(gateway.postgres.port, "app", "pw", "disable");
    init.args(["-i", "-q", "shop"]);
    run_client(init);
    let token = gateway.token("bench", &[], |claims| claims.kind = interdict_schemas::PrincipalKind::Workload);
    let mut load = pgbench(gateway.listener("db").port(), "app", &token, "require");
    load.args(["-n", "-S", "-c", CLIENTS, "-j", "2", "-T", SECONDS, "shop"]);
    run_client(load);
    println!(
        "resident memory of the proxy alone (with Kafka) after a load: {:.0} MiB",
        resident(gateway.pid("proxy"))
    );
}

fn pgbench(port: u16, user: &str, password: &str, tls: &str) -> Command {
    let mut command = Command::new(program("pgbench").expect("pgbench"));
    command.env("PGPASSWORD", password).env("PGSSLMODE", tls).args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-U",
        user,
    ]);
    command
}

fn run_client(command: Command) -> String {
    let answer = harness::run(command);
    assert_eq!(answer.status, 0, "pgbench: {}{}", answer.output, answer.errors);
    format!("{}{}", answer.output, answer.errors)
}

/// `tps = 12345.6 (without initial connection time)`
fn rate(output: &str) -> f64 {
    let line = output.lines().find(|line| line.starts_with("tps = ")).expect("pgbench's rate");
    line.split_whitespace().nth(2).expect("a number").parse().expect("a number")
}

fn pgbouncer(gateway: &Gateway) -> (u16, Process) {
    let port = free_port().expect("port");
    let folder = gateway.folder.path().join("pgbouncer");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("users.txt"), "\"app\" \"pw\"\n").expect("users");
    let config = folder.join("pgbouncer.ini");
    fs::write(
        &config,
        format!(
            "[databases]\nshop = host=127.0.0.1 port={} dbname=shop\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = session\n\
             max_client_conn = 200\ndefault_pool_size = 100\nlogfile = {}\n",
            gateway.postgres.port,
            folder.join("users.txt").display(),
            folder.join("log").display(),
        ),
    )
    .expect("configuration");
    // It refuses to run as root.
    let mut command = Command::new("setpriv");
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("mode");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program("pgbouncer").expect("pgbouncer"));
    let process = command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pgbouncer");
    let process = Process(process);
    eventually("PgBouncer answers", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    (port, process)
}
