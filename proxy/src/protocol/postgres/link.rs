//! One client joined to one target: what both directions share. Owns the state machine, what is open of each action,
//! and the settings by which the target reads text. Every action is decided and recorded here before it is forwarded.
//!
//! DELIVERY: an action stands in the log before its bytes may leave for the target. What an answer teaches stands in
//! the log before the bytes that teach it may leave for the client.

use super::action::{self, Analyst, Opaque, Statement};
use super::mask::{Guard, Masks};
use super::reply::Refusal;
use super::state::State;
use super::{frame, literal, rows, state, tree};
use crate::session::Session;
use crate::{clock, emit};
use interdict_schemas::{Action, Class, DecoyPlace, Disclosure, Effect, Outcome, Status};
use std::sync::Arc;
use tokio::time::Instant;

/// Why a session cannot go on. Says whose fault it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The client's.
    #[error("the client broke the protocol: {0}")]
    Client(String),
    /// The target's.
    #[error("the target broke the protocol: {0}")]
    Target(String),
    /// Ours: what cannot be recorded must not happen.
    #[error(transparent)]
    Log(#[from] emit::Error),
}

impl From<state::Error> for Fault {
    fn from(error: state::Error) -> Self {
        match error {
            state::Error::Answer(_) => Self::Target(error.to_string()),
            state::Error::DuringCopy => Self::Client(error.to_string()),
        }
    }
}

impl From<rows::Malformed> for Fault {
    fn from(error: rows::Malformed) -> Self {
        Self::Target(error.to_string())
    }
}

impl Fault {
    /// The target's bytes are wrong.
    pub(super) fn target(error: frame::Error) -> Self {
        Self::Target(error.to_string())
    }

    /// The client's bytes are wrong.
    pub(super) fn client(error: frame::Error) -> Self {
        Self::Client(error.to_string())
    }
}

/// An action that was forwarded.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: String,
    begun: Instant,
    bytes_in: u64,
    /// Whether its result may show a masked column that cannot be told by its number.
    pub(super) watch: bool,
}

/// What a prepared statement's name stands for; no statement if its text is empty.
pub(super) type Prepared = Arc<Option<Statement>>;

/// What a portal's name stands for.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) prepared: Prepared,
    pub(super) digest: Option<String>,
}

/// How the target reads text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// Every byte below 128 is the ASCII character.
    Superset,
    /// A byte below 128 may be half a character.
    Treacherous,
}

/// What an action's answer amounts to so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Volume {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// COPY data from the client.
    pub(super) copied: u64,
}

/// A text, understood or not.
pub(super) enum Understood {
    Statements(Vec<Statement>),
    Opaque(Opaque),
    /// What it means hangs on answers that are still out.
    Unsettled,
}

/// What is decided of an action.
pub(super) enum Decided {
    Allowed(Ticket),
    Denied(Refusal),
}

/// The joined pair.
#[derive(Debug)]
pub(super) struct Link<'a> {
    pub(super) session: &'a Session,
    pub(super) state: State<Ticket, Prepared, Arc<Portal>>,
    pub(super) volume: Volume,
    /// If anything of the target is masked.
    pub(super) masks: Option<Masks>,
    analyst: &'a Analyst,
    database: Option<String>,
    encoding: Encoding,
    conforming: bool,
    last: Option<String>,
}

impl<'a> Link<'a> {
    /// For a session whose first ReadyForQuery was sent.
    pub(super) fn new(session: &'a Session, analyst: &'a Analyst, database: Option<String>) -> Self {
        Self {
            session,
            state: State::new(),
            volume: Volume::default(),
            masks: None,
            analyst,
            database,
            encoding: Encoding::Superset,
            conforming: false,
            last: None,
        }
    }

