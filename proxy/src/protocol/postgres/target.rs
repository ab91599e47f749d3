//! The gateway's way to the target: TLS, startup, authentication, up to the first ReadyForQuery. Owns what of the
//! target's greeting goes to the client. Refuses to tell a client more than the target's name.

use super::auth::{self, Channel, Dialogue, Progress};
use super::catalogue;
use super::client;
use super::endpoint;
use super::frame::{self, CancelKey, Fields, MAX_ANSWER};
use super::link::Link;
use super::mask::Masks;
use super::message::{self, Backend, Transaction};
use super::reply::{self, Refusal};
use crate::config::UpstreamTls;
use crate::gate::{Permit, Revoked};
use crate::upstream::{self, Credential, Upstream};
use bytes::{Buf, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a target may take from the connection to its first ReadyForQuery.
const GREETING: Duration = Duration::from_secs(10);
/// How long a target may take over a CancelRequest.
const CANCEL: Duration = Duration::from_secs(5);
/// A revoked permit opens no connection, so nothing could cancel what a cut session left running; nor can a gateway
/// that was killed. The target is therefore asked to look whether its connection still stands while a statement runs.
const LOOK: &str = "SET client_connection_check_interval = 250";
/// The first version that can.
const LOOKS_SINCE: u32 = 14;
/// Bytes of settings and notices that a server may greet with.
const MAX_GREETING: usize = 64 << 10;
/// Columns and relations of a database that masks are set up for.
const MAX_KNOWN: usize = 1 << 16;

/// Why there is no session at the target. The display is for the log; [`Error::told`] is for the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It is not reached.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// It does not let the gateway in.
    #[error("target {target} does not let the gateway in: {source}")]
    Auth {
        /// The target's name.
        target: String,
        /// Why.
        source: auth::Error,
    },
    /// The connection broke.
    #[error("target {target}: the connection broke while it was set up: {source}")]
    Broken {
        /// The target's name.
        target: String,
        /// The system's words.
        source: io::Error,
    },
    /// TLS is configured and not offered.
    #[error("target {0} does not offer TLS; set ssl = on there, or upstream_tls.mode = \"off\"")]
    NoTls(String),
    /// It says more than a server says.
    #[error("target {target} greeted with more than {MAX_GREETING} bytes; is it PostgreSQL?")]
    Long {
        /// The target's name.
        target: String,
    },
    /// Too slow.
    #[error("target {target} did not greet within {} s", GREETING.as_secs())]
    Slow {
        /// The target's name.
        target: String,
    },
    /// What is masked is not known.
    #[error("target {target}: the masked columns cannot be found in its catalogue: {detail}")]
    Masks {
        /// The target's name.
        target: String,
        /// Why.
        detail: String,
    },
    /// It ended the session before it began.
    #[error("target {target} refuses the session: {code}: {message}")]
    Refused {
        /// The target's name.
        target: String,
        /// SQLSTATE.
        code: String,
        /// Its words.
        message: String,
    },
}

impl Error {
    /// What the client is told: the target's name and whose fault it is, no address, no account.
    pub(super) fn told(&self, target: &str) -> Refusal {
        match self {
            Self::Upstream(upstream::Error::Revoked(revoked)) => cut(revoked),
            Self::Upstream(upstream::Error::Connect { .. }) => {
                Refusal::new("08001", format!("target {target} cannot be reached"))
            }
            Self::Upstream(upstream::Error::Slow { .. }) | Self::Slow { .. } => {
                Refusal::new("08001", format!("target {target} does not answer in time"))
            }
            Self::Upstream(upstream::Error::Tls { .. }) | Self::NoTls(_) => {
                Refusal::new("08001", format!("target {target} cannot be reached in TLS"))
            }
            Self::Auth { .. } => Refusal::new("08004", format!("target {target} does not let the gateway in"))
                .hint("The gateway's log says why; its credential for the target may be wrong."),
            Self::Long { .. } => Refusal::new("08P01", format!("target {target} does not speak as PostgreSQL does")),
            Self::Broken { .. } => Refusal::new("08006", format!("target {target} closed the connection")),
            Self::Masks { .. } => Refusal::new(
                "58000",
                format!("the masks of target {target} cannot be set up; nobody is let in unmasked"),
            )
            .hint("The gateway's log says why."),
            // The database does not exist, or there are too many sessions: the client's own business.
            Self::Refused { code, message, .. } => {
                let known = ["3D000", "53300", "57P03", "42501", "55000", "22023"];
                let code = known.into_iter().find(|known| known == code).unwrap_or("08004");
                Refusal::new(code, format!("target {target} refuses the session: {message}"))
            }
        }
    }
}

