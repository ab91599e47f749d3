//! What may stand in a request's and an answer's head. Pure. Owns where a token is found, and what never crosses: the
//! caller's token, hop-by-hop fields (RFC 9110 section 7.6.1), claims about who forwarded, ways around the gateway.

use crate::config::Target;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version};
use interdict_schemas::DecoyPlace;
use std::borrow::Cow;

/// Carries the token of clients that need `Authorization` for the target.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-interdict-token");

/// Fields of one hop, whether `Connection` names them or not.
const HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// Claims about the way so far, which only a trusted hop may make; `Expect` is answered here.
const CLAIMS: &[&str] = &[
    "expect",
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "x-client-ip",
    "via",
    // They make a target serve another method or path than the policy saw.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Why a request is not for this gateway, before anybody knows whose it is. Its display is what the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("CONNECT is not served; point the client at this address instead of using it as a proxy")]
    Connect,
    #[error("TRACE is not served: the answer would repeat the credential that only this gateway holds")]
    Trace,
    #[error("the request needs exactly one valid Host")]
    Host,
    #[error("the request is for another host than this gateway's target; use its own address")]
    Elsewhere,
    #[error("a token is needed: Authorization: Bearer TOKEN, or X-Interdict-Token: TOKEN")]
    NoToken,
    #[error("more than one token; send one")]
    Tokens,
}

/// Checks whom a request is for; the host the client dialled, if it is a name.
pub(super) fn host(parts: &Parts, target: &Target) -> Result<Option<String>, Error> {
    if parts.method == Method::CONNECT {
        return Err(Error::Connect);
    }
    if parts.method == Method::TRACE || parts.method.as_str().eq_ignore_ascii_case("TRACK") {
        return Err(Error::Trace);
    }
    let mut hosts = parts.headers.get_all(header::HOST).into_iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            Some(host.filter(|host| !host.as_str().contains('@')).ok_or(Error::Host)?)
        }
        (None, _) => None,
        _ => return Err(Error::Host),
    };
    let authority = parts.uri.authority();
    match (&named, authority) {
        // HTTP/2 says it in `:authority`; if `Host` stands there too, they must agree (RFC 9113 section 8.3.1).
        (Some(named), Some(authority)) if named != authority => return Err(Error::Elsewhere),
        (None, Some(_)) if parts.version >= Version::HTTP_2 => {}
        // A forward proxy's form: only if it names the target.
        (_, Some(authority)) if parts.version < Version::HTTP_2 && !is_target(authority.host(), target) => {
            return Err(Error::Elsewhere);
        }
        (None, None) if parts.version != Version::HTTP_10 => return Err(Error::Host),
        _ => {}
    }
    let host = authority.or(named.as_ref()).map(|authority| authority.host().to_ascii_lowercase());
    Ok(host.filter(|host| !host.starts_with('[') && host.parse::<std::net::IpAddr>().is_err()))
}

fn is_target(host: &str, target: &Target) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>().ok();
    let mut names = [&target.name, &target.host].into_iter().chain(&target.aliases);
    names.any(|name| name.eq_ignore_ascii_case(host))
        || address.is_some_and(|address| address == target.listen.ip() || target.addresses.contains(&address))
}

/// What a request's head presents, piece by piece, with what each piece is: the decoded pair of `Basic` as well as the
/// fields as they stand.
pub(super) fn presented(parts: &Parts) -> impl Iterator<Item = (Cow<'_, [u8]>, DecoyPlace)> {
    let fields = parts.headers.iter().flat_map(|(name, value)| {
        let place = if name == header::HOST { DecoyPlace::Host } else { DecoyPlace::Header };
        let pair =
            if name == header::AUTHORIZATION || name == header::PROXY_AUTHORIZATION { basic(value) } else { None };
        let pair = pair.unwrap_or_default();
        let (user, password) = pair.split_once(':').unwrap_or(("", &pair));
        let decoded = [
            (Cow::Owned(user.as_bytes().to_vec()), DecoyPlace::User),
            (Cow::Owned(password.as_bytes().to_vec()), DecoyPlace::Password),
        ];
        std::iter::once((Cow::Borrowed(value.as_bytes()), place)).chain(decoded)
    });
    let authority = parts.uri.authority().map(|authority| (authority.as_str(), DecoyPlace::Host));
    let path = parts.uri.path_and_query().map(|path| (path.as_str(), DecoyPlace::Destination));
    let uri = authority.into_iter().chain(path).map(|(text, place)| (Cow::Borrowed(text.as_bytes()), place));
    fields.chain(uri)
}

