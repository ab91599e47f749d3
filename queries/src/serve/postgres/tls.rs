//! The way in: TLS, asked for or begun at once. Refuses everything in clear but the asking and cancel requests, and reads
//! not a byte more than those: what stands behind them may be somebody else's (CVE-2021-23214).

use super::cancel::Keys;
use super::guard::MAX_STARTUP;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS handshake: a client that does not ask first (PostgreSQL 17, sslnegotiation=direct).
const TLS_HANDSHAKE: u8 = 0x16;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// SSLRequest and GSSENCRequest may each be sent once; a client that asks more often means no good.
const MAX_REQUESTS: usize = 3;
/// What the client must offer by ALPN if it does not ask first, so that no other protocol is taken for this one.
pub(super) const ALPN: &[u8] = b"postgresql";

/// A PostgreSQL error as bytes, for a client with whom no more has been agreed on: FATAL, with this code and words.
fn refusal(code: &str, words: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', words)] {
        body.push(field);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&b"E"[..], &length.to_be_bytes(), &body].concat()
}

/// Takes a connection up to the end of the TLS handshake; `None` if it was a cancel request.
pub(super) async fn accept(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    keys: &Arc<Keys>,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    stream.set_nodelay(true)?;
    for _ in 0..MAX_REQUESTS {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first == [TLS_HANDSHAKE] {
            let stream = acceptor.accept(stream).await?;
            if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
                return Err(io::Error::other("tls began at once without offering the protocol \"postgresql\""));
            }
            return Ok(Some(stream));
        }
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if !(8..=MAX_STARTUP).contains(&length) {
            stream.write_all(&refusal("08P01", "this is no startup packet")).await?;
            return Err(io::Error::other(format!("a startup packet of {length} bytes")));
        }
        let code = stream.read_u32().await?;
        let mut rest = vec![0; length - 8];
        stream.read_exact(&mut rest).await?;
        match code {
            SSL => {
                stream.write_all(b"S").await?;
                return Ok(Some(acceptor.accept(stream).await?));
            }
            GSS => stream.write_all(b"N").await?,
            CANCEL => {
                let key = rest.split_first_chunk().map(|(process, secret)| (i32::from_be_bytes(*process), secret));
                let asked = key
                    .and_then(|(process, secret)| Some((process, i32::from_be_bytes(secret.try_into().ok()?))))
                    .is_some_and(|(process, secret)| keys.cancel(process, secret));
                if !asked {
                    tracing::info!("cancel request ignored: no connection has its key");
                }
                return Ok(None);
            }
            _ => {
                let words = "the lake is served in TLS only; connect with sslmode=require or stricter";
                stream.write_all(&refusal("28000", words)).await?;
                stream.shutdown().await?;
                return Err(io::Error::other("a client without tls"));
            }
        }
    }
    Err(io::Error::other("too many requests for encryption"))
}
