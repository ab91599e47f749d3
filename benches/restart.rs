//! How long a detector takes to judge again after it was stopped, at the density of Los Alamos' data: from the lake alone,
//! all of it folded anew, and from the snapshot that it leaves when it stops. `IDENTITIES` is how many there are
//! (100,000 by default).

use crate::density;
use interdict_bus::Log;
use interdict_bus::embedded::{self, Embedded};
use interdict_collector::Import;
use interdict_collector::config::{Raw, RawLake};
use interdict_proxy::clock;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Edges of an identity.
const EDGES: u64 = 12;
/// The first session, so long ago that all are within what is remembered.
const AGO_S: i64 = 59 * 86_400;

pub(crate) fn run() {
    let identities =
        std::env::var("IDENTITIES").map_or(100_000, |count| count.parse().expect("IDENTITIES: a number"));
    let folder = tempfile::tempdir().expect("folder");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        write(folder.path(), identities).await;
        for from in ["the lake", "its snapshot"] {
            let took = restart(folder.path()).await;
            println!("restart from {from}: {identities} identities, {EDGES} edges each, {took:.1} s until it judges");
        }
    });
}

async fn write(folder: &Path, identities: u64) {
    let raw = RawLake { path: Some(folder.join("lake")), ..RawLake::default() };
    let config = Raw::default().resolve(raw, Path::new("")).expect("settings");
    let mut import = Import::open(&config).await.expect("lake");
    for (sequence, event) in (1..).zip(density::events(identities, EDGES, clock::now().plus_seconds(-AGO_S))) {
        import.add("made-up", sequence, event).await.expect("written");
    }
    import.finish().await.expect("written");
}

/// Seconds until it judges.
async fn restart(folder: &Path) -> f64 {
    let log: Arc<dyn Log> = Embedded::open(&folder.join("log"), embedded::Settings::default()).expect("log");
    let config = interdict_detector::Raw::default()
        .resolve(folder.join("lake").display().to_string(), |_| Ok(Vec::new()))
        .expect("settings");
    let (stop, (tell, ready)) = (CancellationToken::new(), oneshot::channel());
    let start = Instant::now();
    let detector = tokio::spawn(interdict_detector::run_ready(config, log, tell, stop.clone()));
    let judges = ready.await;
    let took = start.elapsed().as_secs_f64();
    stop.cancel();
    detector.await.expect("joined").expect("detector");
    judges.expect("it judges");
    took
}