/// User and password of `Basic`.
fn basic(value: &HeaderValue) -> Option<String> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

/// The caller's token. `Basic` serves clients that know only passwords (git): the token is the password.
pub(super) fn token(headers: &HeaderMap) -> Result<String, Error> {
    if let Some(token) = single(headers, &TOKEN)? {
        return token.to_str().map(|token| token.trim().to_owned()).map_err(|_| Error::NoToken);
    }
    let value =
        single(headers, &header::AUTHORIZATION)?.and_then(|value| value.to_str().ok()).ok_or(Error::NoToken)?;
    let (scheme, rest) = value.split_once(' ').ok_or(Error::NoToken)?;
    let token = if scheme.eq_ignore_ascii_case("bearer") {
        Some(rest.trim().to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.and_then(|pair| pair.split_once(':').map(|(_, password)| password.to_owned()))
    } else {
        None
    };
    token.filter(|token| !token.is_empty()).ok_or(Error::NoToken)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Error> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err(Error::Tokens),
    }
}

/// The protocol a request wants to change to. `h2c` is an offer that may be passed over (RFC 9110 section 7.8).
pub(super) fn upgrade(headers: &HeaderMap) -> Option<String> {
    let wanted = headers.get_all(header::UPGRADE).into_iter();
    let wanted = wanted.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut wanted = wanted.map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned());
    wanted.find(|name| !name.is_empty() && !name.eq_ignore_ascii_case("h2c"))
}

/// Turns a caller's head into what the target gets. `token` is the caller's, removed wherever it stands.
pub(super) fn towards_target(headers: &mut HeaderMap, token: &str, authority: HeaderValue) {
    let trailers = headers.get(header::TE).is_some_and(|te| {
        te.as_bytes().split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    remove_hops(headers);
    headers.remove(&TOKEN);
    remove_where(headers, |name, value| {
        CLAIMS.contains(&name.as_str())
            || name.as_str().starts_with("x-forwarded-")
            // An encoded answer could not be scanned.
            || name == header::ACCEPT_ENCODING
            || name == header::HOST
            || holds_token(name, value, token)
    });
    headers.insert(header::HOST, authority);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn holds_token(name: &HeaderName, value: &HeaderValue, token: &str) -> bool {
    let basic = || {
        let encoded = value.to_str().ok().and_then(|value| value.split_once(' ')).map(|(_, encoded)| encoded.trim());
        let decoded = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()).unwrap_or_default();
        contains(&decoded, token)
    };
    contains(value.as_bytes(), token) || (name == header::AUTHORIZATION && basic())
}

fn contains(bytes: &[u8], token: &str) -> bool {
    !token.is_empty() && bytes.windows(token.len()).any(|window| window == token.as_bytes())
}

/// Turns a target's head into what the caller gets; the encoding of its body, if it is one that cannot be scanned.
pub(super) fn towards_client(headers: &mut HeaderMap) -> Option<String> {
    remove_hops(headers);
    // Would lead clients around the gateway.
    headers.remove(header::ALT_SVC);
    let encodings = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let mut encodings = encodings.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase());
    encodings.find(|encoding| !encoding.is_empty() && encoding != "identity")
}

/// Removes from trailers what may not stand in a trailer (RFC 9110 section 6.5.1) or may not cross.
pub(super) fn trailers(trailers: &mut HeaderMap) {
    remove_hops(trailers);
    for name in [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH, header::TRAILER, TOKEN] {
        trailers.remove(name);
    }
}

fn remove_hops(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).into_iter();
    let named: Vec<_> = named
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    // Framing and the token's field are ours to judge: a caller must not have them removed by naming them.
    for name in named.iter().filter(|name| **name != header::CONTENT_LENGTH && **name != header::HOST) {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(*name);
    }
}

fn remove_where(headers: &mut HeaderMap, condition: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let names: Vec<_> =
        headers.iter().filter(|(name, value)| condition(name, value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
