//! One request's way: whose it is, whether it may be, to the target and back.

use super::body::{Answer, Scanned, Upload};
use super::exchange::Exchange;
use super::mask::Mask;
use super::pool::{self, Pool, Sender};
use super::progress::UnderWay;
use super::refusal::Refusal;
use super::sessions::{Live, Sessions};
use super::{ANSWER, action, headers};
use crate::clock;
use crate::disclose::Scan;
use crate::upstream::{self, Credential};
use http::header::HeaderValue;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use interdict_schemas::{DecoyUse, Effect};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Answers one request.
pub(super) async fn answer(
    sessions: &Arc<Sessions>,
    request: Request<Incoming>,
    under_way: UnderWay,
) -> Response<Answer> {
    forward(sessions, request, under_way).await.unwrap_or_else(Refusal::into_response)
}

async fn forward(
    sessions: &Arc<Sessions>,
    request: Request<Incoming>,
    under_way: UnderWay,
) -> Result<Response<Answer>, Refusal> {
    let (parts, body) = request.into_parts();
    let refused = |error| sessions.refused(error);
    let presented = sessions.recognise(&parts);
    let alias = headers::host(&parts, &sessions.target);
    let token = headers::token(&parts.headers);
    if !presented.is_empty() {
        return Err(caught(sessions, &parts, token.ok(), presented).await);
    }
    let alias = alias.map_err(refused)?;
    let token = token.map_err(refused)?;
    let live = sessions.live(&token, alias).await?;
    let session = live.session.permit().session().to_owned();
    let action = action::action(clock::id(), &parts.method, &parts.uri);
    let id = action.id.clone();
    let mask = action.objects.first().and_then(|path| Mask::of(&live.session, path));
    let decision = live.session.act(action).map_err(|error| Refusal::unrecorded(&error, &session))?;
    if decision.effect == Effect::Deny {
        return Err(match live.session.permit().is_revoked() {
            Some(revoked) => Refusal::revoked(&revoked, &session),
            None => Refusal::denied(&decision, &session),
        });
    }
    let mut exchange = Exchange::new(Arc::clone(&live), id, under_way);
    let upload = Upload::new(body, Arc::clone(&exchange.bytes_in), live.cut.clone());
    match unserved(&parts, live.session.permit().target().escaped_slashes) {
        Some(refusal) => Err(failed(&mut exchange, refusal)),
        None => match towards_target(parts, upload, &live, &token) {
            Ok(mut request) => {
                if let Some(mask) = &mask {
                    mask.ask(request.headers_mut());
                }
                send(exchange, request, mask).await
            }
            Err(refusal) => Err(failed(&mut exchange, refusal)),
        },
    }
}

/// Records that decoys were presented. The answer is what anybody gets whose token is wrong, unless the token is right.
async fn caught(sessions: &Arc<Sessions>, parts: &Parts, token: Option<String>, presented: Vec<DecoyUse>) -> Refusal {
    let live = match token {
        Some(token) => sessions.live(&token, None).await.map_err(Some),
        None => Err(None),
    };
    match live {
        Ok(live) => {
            let session = live.session.permit().session();
            let action = action::action(clock::id(), &parts.method, &parts.uri);
            match live.session.caught(action, presented) {
                Ok(()) => Refusal::new(
                    StatusCode::FORBIDDEN,
                    "denied",
                    "the request holds a value that cannot be used here",
                )
                .with("session", session),
                Err(error) => Refusal::unrecorded(&error, session),
            }
        }
        Err(refusal) => {
            sessions.caught(presented);
            refusal.unwrap_or_else(|| Refusal::from(headers::Error::NoToken))
        }
    }
}

/// What policy permits but this gateway does not forward.
fn unserved(parts: &Parts, escaped_slashes: bool) -> Option<Refusal> {
    if let Some(protocol) = headers::upgrade(&parts.headers) {
        let reason = format!("an upgrade to {protocol:?} is not served by this gateway");
        return Some(Refusal::new(StatusCode::NOT_IMPLEMENTED, "unsupported", reason));
    }
    let reason = action::ambiguous(&parts.uri, escaped_slashes)?;
    Some(Refusal::new(StatusCode::BAD_REQUEST, "malformed", reason))
}

