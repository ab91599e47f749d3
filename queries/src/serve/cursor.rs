//! Statements about cursors, understood. Pure. Refuses to guess: what is not forward, or outlives its transaction, is not
//! served.

use super::refusal::{Kind, Refusal};
use super::statement::{Purpose, Statement};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    CloseCursor, Declare, FetchDirection, Ident, Statement as Sql, Value, ValueWithSpan,
};
use interdict_schemas::Verb;

/// What is done with a cursor.
#[derive(Debug, Clone)]
pub(super) enum Cursor {
    /// Its name, and the question whose rows it has.
    Declare(String, Box<Statement>),
    /// Its name, and how many rows; all that are left if there is no number.
    Fetch(String, Option<u64>),
    /// Its name; all if there is none.
    Close(Option<String>),
}

/// The cursor that a statement is about; nothing if it is about none. `statement` says what is recorded of it, and which
/// tables it names.
pub(super) fn of(sql: &Sql, statement: &Statement) -> Option<Purpose> {
    let refused = |words: &str| {
        Some(Purpose::Refused(Verb::Other, Refusal::new(Kind::Unsupported, format!("{words} is not served here"))))
    };
    let done = |cursor| Some(Purpose::Cursor(cursor));
    match sql {
        Sql::Declare { stmts } => {
            let [Declare { names, for_query: Some(query), scroll, hold, binary, .. }] = stmts.as_slice() else {
                return None;
            };
            let [name] = names.as_slice() else { return None };
            match (scroll, hold, binary) {
                (Some(true), ..) => return refused("DECLARE .. SCROLL"),
                (_, Some(true), _) => return refused("DECLARE .. WITH HOLD"),
                (.., Some(true)) => return refused("DECLARE .. BINARY"),
                _ => {}
            }
            let read = Parsed::Statement(Box::new(Sql::Query(query.clone())));
            let question = Statement { purpose: Purpose::Read(Box::new(read)), ..statement.clone() };
            done(Cursor::Declare(named(name), Box::new(question)))
        }
        Sql::Fetch { name, direction, into: None, .. } => {
            let most = match direction {
                FetchDirection::Next | FetchDirection::Forward { limit: None } => Some(1),
                FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => {
                    let Some(most) = count(limit) else { return refused("a FETCH that goes back") };
                    Some(most)
                }
                FetchDirection::All | FetchDirection::ForwardAll => None,
                _ => return refused("a FETCH that does not go forward"),
            };
            done(Cursor::Fetch(named(name), most))
        }
        Sql::Close { cursor: CloseCursor::All } => done(Cursor::Close(None)),
        Sql::Close { cursor: CloseCursor::Specific { name } } => done(Cursor::Close(Some(named(name)))),
        _ => None,
    }
}

/// A name is folded as PostgreSQL folds it, unless it is quoted.
fn named(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

fn count(limit: &ValueWithSpan) -> Option<u64> {
    match &limit.value {
        Value::Number(digits, _) => digits.to_string().parse().ok(),
        _ => None,
    }
}
