//! One connection, from its first byte to its last. Owns what belongs to one client and the order of things: TLS, token,
//! questions, and the end, which the client is told and the log records.

use super::cancel::{Canceller, Current, Issued, Keys};
use super::clerk::Clerk;
use super::cursors::Cursors;
use super::greeter::Greeter;
use super::guard::{Guard, Traffic};
use super::prepared::Prepared;
use super::session::Settings;
use super::{Counter, fault, tls};
use crate::serve::answer::Stop;
use crate::serve::refusal::{Kind, Refusal};
use crate::serve::{Desk, Door, Visit};
use futures::{SinkExt as _, StreamExt as _};
use interdict_cluster::LeftOut;
use pgwire::api::{ClientInfo as _, DefaultClient, NoopHandler, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::server::{PgWireMessageServerCodec, process_error, process_message};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;

/// How long a client may take over the last message of its connection, or over what it does not read.
const FAREWELL: Duration = Duration::from_secs(2);
/// Prepared statements that one client may keep, and the bytes of their texts.
const MAX_PREPARED: usize = 1_000;
const MAX_PREPARED_BYTES: usize = 16 << 20;

type Socket = Framed<Guard<TlsStream<TcpStream>>, PgWireMessageServerCodec<Prepared>>;

/// What all connections of a listener share.
pub(super) struct Shared {
    counter: Counter,
    acceptor: TlsAcceptor,
    keys: Arc<Keys>,
}

impl Shared {
    pub(super) fn new(counter: Counter) -> Self {
        let mut config = (*counter.tls).clone();
        config.alpn_protocols = vec![tls::ALPN.to_vec()];
        Self { counter, acceptor: TlsAcceptor::from(Arc::new(config)), keys: Arc::default() }
    }
}

/// What belongs to one client.
pub(super) struct Seat {
    shared: Arc<Shared>,
    visit: OnceLock<Arc<dyn Visit>>,
    key: OnceLock<Issued>,
    current: Current,
    settings: Mutex<Settings>,
    /// Prepared statements by name, with the bytes of their texts.
    shelf: Mutex<BTreeMap<String, usize>>,
    pub(super) cursors: Cursors,
    /// What the client is to be warned of, in words.
    warnings: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seat(..)")
    }
}