    /// The target told a setting.
    pub(super) fn setting(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"standard_conforming_strings" => self.conforming = value == b"on",
            b"client_encoding" => {
                self.encoding = match value {
                    b"UTF8" => Encoding::Utf8,
                    b"BIG5" | b"GB18030" | b"GBK" | b"JOHAB" | b"SHIFT_JIS_2004" | b"SJIS" | b"UHC" => {
                        Encoding::Treacherous
                    }
                    _ => Encoding::Superset,
                }
            }
            _ => {}
        }
    }

    /// Reads a text as the target will.
    pub(super) fn understand(&self, text: &[u8]) -> Understood {
        if literal::is_ambiguous(text) {
            // A setting in flight may change how it is read.
            if self.state.will_settle() {
                return Understood::Unsettled;
            }
            if !self.state.is_settled() || !self.conforming || self.encoding == Encoding::Treacherous {
                let reason = "its quoting can be read in two ways; double quotes inside strings instead of using a \
                              backslash, and send it in a batch of its own";
                return Understood::Opaque(Opaque::new(&String::from_utf8_lossy(text), reason));
            }
        }
        let decoded = match std::str::from_utf8(text) {
            Ok(text) if text.is_ascii() || self.encoding != Encoding::Treacherous => text.into(),
            Err(_) if self.encoding == Encoding::Superset => {
                // What the characters are does not matter to the grammar, only that they are no ASCII.
                std::borrow::Cow::Owned(text.iter().map(|&byte| char::from(byte)).collect::<String>())
            }
            _ => {
                let reason = "its characters cannot be read; set client_encoding to UTF8";
                return Understood::Opaque(Opaque::new(&String::from_utf8_lossy(text), reason));
            }
        };
        match self.analyst.statements(&decoded) {
            Ok(statements) => Understood::Statements(statements),
            Err(opaque) => Understood::Opaque(opaque),
        }
    }

    /// Decides the running of a statement, and records that.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn decide(
        &mut self,
        statement: &Statement,
        digest: Option<String>,
        bytes_in: usize,
    ) -> Result<Decided, Fault> {
        let watch = match self.masks.as_mut().map_or(Guard::Pass, |masks| masks.guard(statement)) {
            Guard::Pass => false,
            Guard::Watch => true,
            Guard::Refuse(reason) => {
                let action = statement.action(clock::id(), digest, self.database.as_deref());
                return Ok(Decided::Denied(self.deny_action(action, &reason)?));
            }
        };
        let id = clock::id();
        let decision = self.session.act(statement.action(id.clone(), digest, self.database.as_deref()))?;
        Ok(match decision.effect {
            Effect::Allow => Decided::Allowed(Ticket { id, begun: Instant::now(), bytes_in: bytes_in as u64, watch }),
            Effect::Deny => {
                let refusal = Refusal::new("42501", format!("interdict denied this statement: {}", decision.reason));
                Decided::Denied(match decision.policies.as_slice() {
                    [] => refusal,
                    policies => refusal.detail(format!("Decided by {}.", policies.join(", "))),
                })
            }
        })
    }

    /// A statement that takes prepared statements away is forwarded.
    pub(super) fn deallocate(&mut self, statement: &Statement) {
        match &statement.effect {
            tree::Effect::None => {}
            tree::Effect::Deallocate(name) => self.state.deallocated(Some(name.as_bytes())),
            tree::Effect::DeallocateAll => self.state.deallocated(None),
        }
    }

    /// Records that a text which is not understood was denied.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn deny(&self, opaque: &Opaque) -> Result<Refusal, Fault> {
        self.deny_action(opaque.action(clock::id(), self.database.as_deref()), &opaque.reason)
    }

    /// Looks for decoys in a statement or in its parameters; the refusal, if there are any. A session that only hands
    /// back to a target what it was masked there (a row that is saved again) has not moved; it is refused all the
    /// same, since the decoy would replace what it stands for.
    ///
    /// # Errors When that cannot be recorded.
    pub(super) fn presents(&self, sent: &[u8], text: &[u8]) -> Result<Option<Refusal>, Fault> {
        let mut presented = self.session.recognise(sent, DecoyPlace::Statement);
        if presented.is_empty() {
            return Ok(None);
        }
        let permit = self.session.permit();
        presented.retain(|used| used.session != permit.session() || used.target != permit.target().name);
        let action = Opaque::new(&String::from_utf8_lossy(text), "").action(clock::id(), self.database.as_deref());
        self.session.caught(action, presented)?;
        let words = "interdict denied this statement: it holds a value that is masked and cannot be used here";
        Ok(Some(Refusal::new("42501", words)))
    }

    /// Records that a function called by its number was denied.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn deny_call(&self, function: u32) -> Result<Refusal, Fault> {
        let text = format!("call of function {function} by its number");
        let opaque = Opaque::new(&text, "functions called by number cannot be checked; use SELECT with its name");
        self.deny(&opaque)
    }

    fn deny_action(&self, action: Action, reason: &str) -> Result<Refusal, Fault> {
        self.session.refuse(action, reason)?;
        Ok(Refusal::new("42501", format!("interdict denied this statement: {reason}")))
    }

    /// Records the end of an action, with what its answer taught.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        status: Status,
        code: &str,
        detail: &str,
        disclosures: Vec<Disclosure>,
    ) -> Result<(), Fault> {
        let outcome = self.outcome(&ticket, status, code, detail);
        self.volume = Volume::default();
        self.session.result(&ticket.id, Class::Statement, outcome, disclosures)?;
        self.last = Some(ticket.id);
        Ok(())
    }

    /// Records that actions were forwarded or decided, and did not run.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn skip(&mut self, tickets: impl IntoIterator<Item = Ticket>, detail: &str) -> Result<(), Fault> {
        tickets.into_iter().try_for_each(|ticket| {
            let outcome = Outcome { bytes_out: 0, rows: 0, ..self.outcome(&ticket, Status::Failure, "", detail) };
            Ok(self.session.result(&ticket.id, Class::Statement, outcome, Vec::new())?)
        })
    }

    /// What was planted in rows since the last call.
    pub(super) fn planted(&mut self) -> Vec<Disclosure> {
        let session = self.session;
        self.masks.as_mut().map(|masks| session.planted(masks.planter())).unwrap_or_default()
    }

    /// Records what was taught before the action's end, or after it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) fn taught(&mut self, disclosures: Vec<Disclosure>) -> Result<(), Fault> {
        let detail = "the answer goes on";
        let (id, outcome) = match (self.state.current(), &self.last) {
            (Some(ticket), _) => (ticket.id.as_str(), self.outcome(ticket, Status::Unknown, "", detail)),
            (None, Some(last)) => {
                let bytes_out = self.volume.bytes;
                let outcome = Outcome {
                    status: Status::Unknown,
                    code: String::new(),
                    detail: "sent by the target after the answer".into(),
                    rows: 0,
                    bytes_in: 0,
                    bytes_out,
                    duration_us: 0,
                };
                (last.as_str(), outcome)
            }
            // Nothing was done yet that this could be the answer to.
            (None, None) => return Ok(()),
        };
        Ok(self.session.result(id, Class::Statement, outcome, disclosures)?)
    }

    fn outcome(&self, ticket: &Ticket, status: Status, code: &str, detail: &str) -> Outcome {
        Outcome {
            status,
            code: code.to_owned(),
            detail: action::bounded(detail),
            rows: self.volume.rows,
            bytes_in: ticket.bytes_in + self.volume.copied,
            bytes_out: self.volume.bytes,
            duration_us: u64::try_from(ticket.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Records that the outcome of what is open will never be known.
    pub(super) fn abandon(self) {
        let Self { session, state, volume, .. } = self;
        for (place, ticket) in state.outstanding().enumerate() {
            let volume = if place == 0 { volume } else { Volume::default() };
            let outcome = Outcome {
                status: Status::Unknown,
                code: String::new(),
                detail: "the session ended first".into(),
                rows: volume.rows,
                bytes_in: ticket.bytes_in + volume.copied,
                bytes_out: volume.bytes,
                duration_us: u64::try_from(ticket.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            };
            if let Err(error) = session.result(&ticket.id, Class::Statement, outcome, Vec::new()) {
                tracing::error!(%error, session = session.permit().session(), "an outcome could not be recorded");
            }
        }
    }
}
