//! Object storage that fails as object storage does: before a request has its effect, after it (the answer is lost),
//! long after it was given up; that hangs, is slow, leaves half a file; and whose client dies between any two requests.
//! Which, when, is a test's plan or a seed's.

use deltalake::DeltaResult;
use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::sync::watch;
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// An error, and no effect: a 500, a 503, a refused connection.
    Before,
    /// The effect, and an error: the acknowledgement is lost.
    After,
    /// An error, and the effect some requests later, when nobody waits for it.
    Late,
    /// No answer at all.
    Hang,
    /// An answer after others had their turn.
    Slow,
    /// Half a file, and an error. Logs are never half: a conditional put is whole or not.
    Half,
    /// The process dies before the request.
    DieBefore,
    /// The process dies after the effect.
    DieAfter,
}

pub(crate) const FAULTS: [Fault; 8] = [
    Fault::Before,
    Fault::After,
    Fault::Late,
    Fault::Hang,
    Fault::Slow,
    Fault::Half,
    Fault::DieBefore,
    Fault::DieAfter,
];

/// Which requests fail, and how.
#[derive(Debug)]
pub(crate) enum Plan {
    Never,
    /// The one of this number, counted from the start of a life.
    At(u64, Fault),
    /// The write of this number.
    AtWrite(u64, Fault),
    /// The first whose path has this in it.
    On(&'static str, Fault),
    /// One that reads a path with this in it, once so many have.
    Reads(&'static str, u32, Fault),
    /// By a seed, so many of a thousand writes, and fewer of what is read.
    Chance(Box<StdRng>, u32),
}

#[derive(Debug)]
struct State {
    plan: Plan,
    requests: u64,
    /// Of each request of this life, whether it writes.
    writes: Vec<bool>,
    late: Vec<(u64, Path, PutPayload, PutMode)>,
    faults: BTreeMap<Fault, u64>,
}

/// One storage and all that happens to it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) url: Url,
    store: Arc<InMemory>,
    state: Mutex<State>,
    /// The life of the process: requests of an earlier one have no effect.
    life: watch::Sender<u64>,
    /// Whether the process of this life has died.
    pub(crate) died: watch::Sender<bool>,
    /// Whether a request of this life hangs.
    pub(crate) hung: watch::Sender<bool>,
}

static WORLDS: LazyLock<Mutex<HashMap<String, Arc<World>>>> = LazyLock::new(|| {
    let url = Url::parse("faulty://").expect("a scheme");
    object_store_factories().insert(url.clone(), Arc::new(Factory));
    logstore_factories().insert(url, Arc::new(Factory));
    Mutex::default()
});

impl World {
    pub(crate) fn new(store: InMemory) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("w{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let state =
            State { plan: Plan::Never, requests: 0, writes: Vec::new(), late: Vec::new(), faults: BTreeMap::new() };
        let world = Arc::new(Self {
            url: Url::parse(&format!("faulty://{name}/lake/")).expect("url"),
            store: Arc::new(store),
            state: Mutex::new(state),
            life: watch::Sender::new(0),
            died: watch::Sender::new(false),
            hung: watch::Sender::new(false),
        });
        WORLDS.lock().expect("lock").insert(name, Arc::clone(&world));
        world
    }

    /// A process starts; what the last one still had under way hangs for ever.
    pub(crate) fn live(&self, plan: Plan) {
        self.life.send_modify(|life| *life += 1);
        self.died.send_replace(false);
        self.hung.send_replace(false);
        let mut state = self.state.lock().expect("lock");
        (state.plan, state.requests) = (plan, 0);
        state.writes.clear();
    }

    /// Of each request of this life, whether it wrote.
    pub(crate) fn requests(&self) -> Vec<bool> {
        self.state.lock().expect("lock").writes.clone()
    }

    pub(crate) fn faults(&self) -> BTreeMap<Fault, u64> {
        self.state.lock().expect("lock").faults.clone()
    }

    /// What stands there now, for another world.
    pub(crate) fn fork(&self) -> InMemory {
        self.store.fork()
    }

    pub(crate) fn store(&self) -> Arc<InMemory> {
        Arc::clone(&self.store)
    }

    /// Nothing hangs any more, and everything that was on its way arrives.
    pub(crate) async fn settle(&self) {
        self.live(Plan::Never);
        let late: Vec<_> = std::mem::take(&mut self.state.lock().expect("lock").late);
        for (_, path, payload, mode) in late {
            let _ = self.store.put_opts(&path, payload, mode.into()).await;
        }
    }

