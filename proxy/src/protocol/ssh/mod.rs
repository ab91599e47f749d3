//! SSH through the gateway: russh as the server to clients, russh as the client to the target, and between them one
//! action for every command. Any SSH client works unchanged; the token is the password. Refuses forwards and
//! subsystems, and records that they were asked for.
//!
//! DELIVERY: a command is recorded before the target hears of it, and its output (with what that discloses) before the
//! client does. When a verdict cuts the session, both sides are closed at once.

mod action;
mod asciicast;
mod channel;
mod client;
mod connection;
mod deed;
mod host_key;
mod inbox;
mod lexer;
mod outlet;
mod programs;
mod pump;
mod request;
mod server;
mod target;
mod wire;

use self::connection::{Admission, Connection};
use self::server::Server;
use self::wire::Wire;
use super::Protocol;
use crate::Gateway;
use crate::config::Target;
use crate::session::{End, Session};
use futures::future::BoxFuture;
use russh::Disconnect;
use russh::server::{Handle, RunningSession};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a client that was refused may take to ask for a channel and hear why.
const REFUSED: Duration = Duration::from_secs(30);
/// How long channels may take to say their last words when the connection is severed, and then a client to leave by
/// itself: OpenSSH's, once disconnected, prints nothing more of what its channels were told.
const LAST_WORDS: Duration = Duration::from_millis(100);
const LEAVE: Duration = Duration::from_millis(30);
/// How long channels may take to notice that their client is gone.
const TIDY: Duration = Duration::from_secs(2);

/// The protocol.
pub(super) struct Ssh;

impl Protocol for Ssh {
    fn serve(
        &self,
        gateway: Arc<Gateway>,
        target: Arc<Target>,
        stream: TcpStream,
        peer: SocketAddr,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let key = match host_key::load(&gateway.config().data) {
                Ok(key) => key,
                Err(error) => {
                    tracing::error!(target = target.name, %peer, %error, "connection refused: no SSH host key");
                    return;
                }
            };
            let deadline = Instant::now() + gateway.config().handshake;
            let connection = Connection::new(gateway, target, peer);
            // Also when this task is aborted: nothing of the connection outlives it.
            let severing = Severing(&connection);
            let wire = Wire::new(stream, Arc::clone(&connection.valve));
            let running =
                russh::server::run_stream(Arc::new(server::config(key)), wire, Server::new(Arc::clone(&connection)));
            match timeout_at(deadline, running).await {
                Ok(Ok(running)) => serve(&connection, running, deadline, &shutdown).await,
                Ok(Err(error)) => failed(&connection, &error),
                Err(_) => slow(&connection),
            }
            drop(severing);
        })
    }
}

/// Ends all parts of a connection.
struct Severing<'a>(&'a Connection);

impl Drop for Severing<'_> {
    fn drop(&mut self) {
        self.0.sever("the connection ended");
        self.0.valve.cut();
    }
}

async fn serve(
    connection: &Connection,
    mut running: RunningSession<Server>,
    deadline: Instant,
    shutdown: &CancellationToken,
) {
    tokio::select! {
        biased;
        () = connection.decided() => {}
        ended = &mut running => return over(connection, &ended),
        () = tokio::time::sleep_until(deadline) => return slow(connection),
        () = shutdown.cancelled() => return,
    }
    match connection.admission() {
        Some(Admission::Granted(session)) => {
            let end = admitted(connection, session, &mut running, shutdown).await;
            tracing::info!(
                target = connection.target.name, session = session.permit().session(), peer = %connection.peer,
                reason = end.reason, detail = end.detail, "session ended"
            );
            session.close(end);
        }
        // The refusal is recorded; what is left is to say it.
        Some(Admission::Denied(_)) | None => tokio::select! {
            ended = &mut running => over(connection, &ended),
            () = tokio::time::sleep(REFUSED) => {}
            () = shutdown.cancelled() => {}
        },
    }
}

/// A session's life after admission.
async fn admitted(
    connection: &Connection,
    session: &Session,
    running: &mut RunningSession<Server>,
    shutdown: &CancellationToken,
) -> End {
    tracing::info!(
        target = connection.target.name, session = session.permit().session(), peer = %connection.peer,
        identity = %session.permit().identity(), "session opened"
    );
    let handle = running.handle();
    tokio::select! {
        biased;
        revoked = session.revoked() => {
            let words = format!("session ended: {revoked}");
            cut(connection, &handle, running, &words).await;
            End::from(revoked)
        }
        ended = &mut *running => {
            // Their inboxes are closed, so the channels end by themselves, recording how.
            connection.channels.close();
            let _tidied = timeout(TIDY, connection.channels.wait()).await;
            match (connection.fault(), ended) {
                (Some(fault), _) => End::new("target", fault),
                (None, Ok(())) => End::new("client", ""),
                (None, Err(error)) => End::new("client", error.to_string()),
            }
        }
        stuck = connection.valve.watch() => {
            cut(connection, &handle, running, &format!("session ended: {stuck}")).await;
            End::new("client", stuck.to_string())
        }
        () = shutdown.cancelled() => {
            cut(connection, &handle, running, "session ended: the gateway is shutting down").await;
            End::new("shutdown", "")
        }
    }
}

/// Ends both sides. The target's first, since it may be what must stop.
async fn cut(connection: &Connection, handle: &Handle, running: &mut RunningSession<Server>, words: &str) {
    connection.sever(words);
    connection.channels.close();
    let deadline = Instant::now() + LAST_WORDS;
    let _said = timeout_at(deadline, connection.channels.wait()).await;
    if timeout(LEAVE, &mut *running).await.is_ok() {
        return;
    }
    let disconnect = handle.disconnect(Disconnect::ByApplication, words.to_owned(), String::new());
    let _told = timeout_at(deadline, disconnect).await;
    let _closed = timeout_at(deadline, running).await;
    connection.valve.cut();
}

fn over(connection: &Connection, ended: &Result<(), russh::Error>) {
    match ended {
        Ok(()) => tracing::debug!(target = connection.target.name, peer = %connection.peer, "the client left"),
        Err(error) => failed(connection, error),
    }
}

fn failed(connection: &Connection, error: &russh::Error) {
    tracing::info!(target = connection.target.name, peer = %connection.peer, %error, "connection ended before a session");
}

fn slow(connection: &Connection) {
    tracing::info!(target = connection.target.name, peer = %connection.peer, "connection ended: not authenticated in time");
}
