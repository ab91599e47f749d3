//! Refusals in PostgreSQL's words.

use crate::serve::refusal::{Kind, Refusal};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::response::NoticeResponse;

/// As the client reads it.
fn info(refusal: &Refusal, severity: &str) -> ErrorInfo {
    let mut info = ErrorInfo::new(severity.to_owned(), refusal.kind.sqlstate().to_owned(), refusal.message.clone());
    info.severity_nonlocalized = Some(severity.to_owned());
    info.hint = refusal.hint.map(str::to_owned);
    info
}

impl From<Refusal> for PgWireError {
    fn from(refusal: Refusal) -> Self {
        let severity = if refusal.kind.ends() { "FATAL" } else { "ERROR" };
        Self::UserError(Box::new(info(&refusal, severity)))
    }
}

/// A refusal after which the connection ends, whatever it is.
pub(super) fn fatal(refusal: &Refusal) -> PgWireError {
    PgWireError::UserError(Box::new(info(refusal, "FATAL")))
}

/// An error of the client with a code of its own.
pub(super) fn error(code: &str, words: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".to_owned(), code.to_owned(), words.into())))
}

/// What a client is told that goes on all the same (class 01).
pub(super) fn warning(words: String) -> NoticeResponse {
    ErrorInfo::new("WARNING".to_owned(), "01000".to_owned(), words).into()
}

/// A break of the protocol.
pub(super) fn protocol(words: impl Into<String>) -> PgWireError {
    error(Kind::Protocol.sqlstate(), words)
}
