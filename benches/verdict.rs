//! From the event that completes a pivot to the verdict enforced on it: the clock starts when the hop is asked for and
//! ends when the gate refuses it, judged. Embedded, idle and under a background of events; and on Kafka.

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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const PIVOTS: usize = 1000;
/// Events a second of others, and how many others.
const BACKGROUND: u64 = 20_000;
const OTHERS: u64 = 2000;
/// Between two pivots under a background, so that they fall into many seconds of it.
const PAUSE: Duration = Duration::from_millis(8);
/// What must hold on the embedded log under the background, milliseconds.
const BOUND: (f64, f64) = (2.0, 10.0);

pub(crate) fn run() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(&folder.path().join("log"), embedded::Settings::default()).expect("log");
    let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
    report("embedded", &mut runtime.block_on(measure(folder.path(), log, writer, None)));

    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(&folder.path().join("log"), embedded::Settings::default()).expect("log");
    let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
    let others = Others::start(writer.clone());
    let mut took = runtime.block_on(measure(folder.path(), log, writer, Some(PAUSE)));
    report(&format!("embedded, {:.0} events/s of others", others.end()), &mut took);
    let (median, tail) = (percentile(&mut took, 0.5), percentile(&mut took, 0.99));
    let holds = median <= BOUND.0 && tail <= BOUND.1;
    println!("at most {} ms / {} ms: {}", BOUND.0, BOUND.1, if holds { "held" } else { "NOT HELD" });

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
    report("Kafka", &mut runtime.block_on(measure(folder.path(), log, writer, None)));
    runtime.shutdown_background();
}

/// Those who work meanwhile, at a steady rate.
struct Others {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    start: Instant,
    thread: std::thread::JoinHandle<()>,
}

impl Others {
    fn start(writer: Writer) -> Self {
        let (stop, written, start) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Instant::now());
        let thread = std::thread::spawn({
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let due = u64::try_from(start.elapsed().as_micros()).expect("short") * BACKGROUND / 1_000_000;
                    for at in written.load(Ordering::Relaxed)..due {
                        let identity = identity(&format!("other-{}", at % OTHERS));
                        let kind = if at < OTHERS { Kind::Opened } else { read() };
                        let mut event = event(&identity, usize::try_from(at % OTHERS).expect("few"), kind);
                        event.disclosures.clear();
                        writer.append(&interdict_schemas::Message::Event(event)).expect("append");
                    }
                    written.fetch_max(due, Ordering::Relaxed);
                    std::thread::park_timeout(Duration::from_micros(500));
                }
            }
        });
        Self { stop, written, start, thread }
    }

    /// How many events a second it was.
    fn end(self) -> f64 {
        let took = self.start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let rate = self.written.load(Ordering::Relaxed) as f64 / took;
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the others");
        rate
    }
}

fn report(what: &str, took: &mut [f64]) {
    let (median, tail) = (percentile(took, 0.5), percentile(took, 0.99));
    println!("event to enforced verdict, {what:<35} p50 {median:.2} ms   p99 {tail:.2} ms   ({} pivots)", took.len());
}

async fn measure(folder: &Path, log: Arc<dyn Log>, writer: Writer, pause: Option<Duration>) -> Vec<f64> {
    let stop = CancellationToken::new();
    // Nothing is known of anybody here, so little is against a hop; what is measured is the way, not the judgement.
    let raw = interdict_detector::Raw { alert_nats: Some(0.2), hold_nats: Some(0.2), ..Default::default() };
    let config = raw.resolve(folder.join("lake").display().to_string(), |_| Ok(Vec::new()));
    let detector = tokio::spawn(interdict_detector::run(config.expect("settings"), Arc::clone(&log), stop.clone()));
    let gateway = Gateway::new(configuration(folder), writer.clone()).expect("gateway");
    let following = tokio::spawn({
        let (gateway, log, stop) = (Arc::clone(&gateway), log, stop.clone());
        async move { gateway.follow(log, stop).await }
    });
    gateway.ready().await;
    let mut took = Vec::with_capacity(PIVOTS);
    for pivot in 0..PIVOTS {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        let identity = identity(&format!("root-{pivot}"));
        for kind in [Kind::Opened, read()] {
            writer.append(&interdict_schemas::Message::Event(event(&identity, pivot, kind))).expect("append");
        }
        let target = &gateway.config().targets[0];
        let request =
            Request { identity, target, source: Source::default(), account: Account::default(), alias: None };
        let start = Instant::now();
        let denied = gateway.gate().admit(request).await.expect_err("the hop completes a pivot");
        took.push(millis(start.elapsed()));
        assert_eq!(denied.reason, "verdict", "{denied}");
    }
    stop.cancel();
    following.await.expect("follower");
    detector.await.expect("detector").expect("detector");
    took
}

fn identity(root: &str) -> Identity {
    let root = Principal { id: root.into(), kind: PrincipalKind::Agent };
    Identity::new("https://bench", vec![root]).expect("identity")
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
        presented: Vec::new(),
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