impl Seat {
    fn new(shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            shared,
            visit: OnceLock::new(),
            key: OnceLock::new(),
            current: Current::default(),
            settings: Mutex::default(),
            shelf: Mutex::default(),
            cursors: Cursors::default(),
            warnings: Mutex::default(),
        })
    }

    pub(super) fn door(&self) -> &dyn Door {
        &*self.shared.counter.door
    }

    pub(super) fn desk(&self) -> &Arc<Desk> {
        &self.shared.counter.desk
    }

    /// The client has been let in; returns the key by which it cancels.
    pub(super) fn sit(&self, visit: Arc<dyn Visit>) -> Result<(i32, i32), Refusal> {
        let key = self.key.get_or_init(|| self.shared.keys.issue(Arc::clone(&self.current)));
        let taken = self.visit.set(visit);
        taken.map_err(|_| Refusal::new(Kind::Protocol, "a second password was sent"))?;
        Ok((key.process, key.secret))
    }

    pub(super) fn visit(&self) -> Result<&Arc<dyn Visit>, Refusal> {
        self.visit.get().ok_or_else(|| Refusal::new(Kind::Protocol, "a password comes first"))
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where files are noted that a question goes on without; nowhere if it does not.
    pub(super) fn left_out(&self) -> Option<Arc<LeftOut>> {
        self.settings().skip_broken.then(Arc::default)
    }

    /// Something of which the client is to be warned.
    pub(super) fn warn(&self, words: Vec<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(words);
    }

    /// The warnings that are due.
    pub(super) fn warnings(&self) -> impl Iterator<Item = PgWireBackendMessage> + use<> {
        let due = std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        due.into_iter().map(|words| PgWireBackendMessage::NoticeResponse(fault::warning(words)))
    }

    /// Begins a question: its time runs from now, and a cancel request means it from now on.
    pub(super) fn begin(&self) -> Stop {
        let most = self.desk().limits.time;
        let time = self.settings().time.map_or(most, |own| own.min(most));
        let cancel = CancellationToken::new();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = cancel.clone();
        Stop { started: Instant::now(), time, cancel }
    }

    /// Makes place for a prepared statement.
    pub(super) fn shelve(&self, name: &str, bytes: usize) -> Result<(), PgWireError> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = shelf.values().sum();
        if !shelf.contains_key(name) && (shelf.len() >= MAX_PREPARED || total + bytes > MAX_PREPARED_BYTES) {
            let words = format!("more than {MAX_PREPARED} prepared statements are open; deallocate some");
            return Err(fault::error("53400", words));
        }
        shelf.insert(name.to_owned(), bytes);
        Ok(())
    }

    /// A prepared statement is gone.
    pub(super) fn unshelve(&self, name: &str) {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Waits until the client may not go on.
    async fn over(&self, shutdown: &CancellationToken) -> Refusal {
        let revoked = async {
            match self.visit.get() {
                Some(visit) => visit.revoked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            refusal = revoked => refusal,
            () = shutdown.cancelled() => Refusal::new(Kind::Shutdown, "the server shuts down"),
        }
    }
}

/// How a connection ended: the record's word, and more words if there are any.
type End = (&'static str, String);

/// Serves one connection.
pub(super) async fn attend(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, shutdown: CancellationToken) {
    let seat = Seat::new(Arc::clone(&shared));
    let traffic = Arc::new(Traffic::default());
    let deadline = Instant::now() + shared.counter.handshake;
    let opened = tokio::time::timeout_at(deadline, tls::accept(stream, &shared.acceptor, &shared.keys));
    let stream = match tokio::select! { () = shutdown.cancelled() => return, opened = opened => opened } {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return tracing::info!(%peer, %error, "connection to the lake refused"),
        Err(_) => return tracing::info!(%peer, "connection to the lake refused: no tls handshake in time"),
    };
    let guard = Guard::new(stream, Arc::clone(&traffic));
    let mut socket = Framed::new(guard, PgWireMessageServerCodec::new(DefaultClient::new(peer, true)));
    socket.set_state(PgWireConnectionState::AwaitingStartup);
    let (reason, detail) = talk(&seat, &mut socket, deadline, &shutdown).await;
    // Portals hold what runs; it ends, and is recorded, before the stay does.
    drop(socket);
    match seat.visit.get() {
        Some(visit) => {
            visit.count(traffic.from.load(Ordering::Relaxed), traffic.to.load(Ordering::Relaxed));
            visit.leave(reason, &detail);
        }
        None => tracing::info!(%peer, reason, detail, "a client of the lake was not let in"),
    }
}

/// Takes and answers messages until the end.
async fn talk(seat: &Arc<Seat>, socket: &mut Socket, deadline: Instant, shutdown: &CancellationToken) -> End {
    let greeter = Arc::new(Greeter(Arc::clone(seat)));
    let clerk = Arc::new(Clerk::new(Arc::clone(seat)));
    let canceller = Arc::new(Canceller(Arc::clone(&seat.shared.keys)));
    let nobody = Arc::new(NoopHandler);
    loop {
        let late = async {
            match seat.visit.get() {
                Some(_) => std::future::pending().await,
                None => tokio::time::sleep_until(deadline).await,
            }
        };
        let message = tokio::select! {
            biased;
            refusal = seat.over(shutdown) => return part(socket, refusal).await,
            () = late => return ("client", "no token came in time".to_owned()),
            message = socket.next() => message,
        };
        let message = match message {
            Some(Ok(PgWireFrontendMessage::Terminate(_))) => return ("client", String::new()),
            None => return ("client", "the client went away without a goodbye".to_owned()),
            Some(Err(error)) => {
                let refusal = Refusal::new(Kind::Protocol, error.to_string());
                return part(socket, refusal).await;
            }
            Some(Ok(message)) => message,
        };
        let extended = message.is_extended_query();
        // A client that does not read holds up its own question; when its time is over, or nothing may go on, what
        // cannot be sent is not waited for.
        let stuck = async {
            let patience = seat.desk().limits.time + seat.shared.counter.handshake;
            tokio::select! {
                _ = seat.over(shutdown) => {}
                () = tokio::time::sleep(patience) => {}
            }
            tokio::time::sleep(FAREWELL).await;
        };
        let work = async {
            let (greeter, clerk) = (Arc::clone(&greeter), Arc::clone(&clerk));
            let done = process_message(
                message,
                socket,
                greeter,
                Arc::clone(&clerk),
                clerk,
                Arc::clone(&nobody),
                Arc::clone(&canceller),
            );
            let Err(error) = done.await else { return Ok(None) };
            let info = ErrorInfo::from(error);
            let fatal = info.is_fatal().then(|| (info.code.clone(), info.message.clone()));
            process_error(socket, PgWireError::UserError(Box::new(info)), extended).await?;
            Ok::<_, std::io::Error>(fatal)
        };
        let done = tokio::select! {
            done = work => done,
            () = stuck => return ("client", "the client did not take what it asked for in time".to_owned()),
        };
        match done {
            Ok(None) => {}
            Ok(Some((code, words))) if code == Kind::Over.sqlstate() => return ("verdict", words),
            Ok(Some((_, words))) => return ("error", words),
            Err(error) => return ("client", format!("the client went away: {error}")),
        }
    }
}

/// Tells a client why its connection ends.
async fn part(socket: &mut Socket, refusal: Refusal) -> End {
    let reason = match refusal.kind {
        Kind::Shutdown => "shutdown",
        Kind::Over => "verdict",
        _ => "client",
    };
    let info = ErrorInfo::from(PgWireError::from(refusal.clone()));
    let told = async {
        socket.send(PgWireBackendMessage::ErrorResponse(info.into())).await?;
        socket.close().await
    };
    if !matches!(timeout(FAREWELL, told).await, Ok(Ok(()))) {
        tracing::debug!("the client did not take the reason");
    }
    (reason, refusal.message)
}
