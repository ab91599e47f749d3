//! What a client is told when the gateway answers itself: a status and a JSON object that says why.

use super::body::Answer;
use super::headers;
use crate::gate::{Denied, Revoked};
use crate::{emit, identity};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use interdict_schemas::Decision;
use serde_json::{Map, Value};

/// The gateway's own answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    fields: Map<String, Value>,
    close: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &str, reason: impl Into<String>) -> Self {
        let fields = [("error", error.to_owned()), ("reason", reason.into())];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        Self { status, fields, close: false }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The connection is of no more use.
    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// In words.
    pub(super) fn reason(&self) -> &str {
        self.fields.get("reason").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn denied(decision: &Decision, session: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "denied", &decision.reason)
            .with("policy", decision.policies.join(", "))
            .with("session", session)
    }

    pub(super) fn revoked(revoked: &Revoked, session: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "denied", &revoked.reason)
            .with("verdict", revoked.verdict.as_str())
            .with("session", session)
            .closing()
    }

    pub(super) fn unrecorded(error: &emit::Error, session: &str) -> Self {
        tracing::error!(%error, session, "a request was refused because it cannot be recorded");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the gateway cannot record requests now")
            .with("session", session)
    }

    pub(super) fn into_response(self) -> Response<Answer> {
        let mut body = Value::Object(self.fields).to_string();
        body.push('\n');
        let mut response = Response::new(Answer::own(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"interdict\""));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<headers::Error> for Refusal {
    fn from(error: headers::Error) -> Self {
        let (status, word) = match error {
            headers::Error::Connect | headers::Error::Trace => (StatusCode::METHOD_NOT_ALLOWED, "refused"),
            headers::Error::Host => (StatusCode::BAD_REQUEST, "malformed"),
            headers::Error::Elsewhere => (StatusCode::MISDIRECTED_REQUEST, "refused"),
            headers::Error::NoToken | headers::Error::Tokens => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        };
        Self::new(status, word, error.to_string())
    }
}

impl From<&identity::Error> for Refusal {
    fn from(error: &identity::Error) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", error.told())
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let status = if denied.reason == "log" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
        let refusal = Self::new(status, "denied", denied.detail).with("cause", denied.reason);
        match denied.verdict {
            Some(verdict) => refusal.with("verdict", verdict),
            None => refusal,
        }
    }
}
