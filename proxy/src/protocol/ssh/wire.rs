//! A byte stream with a valve and a switch. The valve stops reading while too much of what was read waits for the
//! target; the switch ends the stream at once, whoever holds it.
//!
//! Why a valve: russh widens a channel's window when bytes arrive, not when they are consumed, so its windows hold
//! nobody back; and if its loop were blocked instead, two full directions would wait for each other for ever. So the
//! loop never blocks, and the socket is what waits. A valve that is shut also shuts out the window adjustments that
//! the other direction may be waiting for: when nothing drains, it opens a little, then a little more rarely.

use futures::task::AtomicWaker;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How much may wait before the valve shuts.
const ALLOWANCE: usize = 4 << 20;
/// How much more may wait each time that nothing drains; two channel windows.
const STEP: usize = 4 << 20;
/// The most that may ever wait.
const MOST: usize = 128 << 20;
/// How long nothing drains before the valve opens a little; doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How long a peer that is asked every [`KEEPALIVE`] may be silent.
const SILENCE: Duration = Duration::from_secs(100);
/// How often a silent peer is asked whether it is there.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Before a shut valve is opened a step, at first.
    first: Duration,
    /// The same, at most.
    last: Duration,
    /// Until a silent peer counts as gone.
    silence: Duration,
}

/// The valve and the switch of one stream.
#[derive(Debug)]
pub(super) struct Valve {
    patience: Patience,
    cut: AtomicBool,
    waiting: AtomicUsize,
    allowance: AtomicUsize,
    drained: AtomicU64,
    shut: AtomicBool,
    shutting: Notify,
    reader: AtomicWaker,
    writer: AtomicWaker,
    began: Instant,
    /// Milliseconds from `began` to the last byte read.
    heard: AtomicU64,
}

/// Why a stream must end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stuck {
    /// The peer sends on while what it sent before is not consumed.
    #[error("more than {} MiB wait for the target, and nothing drains", MOST >> 20)]
    Full,
    /// The peer does not answer.
    #[error("the client was silent for {} s", SILENCE.as_secs())]
    Silent,
}

impl Valve {
    pub(super) fn new() -> Arc<Self> {
        Self::with(Patience { first: FIRST_PAUSE, last: LAST_PAUSE, silence: SILENCE })
    }

    fn with(patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            patience,
            cut: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            allowance: AtomicUsize::new(ALLOWANCE),
            drained: AtomicU64::new(0),
            shut: AtomicBool::new(false),
            shutting: Notify::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            began: Instant::now(),
            heard: AtomicU64::new(0),
        })
    }

    /// Ends the stream: every read and write of it fails from now on.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// `bytes` more wait.
    pub(super) fn hold(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::AcqRel);
    }

    /// `bytes` of what waited are gone.
    pub(super) fn release(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        self.drained.fetch_add(1, Ordering::AcqRel);
        if before.saturating_sub(bytes) < ALLOWANCE {
            self.allowance.store(ALLOWANCE, Ordering::Release);
        }
        if !self.is_full() {
            self.reader.wake();
        }
    }

    /// How much waits.
    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Works the valve; returns when the stream must end.
    pub(super) async fn watch(&self) -> Stuck {
        tokio::select! {
            () = self.relieve() => Stuck::Full,
            () = self.listen() => Stuck::Silent,
        }
    }

    async fn relieve(&self) {
        loop {
            self.shutting.notified().await;
            let mut pause = self.patience.first;
            loop {
                let before = self.drained.load(Ordering::Acquire);
                tokio::time::sleep(pause).await;
                if !self.shut.load(Ordering::Acquire) {
                    break;
                }
                if self.drained.load(Ordering::Acquire) != before {
                    pause = self.patience.first;
                    continue;
                }
                let allowance = self.allowance.load(Ordering::Acquire).saturating_add(STEP);
                if allowance > MOST {
                    return;
                }
                self.allowance.store(allowance, Ordering::Release);
                self.reader.wake();
                pause = pause.saturating_mul(2).min(self.patience.last);
            }
        }
    }

    async fn listen(&self) {
        loop {
            let heard = self.began + Duration::from_millis(self.heard.load(Ordering::Acquire));
            tokio::time::sleep_until(heard + self.patience.silence).await;
            // Behind a shut valve an answer may stand unread.
            if self.shut.load(Ordering::Acquire) {
                self.hear();
            }
            if self.began + Duration::from_millis(self.heard.load(Ordering::Acquire)) + self.patience.silence
                <= Instant::now()
            {
                return;
            }
        }
    }

    fn hear(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(since, Ordering::Release);
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= self.allowance.load(Ordering::Acquire)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Whether a read must wait; if so, the reader is woken when it need not.
    fn holds_back(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        let full = self.is_full();
        if self.shut.swap(full, Ordering::AcqRel) != full && full {
            self.shutting.notify_one();
        }
        full
    }
}