    fn draw(&self, is_write: bool, path: &Path) -> Option<Fault> {
        let mut state = self.state.lock().expect("lock");
        state.requests += 1;
        state.writes.push(is_write);
        let number = state.requests;
        let writes = state.writes.iter().filter(|is_write| **is_write).count() as u64;
        let fault = match &mut state.plan {
            Plan::Never => None,
            Plan::At(at, fault) => (*at == number).then_some(*fault),
            Plan::AtWrite(at, fault) => (is_write && *at == writes).then_some(*fault),
            Plan::On(part, fault) => {
                let (part, fault) = (*part, *fault);
                let hit = path.as_ref().contains(part);
                if hit {
                    state.plan = Plan::Never;
                }
                hit.then_some(fault)
            }
            Plan::Reads(part, before, fault) => {
                let (fault, is_read) = (*fault, !is_write && path.as_ref().contains(*part));
                let hit = is_read && *before == 0;
                if hit {
                    state.plan = Plan::Never;
                } else {
                    *before -= u32::from(is_read);
                }
                hit.then_some(fault)
            }
            Plan::Chance(random, share) => {
                let share = if is_write { *share * 4 } else { *share / 3 };
                let hit = random.random_range(0..1_000) < share;
                let fault = FAULTS[random.random_range(0..FAULTS.len())];
                // What hangs or dies ends a life; it is the rarer.
                let ends = matches!(fault, Fault::Hang | Fault::DieBefore | Fault::DieAfter);
                (hit && (!ends || random.random_range(0..4) == 0)).then_some(fault)
            }
        };
        let is_log = path.as_ref().contains("_delta_log");
        let fault = fault.map(|fault| match fault {
            Fault::After | Fault::Late | Fault::Half if !is_write => Fault::Before,
            Fault::Half if is_log => Fault::After,
            fault => fault,
        });
        if let Some(fault) = fault {
            *state.faults.entry(fault).or_default() += 1;
        }
        fault
    }

    async fn arrive(&self) {
        let due: Vec<_> = {
            let mut state = self.state.lock().expect("lock");
            let now = state.requests;
            let (due, later) = std::mem::take(&mut state.late).into_iter().partition(|(at, ..)| *at <= now);
            state.late = later;
            due
        };
        for (_, path, payload, mode) in due {
            let _ = self.store.put_opts(&path, payload, mode.into()).await;
        }
    }
}

#[derive(Debug)]
struct Factory;

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(&self, url: &Url, _: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        let name = url.host_str().unwrap_or_default();
        let world = Arc::clone(WORLDS.lock().expect("lock").get(name).expect("a world"));
        let life = *world.life.borrow();
        Ok((Arc::new(Faulty { world, life }), Path::from_url_path(url.path())?))
    }
}

impl LogStoreFactory for Factory {
    fn with_options(
        &self,
        prefixed: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed, root, location, options))
    }
}

/// The storage as the process of one life reaches it.
#[derive(Debug, Clone)]
struct Faulty {
    world: Arc<World>,
    life: u64,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "faulty storage")
    }
}

fn error() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "503 slow down".into() }
}

impl Faulty {
    /// Until the next life: Delta waits for some requests on threads, which would otherwise outlive the test.
    async fn hang(&self) -> object_store::Error {
        let _ = self.world.life.subscribe().wait_for(|life| *life != self.life).await;
        error()
    }

    async fn die(&self) -> object_store::Error {
        self.world.died.send_replace(true);
        self.hang().await
    }

    /// Before a request; the fault that remains to be done after it.
    async fn enter(&self, is_write: bool, path: &Path) -> Result<Option<Fault>> {
        if *self.world.life.borrow() != self.life || *self.world.died.borrow() {
            return Err(self.hang().await);
        }
        self.world.arrive().await;
        match self.world.draw(is_write, path) {
            None => Ok(None),
            Some(Fault::Before) => Err(error()),
            Some(Fault::Hang) => {
                self.world.hung.send_replace(true);
                Err(self.hang().await)
            }
            Some(Fault::DieBefore) => Err(self.die().await),
            Some(Fault::Slow) => {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                Ok(None)
            }
            Some(fault) => Ok(Some(fault)),
        }
    }

    async fn leave(&self, fault: Option<Fault>) -> Result<()> {
        match fault {
            None => Ok(()),
            Some(Fault::DieAfter) => Err(self.die().await),
            Some(_) => Err(error()),
        }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fault = self.enter(true, path).await?;
        match fault {
            Some(Fault::Late) => {
                let mut state = self.world.state.lock().expect("lock");
                let due = state.requests + 1 + state.requests % 13;
                state.late.push((due, path.clone(), payload, options.mode));
                return Err(error());
            }
            Some(Fault::Half) => {
                let bytes: bytes::Bytes = payload.into();
                let half = bytes.slice(..bytes.len() / 2);
                self.world.store.put_opts(path, half.into(), options).await?;
                return Err(error());
            }
            _ => {}
        }
        let put = self.world.store.put_opts(path, payload, options).await?;
        self.leave(fault).await?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fault = self.enter(false, path).await?;
        let upload = self.world.store.put_multipart_opts(path, options).await?;
        self.leave(fault).await?;
        Ok(upload)
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.enter(false, path).await?;
        let got = self.world.store.get_opts(path, options).await?;
        self.leave(fault).await?;
        Ok(got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |path: Result<Path>| {
            let this = this.clone();
            async move {
                let path = path?;
                let fault = this.enter(true, &path).await?;
                this.world.store.delete(&path).await?;
                this.leave(fault).await?;
                Ok(path)
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let at = prefix.clone().unwrap_or_default();
            if let Err(error) = this.enter(false, &at).await {
                return futures::stream::once(async { Err(error) }).boxed();
            }
            this.world.store.list(prefix.as_ref())
        };
        futures::stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.enter(false, &prefix.cloned().unwrap_or_default()).await?;
        let listed = self.world.store.list_with_delimiter(prefix).await?;
        self.leave(fault).await?;
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fault = self.enter(true, to).await?;
        self.world.store.copy_opts(from, to, options).await?;
        self.leave(fault).await
    }
}

/// A plan by a seed.
pub(crate) fn chance(seed: u64, share: u32) -> Plan {
    Plan::Chance(Box::new(StdRng::seed_from_u64(seed)), share)
}