/// The request as the target gets it, with the credential that only the gateway holds.
fn towards_target(parts: Parts, body: Upload, live: &Live, token: &str) -> Result<Request<Upload>, Refusal> {
    let target = live.session.permit().target();
    let misconfigured = |what: &str| {
        tracing::error!(
            target = target.name,
            "the target's {what} cannot stand in a request; correct the configuration"
        );
        Refusal::new(StatusCode::BAD_GATEWAY, "upstream", format!("target {} is misconfigured", target.name))
    };
    let authority = HeaderValue::from_str(&authority(&target.host, target.port, encrypted(live)));
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.version_mut() = Version::HTTP_11;
    let path = parts.uri.into_parts().path_and_query;
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.headers_mut() = parts.headers;
    headers::towards_target(request.headers_mut(), token, authority.map_err(|_| misconfigured("host"))?);
    if let Credential::Header { name, value } = upstream::credential(live.session.permit()) {
        let mut value = HeaderValue::from_bytes(value.expose()).map_err(|_| misconfigured("credential"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn encrypted(live: &Live) -> bool {
    live.session.permit().target().upstream_tls != crate::config::UpstreamTls::Off
}

/// `Host` as a client of the target would send it (RFC 9110 section 7.2): without the scheme's own port.
fn authority(host: &str, port: u16, encrypted: bool) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == if encrypted { 443 } else { 80 } { host } else { format!("{host}:{port}") }
}

async fn send(
    mut exchange: Exchange,
    request: Request<Upload>,
    mask: Option<Mask>,
) -> Result<Response<Answer>, Refusal> {
    let live = Arc::clone(&exchange.live);
    let (response, sender) = tokio::select! {
        biased;
        () = live.cut.cancelled() => return Err(cut(&mut exchange)),
        sent = Pool::send(&live, request) => sent.map_err(|error| unanswered(&mut exchange, &error))?,
        () = silence(&exchange) => {
            let name = &live.session.permit().target().name;
            let reason = format!("target {name} did not answer within {} s", ANSWER.as_secs());
            return Err(failed(&mut exchange, Refusal::new(StatusCode::GATEWAY_TIMEOUT, "upstream", reason)));
        }
    };
    let (mut parts, body) = response.into_parts();
    let encoding = headers::towards_client(&mut parts.headers);
    if let Some(mask) = mask {
        return masked(exchange, mask, parts, encoding, body, sender).await;
    }
    exchange.answered(parts.status, encoding);
    let scan = head(&mut exchange, &parts)?;
    parts.version = Version::default();
    parts.extensions.clear();
    match Scanned::new(body, exchange, sender, scan) {
        Ok(body) => Ok(Response::from_parts(parts, Answer::Target(Box::new(body)))),
        Err(error) => Err(withheld(&error, live.session.permit().session())),
    }
}

/// Answers with the masked body, once what is planted in it stands in the log.
async fn masked(
    mut exchange: Exchange,
    mask: Mask,
    mut parts: http::response::Parts,
    encoding: Option<String>,
    body: Incoming,
    sender: Sender,
) -> Result<Response<Answer>, Refusal> {
    let live = Arc::clone(&exchange.live);
    let session = live.session.permit().session();
    let applied = tokio::select! {
        biased;
        () = live.cut.cancelled() => return Err(cut(&mut exchange)),
        applied = mask.apply(&live.session, &mut parts, encoding, body) => applied,
    };
    let (body, planted) = applied.map_err(|refused| {
        let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "masked", refused.to_string()).with("session", session);
        failed(&mut exchange, refusal)
    })?;
    exchange.answered(parts.status, None);
    let mut scan = head(&mut exchange, &parts)?;
    scan.feed(&body);
    exchange.sent(body.len());
    let recorded = exchange.taught(planted).and_then(|()| exchange.finish(Some(scan)));
    recorded.map_err(|error| withheld(&error, session))?;
    live.pool.keep(sender);
    parts.version = Version::default();
    parts.extensions.clear();
    Ok(Response::from_parts(parts, Answer::whole(body)))
}

/// Records what an answer's head teaches before it goes to the client.
fn head(exchange: &mut Exchange, parts: &http::response::Parts) -> Result<Scan, Refusal> {
    let live = Arc::clone(&exchange.live);
    let mut scan = live.session.scanner();
    for value in parts.headers.values() {
        scan.feed(value.as_bytes());
        scan.feed(b"\n");
    }
    let recorded = record(exchange, &mut scan);
    match recorded.map_err(|error| Refusal::unrecorded(&error, live.session.permit().session())) {
        Ok(()) => Ok(scan),
        Err(refusal) => Err(failed(exchange, refusal)),
    }
}

fn withheld(error: &dyn std::fmt::Display, session: &str) -> Refusal {
    tracing::error!(%error, session, "an answer was withheld because it cannot be recorded");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the gateway cannot record answers now")
}

/// What the head teaches is recorded before it goes to the client.
fn record(exchange: &mut Exchange, scan: &mut Scan) -> Result<(), crate::emit::Error> {
    exchange.taught(scan.take())
}

/// Ends when nothing went to the target for as long as it may think.
async fn silence(exchange: &Exchange) {
    let mut before = None;
    loop {
        let sent = exchange.bytes_in.load(Ordering::Relaxed);
        if before.replace(sent) == Some(sent) {
            return;
        }
        tokio::time::sleep(ANSWER).await;
    }
}

fn unanswered(exchange: &mut Exchange, error: &pool::Error) -> Refusal {
    let name = exchange.live.session.permit().target().name.clone();
    let session = exchange.live.session.permit().session().to_owned();
    let (status, told) = match error {
        _ if exchange.live.session.permit().is_revoked().is_some() => return cut(exchange),
        pool::Error::Dial(upstream::Error::Slow { .. }) => {
            (StatusCode::GATEWAY_TIMEOUT, format!("target {name} did not accept the connection in time"))
        }
        pool::Error::Dial(_) => (StatusCode::BAD_GATEWAY, format!("target {name} cannot be reached")),
        pool::Error::Broken(error) if error.is_user() => {
            (StatusCode::BAD_REQUEST, "the request's body broke off".to_owned())
        }
        pool::Error::Broken(_) => (StatusCode::BAD_GATEWAY, format!("target {name} broke off")),
    };
    // Addresses and causes are for the log and the record, not for callers.
    tracing::warn!(target = name, session, %error, "a request was not answered");
    let word = if status == StatusCode::BAD_REQUEST { "malformed" } else { "upstream" };
    let refusal = Refusal::new(status, word, told).with("target", name).with("session", session);
    record_failure(exchange, refusal, &error.to_string())
}

fn cut(exchange: &mut Exchange) -> Refusal {
    let live = Arc::clone(&exchange.live);
    let session = live.session.permit().session();
    let refusal = live.session.permit().is_revoked().map_or_else(
        || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the gateway is stopping").closing(),
        |revoked| Refusal::revoked(&revoked, session),
    );
    failed(exchange, refusal)
}

fn failed(exchange: &mut Exchange, refusal: Refusal) -> Refusal {
    let reason = refusal.reason().to_owned();
    record_failure(exchange, refusal, &reason)
}

/// Records the gateway's own answer. The client gets it even if the log does not take it: it teaches nothing.
fn record_failure(exchange: &mut Exchange, refusal: Refusal, detail: &str) -> Refusal {
    if let Err(error) = exchange.fail(refusal.status, detail) {
        let session = exchange.live.session.permit().session();
        tracing::error!(%error, session, "an outcome could not be recorded");
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_sent_as_a_client_of_the_target_would() {
        let check = |host, port, encrypted, expected| assert_eq!(authority(host, port, encrypted), expected);
        check("api.internal", 443, true, "api.internal");
        check("api.internal", 443, false, "api.internal:443");
        check("api.internal", 80, false, "api.internal");
        check("fd00::5", 8080, false, "[fd00::5]:8080");
    }
}
