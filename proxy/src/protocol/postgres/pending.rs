//! What is out between request and answer: one forwarded request, and what an answer means to its actions. Owns no
//! order; the machine in [`super::state`] does.

use super::reply::Refusal;
use std::collections::VecDeque;

/// One forwarded request whose answer is out. `T` is what the caller keeps of an action, `S` of a statement, `P` of a
/// portal.
#[derive(Debug)]
pub(super) enum Entry<T, S, P> {
    /// Answered per statement, then by ReadyForQuery.
    Query {
        statements: VecDeque<T>,
        refusal: Option<Box<Refusal>>,
    },
    Parse {
        name: Box<[u8]>,
        statement: S,
    },
    Bind {
        name: Box<[u8]>,
        portal: P,
    },
    Close(Closing),
    Describe,
    /// The gateway's own Describe of the portal that the next entry executes, and whether that is watched.
    Look(bool),
    Execute(Option<T>),
    /// Stands for a Parse, Bind or Execute that was refused.
    Refused(Box<Refusal>),
    Sync,
    /// CopyDone or CopyFail sent before the target asked for data; answered by nothing.
    CopyEnd,
}

/// What a Close is about.
#[derive(Debug)]
pub(super) enum Closing {
    Statement(Box<[u8]>),
    Portal(Box<[u8]>),
}

/// What an answer means to the actions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<T> {
    /// The action that it ends.
    pub(super) ended: Option<T>,
    /// Actions that will not run because of it.
    pub(super) skipped: Vec<T>,
    /// What the client is told instead.
    pub(super) refusal: Option<Box<Refusal>>,
}

impl<T> Answer<T> {
    /// It means nothing to them.
    pub(super) const NOTHING: Self = Self { ended: None, skipped: Vec::new(), refusal: None };

    /// It ends this action.
    pub(super) fn ended(ended: Option<T>) -> Self {
        Self { ended, ..Self::NOTHING }
    }
}
