//! Ssh through the gateway.

use super::Protocol;
use crate::Gateway;
use crate::config::Target;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The protocol.
pub(super) struct Ssh;

impl Protocol for Ssh {
    fn serve(
        &self,
        _gateway: Arc<Gateway>,
        target: Arc<Target>,
        stream: TcpStream,
        peer: SocketAddr,
        _shutdown: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            tracing::error!(target = target.name, %peer, "connection refused: the protocol is not served yet");
            drop(stream);
        })
    }
}
