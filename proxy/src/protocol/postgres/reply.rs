//! The messages that the gateway writes itself, to either side. Owns their bytes; refuses to write more of a text than
//! a message may hold.

use super::frame::CancelKey;
use bytes::{BufMut, BytesMut};

/// Why a request is refused, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SQLSTATE.
    pub(super) code: &'static str,
    /// In words.
    pub(super) message: String,
    /// More, such as the policies that decided; empty if there is nothing to add.
    pub(super) detail: String,
    /// What to do; empty if there is nothing to say.
    pub(super) hint: String,
}

impl Refusal {
    /// A refusal without detail.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: String::new(), hint: String::new() }
    }

    /// With a detail.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With a hint.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// How grave an ErrorResponse is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// The request failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
}

/// A text of ours in a message is cut here.
const MAX_TEXT: usize = 8 * 1024;

/// Writes a message: type, length, and the body that `body` writes.
fn message(out: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    sized(out, body);
}

fn sized(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    body(out);
    // Bodies written here are bounded far below 4 GiB.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn string(out: &mut BytesMut, text: &[u8]) {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    out.extend_from_slice(text.get(..end).unwrap_or_default());
    out.put_u8(0);
}

/// An ErrorResponse.
pub(super) fn error(out: &mut BytesMut, severity: Severity, refusal: &Refusal) {
    let severity: &[u8] = match severity {
        Severity::Error => b"ERROR",
        Severity::Fatal => b"FATAL",
    };
    message(out, b'E', |out| {
        for (field, text) in [
            (b'S', severity),
            (b'V', severity),
            (b'C', refusal.code.as_bytes()),
            (b'M', refusal.message.as_bytes()),
            (b'D', refusal.detail.as_bytes()),
            (b'H', refusal.hint.as_bytes()),
        ] {
            if !text.is_empty() {
                out.put_u8(field);
                string(out, cut(text));
            }
        }
        out.put_u8(0);
    });
}

/// The first bytes of a text, whole characters only.
fn cut(text: &[u8]) -> &[u8] {
    let Some(head) = text.get(..MAX_TEXT).filter(|_| text.len() > MAX_TEXT) else { return text };
    match std::str::from_utf8(head) {
        Ok(_) => head,
        Err(error) => head.get(..error.valid_up_to()).unwrap_or_default(),
    }
}

/// An AuthenticationRequest with nothing but its number: 0 is success, 3 asks for a password.
pub(super) fn authentication(out: &mut BytesMut, request: u32) {
    message(out, b'R', |out| out.put_u32(request));
}

/// A NegotiateProtocolVersion: minor version 0, and the options that are not known.
pub(super) fn negotiate(out: &mut BytesMut, unknown: &[&str]) {
    message(out, b'v', |out| {
        out.put_u32(3 << 16);
        out.put_u32(u32::try_from(unknown.len()).unwrap_or(u32::MAX));
        for option in unknown {
            string(out, option.as_bytes());
        }
    });
}

/// A BackendKeyData.
pub(super) fn backend_key(out: &mut BytesMut, key: &CancelKey) {
    message(out, b'K', |out| {
        out.put_u32(key.process);
        out.extend_from_slice(&key.secret);
    });
}

/// A ReadyForQuery outside any transaction.
pub(super) fn ready(out: &mut BytesMut) {
    message(out, b'Z', |out| out.put_u8(b'I'));
}

/// A startup packet of protocol 3.0.
pub(super) fn startup<'a>(out: &mut BytesMut, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) {
    sized(out, |out| {
        out.put_u32(3 << 16);
        for (name, value) in parameters {
            string(out, name.as_bytes());
            string(out, value.as_bytes());
        }
        out.put_u8(0);
    });
}

/// A request for TLS.
pub(super) fn tls(out: &mut BytesMut) {
    sized(out, |out| {
        out.put_u16(1234);
        out.put_u16(5679);
    });
}

/// A CancelRequest.
pub(super) fn cancel(out: &mut BytesMut, key: &CancelKey) {
    sized(out, |out| {
        out.put_u16(1234);
        out.put_u16(5678);
        out.put_u32(key.process);
        out.extend_from_slice(&key.secret);
    });
}

/// A password message; `password` is written without a NUL inside.
pub(super) fn password(out: &mut BytesMut, password: &[u8]) {
    message(out, b'p', |out| string(out, password));
}

/// A SASLInitialResponse.
pub(super) fn sasl_initial(out: &mut BytesMut, mechanism: &str, data: &[u8]) {
    message(out, b'p', |out| {
        string(out, mechanism.as_bytes());
        out.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(data);
    });
}

/// A SASLResponse.
pub(super) fn sasl(out: &mut BytesMut, data: &[u8]) {
    message(out, b'p', |out| out.extend_from_slice(data));
}

/// A Terminate.
pub(super) fn terminate(out: &mut BytesMut) {
    message(out, b'X', |_| ());
}

/// What stands in a denied statement's place: no grammar takes it, so the target fails it in whatever state it is,
/// without having done anything.
const NOT_SQL: &str = "interdict denied this statement";

/// A Query.
pub(super) fn query(out: &mut BytesMut, sql: &str) {
    message(out, b'Q', |out| string(out, sql.as_bytes()));
}

/// A Describe of a portal.
pub(super) fn describe(out: &mut BytesMut, portal: &[u8]) {
    message(out, b'D', |out| {
        out.put_u8(b'P');
        string(out, portal);
    });
}

/// A Query that must fail.
pub(super) fn failing_query(out: &mut BytesMut) {
    query(out, NOT_SQL);
}

/// A Parse that must fail. It names a statement, since one without a name would drop the unnamed statement first.
pub(super) fn failing_parse(out: &mut BytesMut) {
    message(out, b'P', |out| {
        string(out, b"interdict");
        string(out, NOT_SQL.as_bytes());
        out.put_u16(0);
    });
}
