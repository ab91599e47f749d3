//! Whether a client's connection still moves: the socket, watched. Owns when to give it up.

use super::{IDLE, STALL};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// Stands for "not waiting".
const NEVER: u64 = u64::MAX;

/// What the connection did last. Times are milliseconds since its start.
#[derive(Debug)]
pub(super) struct Progress {
    start: Instant,
    /// How long the first request may take.
    first: Duration,
    moved: AtomicU64,
    /// Since when bytes wait for the client to take them.
    blocked: AtomicU64,
    requests: AtomicU64,
    under_way: AtomicUsize,
}

impl Progress {
    pub(super) fn new(first: Duration) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            first,
            moved: AtomicU64::new(0),
            blocked: AtomicU64::new(NEVER),
            requests: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
        })
    }

    /// A request is under way until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Waits until the connection is to be given up; says why.
    pub(super) async fn stalled(&self) -> &'static str {
        loop {
            tokio::time::sleep(TICK).await;
            if let Some(why) = self.verdict(self.now()) {
                return why;
            }
        }
    }

    fn verdict(&self, now: u64) -> Option<&'static str> {
        let over = |since: u64, bound: Duration| u128::from(now.saturating_sub(since)) >= bound.as_millis();
        let blocked = self.blocked.load(Ordering::Relaxed);
        if blocked != NEVER && over(blocked, STALL) {
            return Some("the client takes no bytes");
        }
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return None;
        }
        if self.requests.load(Ordering::Relaxed) == 0 {
            return over(0, self.first).then_some("the client sent no request");
        }
        over(self.moved.load(Ordering::Relaxed), IDLE).then_some("the connection rested")
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn note<T>(&self, polled: &Poll<io::Result<T>>, writes: bool) {
        if polled.is_ready() {
            self.moved.store(self.now(), Ordering::Relaxed);
            if writes {
                self.blocked.store(NEVER, Ordering::Relaxed);
            }
        } else if writes && self.blocked.load(Ordering::Relaxed) == NEVER {
            self.blocked.store(self.now(), Ordering::Relaxed);
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Progress>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.moved.store(self.0.now(), Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client's socket, watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.progress.note(&polled, false);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, data);
        self.progress.note(&polled, true);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.progress.note(&polled, true);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.progress.note(&polled, true);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::io::AsyncWriteExt;

    const FIRST: Duration = Duration::from_secs(10);

    fn check(progress: &Progress, after: Duration, expected: Option<&str>) {
        assert_eq!(progress.verdict(u64::try_from(after.as_millis()).unwrap()), expected, "after {after:?}");
    }

    #[test]
    fn silent_client_is_given_up() {
        let progress = Progress::new(FIRST);
        check(&progress, FIRST / 2, None);
        check(&progress, FIRST, Some("the client sent no request"));
    }

    #[test]
    fn resting_connection_is_given_up_but_not_a_slow_request() {
        let progress = Progress::new(FIRST);
        let request = progress.request();
        check(&progress, 100 * IDLE, None);
        drop(request);
        check(&progress, IDLE / 2, None);
        check(&progress, 2 * IDLE, Some("the connection rested"));
    }

    #[test]
    fn client_that_takes_no_bytes_is_given_up() {
        let (near, _far) = tokio::io::duplex(8);
        let progress = Progress::new(FIRST);
        let _request = progress.request();
        let mut watched = Watched { stream: near, progress: Arc::clone(&progress) };
        assert!(watched.write_all(&[0; 64]).now_or_never().is_none(), "nobody reads");
        check(&progress, STALL / 2, None);
        check(&progress, 2 * STALL, Some("the client takes no bytes"));
    }
}