/// A stream with its valve.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    valve: Arc<Valve>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, valve: Arc<Valve>) -> Self {
        Self { stream, valve }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the gateway ended the connection")
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let full = wire.valve.holds_back(cx);
        if wire.valve.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        if full {
            return Poll::Pending;
        }
        let read = Pin::new(&mut wire.stream).poll_read(cx, buffer);
        if read.is_ready() {
            wire.valve.hear();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn open(&self, cx: &Context<'_>) -> io::Result<()> {
        self.valve.writer.register(cx.waker());
        if self.valve.is_cut() { Err(cut()) } else { Ok(()) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        wire.open(cx)?;
        Pin::new(&mut wire.stream).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.open(cx)?;
        Pin::new(&mut wire.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_full_valve_stops_reading_until_it_drains() {
        let (mut peer, stream) = tokio::io::duplex(64);
        let valve = Valve::new();
        let mut wire = Wire::new(stream, Arc::clone(&valve));
        peer.write_all(b"ab").await.unwrap();
        assert_eq!(wire.read_u8().await.unwrap(), b'a');
        valve.hold(ALLOWANCE);
        let mut read = Box::pin(wire.read_u8());
        assert!(futures::poll!(&mut read).is_pending());
        valve.release(1);
        assert_eq!(read.await.unwrap(), b'b');
    }

    /// As impatient as a test.
    const BRIEF: Patience = Patience {
        first: Duration::from_micros(10),
        last: Duration::from_millis(1),
        silence: Duration::from_millis(20),
    };

    #[tokio::test]
    async fn a_valve_that_never_drains_opens_step_by_step_and_then_gives_up() {
        let (mut peer, stream) = tokio::io::duplex(64);
        let valve = Valve::with(Patience { silence: SILENCE, ..BRIEF });
        let mut wire = Wire::new(stream, Arc::clone(&valve));
        let fill = async {
            loop {
                peer.write_all(b"a").await.unwrap();
                wire.read_u8().await.unwrap();
                valve.hold(STEP);
            }
        };
        tokio::select! {
            () = fill => unreachable!("it fills for ever"),
            stuck = valve.watch() => assert!(matches!(stuck, Stuck::Full), "{stuck}"),
        }
        assert_eq!(valve.waiting.load(Ordering::Acquire), MOST);
    }

    #[tokio::test]
    async fn a_silent_peer_is_noticed() {
        assert!(matches!(Valve::with(BRIEF).watch().await, Stuck::Silent));
    }

    #[tokio::test]
    async fn a_cut_stream_fails_at_once() {
        let (_peer, stream) = tokio::io::duplex(64);
        let valve = Valve::new();
        let mut wire = Wire::new(stream, Arc::clone(&valve));
        let (read, ()) = tokio::join!(wire.read_u8(), async { valve.cut() });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert!(wire.write_all(b"a").await.is_err());
    }
}
