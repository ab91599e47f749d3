//! Latency of one small request on a kept connection: direct, through nginx (which looks at nothing), and through
//! interdict (token, policy, record before forward, scan), in turns.

use crate::figures::{median, millis, percentile};
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::servers::{Process, free_port, program};
use crate::harness::{eventually, upstream};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 5;
const REQUESTS: usize = 2000;

pub(crate) fn run() {
    let gateway = Gateway::up(Bus::Embedded);
    let token = format!(
        "Bearer {}",
        gateway.token("bench", &[], |claims| claims.kind = interdict_schemas::PrincipalKind::Workload)
    );
    let api = upstream::api();
    let (nginx, _process) = nginx(&gateway, api);
    let ways = [
        ("direct", api, upstream::CREDENTIAL.to_owned()),
        ("nginx", nginx, upstream::CREDENTIAL.to_owned()),
        ("interdict", gateway.listener("cluster"), token),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let mut medians: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let mut tails = medians.clone();
    for _ in 0..ROUNDS {
        for (way, (name, address, authorization)) in ways.iter().enumerate() {
            let mut took = runtime.block_on(requests(name, *address, authorization));
            medians[way].push(percentile(&mut took, 0.5));
            tails[way].push(percentile(&mut took, 0.99));
        }
    }
    let medians: Vec<f64> = medians.iter_mut().map(|values| median(values)).collect();
    let tails: Vec<f64> = tails.iter_mut().map(|values| median(values)).collect();
    for (way, (name, ..)) in ways.iter().enumerate() {
        println!(
            "GET {name:<10} p50 {:.3} ms  p99 {:.3} ms   added to direct: p50 {:.3} ms",
            medians[way],
            tails[way],
            medians[way] - medians[0]
        );
    }
    println!("added by interdict / added by nginx: {:.2}", (medians[2] - medians[0]) / (medians[1] - medians[0]));
}

async fn requests(name: &str, address: SocketAddr, authorization: &str) -> Vec<f64> {
    let client = reqwest::Client::builder().no_proxy().build().expect("client");
    let mut took = Vec::with_capacity(REQUESTS);
    for request in 0..REQUESTS + 100 {
        let start = Instant::now();
        let answer = client.get(format!("http://{address}/x")).header("authorization", authorization).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer.status().is_success(), "{name}: {}", answer.status());
        answer.bytes().await.expect("body");
        // The first hundred warm the connection up.
        if request >= 100 {
            took.push(millis(start.elapsed()));
        }
    }
    took
}

fn nginx(gateway: &Gateway, api: SocketAddr) -> (SocketAddr, Process) {
    let port = free_port().expect("port");
    let folder = gateway.folder.path().join("nginx");
    fs::create_dir_all(&folder).expect("folder");
    let config = folder.join("nginx.conf");
    fs::write(
        &config,
        format!(
            "daemon off;\nworker_processes 2;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{ worker_connections 512; }}\n\
             http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;\n\
             uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\nupstream api {{ server {api}; keepalive 16; }}\n\
             server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000; location / {{ proxy_pass http://api;\n\
             proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n",
            folder.display(),
        ),
    )
    .expect("configuration");
    let process = Command::new(program("nginx").expect("nginx"))
        .args(["-p", &folder.display().to_string(), "-c"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx");
    let process = Process(process);
    eventually("nginx answers", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    ((Ipv4Addr::LOCALHOST, port).into(), process)
}
