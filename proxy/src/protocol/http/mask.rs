//! Answers with masked fields: read whole, masked, and sent as the gateway's own bytes. Refuses what it cannot mask:
//! another type than JSON, an encoded or partial body, one that is too large or does not end.
//!
//! INVARIANT: of an answer that a rule is about, not a byte of the body leaves before all of it was masked.

use super::STALL;
use crate::mask::json::{self, Path};
use crate::mask::{Field, Rule};
use crate::session::Session;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use interdict_schemas::Disclosure;

/// The largest body that is masked.
const MAX_BODY: usize = 8 << 20;

/// Fields about the bytes as the target sent them.
const ABOUT_BYTES: &[&str] = &["accept-ranges", "content-digest", "content-md5", "digest", "etag", "repr-digest"];

/// What of an answer is masked.
pub(super) struct Mask {
    rules: Vec<Rule>,
}

/// Why an answer is not passed on. Its display is what the client is told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the answer has masked fields and is not JSON; ask for application/json")]
    Type,
    #[error("the answer has masked fields and is encoded ({0})")]
    Encoded(String),
    #[error("the answer has masked fields and is only a part")]
    Partial,
    #[error("the answer has masked fields and is larger than {} MiB, or does not end", MAX_BODY >> 20)]
    Large,
    #[error("the answer cannot be masked: {0}")]
    Document(#[from] json::Error),
}

impl Mask {
    /// For a request's path; nothing if no rule is about it.
    pub(super) fn of(session: &Session, path: &str) -> Option<Self> {
        let rules = session.rules()?;
        let meant =
            |rule: &&Rule| matches!(&rule.field, Field::Json { under, .. } if path.starts_with(under.as_str()));
        let rules: Vec<_> = rules.iter().filter(meant).cloned().collect();
        (!rules.is_empty()).then_some(Self { rules })
    }

    /// Makes the request one whose answer can be masked. Its encoding is `identity` already.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        headers.remove(header::RANGE);
        headers.remove(header::IF_RANGE);
    }

    /// The answer's body with decoys in the masked fields' place, and what was planted.
    ///
    /// # Errors
    /// When it cannot be masked.
    pub(super) async fn apply(
        &self,
        session: &Session,
        head: &mut response::Parts,
        encoding: Option<String>,
        body: Incoming,
    ) -> Result<(Bytes, Vec<Disclosure>), Refused> {
        if body.is_end_stream() {
            return Ok((Bytes::new(), Vec::new()));
        }
        if head.status == StatusCode::PARTIAL_CONTENT {
            return Err(Refused::Partial);
        }
        if let Some(encoding) = encoding {
            return Err(Refused::Encoded(encoding));
        }
        if !is_json(&head.headers) {
            return Err(Refused::Type);
        }
        let whole = tokio::time::timeout(STALL, Limited::new(body, MAX_BODY).collect()).await;
        let whole = whole.ok().and_then(Result::ok).ok_or(Refused::Large)?.to_bytes();
        if whole.is_empty() {
            return Ok((whole, Vec::new()));
        }
        let mut planter = session.planter();
        let paths = self.rules.iter().filter_map(path);
        let masked = json::mask(&whole, paths, |place, value| {
            self.rules.get(place).map(|rule| planter.plant(rule, value.as_bytes())).unwrap_or_default()
        })?;
        for name in ABOUT_BYTES {
            head.headers.remove(*name);
        }
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(masked.len()));
        Ok((masked.into(), session.planted(&mut planter)))
    }
}

fn path(rule: &Rule) -> Option<&Path> {
    match &rule.field {
        Field::Json { path, .. } => Some(path),
        Field::Column { .. } => None,
    }
}

/// `application/json` and the types that are written in it (RFC 6839 section 3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).into_iter();
    let (Some(kind), None) = (types.next(), types.next()) else { return false };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.strip_prefix("application/").is_some_and(|kind| kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_type() {
        let check = |kind: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_json(&headers), expected, "{kind}");
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("application/problem+json", true);
        check("application/json-seq", false);
        check("text/html", false);
        check("application/x-ndjson", false);
        assert!(!is_json(&HeaderMap::new()));
    }
}
