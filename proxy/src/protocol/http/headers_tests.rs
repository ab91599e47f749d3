//! Claims about heads: where a token is found, and what never crosses.

use super::*;
use http::Request;

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn shown(headers: &HeaderMap) -> Vec<String> {
    let mut shown: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    shown.sort();
    shown
}

#[test]
fn token_is_found_where_clients_put_it() {
    let check = |fields: &[(&str, &str)], expected: Result<&str, Error>| {
        let found = token(&headers(fields));
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{fields:?}");
    };
    check(&[("authorization", "Bearer abc")], Ok("abc"));
    check(&[("authorization", "bearer  abc ")], Ok("abc"));
    check(&[("authorization", "Basic Z2l0OmFiYw==")], Ok("abc"));
    check(&[("authorization", "Bearer mine"), ("x-interdict-token", "abc")], Ok("abc"));
    check(&[], Err(Error::NoToken));
    check(&[("authorization", "abc")], Err(Error::NoToken));
    check(&[("authorization", "Bearer ")], Err(Error::NoToken));
    check(&[("authorization", "Digest x")], Err(Error::NoToken));
    check(&[("authorization", "Basic %%%")], Err(Error::NoToken));
    check(&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Err(Error::Tokens));
    check(&[("x-interdict-token", "a"), ("x-interdict-token", "b")], Err(Error::Tokens));
}

#[test]
fn target_gets_neither_token_nor_hops_nor_claims() {
    let check = |fields: &[(&str, &str)], expected: &[&str]| {
        let mut headers = headers(fields);
        towards_target(&mut headers, "abc", HeaderValue::from_static("api.internal"));
        let mut all = vec!["accept-encoding: identity", "host: api.internal"];
        all.extend(expected);
        all.sort_unstable();
        assert_eq!(shown(&headers), all, "{fields:?}");
    };
    check(&[("authorization", "Bearer abc")], &[]);
    check(&[("authorization", "Basic Z2l0OmFiYw==")], &[]);
    check(&[("x-interdict-token", "abc"), ("authorization", "Bearer own")], &["authorization: Bearer own"]);
    check(&[("x-interdict-token", "abc"), ("authorization", "Bearer abc")], &[]);
    check(&[("cookie", "a=1; t=abc")], &[]);
    check(&[("host", "gateway:1"), ("accept-encoding", "gzip, br")], &[]);
    check(&[("connection", "close, X-One"), ("x-one", "1"), ("x-two", "2")], &["x-two: 2"]);
    check(&[("connection", "content-length"), ("content-length", "3")], &["content-length: 3"]);
    check(&[("keep-alive", "1"), ("proxy-authorization", "x"), ("upgrade", "h2c"), ("http2-settings", "x")], &[]);
    check(&[("te", "gzip, trailers")], &["te: trailers"]);
    check(&[("te", "gzip"), ("transfer-encoding", "chunked"), ("expect", "100-continue")], &[]);
    check(
        &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-host", "x"), ("forwarded", "for=1"), ("x-real-ip", "1")],
        &[],
    );
    check(&[("accept", "*/*"), ("content-type", "a/b")], &["accept: */*", "content-type: a/b"]);
}

#[test]
fn client_gets_no_hops_and_encodings_are_named() {
    let check = |fields: &[(&str, &str)], expected: &[&str], encoding: Option<&str>| {
        let mut headers = headers(fields);
        assert_eq!(towards_client(&mut headers).as_deref(), encoding, "{fields:?}");
        assert_eq!(shown(&headers), expected);
    };
    check(&[("connection", "x-a"), ("x-a", "1"), ("alt-svc", "h3"), ("etag", "e")], &["etag: e"], None);
    check(&[("content-encoding", "GZIP")], &["content-encoding: GZIP"], Some("gzip"));
    check(&[("content-encoding", "identity")], &["content-encoding: identity"], None);
}

#[test]
fn request_is_for_the_target_alone() {
    let target = target();
    let check = |request: http::request::Builder, expected: Result<Option<&str>, Error>| {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let found = host(&parts, &target);
        assert_eq!(found.as_ref().map(Option::as_deref).map_err(|error| *error), expected, "{parts:?}");
    };
    let get = |uri: &str| Request::get(uri);
    let h2 = |uri: &str| Request::get(uri).version(Version::HTTP_2);
    check(get("/").header("host", "127.0.0.1:1"), Ok(None));
    check(get("/").header("host", "API.svc:80"), Ok(Some("api.svc")));
    check(get("/"), Err(Error::Host));
    check(get("/").version(Version::HTTP_10), Ok(None));
    check(get("/").header("host", "a").header("host", "b"), Err(Error::Host));
    check(get("/").header("host", "a b"), Err(Error::Host));
    check(get("/").header("host", "a@b"), Err(Error::Host));
    check(get("/").header("host", "a/b"), Err(Error::Host));
    check(get("http://api.svc/").header("host", "api.svc"), Ok(Some("api.svc")));
    check(get("http://elsewhere/").header("host", "elsewhere"), Err(Error::Elsewhere));
    check(get("http://api.svc/").header("host", "elsewhere"), Err(Error::Elsewhere));
    check(h2("http://any.name/"), Ok(Some("any.name")));
    check(h2("http://a/").header("host", "b"), Err(Error::Elsewhere));
    check(Request::connect("elsewhere:443").header("host", "elsewhere:443"), Err(Error::Connect));
    check(Request::trace("/").header("host", "api.internal"), Err(Error::Trace));
}

#[test]
fn upgrade_is_named() {
    let check = |value: &str, expected: Option<&str>| {
        assert_eq!(upgrade(&headers(&[("upgrade", value)])).as_deref(), expected);
    };
    check("websocket", Some("websocket"));
    check("h2c", None);
    check("h2c, WebSocket", Some("WebSocket"));
}

fn target() -> Target {
    Target {
        name: "api".into(),
        protocol: interdict_schemas::Protocol::Http,
        listen: "127.0.0.1:0".parse().unwrap(),
        listen_tls: false,
        host: "api.internal".into(),
        port: 80,
        aliases: vec!["api.svc".into()],
        addresses: vec![],
        accounts: vec![],
        tags: vec![],
        fail_open: false,
        escaped_slashes: false,
        account: String::new(),
        credential: crate::upstream::Sealed::new(crate::upstream::Credential::None),
        upstream_tls: crate::config::UpstreamTls::Off,
        host_key: None,
    }
}
