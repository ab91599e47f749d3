//! The session's state machine: which request each answer belongs to. Owns the queue of what was forwarded, COPY,
//! skip-until-Sync and what names stand for. Refuses answers that no request calls for. Pure: facts in, decisions
//! out.
//!
//! A denied request is not left out of the stream: a request that must fail at the target stands in its place, and
//! the target's ErrorResponse for it is replaced by the refusal. So order, skip-until-Sync, aborted transactions and
//! the transaction status are the target's own and cannot be wrong.

use super::message::{Backend, Named, Transaction};
use super::names::{Lookup, Names};
use super::pending::{Closing, Entry};
use super::reply::Refusal;
use std::collections::VecDeque;

pub(super) use super::pending::Answer;

/// Requests in flight; then the client is not read until answers come. The target flushes its answers long before.
pub(super) const MAX_QUEUE: usize = 16 * 1024;
/// Prepared statements, and portals, of one session.
pub(super) const MAX_NAMES: usize = 16 * 1024;

/// An answer or request that cannot be at this point.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Error {
    /// The target's fault.
    #[error("the target sent {0:?} where it cannot be")]
    Answer(Backend),
    /// The client's fault.
    #[error("the client sent a request while COPY waits for its data")]
    DuringCopy,
}

/// COPY data that may flow now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copy {
    None,
    In,
    Out,
}

/// The machine.
#[derive(Debug)]
pub(super) struct State<T, S, P> {
    queue: VecDeque<Entry<T, S, P>>,
    statements: Names<S>,
    portals: Names<P>,
    batch: u64,
    copy: Copy,
    /// The target ignores everything until a Sync that the client has not sent yet.
    skipping: bool,
    /// Syncs that COPY swallowed, or that the target may have answered all the same.
    swallowed: u32,
    transaction: Transaction,
}

