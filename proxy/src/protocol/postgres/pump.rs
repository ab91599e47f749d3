//! Moves bytes between the two sockets. Owns when which side is read and written: each side is read only while there is
//! room for what it sends, and what one read brought leaves in one write. Knows nothing of messages.

use super::down::Down;
use super::lane::Lane;
use super::link::{Fault, Link};
use super::up::{self, Client};
use crate::upstream::Upstream;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::io::poll_read_buf;

/// How a joined pair came apart.
#[derive(Debug)]
pub(super) enum Parted {
    /// The client said goodbye.
    Goodbye,
    /// The client went away without a word.
    ClientGone(Option<io::Error>),
    /// The target went away.
    TargetGone(Option<io::Error>),
    /// The session cannot go on.
    Fault(Fault),
}

/// Both directions between a client and a target.
pub(super) struct Pump<'l, 's> {
    pub(super) link: &'l mut Link<'s>,
    pub(super) up: Lane,
    pub(super) down: Lane,
    pub(super) answers: Down,
    /// Bytes written to a side that it may still hold back.
    unflushed: [bool; 2],
    goodbye: bool,
}

impl<'l, 's> Pump<'l, 's> {
    /// With what was read of each side before.
    pub(super) fn new(link: &'l mut Link<'s>, up: Lane, down: Lane) -> Self {
        Self { link, up, down, answers: Down::new(), unflushed: [false; 2], goodbye: false }
    }

    /// Whether the client said goodbye.
    pub(super) fn has_goodbye(&self) -> bool {
        self.goodbye
    }

    /// Runs until one side goes or the session cannot go on.
    pub(super) async fn run(&mut self, client: &mut TlsStream<TcpStream>, target: &mut Upstream) -> Parted {
        // The client may have sent requests with its password.
        if let Err(parted) = self.understand_requests() {
            return parted;
        }
        poll_fn(|cx| self.poll(cx, client, target)).await
    }

    /// Writes what may still be written to the client.
    ///
    /// # Errors
    /// When the client does not take it.
    pub(super) async fn drain(&mut self, client: &mut TlsStream<TcpStream>) -> io::Result<()> {
        poll_fn(|cx| {
            while !self.down.ready().is_empty() {
                let written = ready!(Pin::new(&mut *client).poll_write(cx, self.down.ready()))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.down.written(written);
            }
            Pin::new(&mut *client).poll_flush(cx)
        })
        .await
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut TlsStream<TcpStream>,
        target: &mut Upstream,
    ) -> Poll<Parted> {
        loop {
            let [client_unflushed, target_unflushed] = &mut self.unflushed;
            let mut moved = match write(cx, client, &mut self.down, client_unflushed) {
                Ok(moved) => moved,
                Err(error) => return Poll::Ready(Parted::ClientGone(Some(error))),
            };
            moved |= match write(cx, target, &mut self.up, target_unflushed) {
                Ok(moved) => moved,
                Err(error) => return Poll::Ready(Parted::TargetGone(Some(error))),
            };
            if self.goodbye {
                return if self.up.ready().is_empty() && !self.unflushed[1] {
                    Poll::Ready(Parted::Goodbye)
                } else if moved {
                    continue;
                } else {
                    Poll::Pending
                };
            }
            // The target first: its answers make room for requests.
            if let Some(space) = self.down.space() {
                match poll_read_buf(Pin::new(&mut *target), cx, space) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Parted::TargetGone(None)),
                    Poll::Ready(Ok(count)) => {
                        moved = true;
                        self.link.session.count(0, count as u64);
                        if let Err(fault) = self.answers.forward(self.link, &mut self.down) {
                            return Poll::Ready(Parted::Fault(fault));
                        }
                        // What was held may go on now.
                        if let Err(parted) = self.understand_requests() {
                            return Poll::Ready(parted);
                        }
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Parted::TargetGone(Some(error))),
                    Poll::Pending => {}
                }
            }
            if let Some(space) = self.up.space() {
                match poll_read_buf(Pin::new(&mut *client), cx, space) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Parted::ClientGone(None)),
                    Poll::Ready(Ok(count)) => {
                        moved = true;
                        self.link.session.count(count as u64, 0);
                        if let Err(parted) = self.understand_requests() {
                            return Poll::Ready(parted);
                        }
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Parted::ClientGone(Some(error))),
                    Poll::Pending => {}
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    fn understand_requests(&mut self) -> Result<(), Parted> {
        match up::forward(self.link, &mut self.up) {
            Ok(Client::Open) => Ok(()),
            Ok(Client::Gone) => {
                self.goodbye = true;
                Ok(())
            }
            Err(fault) => Err(Parted::Fault(fault)),
        }
    }
}

/// Writes what may be written and sees that it leaves; whether anything moved.
fn write<S: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    lane: &mut Lane,
    unflushed: &mut bool,
) -> io::Result<bool> {
    let mut moved = false;
    while !lane.ready().is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, lane.ready()) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                lane.written(count);
                *unflushed = true;
                moved = true;
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    if *unflushed && let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx) {
        flushed?;
        *unflushed = false;
    }
    Ok(moved)
}
