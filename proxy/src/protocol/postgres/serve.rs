//! One connection, from its first byte to its last. Owns the order of things: TLS, token, gate, target, the pump, and
//! the end, which the client is told and the log records.

use super::action::Analyst;
use super::cancel::{Issued, Keys};
use super::client::{self, Caller, Opening};
use super::frame::CancelKey;
use super::lane::Lane;
use super::link::{Fault, Link};
use super::pump::{Parted, Pump};
use super::reply::{self, Refusal, Severity};
use super::target::{self, Greeted};
use crate::Gateway;
use crate::config::Target;
use crate::gate::Request;
use crate::session::{End, Session};
use bytes::BytesMut;
use interdict_schemas::{Account, DecoyPlace, DecoyUse};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a client may take over the last message of its session.
const FAREWELL: Duration = Duration::from_millis(500);

/// Keys of all sessions: a CancelRequest comes on a connection of its own.
static KEYS: LazyLock<Keys> = LazyLock::new(Keys::default);
/// Statements are alike across sessions.
static ANALYST: LazyLock<Analyst> = LazyLock::new(Analyst::default);

/// Serves one connection.
pub(super) async fn serve(
    gateway: Arc<Gateway>,
    target: Arc<Target>,
    stream: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    let admitted = tokio::select! {
        () = shutdown.cancelled() => return,
        admitted = timeout(gateway.config().handshake, admit(&gateway, &target, stream, peer)) => admitted,
    };
    match admitted {
        Ok(Ok(Some((caller, session)))) => attend(caller, session, &target, &shutdown).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::info!(target = target.name, %peer, "connection refused: {error}"),
        Err(_) => {
            let bound = gateway.config().handshake.as_secs();
            tracing::info!(target = target.name, %peer, "connection refused: not admitted within {bound} s");
        }
    }
}

/// Takes the client up to its admission.
async fn admit(
    gateway: &Gateway,
    target: &Arc<Target>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<Option<(Caller, Session)>, client::Error> {
    let mut caller = match client::open(stream, gateway.tls().cloned()).await? {
        Opening::Session(caller) => *caller,
        Opening::Cancel(key) => {
            if !KEYS.ask(&key) {
                tracing::info!(target = target.name, %peer, "cancel request ignored: no session has its key");
            }
            return Ok(None);
        }
    };
    let token = match caller.token().await {
        Ok(token) => token,
        Err(client::Error::Frame(error)) => {
            return Err(caller.refuse(Refusal::new("08P01", error.to_string())).await);
        }
        Err(error @ client::Error::Unexpected(_)) => {
            return Err(caller.refuse(Refusal::new("08P01", error.to_string())).await);
        }
        Err(error) => return Err(error),
    };
    let presented = presented(gateway, &caller, &token);
    let verified = gateway.authenticate(&token).await;
    if !presented.is_empty() {
        let identity = verified.as_ref().ok().map(|verified| verified.identity.clone());
        gateway.caught(identity, target, gateway.source(peer), presented);
        // What anybody is told whose password is wrong: whoever tries a decoy learns nothing of it.
        return Err(caller
            .refuse(unbelieved("the token is malformed; use an OIDC token (JWT) of the configured issuer"))
            .await);
    }
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => {
            tracing::info!(target = target.name, %peer, "token not believed: {error}");
            return Err(caller.refuse(unbelieved(error.told())).await);
        }
    };
    let request = Request {
        identity: verified.identity,
        target,
        source: gateway.source(peer),
        account: Account { name: target.account.clone(), credential: None },
        alias: None,
    };
    match gateway.gate().admit(request).await {
        Ok(permit) => Ok(Some((caller, Session::begin(permit, gateway)))),
        Err(denied) => Err(caller.refuse(Refusal::new("42501", denied.to_string())).await),
    }
}

fn unbelieved(words: &str) -> Refusal {
    Refusal::new("28P01", words).hint("The password must be a valid token.")
}

/// The decoys in a startup packet and a password.
fn presented(gateway: &Gateway, caller: &Caller, token: &str) -> Vec<DecoyUse> {
    let parameters = caller.parameters.iter().flat_map(|(name, value)| {
        let place = match name.as_str() {
            "database" => DecoyPlace::Destination,
            "user" => DecoyPlace::User,
            _ => DecoyPlace::Header,
        };
        gateway.decoys().recognise(value.as_bytes(), place)
    });
    parameters.chain(gateway.decoys().recognise(token.as_bytes(), DecoyPlace::Password)).collect()
}

/// Attends an admitted session to its end.
async fn attend(mut caller: Caller, session: Session, target: &Target, shutdown: &CancellationToken) {
    let database = caller.parameter("database").or_else(|| caller.parameter("user")).map(str::to_owned);
    if caller.parameter("database").is_none()
        && let Some(database) = &database
    {
        // PostgreSQL takes the user's name, which is another one at the target.
        caller.parameters.push(("database".to_owned(), database.clone()));
    }
    let mut link = Link::new(&session, &ANALYST, database);
    let greeted = tokio::select! {
        () = shutdown.cancelled() => {
            caller.refuse(shut_down()).await;
            return session.close(End::new("shutdown", ""));
        }
        greeted = target::greet(session.permit(), &mut link, &caller.parameters) => greeted,
    };
    let end = match greeted {
        Ok(greeted) => join(caller, greeted, &session, link, target, shutdown).await,
        Err(error) => {
            tracing::warn!(target = target.name, session = session.permit().session(), "{error}");
            let end = match &error {
                target::Error::Upstream(crate::upstream::Error::Revoked(revoked)) => End::from(revoked.clone()),
                error => End::new("target", error.to_string()),
            };
            let refusal = error.told(&target.name);
            if timeout(FAREWELL, caller.refuse(refusal)).await.is_err() {
                tracing::debug!(target = target.name, "the client did not take the reason");
            }
            end
        }
    };
    session.close(end);
}

