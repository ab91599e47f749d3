//! Accepts connections: one listener per target, bounded in number, and hands each to its protocol.

use crate::config::{Config, Target};
use crate::gateway::Gateway;
use crate::protocol::{self, Protocol};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const FIRST_RETRY: Duration = Duration::from_millis(10);
/// How long sessions that did not end by themselves may take to say so.
const FAREWELL: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address.
    #[error("target {target}: cannot listen on {address}: {source}; choose a free address of this machine")]
    Bind {
        /// The target's name.
        target: String,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// The protocol.
    #[error("target {target}: this build does not speak {protocol}; use postgres, ssh or http")]
    Protocol {
        /// The target's name.
        target: String,
        /// What it asks for.
        protocol: interdict_schemas::Protocol,
    },
}

/// One target's open listener.
#[derive(Debug)]
pub(crate) struct Listener {
    target: Arc<Target>,
    address: SocketAddr,
    socket: TcpListener,
}

impl Listener {
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Opens every target's listener, or none.
pub(crate) async fn bind(config: &Config) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::with_capacity(config.targets.len());
    for target in &config.targets {
        if protocol::of(target.protocol).is_none() {
            return Err(Error::Protocol { target: target.name.clone(), protocol: target.protocol });
        }
        let failed = |source| Error::Bind { target: target.name.clone(), address: target.listen, source };
        let socket = TcpListener::bind(target.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        tracing::info!(target = target.name, protocol = %target.protocol, %address, "listening");
        listeners.push(Listener { target: Arc::clone(target), address, socket });
    }
    Ok(listeners)
}

/// Accepts until `shutdown`; then what lives may end by itself within `config.drain`, and is ended.
pub(crate) async fn serve(gateway: Arc<Gateway>, listeners: Vec<Listener>, shutdown: CancellationToken) {
    if listeners.is_empty() {
        // The rest of the system is of use without: what is imported, simulated or comes from other gateways.
        tracing::warn!("there is no [[target]]: nobody can connect");
        shutdown.cancelled().await;
    }
    let mut tasks = JoinSet::new();
    for listener in listeners {
        let Some(protocol) = protocol::of(listener.target.protocol) else { continue };
        tasks.spawn(accept(Arc::clone(&gateway), listener, protocol, shutdown.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept(
    gateway: Arc<Gateway>,
    listener: Listener,
    protocol: &'static dyn Protocol,
    shutdown: CancellationToken,
) {
    let Listener { target, socket, .. } = listener;
    let slots = Arc::new(Semaphore::new(gateway.config().connections));
    let mut connections = JoinSet::new();
    let mut retry = FIRST_RETRY;
    let end = if protocol.finishes() { shutdown.child_token() } else { CancellationToken::new() };
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            // Reaps what is over, so that the set does not grow; a panic in one connection is that connection's.
            Some(over) = connections.join_next() => {
                if let Err(error) = over {
                    tracing::error!(target = target.name, %error, "a connection's task ended abnormally");
                }
                continue;
            }
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors or memory, or the peer went away: wait, so as not to spin.
                tracing::warn!(target = target.name, %error, retry_ms = retry.as_millis(), "a connection was not accepted");
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(LAST_RETRY);
                continue;
            }
        };
        retry = FIRST_RETRY;
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!(target = target.name, %peer, most = gateway.config().connections, "connection refused: the listener is full; raise gateway.connections if this is wanted");
            continue;
        };
        prepare(&stream, &target);
        let served = protocol.serve(Arc::clone(&gateway), Arc::clone(&target), stream, peer, end.child_token());
        connections.spawn(async move {
            served.await;
            drop(slot);
        });
    }
    drop(socket);
    if drained(&mut connections, gateway.config().drain).await {
        return;
    }
    end.cancel();
    if !drained(&mut connections, FAREWELL).await {
        tracing::warn!(target = target.name, left = connections.len(), "connections cut at shutdown");
        // Dropping a session records its end.
        connections.shutdown().await;
    }
}

/// Whether all connections ended in time.
async fn drained(connections: &mut JoinSet<()>, most: Duration) -> bool {
    tokio::time::timeout(most, async { while connections.join_next().await.is_some() {} }).await.is_ok()
}

fn prepare(stream: &TcpStream, target: &Target) {
    // Small messages must not wait for each other. A socket that refuses is merely slower.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target = target.name, %error, "the socket keeps Nagle's algorithm");
    }
}
