//! From the event that completes a pivot to the verdict enforced on the live session: the clock starts when the gate
//! has recorded the hop and ends when the session's permit is revoked. Embedded, and on Kafka.

use crate::figures::{millis, percentile};
use crate::harness::broker::Broker;
use crate::harness::development;
use interdict_bus::embedded::{self, Embedded};
use interdict_bus::kafka::{self, Kafka};
use interdict_bus::{Durability, Log, Writer};
use interdict_proxy::gate::Request;
use interdict_proxy::{Config, Gateway, clock};
use interdict_schemas::{
    Account, Class, Disclosure, DisclosureKind, Event, Identity, Kind, Outcome, Principal, PrincipalKind, Protocol,
    Source, Status, Target,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const PIVOTS: usize = 1000;

pub(crate) fn run() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(&folder.path().join("log"), embedded::Settings::default()).expect("log");
    let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
    report("embedded", runtime.block_on(measure(folder.path(), log, writer)));

    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("folder");
    let (log, writer) = runtime.block_on(async {
        let mut settings = kafka::Settings::new(broker.bootstrap());
        (settings.partitions, settings.replication) = (3, 1);
        let bus = Kafka::connect(settings).await.expect("Kafka");
        let spool = Embedded::open(&folder.path().join("log"), embedded::Settings::default()).expect("spool");
        let writer = Writer::spooled(spool, Arc::clone(&bus), "bench", Durability::Os).expect("writer");
        (bus, writer)
    });
    report("Kafka", runtime.block_on(measure(folder.path(), log, writer)));
    runtime.shutdown_background();
}

fn report(what: &str, mut took: Vec<f64>) {
    let (median, tail) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
    println!("event to enforced verdict, {what:<9} p50 {median:.2} ms   p99 {tail:.2} ms   ({} pivots)", took.len());
}

async fn measure(folder: &Path, log: Arc<dyn Log>, writer: Writer) -> Vec<f64> {
    let stop = CancellationToken::new();
    let config =
        interdict_detector::Raw::default().resolve(folder.join("lake").display().to_string(), |_| Ok(Vec::new()));
    let detector = tokio::spawn(interdict_detector::run(config.expect("settings"), Arc::clone(&log), stop.clone()));
    let gateway = Gateway::new(configuration(folder), writer.clone()).expect("gateway");
    let following = tokio::spawn({
        let (gateway, log, stop) = (Arc::clone(&gateway), log, stop.clone());
        async move { gateway.follow(log, stop).await }
    });
    gateway.ready().await;
    let mut took = Vec::with_capacity(PIVOTS);
    for pivot in 0..PIVOTS {
        let identity = Identity::new(
            "https://bench",
            vec![Principal { id: format!("root-{pivot}"), kind: PrincipalKind::Agent }],
        )
        .expect("identity");
        for kind in [Kind::Opened, read()] {
            writer.append(&interdict_schemas::Message::Event(event(&identity, pivot, kind))).expect("append");
        }
        let target = &gateway.config().targets[0];
        let request =
            Request { identity, target, source: Source::default(), account: Account::default(), alias: None };
        let permit = gateway.gate().admit(request).await.expect("admitted");
        let start = Instant::now();
        permit.revoked().await;
        took.push(millis(start.elapsed()));
    }
    stop.cancel();
    following.await.expect("follower");
    detector.await.expect("detector").expect("detector");
    took
}

fn read() -> Kind {
    Kind::Resulted {
        action: "a".into(),
        class: Class::Statement,
        outcome: Outcome {
            status: Status::Success,
            code: "SELECT".into(),
            detail: String::new(),
            rows: 1,
            bytes_in: 10,
            bytes_out: 10,
            duration_us: 100,
        },
    }
}

fn event(identity: &Identity, pivot: usize, kind: Kind) -> Event {
    let disclosures = match kind {
        Kind::Resulted { .. } => vec![Disclosure {
            kind: DisclosureKind::Alias,
            value: "bastion.corp.example".into(),
            target: Some("bastion".into()),
        }],
        _ => Vec::new(),
    };
    Event {
        id: clock::id(),
        time: clock::now(),
        session: format!("read-{pivot}"),
        identity: identity.clone(),
        source: Source::default(),
        target: Target {
            name: "db".into(),
            protocol: Protocol::Postgres,
            host: None,
            address: None,
            port: 5432,
            alias: None,
        },
        account: Account::default(),
        disclosures,
        kind,
    }
}

fn configuration(folder: &Path) -> Config {
    let at = |name: &str| folder.join(name);
    std::fs::write(at("all.cedar"), "permit (principal, action, resource);").expect("policy");
    development::SigningKey::create(&at("key.pem"), &at("jwks.json")).expect("keys");
    std::fs::write(at("value"), "secret").expect("secret");
    std::fs::set_permissions(at("value"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mode");
    let text = "[gateway]\nname = \"bench\"\n[identity]\nissuer = \"https://bench\"\njwks_file = \"jwks.json\"\n\
                audience = \"interdict\"\n[policy]\npath = \"all.cedar\"\n[barrier]\nbound_ms = 10000\n\
                [[target]]\nname = \"bastion\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1:1\"\n\
                aliases = [\"bastion.corp.example\"]\n[target.credential]\nheader = \"x\"\nvalue_file = \"value\"\n";
    Config::parse(text, &at("interdict.toml")).expect("configuration")
}
