//! The lake for the tools people have: PostgreSQL's wire protocol and Arrow Flight SQL over one desk of questions.
//! Refuses everything that would change anything, everything the door does not grant, and everything outside TLS.
//!
//! A question is decided and recorded before it is planned against the lake; what came of it is recorded when its last
//! row has been taken, or when it failed, was cancelled, was cut, or its client went away. So who looked at the history
//! is history too. Rows that are not granted are filtered inside the plan, below whatever the statement does.
//!
//! Bounds: one question has a pool of memory, a time and a number of rows of its own; so many run at once. Rows are
//! handed on as the client takes them, and what a client does not take within the question's time is dropped.

mod answer;
mod catalogue;
pub mod config;
mod cursor;
mod desk;
mod door;
mod flight;
mod functions;
mod information;
mod phrase;
mod places;
mod postgres;
mod refusal;
mod rows;
mod statement;

pub use config::{Config, Limits, Raw};
pub use desk::Desk;
pub use door::{Caller, Door, Grant, Question, Rows, Visit};
pub use flight::serve as serve_flight;
pub use postgres::{Counter, serve as serve_postgres};
pub use refusal::{Kind, Refusal};
