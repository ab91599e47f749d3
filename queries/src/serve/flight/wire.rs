//! Connections of Flight clients: TLS, and the peer's address.

use futures::Stream;
use futures::stream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

/// A connection after its TLS handshake.
pub(super) struct Wire {
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
}

/// Where a call comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected for Wire {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// The connections of a listener, each once its handshake is over; a slow one holds up no other.
pub(super) fn incoming(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    handshake: Duration,
    connections: usize,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Wire>> {
    let mut config = (*tls).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let (ready, wires) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a flight connection to the lake cannot be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(%peer, "flight connection to the lake refused: serve.connections are open already");
                continue;
            };
            let (acceptor, ready) = (acceptor.clone(), ready.clone());
            tokio::spawn(async move {
                match tokio::time::timeout(handshake, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        // The server may have ended.
                        let _ = ready.send(Ok(Wire { stream, peer, _place: place })).await;
                    }
                    Ok(Err(error)) => tracing::info!(%peer, %error, "flight connection to the lake refused"),
                    Err(_) => {
                        tracing::info!(%peer, "flight connection to the lake refused: no tls handshake in time")
                    }
                }
            });
        }
    });
    stream::unfold(wires, async |mut wires| wires.recv().await.map(|wire| (wire, wires)))
}
