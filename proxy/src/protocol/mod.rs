//! The protocols interdict stands in: one trait, one folder each, and the list of all. Nothing outside a folder knows
//! a protocol's wire.

mod http;
mod postgres;
mod ssh;

use crate::Gateway;
use crate::config::Target;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// One protocol: serves one accepted connection from its first byte to its last.
pub trait Protocol: Send + Sync {
    /// Authenticates the peer, asks the gate, forwards, records; returns when the connection is over. It bounds the
    /// time until admission by `gateway.config().handshake`, and ends soon after `shutdown`, closing its sessions.
    /// Sessions have had their time to end by themselves when `shutdown` comes, unless the protocol
    /// [`Protocol::finishes`] what it is doing.
    fn serve(
        &self,
        gateway: Arc<Gateway>,
        target: Arc<Target>,
        stream: TcpStream,
        peer: SocketAddr,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, ()>;

    /// Whether, once told to end, it finishes what it is doing and takes nothing new.
    fn finishes(&self) -> bool {
        false
    }
}

/// The implementation of a protocol, if this build has one.
#[must_use]
pub fn of(protocol: interdict_schemas::Protocol) -> Option<&'static dyn Protocol> {
    match protocol {
        interdict_schemas::Protocol::Postgres => Some(&postgres::Postgres),
        interdict_schemas::Protocol::Ssh => Some(&ssh::Ssh),
        interdict_schemas::Protocol::Http => Some(&http::Http),
        _ => None,
    }
}
