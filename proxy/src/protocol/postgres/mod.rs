//! PostgreSQL, frontend/backend protocol 3, for standard clients unchanged: TLS, the token as the password, simple and
//! extended query, COPY, pipelines, cancel requests. Each statement is an action. Refuses connections outside TLS,
//! replication, functions called by number, and SQL that PostgreSQL's grammar does not take.

mod action;
mod auth;
mod cancel;
mod catalogue;
mod client;
mod down;
mod endpoint;
mod frame;
mod lane;
mod link;
mod literal;
mod mask;
mod message;
mod names;
mod pending;
mod pump;
mod reply;
mod rows;
mod serve;
mod state;
mod target;
mod tree;
mod up;
mod verb;

use super::Protocol;
use crate::Gateway;
use crate::config::Target;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The protocol.
pub(super) struct Postgres;

impl Protocol for Postgres {
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
}
