//! Bodies on their way: the request's, counted; the answer's, scanned. Both stream with the other side's pace, and
//! both end when the session is cut. Holds back at most the bytes that may begin a disclosure.
//!
//! DELIVERY: bytes that teach something go to the client only after the log took the record of it.

use super::exchange::Exchange;
use super::pool::{Sender, chain};
use super::{HOLD, STALL, headers};
use crate::disclose::Scan;
use crate::emit;
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Why a body ends early. Its display is for the record; the peer sees its connection end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the session was cut")]
    Cut,
    #[error("the client sent none of the body it announced for {} s", STALL.as_secs())]
    Stalled,
    #[error("the client broke off: {}", chain(.0))]
    Client(hyper::Error),
    #[error("the target broke off: {}", chain(.0))]
    Target(hyper::Error),
    #[error("the record of a disclosure was not taken: {0}")]
    Unrecorded(#[from] emit::Error),
}

/// A request's body, on its way to the target.
pub(super) struct Upload {
    /// `None` for one known to be empty.
    inner: Option<Incoming>,
    count: Arc<AtomicU64>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    token: CancellationToken,
    patience: Pin<Box<Sleep>>,
}

impl Upload {
    pub(super) fn new(inner: Incoming, count: Arc<AtomicU64>, cut: CancellationToken) -> Self {
        Self::of(Some(inner), count, cut)
    }

    /// Another body as empty as this one, if it is.
    pub(super) fn empty(&self) -> Option<Self> {
        self.is_end_stream().then(|| Self::of(None, Arc::clone(&self.count), self.token.clone()))
    }

    fn of(inner: Option<Incoming>, count: Arc<AtomicU64>, token: CancellationToken) -> Self {
        let cut = Box::pin(token.clone().cancelled_owned());
        Self { inner, count, cut, token, patience: Box::pin(tokio::time::sleep(STALL)) }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Error::Cut)));
        }
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.count.fetch_add(bytes as u64, Ordering::Relaxed);
                if let Some(trailers) = frame.trailers_mut() {
                    headers::trailers(trailers);
                }
                self.patience.as_mut().reset(Instant::now() + STALL);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Error::Client(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.patience.as_mut().poll(cx).map(|()| Some(Err(Error::Stalled))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// What a client gets.
pub(super) enum Answer {
    /// The gateway's own words.
    Own(Full<Bytes>),
    /// The target's.
    Target(Box<Scanned>),
}

impl Answer {
    pub(super) fn own(text: String) -> Self {
        Self::Own(Full::new(text.into()))
    }

    /// The target's, masked.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Own(Full::new(bytes))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Target(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Target(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Target(body) => body.size_hint(),
        }
    }
}

/// A target's answer, scanned while it flows.
pub(super) struct Scanned {
    inner: Incoming,
    exchange: Exchange,
    /// Goes back to the pool at the end.
    sender: Option<Sender>,
    /// `None` once the answer is over.
    scan: Option<Scan>,
    /// The last bytes, which may begin a disclosure.
    held: BytesMut,
    hold: Pin<Box<Sleep>>,
    ready: VecDeque<Frame<Bytes>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Scanned {
    /// `scan` has seen the head. An empty body is over at once.
    pub(super) fn new(inner: Incoming, exchange: Exchange, sender: Sender, scan: Scan) -> Result<Self, Error> {
        let cut = Box::pin(exchange.live.cut.clone().cancelled_owned());
        let mut body = Self {
            inner,
            exchange,
            sender: Some(sender),
            scan: Some(scan),
            held: BytesMut::new(),
            hold: Box::pin(tokio::time::sleep(HOLD)),
            ready: VecDeque::new(),
            cut,
        };
        if body.inner.is_end_stream() {
            body.finish()?;
        }
        Ok(body)
    }

    /// Takes a frame; what of it may go on stands in `ready`.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), Error> {
        match frame.into_data() {
            Ok(data) => {
                self.exchange.sent(data.len());
                if let Some(scan) = &mut self.scan {
                    scan.feed(&data);
                }
                if self.inner.is_end_stream() {
                    self.finish()?;
                    self.release(data, 0);
                } else {
                    self.record()?;
                    let pending = self.scan.as_ref().map_or(0, Scan::pending);
                    self.release(data, pending);
                }
            }
            Err(frame) => {
                let Ok(mut trailers) = frame.into_trailers() else { return Ok(()) };
                headers::trailers(&mut trailers);
                if let Some(scan) = &mut self.scan {
                    scan.feed(b"\n");
                    for value in trailers.values() {
                        scan.feed(value.as_bytes());
                        scan.feed(b"\n");
                    }
                }
                self.finish()?;
                self.release(Bytes::new(), 0);
                self.ready.push_back(Frame::trailers(trailers));
            }
        }
        Ok(())
    }

    /// Lets everything go but the last `pending` bytes. Bytes that went already, after the hold, may be among those.
    fn release(&mut self, mut data: Bytes, pending: usize) {
        let total = self.held.len() + data.len();
        let free = total - pending.min(total);
        let old = self.held.split_to(free.min(self.held.len()));
        let new = data.split_to(free - old.len());
        for piece in [old.freeze(), new] {
            if !piece.is_empty() {
                self.ready.push_back(Frame::data(piece));
            }
        }
        if data.has_remaining() {
            if self.held.is_empty() {
                self.hold.as_mut().reset(Instant::now() + HOLD);
            }
            self.held.extend_from_slice(&data);
        }
    }

    // INVARIANT: called before the bytes that taught it are released.
    fn record(&mut self) -> Result<(), Error> {
        let disclosures = self.scan.as_mut().map(Scan::take).unwrap_or_default();
        Ok(self.exchange.taught(disclosures)?)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.exchange.finish(self.scan.take())?;
        if let Some(sender) = self.sender.take() {
            self.exchange.live.pool.keep(sender);
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Error::Cut));
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(self.take(frame)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(Error::Target(error))),
            Poll::Ready(None) => Poll::Ready(self.finish().map(|()| self.release(Bytes::new(), 0))),
            Poll::Pending if self.held.is_empty() => Poll::Pending,
            Poll::Pending => {
                ready!(self.hold.as_mut().poll(cx));
                if let Some(scan) = &mut self.scan {
                    scan.settle();
                }
                self.record()?;
                self.release(Bytes::new(), 0);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl Body for Scanned {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.scan.is_none() {
                return Poll::Ready(None);
            }
            if let Err(error) = ready!(self.poll(cx)) {
                self.scan = None;
                // A cut is recorded in the verdict's words when the exchange is dropped.
                if !matches!(error, Error::Cut) {
                    self.exchange.broken(&error.to_string());
                }
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.scan.is_none() && self.ready.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let ready: usize = self.ready.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        let waiting = (self.held.len() + ready) as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + waiting);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + waiting);
        }
        hint
    }
}