/// What a client whose permit was taken back is told.
pub(super) fn cut(revoked: &Revoked) -> Refusal {
    Refusal::new("57P01", format!("interdict ended this session: {}", revoked.reason))
        .detail(format!("Verdict {}.", revoked.verdict))
}

/// A session at the target.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) stream: Upstream,
    /// Read, and not yet understood.
    pub(super) read: BytesMut,
    /// For the client: settings and notices.
    pub(super) greeting: BytesMut,
    /// How running statements are cancelled, if they can be.
    pub(super) key: Option<CancelKey>,
}

/// Opens a session at the permit's target.
///
/// # Errors
/// When there is none.
pub(super) async fn greet(
    permit: &Permit,
    link: &mut Link<'_>,
    parameters: &[(String, String)],
) -> Result<Greeted, Error> {
    let (stream, channel) = connect(permit).await?;
    let greeted = tokio::time::timeout(GREETING, login(permit, link, parameters, stream, channel));
    tokio::select! {
        biased;
        revoked = permit.revoked() => Err(upstream::Error::Revoked(revoked).into()),
        greeted = greeted => greeted.map_err(|_| Error::Slow { target: permit.target().name.clone() })?,
    }
}

/// Cancels what runs in a session at the target.
///
/// # Errors
/// When the target cannot be told.
pub(super) async fn cancel(permit: &Permit, key: &CancelKey) -> Result<(), Error> {
    let asked = async {
        let (mut stream, _) = connect(permit).await?;
        let mut out = BytesMut::new();
        reply::cancel(&mut out, key);
        let told = async {
            stream.write_all(&out).await?;
            stream.flush().await?;
            // The target closes once it has done it.
            stream.read_u8().await
        };
        match told.await {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(broken(permit)(error)),
            _ => Ok(()),
        }
    };
    tokio::time::timeout(CANCEL, asked).await.map_err(|_| Error::Slow { target: permit.target().name.clone() })?
}

fn broken(permit: &Permit) -> impl Fn(io::Error) -> Error {
    let target = &permit.target().name;
    move |source| Error::Broken { target: target.clone(), source }
}

/// Connects, in TLS if the target is configured so.
async fn connect(permit: &Permit) -> Result<(Upstream, Channel), Error> {
    let mut stream = upstream::dial(permit).await?;
    if permit.target().upstream_tls == UpstreamTls::Off {
        return Ok((Upstream::Plain(stream), Channel::default()));
    }
    let mut out = BytesMut::new();
    reply::tls(&mut out);
    let asked = async {
        stream.write_all(&out).await?;
        stream.read_u8().await
    };
    let answer = tokio::time::timeout(GREETING, asked).await;
    let answer = answer.map_err(|_| Error::Slow { target: permit.target().name.clone() })?.map_err(broken(permit))?;
    if answer != b'S' {
        return Err(Error::NoTls(permit.target().name.clone()));
    }
    let stream = upstream::secure(permit, stream).await?;
    let end_point = match &stream {
        Upstream::Tls(stream) => {
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            certificates.first().and_then(|certificate| endpoint::hash(certificate))
        }
        Upstream::Plain(_) => None,
    };
    Ok((stream, Channel { tls: true, end_point }))
}

