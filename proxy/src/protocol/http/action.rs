//! A request as an action: its method as a verb, its path as the object. Pure. Names paths that a target might read
//! otherwise than a policy does.

use http::{Method, Uri};
use interdict_schemas::{Action, Class, Verb};

/// The longest text that is recorded; what is longer is cut and says so.
const MAX_TEXT: usize = 8 * 1024;
/// The longest path that is forwarded: policies must see all of it.
const MAX_PATH: usize = 4 * 1024;

/// The action that a request is.
pub(super) fn action(id: String, method: &Method, uri: &Uri) -> Action {
    let path = plain(uri.path());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Action {
        id,
        class: Class::Request,
        verb: verb(method),
        // The plain path here too: policies may look at either.
        text: bounded(format!("{method} {path}{query}")),
        objects: vec![bounded(path)],
        parameters_digest: None,
        database: None,
    }
}

/// Why a path must not be forwarded: a target that resolves it would serve another one than the policy saw.
/// `escaped_slashes`: the target is known to take an escaped slash for a character like any other, and parameters for a
/// part of their segment.
pub(super) fn ambiguous(uri: &Uri, escaped_slashes: bool) -> Option<&'static str> {
    let path = plain(uri.path());
    let slashed = path.replace("%2F", "/").replace("%5C", "/");
    if slashed.split(['/', '\\']).any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
        Some("the path holds dot segments; send it resolved")
    } else if slashed.split('/').any(|segment| segment.starts_with(';')) {
        Some("the path holds a segment that is only parameters")
    } else if !escaped_slashes && (slashed != path || path.contains(';')) {
        Some(
            "the path holds an escaped slash or a parameter, which servers read differently; send it without, or set escaped_slashes for this target",
        )
    } else if path.contains('\\') {
        Some("the path holds a backslash; send it as %5C")
    } else if uri.path().len() > MAX_PATH {
        Some("the path is longer than 4 KiB")
    } else if uri.path().contains('%') && !(is_text(uri.path()) && is_text(&path)) {
        Some(
            "the path holds an escaped escape, a % that escapes nothing, a control character or what is no UTF-8; send it plain, and a % as %25",
        )
    } else {
        None
    }
}

/// Whether what is escaped is text that is read once: some servers decode twice, or take overlong forms for dots.
fn is_text(plain: &str) -> bool {
    let mut bytes = Vec::with_capacity(plain.len());
    let mut rest = plain.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match escaped(rest) {
            Some((escaped, after)) => {
                let is_twice = escaped == b'%' && after.iter().take(2).filter(|c| c.is_ascii_hexdigit()).count() == 2;
                if is_twice || escaped.is_ascii_control() {
                    return false;
                }
                bytes.push(escaped);
                rest = after;
            }
            // Some servers take it for a character, others for an error.
            None if byte == b'%' => return false,
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// The byte that an escape at the beginning of `text` stands for, and what comes after it: `%` and two hexadecimal digits
/// (RFC 3986 section 2.1), and nothing else.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else { return None };
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let byte = digit(high)? * 16 + digit(low)?;
    Some((u8::try_from(byte).ok()?, after))
}

fn verb(method: &Method) -> Verb {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Verb::Read,
        Method::POST => Verb::Create,
        Method::PUT | Method::PATCH => Verb::Update,
        Method::DELETE => Verb::Delete,
        _ => Verb::Other,
    }
}

/// The path in the one form that policies see: unreserved characters (RFC 3986 section 2.3) not escaped, other
/// escapes in upper case, no empty segments.
fn plain(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(mut c) = rest.chars().next() {
        let mut read = c.len_utf8();
        if let Some((byte, after)) = escaped(rest.as_bytes()) {
            (c, read) = (char::from(byte), rest.len() - after.len());
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')) {
                plain.push_str(&format!("%{byte:02X}"));
                rest = rest.get(read..).unwrap_or_default();
                continue;
            }
        }
        rest = rest.get(read..).unwrap_or_default();
        if c != '/' || !plain.ends_with('/') {
            plain.push(c);
        }
    }
    plain
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let cut = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("... ({cut} bytes more)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_an_action() {
        let check = |method: &str, uri: &str, verb, text: &str, object: &str| {
            let action = action("1".into(), &method.parse().unwrap(), &uri.parse().unwrap());
            assert_eq!((action.verb, action.text.as_str()), (verb, text));
            assert_eq!(action.objects, [object]);
        };
        check("GET", "/a/b?c=d", Verb::Read, "GET /a/b?c=d", "/a/b");
        check("POST", "http://host/a", Verb::Create, "POST /a", "/a");
        check("PATCH", "/", Verb::Update, "PATCH /", "/");
        check("DELETE", "/%61dmin", Verb::Delete, "DELETE /admin", "/admin");
        check("PROPFIND", "//a///b/", Verb::Other, "PROPFIND /a/b/", "/a/b/");
        check("GET", "/a%2fb%zz%", Verb::Read, "GET /a%2Fb%zz%", "/a%2Fb%zz%");
    }

    #[test]
    fn ambiguous_path_is_named() {
        let ambiguous = |uri: &str, allowed| ambiguous(&uri.parse().unwrap(), allowed).is_some();
        let check = |uri: &str, expected| assert_eq!(ambiguous(uri, false), expected, "{uri}");
        check("/a/b", false);
        for uri in ["/a%2Fb", "/a%2fb", "/a%5Cb", "/a;x=1/b"] {
            check(uri, true);
            assert!(!ambiguous(uri, true), "{uri}");
        }
        assert!(ambiguous("/a%2F..%2Fb", true) && ambiguous("/a/..;x/b", true) && ambiguous("/;x/b", true));
        check("/a/.hidden/..b?../", false);
        check("/a/../b", true);
        check("/a/%2e%2E/b", true);
        check("/a/..;x=1/b", true);
        check("/a/.", true);
        check("/a%00b", true);
        check("/a%0D%0Ab", true);
        check("/..%c0%afadmin", true);
        check("/x%252fadmin", true);
        for uri in ["/100%", "/a%zz", "/a%+1b", "/a%2", "/a%%41", "/a%%34%31", "/x%25%32%66"] {
            check(uri, true);
        }
        check("/100%25", false);
        check("/gr%C3%BC%C3%9Fe%20b", false);
        check(&format!("/{}", "x".repeat(MAX_PATH)), true);
    }

    #[test]
    fn text_is_bounded() {
        let action = action("1".into(), &Method::GET, &format!("/{}", "x".repeat(20_000)).parse().unwrap());
        assert!(action.text.len() < MAX_TEXT + 32 && action.text.ends_with("bytes more)"));
    }
}