impl<T, S: Clone, P: Clone> State<T, S, P> {
    /// A session whose first ReadyForQuery was sent.
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            statements: Names::new(MAX_NAMES),
            portals: Names::new(MAX_NAMES),
            batch: 0,
            copy: Copy::None,
            skipping: false,
            swallowed: 0,
            transaction: Transaction::Idle,
        }
    }

    /// Whether another request can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < MAX_QUEUE
    }

    /// Whether every request is answered.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.copy == Copy::None
    }

    /// Whether answers are out, and all of them will come without the client sending more.
    pub(super) fn will_settle(&self) -> bool {
        matches!(self.queue.back(), Some(Entry::Sync | Entry::Query { .. }))
    }

    /// Whether the target ignores what is not Sync or Terminate.
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether the target waits for COPY data.
    pub(super) fn is_copying_in(&self) -> bool {
        self.copy == Copy::In
    }

    /// The transaction status that the target told last.
    #[cfg_attr(not(test), expect(dead_code, reason = "the target's own ReadyForQuery is forwarded"))]
    pub(super) fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// What a prepared statement's name stands for to the next message.
    pub(super) fn statement(&self, name: &[u8]) -> Lookup<'_, S> {
        self.statements.lookup(name, self.batch)
    }

    /// What a portal's name stands for to the next message.
    pub(super) fn portal(&self, name: &[u8]) -> Lookup<'_, P> {
        self.portals.lookup(name, self.batch)
    }

    /// Whether another prepared statement can be kept.
    pub(super) fn has_statement_room(&self, name: &[u8]) -> bool {
        self.statements.has_room(name)
    }

    /// Whether another portal can be kept.
    pub(super) fn has_portal_room(&self, name: &[u8]) -> bool {
        self.portals.has_room(name)
    }

    /// DEALLOCATE and DISCARD take statements away without the protocol's Close.
    pub(super) fn deallocated(&mut self, name: Option<&[u8]>) {
        self.statements.forget(name);
    }

    /// A Query was forwarded, with one action per statement.
    pub(super) fn queried(&mut self, statements: VecDeque<T>) {
        self.queue.push_back(Entry::Query { statements, refusal: None });
    }

    /// A Query that must fail was forwarded in a refused one's place.
    pub(super) fn refused_query(&mut self, refusal: Refusal) {
        self.queue.push_back(Entry::Query { statements: VecDeque::new(), refusal: Some(Box::new(refusal)) });
    }

    /// A Parse was forwarded.
    pub(super) fn parsed(&mut self, name: &[u8], statement: S) {
        self.statements.request(name, Some(statement.clone()), self.batch);
        self.queue.push_back(Entry::Parse { name: name.into(), statement });
    }

    /// A Parse that must fail was forwarded in the place of a refused message of the extended protocol.
    pub(super) fn refused(&mut self, refusal: Refusal) {
        self.queue.push_back(Entry::Refused(Box::new(refusal)));
    }

    /// A Bind was forwarded.
    pub(super) fn bound(&mut self, name: &[u8], portal: P) {
        self.portals.request(name, Some(portal.clone()), self.batch);
        self.queue.push_back(Entry::Bind { name: name.into(), portal });
    }

    /// A Describe was forwarded.
    pub(super) fn described(&mut self) {
        self.queue.push_back(Entry::Describe);
    }

    /// A Describe of the gateway's own was put before the next Execute.
    pub(super) fn looked(&mut self, watch: bool) {
        self.queue.push_back(Entry::Look(watch));
    }

    /// Whether the next description is for the gateway alone; and whether the statement is watched.
    pub(super) fn looks(&self) -> Option<bool> {
        match self.queue.front() {
            Some(Entry::Look(watch)) => Some(*watch),
            _ => None,
        }
    }

    /// Whether the next description is a client's own, that no rows follow.
    pub(super) fn describes(&self) -> bool {
        matches!(self.queue.front(), Some(Entry::Describe))
    }

    /// An Execute was forwarded; without an action if its statement is empty.
    pub(super) fn executed(&mut self, action: Option<T>) {
        self.queue.push_back(Entry::Execute(action));
    }

    /// A Close was forwarded.
    pub(super) fn closed(&mut self, named: Named<'_>) {
        let closing = match named {
            Named::Statement(name) => {
                self.statements.request(name, None, self.batch);
                Closing::Statement(name.into())
            }
            Named::Portal(name) => {
                self.portals.request(name, None, self.batch);
                Closing::Portal(name.into())
            }
        };
        self.queue.push_back(Entry::Close(closing));
    }

    /// A Sync was forwarded.
    pub(super) fn synced(&mut self) {
        self.batch += 1;
        self.skipping = false;
        if self.copy == Copy::In {
            // COPY ignores it, unless COPY has failed meanwhile and the target takes it for the batch's end.
            self.swallowed = self.swallowed.saturating_add(1);
        } else {
            self.queue.push_back(Entry::Sync);
        }
    }

    /// CopyDone or CopyFail was forwarded.
    pub(super) fn copy_ended(&mut self) {
        if self.copy == Copy::In {
            self.copy = Copy::None;
        } else if !self.queue.is_empty() {
            self.queue.push_back(Entry::CopyEnd);
        }
    }

    /// Whether a row may come now. The path of every row: reads one entry, changes nothing.
    pub(super) fn takes_row(&self) -> bool {
        matches!(self.queue.front(), Some(Entry::Execute(_) | Entry::Query { refusal: None, .. }))
    }

    /// Whether COPY data may come from the target now.
    pub(super) fn takes_copy(&self) -> bool {
        self.copy == Copy::Out
    }

    /// The action that answers belong to now.
    pub(super) fn current(&self) -> Option<&T> {
        match self.queue.front() {
            Some(Entry::Query { statements, .. }) => statements.front(),
            Some(Entry::Execute(action)) => action.as_ref(),
            _ => None,
        }
    }

    /// All actions whose outcome is not known; the session is over.
    pub(super) fn outstanding(self) -> impl Iterator<Item = T> {
        self.queue.into_iter().flat_map(|entry| match entry {
            Entry::Query { statements, .. } => statements,
            Entry::Execute(action) => action.into_iter().collect(),
            _ => VecDeque::new(),
        })
    }

    /// The target sent `kind`, one of the answers that are not errors, rows, COPY data, ReadyForQuery or sent
    /// unasked.
    ///
    /// # Errors When no request calls for it, or COPY begins while other requests stand behind it.
    pub(super) fn answer(&mut self, kind: Backend) -> Result<Answer<T>, Error> {
        self.drop_copy_ends();
        match (kind, self.queue.front_mut()) {
            (Backend::ParseComplete, Some(Entry::Parse { .. }))
            | (Backend::BindComplete, Some(Entry::Bind { .. }))
            | (Backend::CloseComplete, Some(Entry::Close(_)))
            | (Backend::RowDescription | Backend::NoData, Some(Entry::Describe | Entry::Look(_))) => {
                if let Some(entry) = self.queue.pop_front() {
                    self.confirm(entry);
                }
                Ok(Answer::NOTHING)
            }
            (Backend::ParameterDescription, Some(Entry::Describe))
            | (Backend::RowDescription | Backend::EmptyQuery, Some(Entry::Query { refusal: None, .. })) => {
                Ok(Answer::NOTHING)
            }
            (Backend::CommandComplete, Some(Entry::Query { statements, refusal: None })) => {
                Ok(Answer::ended(statements.pop_front()))
            }
            (
                Backend::CommandComplete | Backend::EmptyQuery | Backend::PortalSuspended,
                Some(Entry::Execute(action)),
            ) => {
                let ended = action.take();
                self.queue.pop_front();
                Ok(Answer::ended(ended))
            }
            (Backend::CopyOut, Some(Entry::Query { refusal: None, .. } | Entry::Execute(_))) => {
                self.copy = Copy::Out;
                Ok(Answer::NOTHING)
            }
            (Backend::CopyDone, Some(_)) if self.copy == Copy::Out => {
                self.copy = Copy::None;
                Ok(Answer::NOTHING)
            }
            (Backend::CopyIn, Some(Entry::Query { refusal: None, .. } | Entry::Execute(_))) => {
                self.copy_in()?;
                Ok(Answer::NOTHING)
            }
            _ => Err(Error::Answer(kind)),
        }
    }

    /// The target sent an ErrorResponse that does not end the session.
    pub(super) fn failed(&mut self) -> Answer<T> {
        self.copy = Copy::None;
        self.drop_copy_ends();
        match self.queue.front_mut() {
            Some(Entry::Query { statements, refusal }) => Answer {
                ended: statements.pop_front(),
                skipped: statements.drain(..).collect(),
                refusal: refusal.take(),
            },
            // The commit failed, or nothing was asked.
            Some(Entry::Sync) | None => Answer::NOTHING,
            Some(_) => self.skip(),
        }
    }

    /// The target sent ReadyForQuery.
    ///
    /// # Errors
    /// When no request calls for it.
    pub(super) fn ready(&mut self, transaction: Transaction) -> Result<Answer<T>, Error> {
        self.drop_copy_ends();
        let skipped = match self.queue.front_mut() {
            Some(Entry::Query { statements, .. }) => statements.drain(..).collect(),
            Some(Entry::Sync) => Vec::new(),
            _ if self.swallowed > 0 => {
                self.swallowed -= 1;
                self.skipping = false;
                self.settle(transaction);
                return Ok(Answer::NOTHING);
            }
            _ => return Err(Error::Answer(Backend::Ready)),
        };
        self.queue.pop_front();
        self.settle(transaction);
        Ok(Answer { skipped, ..Answer::NOTHING })
    }

    fn settle(&mut self, transaction: Transaction) {
        self.copy = Copy::None;
        self.transaction = transaction;
        if transaction == Transaction::Idle {
            // A portal lives no longer than its transaction.
            self.portals.forget(None);
        }
    }

    fn confirm(&mut self, entry: Entry<T, S, P>) {
        match entry {
            Entry::Parse { name, statement } => self.statements.confirm(&name, Some(statement)),
            Entry::Bind { name, portal } => self.portals.confirm(&name, Some(portal)),
            Entry::Close(Closing::Statement(name)) => self.statements.confirm(&name, None),
            Entry::Close(Closing::Portal(name)) => self.portals.confirm(&name, None),
            _ => {}
        }
    }

    /// The head failed: the target skips to the next Sync, and so does the queue.
    fn skip(&mut self) -> Answer<T> {
        let mut answer = Answer::NOTHING;
        let mut first = true;
        while let Some(entry) = self.queue.pop_front() {
            match entry {
                Entry::Sync => {
                    self.queue.push_front(Entry::Sync);
                    return answer;
                }
                Entry::Refused(refusal) if first => answer.refusal = Some(refusal),
                Entry::Execute(action) if first => answer.ended = action,
                Entry::Execute(action) => answer.skipped.extend(action),
                Entry::Query { statements, .. } => answer.skipped.extend(statements),
                Entry::Parse { name, .. } | Entry::Close(Closing::Statement(name)) => self.statements.reject(&name),
                Entry::Bind { name, .. } | Entry::Close(Closing::Portal(name)) => self.portals.reject(&name),
                Entry::Refused(_) | Entry::Describe | Entry::Look(_) | Entry::CopyEnd => {}
            }
            first = false;
        }
        self.skipping = true;
        answer
    }

    /// The target waits for COPY data: it reads what was sent behind the statement as such, ignoring Flush and Sync.
    fn copy_in(&mut self) -> Result<(), Error> {
        self.copy = Copy::In;
        while self.queue.len() > 1 {
            match self.queue.remove(1) {
                Some(Entry::Sync) => self.swallowed = self.swallowed.saturating_add(1),
                Some(Entry::CopyEnd) => {
                    self.copy = Copy::None;
                    return Ok(());
                }
                _ => return Err(Error::DuringCopy),
            }
        }
        Ok(())
    }

    fn drop_copy_ends(&mut self) {
        while matches!(self.queue.front(), Some(Entry::CopyEnd)) {
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
