//! How commands reach a running `interdict up`: HTTP over a Unix socket in the data folder. The embedded log belongs to
//! one process, so verdicts, alerts, what people say of them and simulated events go through it. Whoever may open the
//! socket (mode 0600) may give verdicts; events are taken only if they say that they are simulated, so that nobody can
//! write a false record.

use anyhow::{Context, bail};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use interdict_bus::Log;
use interdict_detector::simulation;
use interdict_schemas::{Alert, Event, Message, Resolution, Verdict};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::feed::{self, Ends};

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "interdict.sock";

/// The largest answer that is read whole.
const MAX_ANSWER: usize = 64 << 20;

/// Serves until `shutdown`. The caller holds the log, so a socket that is left over is nobody's.
pub(crate) async fn serve(path: &Path, log: Arc<dyn Log>, shutdown: CancellationToken) -> anyhow::Result<()> {
    if path.exists() {
        std::fs::remove_file(path).with_context(|| format!("cannot remove the old socket {}", path.display()))?;
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let routes = Router::new()
        .route("/verdicts", get(list).post(give))
        .route("/alerts", get(follow))
        .route("/events", post(play))
        .route("/resolutions", post(resolve))
        .route("/ends", get(ends))
        .with_state(log);
    // Followers never end by themselves, so a graceful end would wait for them.
    let served = tokio::select! {
        served = axum::serve(listener, routes) => served.context("control socket"),
        () = shutdown.cancelled() => Ok(()),
    };
    // It may be gone already; nothing depends on it.
    let _ = std::fs::remove_file(path);
    served
}

/// What went wrong, as the other side reads it.
fn failed(error: &anyhow::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response()
}

async fn list(State(log): State<Arc<dyn Log>>) -> Response {
    match feed::verdicts(&*log).await {
        Ok(verdicts) => Json(verdicts).into_response(),
        Err(error) => failed(&error),
    }
}

async fn give(State(log): State<Arc<dyn Log>>, Json(verdict): Json<Verdict>) -> Response {
    if verdict.scope.is_empty() {
        return (StatusCode::UNPROCESSABLE_ENTITY, "a verdict needs a scope").into_response();
    }
    match log.append(&[Message::Verdict(verdict)]).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error.into()),
    }
}

async fn play(State(log): State<Arc<dyn Log>>, Json(events): Json<Vec<Event>>) -> Response {
    if events.iter().any(|event| event.identity.issuer != simulation::ISSUER) {
        return (StatusCode::UNPROCESSABLE_ENTITY, "only simulated events are taken").into_response();
    }
    let messages: Vec<_> = events.into_iter().map(Message::Event).collect();
    match log.append(&messages).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error.into()),
    }
}

async fn resolve(State(log): State<Arc<dyn Log>>, Json(resolution): Json<Resolution>) -> Response {
    if resolution.alert.is_empty() || resolution.root.is_empty() {
        return (StatusCode::UNPROCESSABLE_ENTITY, "a resolution needs an alert and its root").into_response();
    }
    match log.append(&[Message::Resolution(resolution)]).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error.into()),
    }
}

async fn ends(State(log): State<Arc<dyn Log>>) -> Response {
    match feed::ends(&*log).await {
        Ok(ends) => Json(ends).into_response(),
        Err(error) => failed(&error),
    }
}

async fn follow(State(log): State<Arc<dyn Log>>) -> Response {
    match feed::alerts(&*log).await {
        Ok(alerts) => {
            let lines = alerts.map(|alert| {
                let mut line = serde_json::to_vec(&alert?)?;
                line.push(b'\n');
                anyhow::Ok(line)
            });
            Body::from_stream(lines.map(|line| line.map_err(std::io::Error::other))).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// A running `interdict up`.
#[derive(Debug)]
pub(crate) struct Control {
    sender: tokio::sync::Mutex<hyper::client::conn::http1::SendRequest<Full<bytes::Bytes>>>,
}

impl Control {
    /// Connects; `None` if nobody listens.
    pub(crate) async fn connect(path: &Path) -> anyhow::Result<Option<Self>> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot open {}", path.display())),
        };
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "control connection ended");
            }
        });
        Ok(Some(Self { sender: sender.into() }))
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<hyper::Response<hyper::body::Incoming>> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "interdict")
            .header("content-type", "application/json")
            .body(Full::new(body.into()))?;
        let mut sender = self.sender.lock().await;
        // The answer before may have come and its end not yet.
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            let status = response.status();
            let words = http_body_util::Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let words = words.map(|words| words.to_bytes()).unwrap_or_default();
            bail!("the running gateway answered {status}: {}", String::from_utf8_lossy(&words));
        }
        Ok(response)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.ask("GET", path, Vec::new()).await?;
        let body = http_body_util::Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }

    /// Every verdict's newest state.
    pub(crate) async fn verdicts(&self) -> anyhow::Result<Vec<Verdict>> {
        self.read("/verdicts").await
    }

    /// How far each partition of each topic goes.
    pub(crate) async fn ends(&self) -> anyhow::Result<Ends> {
        self.read("/ends").await
    }

    /// Gives a verdict.
    pub(crate) async fn give(&self, verdict: &Verdict) -> anyhow::Result<()> {
        self.ask("POST", "/verdicts", serde_json::to_vec(verdict)?).await.map(drop)
    }

    /// Puts simulated events on the bus.
    pub(crate) async fn play(&self, events: &[Event]) -> anyhow::Result<()> {
        self.ask("POST", "/events", serde_json::to_vec(events)?).await.map(drop)
    }

    /// Says what an alert turned out to be.
    pub(crate) async fn resolve(&self, resolution: &Resolution) -> anyhow::Result<()> {
        self.ask("POST", "/resolutions", serde_json::to_vec(resolution)?).await.map(drop)
    }

    /// Alerts as they are raised.
    pub(crate) async fn alerts(&self) -> anyhow::Result<impl futures::Stream<Item = anyhow::Result<Alert>> + use<>> {
        let answer = self.ask("GET", "/alerts", Vec::new()).await?;
        let bytes = answer.into_body().into_data_stream().map(|data| data.map_err(std::io::Error::other));
        let lines = tokio_util::io::StreamReader::new(bytes);
        let lines = tokio_util::codec::FramedRead::new(
            lines,
            tokio_util::codec::LinesCodec::new_with_max_length(interdict_schemas::topic::MAX_RECORD * 4),
        );
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}
