//! PostgreSQL's wire protocol, version 3, over the desk. Owns the listener. `pgwire` knows the messages; what it leaves
//! open is closed here: no byte outside TLS, no message without bound, no row held that a client does not take.

mod cancel;
mod clerk;
mod connection;
mod crowd;
mod cursors;
mod fault;
mod greeter;
mod guard;
mod prepared;
mod response;
mod session;
mod tls;

use super::{Desk, Door};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a listener serves with.
pub struct Counter {
    /// Where questions are put.
    pub desk: Arc<Desk>,
    /// Who lets people in.
    pub door: Arc<dyn Door>,
    /// The listener's certificate.
    pub tls: Arc<rustls::ServerConfig>,
    /// How long a client may take until it is let in.
    pub handshake: Duration,
    /// Connections at once.
    pub connections: usize,
}

/// Serves until `shutdown`, and lets what is being answered end within `drain`.
pub async fn serve(counter: Counter, listener: TcpListener, shutdown: CancellationToken, drain: Duration) {
    let places = Arc::new(Semaphore::new(counter.connections.min(Semaphore::MAX_PERMITS)));
    let crowd = Arc::new(crowd::Crowd::new(counter.connections));
    let shared = Arc::new(connection::Shared::new(counter));
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the lake cannot be taken");
                // Mostly: no file descriptor left. Waiting lets some come free.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%peer, "connection to the lake refused: serve.connections are open already");
            continue;
        };
        let Some(guest) = crowd.join(peer.ip()) else {
            tracing::warn!(%peer, "connection to the lake refused: its address has half of serve.connections open already");
            continue;
        };
        let (shared, shutdown) = (Arc::clone(&shared), shutdown.child_token());
        tasks.spawn(async move {
            connection::attend(shared, stream, peer, shutdown).await;
            drop((place, guest));
        });
    }
    tasks.close();
    if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
        tracing::info!("questions that still ran were dropped");
    }
}
