//! One session channel, from its first request to its close: decided and recorded first, forwarded then.

use super::client::{Client, Gone};
use super::connection::{Admission, Connection};
use super::deed::Deed;
use super::inbox::Inbox;
use super::pump::{self, End};
use super::request::{Program, Request};
use super::target::Upstream;
use crate::clock;
use crate::session::Session;
use interdict_schemas::{Class, Effect, Status};
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use std::sync::Arc;
use std::time::Duration;

/// Exit statuses of the gateway's own: not admitted (`EX_NOPERM` of sysexits), denied by policy (a shell's "cannot
/// execute"), and failed on the way (what `ssh` itself exits with).
const NOT_ADMITTED: u32 = 77;
const DENIED: u32 = 126;
const FAILED: u32 = 255;

/// How long a client that does not read is given to hear why its session was cut.
const FAREWELL: Duration = Duration::from_millis(50);
/// How long a target may take to start a program.
const START: Duration = Duration::from_secs(30);

/// Serves one channel to its end, or until the connection is severed.
pub(super) async fn serve(connection: Arc<Connection>, client: Client, mut inbox: Inbox) {
    let served = tokio::select! {
        biased;
        farewell = connection.severed() => {
            let told = tokio::time::timeout(FAREWELL, refuse(&client, farewell, FAILED)).await;
            told.unwrap_or(Err(Gone))
        }
        served = run(&connection, &client, &mut inbox) => served,
    };
    if served.is_err() {
        tracing::debug!(target = connection.target.name, peer = %connection.peer, "the client left first");
    }
}

async fn run(connection: &Connection, client: &Client, inbox: &mut Inbox) -> Result<(), Gone> {
    let Some(request) = Request::gather(inbox).await else { return client.close().await };
    if request.tty.is_some() {
        client.has_terminal();
    }
    let session = match connection.admission() {
        Some(Admission::Granted(session)) => session,
        Some(Admission::Denied(reason)) => return refuse(client, &format!("refused: {reason}"), NOT_ADMITTED).await,
        // russh opens no channel before authentication.
        None => return refuse(client, "refused: not authenticated", NOT_ADMITTED).await,
    };
    let action = request.action(clock::id());
    let presented = request.presented(session);
    if !presented.is_empty() {
        return match session.caught(action, presented) {
            Ok(()) => refuse(client, "denied: the command holds a value that cannot be used here", DENIED).await,
            Err(error) => unrecorded(connection, client, &error).await,
        };
    }
    if let Program::Subsystem(name) = &request.program {
        let reason = format!("the gateway does not serve the subsystem {name}");
        return match session.refuse(action, &reason) {
            Ok(()) => refuse(client, &format!("denied: {reason}"), DENIED).await,
            Err(error) => unrecorded(connection, client, &error).await,
        };
    }
    if let Some(why) = request.opaque() {
        let reason = format!("the command's programs cannot be told for certain: {why}");
        return match session.refuse(action, &reason) {
            Ok(()) => refuse(client, &format!("denied: {reason}"), DENIED).await,
            Err(error) => unrecorded(connection, client, &error).await,
        };
    }
    let (id, class) = (action.id.clone(), action.class);
    match session.act(action) {
        Ok(decision) if decision.effect == Effect::Allow => {}
        Ok(decision) => return refuse(client, &format!("denied: {}", decision.reason), DENIED).await,
        Err(error) => return unrecorded(connection, client, &error).await,
    }
    perform(connection, session, client, inbox, &request, (id, class)).await
}

