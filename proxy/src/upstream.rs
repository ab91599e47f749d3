//! The way to a target: no permit, no socket, no credential. Refuses to say more of a credential than that it failed.

use crate::config::{self, UpstreamTls};
use crate::gate::{Permit, Revoked};
use crate::secret::Secret;
use crate::tls;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How long a target may take to accept a connection, and again to finish a TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a target was not reached. Names the target, never its credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A verdict came before the dial.
    #[error("{0}")]
    Revoked(Revoked),
    /// The name does not resolve, or nobody accepts.
    #[error("target {target} at {address} cannot be reached: {source}; check its address, and that it is up")]
    Connect {
        /// The target's name.
        target: String,
        /// `host:port`.
        address: String,
        /// The system's words.
        source: io::Error,
    },
    /// Too slow.
    #[error("target {target} at {address} did not answer within {} s", CONNECT.as_secs())]
    Slow {
        /// The target's name.
        target: String,
        /// `host:port`.
        address: String,
    },
    /// TLS could not be set up.
    #[error("target {target}: {source}")]
    Tls {
        /// The target's name.
        target: String,
        /// What failed.
        source: tls::Error,
    },
}

/// What a target asks for.
#[derive(Debug, Clone)]
pub enum Credential {
    /// It asks for nothing.
    None,
    /// A password.
    Password(Secret),
    /// A private key in OpenSSH or PEM form.
    Key(Secret),
    /// A header to be set on every request.
    Header {
        /// The header's name.
        name: http::HeaderName,
        /// Its value.
        value: Secret,
    },
}

/// A credential that only [`credential`] opens.
#[derive(Debug, Clone)]
pub struct Sealed(Credential);

impl Sealed {
    /// Seals a credential.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self(credential)
    }
}

/// The credential for the permit's target.
#[must_use]
pub fn credential(permit: &Permit) -> &Credential {
    &permit.target().credential.0
}

/// Opens a TCP connection to the permit's target.
///
/// # Errors
/// When the permit was revoked, or the target does not accept within 10 s.
pub async fn dial(permit: &Permit) -> Result<TcpStream, Error> {
    let target = permit.target();
    tokio::select! {
        biased;
        revoked = permit.revoked() => Err(Error::Revoked(revoked)),
        stream = tokio::time::timeout(CONNECT, TcpStream::connect((target.host.as_str(), target.port))) => {
            let stream = stream.map_err(|_| slow(target))?.map_err(|source| Error::Connect {
                target: target.name.clone(),
                address: target.address(),
                source,
            })?;
            // Small messages must not wait for each other. A socket that refuses is merely slower.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(target = target.name, %error, "the socket keeps Nagle's algorithm");
            }
            Ok(stream)
        }
    }
}

/// Wraps a dialled connection in TLS if the target's configuration asks for it; protocols that negotiate TLS first
/// (PostgreSQL) do that between [`dial`] and this.
///
/// # Errors
/// When the permit was revoked, or the handshake fails or takes longer than 10 s.
pub async fn secure(permit: &Permit, stream: TcpStream) -> Result<Upstream, Error> {
    let target = permit.target();
    let UpstreamTls::Verify { roots } = &target.upstream_tls else {
        return Ok(Upstream::Plain(stream));
    };
    tokio::select! {
        biased;
        revoked = permit.revoked() => Err(Error::Revoked(revoked)),
        stream = tokio::time::timeout(CONNECT, tls::connect(stream, &target.host, roots.as_deref())) => stream
            .map_err(|_| slow(target))?
            .map(|stream| Upstream::Tls(Box::new(stream)))
            .map_err(|source| Error::Tls { target: target.name.clone(), source }),
    }
}

fn slow(target: &config::Target) -> Error {
    Error::Slow { target: target.name.clone(), address: target.address() }
}

/// A connection to a target.
#[derive(Debug)]
pub enum Upstream {
    /// As it is.
    Plain(TcpStream),
    /// In TLS, the certificate verified.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Upstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