/// Joins the two sides until they part, and tells the client why they did.
async fn join(
    caller: Caller,
    greeted: Greeted,
    session: &Session,
    mut link: Link<'_>,
    target: &Target,
    shutdown: &CancellationToken,
) -> End {
    let Caller { mut stream, read, .. } = caller;
    let Greeted { stream: mut upstream, read: answers, greeting, key } = greeted;
    let issued = KEYS.issue();
    if let Err(error) = welcome(&mut stream, &greeting, &issued).await {
        return End::new("client", error.to_string());
    }
    let mut pump = Pump::new(&mut link, Lane::new(read), Lane::new(answers));
    let (end, farewell) = tokio::select! {
        biased;
        revoked = session.revoked() => {
            let refusal = target::cut(&revoked);
            (End::from(revoked), Some(refusal))
        }
        () = shutdown.cancelled() => (End::new("shutdown", ""), Some(shut_down())),
        never = relay_cancels(session, &issued, key.as_ref()) => match never {},
        parted = pump.run(&mut stream, &mut upstream) => part(parted, pump.answers.fatal(), target),
    };
    // What runs must not go on without anyone to answer to, unless its client wanted it so. A revoked permit opens no
    // connection to cancel it by; then the target finds its own connection closed.
    let running = !pump.has_goodbye() && !pump.link.state.is_settled() && session.permit().is_revoked().is_none();
    let farewell = async {
        let whole = farewell.is_none() || pump.down.cut();
        if let Some(refusal) = farewell.filter(|_| whole) {
            pump.down.append(|out| reply::error(out, Severity::Fatal, &refusal));
        }
        pump.drain(&mut stream).await?;
        stream.shutdown().await
    };
    let leave = async {
        let mut out = BytesMut::new();
        reply::terminate(&mut out);
        upstream.write_all(&out).await?;
        upstream.shutdown().await
    };
    let stop = async {
        if running
            && let Some(key) = &key
            && let Err(error) = target::cancel(session.permit(), key).await
        {
            tracing::warn!(target = target.name, "what runs could not be cancelled: {error}");
        }
        // It may be gone already.
        let _left = timeout(FAREWELL, leave).await;
    };
    let (told, ()) = tokio::join!(timeout(FAREWELL, farewell), stop);
    if let Err(error) = told.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        tracing::debug!(target = target.name, %error, "the client did not take the last of its session");
    }
    link.abandon();
    end
}

async fn welcome(
    stream: &mut (impl tokio::io::AsyncWrite + Unpin),
    greeting: &[u8],
    issued: &Issued<'_>,
) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    reply::authentication(&mut out, 0);
    out.extend_from_slice(greeting);
    reply::backend_key(&mut out, issued.key());
    reply::ready(&mut out);
    stream.write_all(&out).await?;
    stream.flush().await
}

/// Passes cancel requests on with the target's own key.
async fn relay_cancels(session: &Session, issued: &Issued<'_>, key: Option<&CancelKey>) -> Infallible {
    loop {
        issued.asked().notified().await;
        let Some(key) = key else { continue };
        if let Err(error) = target::cancel(session.permit(), key).await {
            tracing::warn!(session = session.permit().session(), "a cancel request was not passed on: {error}");
        }
    }
}

fn shut_down() -> Refusal {
    Refusal::new("57P01", "the gateway shuts down")
}

/// What a parting means: for the record, and for the client.
fn part(parted: Parted, fatal: Option<&super::message::Report>, target: &Target) -> (End, Option<Refusal>) {
    let name = &target.name;
    match parted {
        Parted::Goodbye => (End::new("client", ""), None),
        Parted::ClientGone(None) => (End::new("client", "the client went away without a goodbye"), None),
        Parted::ClientGone(Some(error)) => (End::new("client", format!("the client went away: {error}")), None),
        Parted::TargetGone(error) => match (fatal, error) {
            // The client has the target's own words.
            (Some(report), _) => (End::new("target", format!("{}: {}", report.code, report.message)), None),
            (None, Some(error)) => {
                let refusal = Refusal::new("08006", format!("the connection to target {name} broke"));
                (End::new("target", format!("the connection broke: {error}")), Some(refusal))
            }
            (None, None) => {
                let refusal = Refusal::new("08006", format!("target {name} closed the connection"));
                (End::new("target", "the target closed the connection"), Some(refusal))
            }
        },
        Parted::Fault(fault) => {
            let detail = fault.to_string();
            tracing::warn!(target = name, "session cut: {detail}");
            match fault {
                Fault::Client(words) => (End::new("client", detail), Some(Refusal::new("08P01", words))),
                Fault::Target(_) => {
                    let refusal = Refusal::new("08P01", format!("target {name} broke the protocol"));
                    (End::new("target", detail), Some(refusal))
                }
                Fault::Log(_) => {
                    let refusal =
                        Refusal::new("58030", "the gateway cannot record what is done now; try again later");
                    (End::new("error", detail), Some(refusal))
                }
            }
        }
    }
}
