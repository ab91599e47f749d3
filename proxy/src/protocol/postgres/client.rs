//! The client's way in: TLS, the startup packet, the token. Owns the dialogue until the client is known. Refuses
//! everything outside TLS, replication, and more bytes than each step may have.

use super::frame::{self, CancelKey, MAX_PASSWORD, MAX_STARTUP, Startup};
use super::message::Frontend;
use super::reply::{self, Refusal, Severity};
use crate::tls;
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS handshake: a client that does not ask first (PostgreSQL 17, sslnegotiation=direct).
const TLS_HANDSHAKE: u8 = 0x16;
/// SSLRequest and GSSENCRequest may each be sent once; a client that asks more often means no good.
const MAX_REQUESTS: usize = 3;

/// Why a client got no further. Its own fault, but for the certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// Bytes that are no message.
    #[error(transparent)]
    Frame(#[from] frame::Error),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// No certificate is configured.
    #[error("the gateway has no certificate; set tls.certificate and tls.key")]
    NoCertificate,
    /// Bytes before TLS that somebody may have put there.
    #[error("data was sent in clear after the request for TLS")]
    Injected,
    /// Another message than the one asked for.
    #[error("a message of type {0:?} came where the token was asked for")]
    Unexpected(char),
    /// What the client was told.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

/// What a client opens a connection for.
pub(super) enum Opening {
    /// To cancel a running statement.
    Cancel(CancelKey),
    /// To begin a session.
    Session(Box<Caller>),
}

/// A client that is to say who it is.
pub(super) struct Caller {
    pub(super) stream: TlsStream<TcpStream>,
    /// Read, and not yet understood.
    pub(super) read: BytesMut,
    /// Of the startup packet, without protocol options.
    pub(super) parameters: Vec<(String, String)>,
}

/// Takes the connection up to the startup packet.
///
/// # Errors
/// When it gets no further; the client has been told, if it could be.
pub(super) async fn open(mut stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> Result<Opening, Error> {
    for _ in 0..MAX_REQUESTS {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if first == [TLS_HANDSHAKE] {
            return secured(stream, tls).await;
        }
        match packet(&mut stream).await {
            Ok(Startup::Tls) => {
                if tls.is_none() {
                    stream.write_all(b"N").await?;
                    return Err(Error::NoCertificate);
                }
                // Whatever stands behind the request in clear was put there by somebody else (CVE-2021-23214).
                stream.write_all(b"S").await?;
                return secured(stream, tls).await;
            }
            Ok(Startup::Gss) => stream.write_all(b"N").await?,
            Ok(Startup::Cancel(key)) => return Ok(Opening::Cancel(key)),
            Ok(Startup::Session { .. }) => {
                let refusal = Refusal::new("28000", "this gateway takes connections in TLS only")
                    .hint("Connect with sslmode=require or stricter.");
                return Err(refuse(&mut stream, refusal).await);
            }
            Err(Error::Frame(error)) => {
                return Err(refuse(&mut stream, Refusal::new("08P01", error.to_string())).await);
            }
            Err(error) => return Err(error),
        }
    }
    Err(refuse(&mut stream, Refusal::new("08P01", "too many requests for encryption")).await)
}

/// Tells a client why it gets no further.
pub(super) async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, refusal: Refusal) -> Error {
    let mut out = BytesMut::new();
    reply::error(&mut out, Severity::Fatal, &refusal);
    match finish(stream, &out).await {
        Ok(()) => Error::Refused(refusal),
        Err(error) => error.into(),
    }
}

async fn finish<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

async fn secured(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> Result<Opening, Error> {
    let tls = tls.ok_or(Error::NoCertificate)?;
    let mut stream = tls::accept(tls::offering(&tls, &[b"postgresql"]), stream).await?;
    let mut read = BytesMut::with_capacity(4 * 1024);
    loop {
        match frame::startup(&read) {
            Ok(None) if read.len() > MAX_STARTUP => return Err(Error::Injected),
            Ok(None) => more(&mut stream, &mut read).await?,
            Ok(Some((Startup::Cancel(key), _))) => return Ok(Opening::Cancel(key)),
            Ok(Some((Startup::Tls | Startup::Gss, length))) => {
                read.advance(length);
                if !read.is_empty() {
                    return Err(Error::Injected);
                }
                stream.write_all(b"N").await?;
                stream.flush().await?;
            }
            Ok(Some((Startup::Session { minor, parameters }, length))) => {
                read.advance(length);
                return begin(Caller { stream, read, parameters }, minor).await;
            }
            Err(error) => return Err(refuse(&mut stream, Refusal::new("08P01", error.to_string())).await),
        }
    }
}

/// Settles the protocol's version and options.
async fn begin(mut caller: Caller, minor: u16) -> Result<Opening, Error> {
    let (options, parameters): (Vec<_>, Vec<_>) =
        std::mem::take(&mut caller.parameters).into_iter().partition(|(name, _)| name.starts_with("_pq_."));
    caller.parameters = parameters;
    let replication = caller.parameter("replication").unwrap_or("off");
    if !["off", "false", "no", "0"].contains(&replication) {
        let refusal = Refusal::new("0A000", "replication does not go through this gateway");
        return Err(refuse(&mut caller.stream, refusal).await);
    }
    if minor > 0 || !options.is_empty() {
        let mut out = BytesMut::new();
        let unknown: Vec<&str> = options.iter().map(|(name, _)| name.as_str()).collect();
        reply::negotiate(&mut out, &unknown);
        caller.stream.write_all(&out).await?;
    }
    Ok(Opening::Session(Box::new(caller)))
}

impl Caller {
    /// A parameter of the startup packet.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Asks for the token, as a password, and takes it.
    ///
    /// # Errors
    /// When something else comes, or too much.
    pub(super) async fn token(&mut self) -> Result<String, Error> {
        let mut out = BytesMut::new();
        reply::authentication(&mut out, 3);
        self.stream.write_all(&out).await?;
        self.stream.flush().await?;
        loop {
            if let Some(header) = frame::header(&self.read)? {
                if Frontend::of(header.kind) != Some(Frontend::Password) {
                    return Err(Error::Unexpected(header.kind.into()));
                }
                if let Some((header, body)) = frame::message(&self.read, MAX_PASSWORD)? {
                    let mut fields = frame::Fields::new(header.kind, body);
                    let token = fields.text()?.to_owned();
                    fields.end()?;
                    self.read.advance(header.total);
                    return Ok(token);
                }
            }
            more(&mut self.stream, &mut self.read).await?;
        }
    }

    /// Ends the connection, saying why.
    pub(super) async fn refuse(&mut self, refusal: Refusal) -> Error {
        refuse(&mut self.stream, refusal).await
    }
}

/// Reads one startup packet and not a byte more: what follows may be TLS.
async fn packet(stream: &mut TcpStream) -> Result<Startup, Error> {
    let mut bytes = vec![0; 4];
    stream.read_exact(&mut bytes).await?;
    let mut length = [0; 4];
    length.copy_from_slice(bytes.get(..4).unwrap_or(&[0; 4]));
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    // The parser says what is wrong with a length that is out of bounds; no byte is read for it.
    if (8..=MAX_STARTUP).contains(&length) {
        bytes.resize(length, 0);
        stream.read_exact(bytes.get_mut(4..).unwrap_or_default()).await?;
    }
    match frame::startup(&bytes)? {
        Some((packet, _)) => Ok(packet),
        None => Err(frame::Error::Malformed { kind: '\0' }.into()),
    }
}

/// Reads what is there.
///
/// # Errors
/// When the peer is gone.
pub(super) async fn more<S: AsyncRead + Unpin>(stream: &mut S, read: &mut BytesMut) -> io::Result<()> {
    read.reserve(4 * 1024);
    match stream.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
