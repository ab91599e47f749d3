//! An HTTP session as HAR 1.2. Headers and bodies are not recorded, so there are none. Refuses to make an address of what
//! was none: whatever a client sent as one stands there so that it is one again, and a call that is known by its operation
//! alone says so in a comment.

use crate::replay::{Entry, Transcript};
use crate::{Error, Snapshot};
use interdict_schemas::{Action, Class, Outcome, Protocol, Target, Time, Verb};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

/// Writes an HTTP session as HAR; returns how many requests it has. Requests that policy denied have status 0 and say why.
///
/// # Errors
/// When the lake knows no such session, cannot be read, or the writer does not take what is written;
/// [`Error::NoRequests`], before anything is written, when the session is of another protocol and has none.
pub async fn har(lake: &Snapshot, session: &str, out: &mut dyn Write) -> Result<u64, Error> {
    let mut transcript = Transcript::open(lake, session).await?;
    let creator = json!({"name": "interdict", "version": env!("CARGO_PKG_VERSION")});
    let head = format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[");
    let (mut count, mut origin, mut has_requests) = (0, "https://unknown.invalid".to_owned(), false);
    while let Some(entry) = transcript.next().await? {
        match entry {
            Entry::Opened(event) | Entry::Refused(event) | Entry::Closed(event) => {
                has_requests |= matches!(event.target.protocol, Protocol::Http | Protocol::Kubernetes);
                origin = self::origin(&event.target);
            }
            Entry::Action { time, action, decision, outcome, .. }
                if matches!(action.class, Class::Request | Class::Api) =>
            {
                let separator = if count == 0 { head.as_str() } else { "," };
                let request = request(&origin, &action);
                write!(out, "{separator}{}", entry_of(time, request, &decision.reason, outcome.as_ref()))?;
                count += 1;
            }
            _ => {}
        }
    }
    if count == 0 {
        if !has_requests {
            return Err(Error::NoRequests { session: session.to_owned() });
        }
        write!(out, "{head}")?;
    }
    writeln!(out, "]}}}}")?;
    out.flush()?;
    Ok(count)
}

/// What addresses of a target begin with. What is on this machine, or on the port of plain HTTP, is asked without TLS, as
/// the gateway does where nothing else is said.
fn origin(target: &Target) -> String {
    let host = target.host.as_deref().unwrap_or(&target.name);
    let is_local = host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
        || target.address.is_some_and(|address| address.to_canonical().is_loopback());
    let (scheme, usual) = if is_local || target.port == 80 { ("http", 80) } else { ("https", 443) };
    let is_v6 = host.parse::<Ipv6Addr>().is_ok();
    let host = if is_v6 { format!("[{host}]") } else { encoded(host, b"") };
    let port = if [0, usual].contains(&target.port) { String::new() } else { format!(":{}", target.port) };
    format!("{scheme}://{host}{port}")
}

struct Request {
    method: String,
    url: String,
    /// What it is, if it is none as it was sent.
    comment: Option<String>,
}

fn request(origin: &str, action: &Action) -> Request {
    const PATH: &[u8] = b"/?:@!$&'()*+,;=%";
    if let Some((method, path)) = action.text.split_once(' ')
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        && path.starts_with('/')
    {
        return Request { method: method.to_owned(), url: format!("{origin}{}", encoded(path, PATH)), comment: None };
    }
    // An API's operation: which address it was sent to, is not known.
    let method = match action.verb {
        Verb::Read => "GET",
        Verb::Update => "PUT",
        Verb::Delete => "DELETE",
        _ => "POST",
    };
    let comment = format!("not as it was sent: the operation was {}", action.text);
    let url = format!("{origin}/{}", encoded(&action.text.replace(' ', "/"), b"/"));
    Request { method: method.to_owned(), url, comment: Some(comment) }
}

/// A text in which bytes that may not stand there are percent-encoded (RFC 3986, section 2), but letters, digits and
/// `also`.
fn encoded(text: &str, also: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn entry_of(time: Time, request: Request, reason: &str, outcome: Option<&Outcome>) -> Value {
    let Request { method, url, comment } = request;
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        json!({"name": name, "value": value})
    });
    let (status, words, bytes_in, bytes_out, micros) = match outcome {
        Some(outcome) => {
            let status = outcome.code.parse::<u16>().unwrap_or(0);
            (status, outcome.detail.as_str(), outcome.bytes_in, outcome.bytes_out, outcome.duration_us)
        }
        None => (0, reason, 0, 0, 0),
    };
    #[expect(clippy::cast_precision_loss, reason = "exact up to centuries")]
    let millis = micros as f64 / 1000.0;
    let mut entry = json!({
        "startedDateTime": time.to_string(),
        "time": millis,
        "request": {
            "method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "queryString": query.collect::<Vec<_>>(), "headersSize": -1, "bodySize": bytes_in,
        },
        "response": {
            "status": status, "statusText": words, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "content": {"size": bytes_out, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": bytes_out,
        },
        "cache": {},
        "timings": {"send": 0, "wait": millis, "receive": 0},
    });
    if let (Some(comment), Some(entry)) = (comment, entry.as_object_mut()) {
        entry.insert("comment".to_owned(), comment.into());
    }
    entry
}
