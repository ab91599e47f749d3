//! For tests: a whole gateway on an embedded log in a temporary folder, and a detector's hand on its bus.

use crate::config::Target;
use crate::gate::{Denied, Permit, Request};
use crate::gateway::Gateway;
use crate::{Config, clock};
use futures::future::BoxFuture;
use interdict_bus::embedded::{self, Embedded};
use interdict_bus::{Durability, Error, From, Log, Position, Reader, Record, Writer};
use interdict_schemas::{
    Account, Envelope, Event, Identity, Judged, Message, Mode, Principal, PrincipalKind, Scope, Source, Stop, Topic,
    Verdict,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) struct Rig {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) log: Arc<Bus>,
    pub(crate) folder: Arc<tempfile::TempDir>,
    stop: CancellationToken,
}

/// What differs from one test to the next.
pub(crate) struct Setup {
    pub(crate) policy: &'static str,
    /// Lines of the target's section.
    pub(crate) target: &'static str,
    /// Lines of the barrier's section.
    pub(crate) barrier: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        let policy = "permit(principal, action, resource);";
        Self { policy, target: "", barrier: "bound_ms = 60000" }
    }
}

impl Rig {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self::at(Arc::new(tempfile::tempdir().expect("folder")), setup)
    }

    pub(crate) fn at(folder: Arc<tempfile::TempDir>, setup: &Setup) -> Self {
        let path = folder.path();
        std::fs::write(path.join("policy.cedar"), setup.policy).expect("policy");
        let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        std::fs::write(path.join("keys.json"), key).expect("keys");
        let config = Self::config(path, setup);
        let log = Embedded::open(&path.join("log"), embedded::Settings::default()).expect("log");
        let writer = Writer::embedded(Arc::clone(&log), "gw-1", Durability::Os).expect("writer");
        let log = Arc::new(Bus { log, switch: Arc::default() });
        let gateway = Gateway::new(config, writer).expect("gateway");
        Self { gateway, log, folder, stop: CancellationToken::new() }
    }

    fn config(path: &Path, setup: &Setup) -> Config {
        let Setup { target, barrier, .. } = setup;
        let text = format!(
            "[identity]\nissuer = \"i\"\njwks_file = \"keys.json\"\naudience = \"a\"\n[policy]\npath = \"policy.cedar\"\n\
             [barrier]\n{barrier}\n[[target]]\nname = \"api\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:0\"\n\
             address = \"127.0.0.1:9\"\n{target}\n"
        );
        Config::parse(&text, &path.join("interdict.toml")).expect("config")
    }

    /// Follows the verdicts, as `run` does, and waits until they are read.
    pub(crate) async fn follow(&self) {
        let verdicts = Arc::clone(&self.gateway.verdicts);
        let (log, stop) = (Arc::clone(&self.log) as Arc<dyn Log>, self.stop.clone());
        tokio::spawn(async move { verdicts.follow(log, stop).await });
        self.gateway.verdicts.ready().await;
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        self.gateway.config().targets.first().expect("a target")
    }

    pub(crate) async fn admit(&self) -> Result<Permit, Denied> {
        let request = Request {
            identity: identity(),
            target: self.target(),
            source: Source { address: Some([10, 0, 0, 9].into()), ..Source::default() },
            account: Account::default(),
            alias: None,
        };
        self.gateway.gate().admit(request).await
    }

    /// Gives verdicts and marks, as a detector does.
    pub(crate) async fn publish(&self, messages: &[Message]) {
        self.log.log.append(messages).await.expect("published");
    }

    /// Marks everything recorded so far as judged.
    pub(crate) async fn judge(&self) {
        let offset = self.log.log.end(Topic::Events, 0).await.expect("end");
        self.publish(&[Message::Judged(Judged { partition: 0, offset, time: clock::now() })]).await;
    }

    /// Judges every event as it comes, from here on: gives the verdicts that `judge` says, then the mark.
    pub(crate) fn detect(&self, judge: impl Fn(&Event) -> Option<Verdict> + Send + 'static) {
        let (log, stop) = (Arc::clone(&self.log.log), self.stop.clone());
        let work = async move {
            let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
            loop {
                let records = reader.next(1).await.expect("records");
                let verdicts =
                    events_of(&records).iter().filter_map(&judge).map(Message::Verdict).collect::<Vec<_>>();
                let mark = Judged { partition: 0, offset: reader.position(0), time: clock::now() };
                log.append(&[verdicts, vec![Message::Judged(mark)]].concat()).await.expect("published");
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Every event recorded so far.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let end = self.log.log.end(Topic::Events, 0).await.expect("end");
        let mut reader = self.log.log.reader(Topic::Events, From::new()).await.expect("reader");
        let mut events = Vec::new();
        while reader.position(0) < end {
            events.extend(events_of(&reader.next(100).await.expect("records")));
        }
        events
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn events_of(records: &[Record]) -> Vec<Event> {
    let event = |record: &Record| match Envelope::decode(&record.value).expect("envelope").message {
        Message::Event(event) => event,
        other => panic!("no event: {other:?}"),
    };
    records.iter().map(event).collect()
}

pub(crate) fn identity() -> Identity {
    let link = |id: &str, kind| Principal { id: id.into(), kind };
    let chain = vec![link("dana", PrincipalKind::Person), link("planner", PrincipalKind::Agent)];
    Identity::new("i", chain).expect("chain")
}

/// A verdict on everything that comes through `planner`.
pub(crate) fn verdict(id: &str) -> Verdict {
    let now = clock::now();
    Verdict {
        id: id.into(),
        time: now,
        scope: Scope { actor: Some("planner".into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: now.plus_seconds(3600),
        reason: "it went where it had read of".into(),
        evidence: vec!["e1".into()],
        alert: None,
        by: "test".into(),
        revoked: false,
    }
}

/// The embedded log, whose readers can be made to fail.
#[derive(Debug)]
pub(crate) struct Bus {
    pub(crate) log: Arc<Embedded>,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    down: AtomicBool,
    fell: Notify,
}

impl Switch {
    fn up(&self) -> Result<(), Error> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::Unreachable { brokers: "test".into(), detail: "switched off".into() });
        }
        Ok(())
    }
}

struct Failing {
    inner: Box<dyn Reader>,
    switch: Arc<Switch>,
}

impl Reader for Failing {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            self.switch.up()?;
            tokio::select! {
                () = self.switch.fell.notified() => self.switch.up().map(|()| Vec::new()),
                records = self.inner.next(most) => records,
            }
        })
    }

    fn position(&self, partition: u32) -> u64 {
        self.inner.position(partition)
    }
}

impl Bus {
    pub(crate) fn fail(&self) {
        self.switch.down.store(true, Ordering::SeqCst);
        self.switch.fell.notify_waiters();
    }

    pub(crate) fn recover(&self) {
        self.switch.down.store(false, Ordering::SeqCst);
    }
}

impl Log for Bus {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Log::append(self.log.as_ref(), messages)
    }

    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        self.log.partitions(topic)
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            self.switch.up()?;
            self.log.end(topic, partition).await
        })
    }

    fn reader(&self, topic: Topic, from: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        Box::pin(async move {
            self.switch.up()?;
            let inner = self.log.reader(topic, from).await?;
            Ok(Box::new(Failing { inner, switch: Arc::clone(&self.switch) }) as Box<dyn Reader>)
        })
    }

    fn commit<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.log.commit(group, topic, partition, offset)
    }

    fn committed<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
    ) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        self.log.committed(group, topic, partition)
    }
}