async fn login(
    permit: &Permit,
    link: &mut Link<'_>,
    parameters: &[(String, String)],
    mut stream: Upstream,
    channel: Channel,
) -> Result<Greeted, Error> {
    let target = permit.target();
    let password = match upstream::credential(permit) {
        Credential::Password(secret) => Some(secret.expose()),
        _ => None,
    };
    let refused = |source| Error::Auth { target: target.name.clone(), source };
    let mut out = BytesMut::new();
    let others = parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "user" | "replication"));
    let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
    reply::startup(&mut out, std::iter::once(("user", target.account.as_str())).chain(others));
    stream.write_all(&out).await.map_err(broken(permit))?;
    stream.flush().await.map_err(broken(permit))?;

    let mut read = BytesMut::new();
    let mut dialogue = Some(Dialogue::new(password, channel));
    let mut greeting = BytesMut::new();
    let mut key = None;
    let mut version = 0;
    let mut looking = false;
    loop {
        let Some((header, body)) = frame::message(&read, MAX_ANSWER).map_err(|error| refused(error.into()))? else {
            client::more(&mut stream, &mut read).await.map_err(broken(permit))?;
            continue;
        };
        if let Some(taking) = dialogue.take() {
            out.clear();
            let (taken, progress) = taking.take(header.kind, body, &mut out).map_err(refused)?;
            dialogue = (progress == Progress::More).then_some(taken);
            stream.write_all(&out).await.map_err(broken(permit))?;
            stream.flush().await.map_err(broken(permit))?;
        } else {
            let malformed = |error: frame::Error| refused(error.into());
            if greeting.len() + header.total > MAX_GREETING {
                return Err(Error::Long { target: target.name.clone() });
            }
            match Backend::of(header.kind) {
                Some(Backend::ParameterStatus) => {
                    let (name, value) = message::parameter(body).map_err(malformed)?;
                    link.setting(name, value);
                    if name == b"server_version" {
                        version = major(value);
                    }
                    greeting.extend_from_slice(read.get(..header.total).unwrap_or_default());
                }
                Some(Backend::Notice) => greeting.extend_from_slice(read.get(..header.total).unwrap_or_default()),
                Some(Backend::KeyData) => {
                    let mut fields = Fields::new(header.kind, body);
                    let process = fields.u32().map_err(malformed)?;
                    key = Some(CancelKey { process, secret: fields.rest().to_vec() });
                }
                Some(Backend::Ready) => {
                    if message::ready(body).map_err(malformed)? != Transaction::Idle {
                        return Err(refused(auth::Error::Unexpected('Z')));
                    }
                    if looking || version < LOOKS_SINCE {
                        read.advance(header.total);
                        link.masks = masks(permit, link, &mut stream, &mut read).await?;
                        return Ok(Greeted { stream, read, greeting, key });
                    }
                    looking = true;
                    out.clear();
                    reply::query(&mut out, LOOK);
                    stream.write_all(&out).await.map_err(broken(permit))?;
                    stream.flush().await.map_err(broken(permit))?;
                }
                Some(Backend::CommandComplete) if looking => {}
                Some(Backend::Error) if looking => {
                    let report = message::report(header.kind, body).map_err(malformed)?;
                    tracing::warn!(
                        target = target.name,
                        "what a cut session leaves running will run to its end: {}",
                        report.message
                    );
                }
                Some(Backend::Error) => {
                    let report = message::report(header.kind, body).map_err(malformed)?;
                    return Err(Error::Refused {
                        target: target.name.clone(),
                        code: report.code,
                        message: report.message,
                    });
                }
                _ => return Err(refused(auth::Error::Unexpected(header.kind.into()))),
            }
        }
        read.advance(header.total);
    }
}

/// Asks the target's catalogue where the masked columns are, if any are.
async fn masks(
    permit: &Permit,
    link: &Link<'_>,
    stream: &mut Upstream,
    read: &mut BytesMut,
) -> Result<Option<Masks>, Error> {
    let Some(rules) = link.session.rules() else { return Ok(None) };
    let Some(question) = catalogue::question(&rules) else { return Ok(None) };
    let target = &permit.target().name;
    let failed = |detail: String| Error::Masks { target: target.clone(), detail };
    let mut out = BytesMut::new();
    reply::query(&mut out, &question);
    stream.write_all(&out).await.map_err(broken(permit))?;
    stream.flush().await.map_err(broken(permit))?;
    let mut known = Vec::new();
    loop {
        let Some((header, body)) = frame::message(read, MAX_ANSWER).map_err(|error| failed(error.to_string()))?
        else {
            client::more(stream, read).await.map_err(broken(permit))?;
            continue;
        };
        match Backend::of(header.kind) {
            Some(Backend::DataRow) if known.len() == MAX_KNOWN => {
                return Err(failed(format!("there are more than {MAX_KNOWN} columns and relations to know")));
            }
            Some(Backend::DataRow) => known.push(catalogue::known(body).map_err(|error| failed(error.to_string()))?),
            Some(Backend::RowDescription | Backend::CommandComplete | Backend::Notice | Backend::ParameterStatus) => {
            }
            Some(Backend::Ready) => break,
            Some(Backend::Error) => {
                let report = message::report(header.kind, body).map_err(|error| failed(error.to_string()))?;
                return Err(failed(format!("{}: {}", report.code, report.message)));
            }
            _ => return Err(failed(format!("a message of type {:?} came", char::from(header.kind)))),
        }
        read.advance(header.total);
    }
    let length = frame::header(read).ok().flatten().map_or(0, |header| header.total);
    read.advance(length.min(read.len()));
    let masks = Masks::new(rules, known, link.session.planter());
    for column in masks.missing() {
        tracing::warn!(target, column, "a masked column is not in this database; its table is denied");
    }
    Ok(Some(masks))
}

/// The first number of a version such as `15.13 (Debian 15.13-1)`.
fn major(version: &[u8]) -> u32 {
    let digits = version.iter().take_while(|byte| byte.is_ascii_digit()).take(4);
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
