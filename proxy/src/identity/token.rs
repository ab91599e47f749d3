//! One token: its header, its signature, its claims (RFC 7519, OIDC Core 2, RFC 8693 section 4.1). Pure: keys and time
//! are given. Refuses what it does not understand rather than passing it over.

use super::{Error, Verified};
use crate::config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use interdict_schemas::{Delegation, Identity, Principal, PrincipalKind, Time};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use std::str::FromStr;

/// The longest token looked at.
pub(super) const MAX_TOKEN: usize = 64 << 10;
/// The longest name of a principal.
const MAX_NAME: usize = 1024;

pub(super) type Claims = Map<String, Value>;

/// What a header says that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
}

/// Reads the header, before any key is looked for.
pub(super) fn header(token: &str, allowed: &[Algorithm]) -> Result<Header, Error> {
    if token.len() > MAX_TOKEN {
        return Err(malformed(format!("{} bytes, more than {MAX_TOKEN}", token.len())));
    }
    let mut parts = token.split('.');
    let (Some(first), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("it has not three parts"));
    };
    let bytes = URL_SAFE_NO_PAD.decode(first).map_err(|_| malformed("its header is not base64url"))?;
    let header: Claims = serde_json::from_slice(&bytes).map_err(|_| malformed("its header is not a JSON object"))?;
    // RFC 7515 section 4.1.11: a critical extension that is not understood refuses the token. None is.
    if header.contains_key("crit") {
        return Err(malformed("its header has critical extensions"));
    }
    let name = text(&header, "alg")?.ok_or_else(|| malformed("its header names no algorithm"))?;
    let algorithm = Algorithm::from_str(&name).ok().filter(|algorithm| allowed.contains(algorithm));
    let algorithm = algorithm.ok_or(Error::Algorithm(name))?;
    Ok(Header { algorithm, key: text(&header, "kid")? })
}

/// The claims, once the signature is verified. Nothing is read from a token before.
pub(super) fn claims(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Result<Claims, Error> {
    let parts = token
        .rsplit_once('.')
        .and_then(|(message, signature)| Some((message, signature, message.split_once('.')?.1)));
    let (message, signature, payload) = parts.ok_or_else(|| malformed("it has not three parts"))?;
    // An algorithm that is not the key's, and a signature that is not base64url, are no signatures either.
    if !jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap_or(false) {
        return Err(Error::Signature);
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| malformed("its claims are not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| malformed("its claims are not a JSON object"))
}

/// The identity that verified claims stand for at `now`.
pub(super) fn identity(claims: &Claims, settings: &config::Identity, now: Time) -> Result<Verified, Error> {
    let issuer = text(claims, "iss")?.ok_or_else(|| malformed("it has no iss"))?;
    if issuer != settings.issuer {
        return Err(Error::Issuer { found: issuer, wanted: settings.issuer.clone() });
    }
    let audience = list(claims, "aud")?;
    if !audience.contains(&settings.audience) {
        return Err(Error::Audience { found: audience, wanted: settings.audience.clone() });
    }
    let leeway = i64::try_from(settings.leeway.as_micros()).unwrap_or(i64::MAX);
    let expires = time(claims, "exp")?.ok_or_else(|| malformed("it has no exp"))?;
    if now >= expires.plus_micros(leeway) {
        return Err(Error::Expired(expires));
    }
    if let Some(from) = time(claims, "nbf")?.filter(|from| now.plus_micros(leeway) < *from) {
        return Err(Error::NotYetValid(from));
    }
    let chain = chain(claims, settings.max_depth)?;
    let delegated = chain.len() > 1;
    let mut identity = Identity::new(issuer, chain).map_err(|error| malformed(error.to_string()))?;
    identity.groups = list(claims, &settings.groups_claim)?;
    identity.delegation = delegation(claims, delegated)?;
    Ok(Verified { identity, expires })
}

/// `sub` is the root. The outermost `act` is who acts now, the ones nested in it acted before: so the chain is `sub`,
/// then the innermost `act`, outwards.
fn chain(claims: &Claims, most: usize) -> Result<Vec<Principal>, Error> {
    let mut actors = Vec::new();
    let mut holder = claims;
    while let Some(act) = holder.get("act") {
        let Value::Object(act) = act else {
            return Err(malformed("its act is not an object"));
        };
        actors.push(principal(act, PrincipalKind::Agent)?);
        if actors.len() >= most {
            return Err(Error::Depth { most });
        }
        holder = act;
    }
    let mut chain = vec![principal(claims, PrincipalKind::Person)?];
    chain.extend(actors.into_iter().rev());
    Ok(chain)
}

fn principal(claims: &Claims, usual: PrincipalKind) -> Result<Principal, Error> {
    let id = text(claims, "sub")?.ok_or_else(|| malformed("it has no sub"))?;
    if id.is_empty() || id.len() > MAX_NAME || id.chars().any(char::is_control) {
        return Err(malformed(format!("a sub must have 1 to {MAX_NAME} bytes and no control characters")));
    }
    let kind = match text(claims, "kind")? {
        None => usual,
        Some(kind) => PrincipalKind::parse(&kind).ok_or_else(|| {
            malformed(format!("kind {kind:?} is none of person, administrator, workload and agent"))
        })?,
    };
    Ok(Principal { id, kind })
}

/// The grant: the claim `delegation` (an id, or `{id, parent}`), or a delegate's `jti`.
fn delegation(claims: &Claims, delegated: bool) -> Result<Option<Delegation>, Error> {
    let (id, parent) = match claims.get("delegation") {
        Some(Value::String(id)) => (id.clone(), None),
        Some(Value::Object(grant)) => {
            let id = text(grant, "id")?.ok_or_else(|| malformed("its delegation has no id"))?;
            (id, text(grant, "parent")?)
        }
        Some(_) => return Err(malformed("its delegation is neither text nor an object")),
        None if delegated => match text(claims, "jti")? {
            Some(id) => (id, None),
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    // What has no name cannot be told from none in what is recorded.
    if id.is_empty() {
        return Err(malformed("its delegation has an empty id"));
    }
    Ok(Some(Delegation { id, parent: parent.unwrap_or_default() }))
}

fn text(claims: &Claims, name: &str) -> Result<Option<String>, Error> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(format!("its {name} is not text"))),
    }
}

/// A list of words: an array, or one text with spaces between. Absent is empty.
fn list(claims: &Claims, name: &str) -> Result<Vec<String>, Error> {
    let wrong = || malformed(format!("its {name} is neither text nor a list of texts"));
    match claims.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        // An audience is one text even if it has spaces; a scope-like list of groups never means a space as part.
        Some(Value::String(text)) if name == "aud" => Ok(vec![text.clone()]),
        Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Seconds since the epoch, perhaps with a fraction (RFC 7519 section 2, NumericDate). Beyond the range of years it
/// saturates.
fn time(claims: &Claims, name: &str) -> Result<Option<Time>, Error> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let whole = number.as_i64().map(|seconds| Time(0).plus_seconds(seconds));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float saturates when cast, which is what is wanted"
            )]
            let broken = || number.as_f64().map(|seconds| Time((seconds * 1e6) as i64));
            whole.or_else(broken).map(Some).ok_or_else(|| malformed(format!("its {name} is no time")))
        }
        Some(_) => Err(malformed(format!("its {name} is not a number"))),
    }
}

fn malformed(what: impl Into<String>) -> Error {
    Error::Malformed(what.into())
}
