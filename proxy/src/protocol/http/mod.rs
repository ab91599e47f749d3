//! HTTP/1.1 and HTTP/2 through the gateway: one listener per target, a bearer token on every request, one session per
//! token and connection. Owns the way of a request from the client's socket to the target's and back; hyper owns the
//! wire. Refuses upgrades, CONNECT, and requests for anything but its target.
//!
//! DELIVERY: a request's record stands before its first byte goes to the target; the record of a disclosure stands
//! before the bytes that teach it go to the client. An answer whose record the log cannot take is cut.

mod action;
mod body;
mod exchange;
mod forward;
mod headers;
mod mask;
mod pool;
mod progress;
mod refusal;
mod serve;
mod sessions;

use super::Protocol;
use crate::Gateway;
use crate::config::Target;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The largest request head, and the largest answer's.
const MAX_HEAD: usize = 64 * 1024;
/// The most headers of a request.
const MAX_HEADERS: usize = 128;
/// The most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// The most tokens that may be used on one connection; each is a session.
const MAX_TOKENS: usize = 32;
/// How long a head may take, which is also how long an HTTP/1.1 connection may rest between requests.
const HEAD: Duration = Duration::from_secs(30);
/// How long a connection may rest with no request under way.
const IDLE: Duration = Duration::from_secs(120);
/// How long a client may take none of the bytes that wait for it, or send none of a body it announced.
const STALL: Duration = Duration::from_secs(60);
/// How long a target may stay silent before its answer's head while nothing is sent to it.
const ANSWER: Duration = Duration::from_secs(300);
/// How long bytes that may begin a disclosure wait for those that decide.
const HOLD: Duration = Duration::from_millis(20);
/// How long a revoked connection may take to tell the client why.
const CUT: Duration = Duration::from_millis(20);

/// The protocol.
pub(super) struct Http;

impl Protocol for Http {
    fn serve(
        &self,
        gateway: Arc<Gateway>,
        target: Arc<Target>,
        stream: TcpStream,
        peer: SocketAddr,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        Box::pin(serve::serve(gateway, target, stream, peer, shutdown))
    }

    fn finishes(&self) -> bool {
        true
    }
}
