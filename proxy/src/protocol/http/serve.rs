//! One client's connection: TLS if the listener speaks it, HTTP/1.1 or 2, until one side ends it, a verdict cuts it or
//! the gateway stops. Owns the limits on clients; refuses those that are slow to speak or to take.

use super::progress::{Progress, Watched};
use super::sessions::Sessions;
use super::{CUT, HEAD, MAX_HEAD, MAX_HEADERS, MAX_STREAMS, forward};
use crate::Gateway;
use crate::config::Target;
use crate::session::End;
use crate::tls;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often an HTTP/2 client that says nothing is asked whether it lives.
const PING: Duration = Duration::from_secs(30);

/// Runs a connection's tasks where their end can be waited for: a session's end is recorded after its last outcome.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tracked {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

pub(super) async fn serve(
    gateway: Arc<Gateway>,
    target: Arc<Target>,
    stream: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    if !target.listen_tls {
        return pump(gateway, target, stream, peer, shutdown).await;
    }
    let Some(config) = gateway.tls() else {
        tracing::error!(target = target.name, "connection refused: the listener speaks tls and has no certificate");
        return;
    };
    let config = tls::offering(config, &[b"h2", b"http/1.1"]);
    match tokio::time::timeout(gateway.config().handshake, tls::accept(config, stream)).await {
        Ok(Ok(stream)) => pump(gateway, target, stream, peer, shutdown).await,
        Ok(Err(error)) => tracing::info!(target = target.name, %peer, %error, "connection refused"),
        Err(_) => tracing::info!(target = target.name, %peer, "connection refused: the tls handshake took too long"),
    }
}

async fn pump<S>(gateway: Arc<Gateway>, target: Arc<Target>, stream: S, peer: SocketAddr, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tasks = TaskTracker::new();
    let progress = Progress::new(gateway.config().handshake);
    let source = gateway.source(peer);
    let sessions = Sessions::new(gateway, Arc::clone(&target), source, tasks.clone());
    let service = service_fn({
        let (sessions, progress) = (Arc::clone(&sessions), Arc::clone(&progress));
        move |request: Request<Incoming>| {
            let (sessions, under_way) = (Arc::clone(&sessions), progress.request());
            async move { Ok::<_, Infallible>(forward::answer(&sessions, request, under_way).await) }
        }
    });
    let io = TokioIo::new(Watched { stream, progress: Arc::clone(&progress) });
    let builder = builder(tasks);
    let mut connection = Box::pin(builder.serve_connection(io, service));
    let (mut draining, mut cutting) = (false, None);
    let end = loop {
        tokio::select! {
            biased;
            () = sessions.revoked(), if cutting.is_none() => {
                connection.as_mut().graceful_shutdown();
                cutting = Some(tokio::time::Instant::now() + CUT);
            }
            () = until(cutting) => break End::new("error", "cut"),
            () = shutdown.cancelled(), if !draining => {
                connection.as_mut().graceful_shutdown();
                draining = true;
            }
            over = connection.as_mut() => break match over {
                _ if draining => End::new("shutdown", ""),
                Ok(()) => End::new("client", ""),
                Err(error) => End::new("client", error.to_string()),
            },
            why = progress.stalled() => break End::new("client", why),
        }
    };
    tracing::debug!(target = target.name, %peer, reason = end.reason, detail = end.detail, "connection over");
    drop(connection);
    sessions.close(&end).await;
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

fn builder(tasks: TaskTracker) -> Builder<Tracked> {
    let mut builder = Builder::new(Tracked(tasks));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}
