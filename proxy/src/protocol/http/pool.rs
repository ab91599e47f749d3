//! One session's connections to its target: dialled with the session's permit, reused within the session, never
//! shared with another. Speaks HTTP/1.1. Refuses to send a request twice, but for one without a body whose
//! repetition changes nothing.

use super::body::Upload;
use super::sessions::Live;
use super::{MAX_HEAD, MAX_HEADERS};
use crate::upstream;
use http::{Method, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections kept for the next request.
const MAX_IDLE: usize = 16;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] upstream::Error),
    /// The connection broke, or what came is not HTTP.
    #[error("the target broke off: {}", chain(.0))]
    Broken(#[from] hyper::Error),
}

/// A connection that may take a request.
pub(super) type Sender = SendRequest<Upload>;

/// Connections that rest.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Sender>>);

impl Pool {
    /// Sends a request on a connection that rests, or on a new one. The connection comes back with the answer, to be
    /// [`kept`](Pool::keep) once its body is read.
    pub(super) async fn send(
        live: &Arc<Live>,
        mut request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Sender), Error> {
        while let Some(mut sender) = live.pool.rested() {
            if sender.ready().await.is_err() {
                continue;
            }
            let again = repeatable(&request).then(|| request.body().empty()).flatten().map(|body| {
                let mut copy = Request::new(body);
                *copy.method_mut() = request.method().clone();
                *copy.uri_mut() = request.uri().clone();
                *copy.headers_mut() = request.headers().clone();
                copy
            });
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                // The target closed the connection while it rested.
                Err(mut error) => match error.take_message().or(again) {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut sender = connect(live).await?;
        Ok((sender.send_request(request).await?, sender))
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, sender: Sender) {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sender.is_closed() && resting.len() < MAX_IDLE {
            resting.push(sender);
        }
    }

    fn rested(&self) -> Option<Sender> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn connect(live: &Arc<Live>) -> Result<Sender, Error> {
    let permit = live.session.permit();
    let stream = upstream::dial(permit).await?;
    let stream = upstream::secure(permit, stream).await?;
    let (sender, connection) =
        http1::Builder::new().max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS).handshake(TokioIo::new(stream)).await?;
    let cut = live.cut.clone();
    let session = permit.session().to_owned();
    live.tasks.spawn(async move {
        tokio::select! {
            () = cut.cancelled() => {}
            over = connection => if let Err(error) = over {
                // Whoever waits for an answer is told; a resting connection that breaks matters to nobody.
                tracing::debug!(session, %error, "a connection to the target broke");
            }
        }
    });
    Ok(sender)
}

fn repeatable(request: &Request<Upload>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && request.body().is_end_stream()
}

/// An error and its causes: hyper's own words say only where it happened.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