/// Runs what was allowed.
async fn perform(
    connection: &Connection,
    session: &Session,
    client: &Client,
    inbox: &mut Inbox,
    request: &Request,
    (id, class): (String, Class),
) -> Result<(), Gone> {
    let deed = match Deed::begin(session, id, class, request) {
        Ok(deed) => deed,
        Err(error) => return unrecorded(connection, client, &error).await,
    };
    let started = tokio::select! {
        biased;
        started = start(connection, session, request) => started,
        () = inbox.left() => return Err(Gone),
    };
    let (upstream, channel) = match started {
        Ok(started) => started,
        Err(reason) => {
            connection.blame(&reason);
            tracing::warn!(target = connection.target.name, peer = %connection.peer, reason, "a program was not started");
            finish(deed, Status::Failure, "", &reason);
            return refuse(client, &reason, FAILED).await;
        }
    };
    match pump::run(channel, client, inbox, &deed, || session.scanner()).await {
        End::Closed(Some(exit)) => {
            finish(deed, exit.status, &exit.code, &exit.detail);
            connection.upstreams.give(upstream);
            client.close().await
        }
        End::Closed(None) => {
            finish(deed, Status::Unknown, "", "the target did not say how it ended");
            client.close().await
        }
        End::Lost => {
            let reason = format!("the connection to target {} was lost", connection.target.name);
            connection.blame(&reason);
            finish(deed, Status::Unknown, "", &reason);
            refuse(client, &reason, FAILED).await
        }
        // The deed says so itself.
        End::Left => Err(Gone),
        End::Unrecorded(error) => {
            // First the program, then the words: nothing runs on unrecorded.
            drop(upstream);
            unrecorded(connection, client, &error).await
        }
    }
}

/// A connection to the target with the program running on it, or why not, for the client.
async fn start(
    connection: &Connection,
    session: &Session,
    request: &Request,
) -> Result<(Upstream, Channel<Msg>), String> {
    let upstream = connection.upstreams.take(session.permit()).await.map_err(|error| error.to_string())?;
    let failed = |what: &str| format!("target {} {what}", connection.target.name);
    let started = async {
        let mut channel = upstream.open().await.map_err(|error| failed(&format!("opens no channel: {error}")))?;
        let broken = |error| failed(&format!("ended the connection: {error}"));
        if let Some(tty) = &request.tty {
            let size = tty.size;
            channel
                .request_pty(true, &tty.kind, size.columns, size.rows, size.width, size.height, &tty.modes)
                .await
                .map_err(broken)?;
            if !accepted(&mut channel).await {
                return Err(failed("gives no terminal"));
            }
        }
        for (name, value) in &request.variables {
            // A server takes the variables it likes (`AcceptEnv`) and a client does not ask which.
            channel.set_env(false, name.as_str(), value.as_str()).await.map_err(broken)?;
        }
        match &request.program {
            Program::Shell => channel.request_shell(true).await,
            Program::Command(line) => channel.exec(true, line.as_slice()).await,
            Program::Subsystem(name) => channel.request_subsystem(true, name.as_str()).await,
        }
        .map_err(broken)?;
        if accepted(&mut channel).await { Ok(channel) } else { Err(failed("does not run it")) }
    };
    let channel = tokio::time::timeout(START, started)
        .await
        .map_err(|_| failed(&format!("did not start it within {} s", START.as_secs())))??;
    Ok((upstream, channel))
}

/// Whether the target grants the request it was sent last. It prints nothing before.
async fn accepted(channel: &mut Channel<Msg>) -> bool {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return true,
            Some(ChannelMsg::WindowAdjusted { .. }) => {}
            _ => return false,
        }
    }
}

fn finish(deed: Deed<'_>, status: Status, code: &str, detail: &str) {
    if let Err(error) = deed.finish(status, code, detail) {
        // It happened and was recorded before it did; only how it ended is not known.
        tracing::error!(%error, "an action's end could not be recorded");
    }
}

async fn refuse(client: &Client, words: &str, status: u32) -> Result<(), Gone> {
    client.say(words).await?;
    client.exit(status).await?;
    client.eof().await?;
    client.close().await
}

async fn unrecorded(connection: &Connection, client: &Client, error: &crate::emit::Error) -> Result<(), Gone> {
    tracing::error!(%error, target = connection.target.name, peer = %connection.peer, "a session ends because it cannot be recorded");
    refuse(client, "refused: the gateway cannot record this now", FAILED).await
}
