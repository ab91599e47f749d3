//! SQL -> actions, by PostgreSQL's own grammar. Owns what of a statement is recorded: its kind, what it touches, its
//! text without secrets. Refuses what cannot be parsed, and what the target might read differently than it is read
//! here. Literals say nothing of what a statement touches, so statements that differ in literals alone are parsed once.

use super::literal;
use super::tree::{self, Effect, Flow, Reads, Shape};
use interdict_schemas::{Action, Class, Verb};
use pg_query::protobuf::summary_result::Context;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a statement's text that are recorded; of a longer one, its beginning and its digest.
pub(super) const MAX_TEXT: usize = 64 * 1024;
/// Longer texts are parsed each time.
const MAX_KEPT_TEXT: usize = 8 * 1024;
/// Parsed texts kept; half of them may be forgotten at any time.
const MAX_KEPT: usize = 8 * 1024;

/// One statement, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// As it is recorded.
    pub(super) text: String,
    /// What it does.
    pub(super) verb: Verb,
    /// What it touches.
    pub(super) objects: Vec<String>,
    /// What it does to the session.
    pub(super) effect: Effect,
    /// Whose its result is.
    pub(super) flow: Flow,
    /// What it reads of the columns.
    pub(super) reads: Arc<Reads>,
}

impl Statement {
    /// The action of running it.
    pub(super) fn action(&self, id: String, digest: Option<String>, database: Option<&str>) -> Action {
        Action {
            id,
            class: Class::Statement,
            verb: self.verb,
            text: self.text.clone(),
            objects: self.objects.clone(),
            parameters_digest: digest,
            database: database.map(str::to_owned),
        }
    }
}

/// A text that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opaque {
    /// Why, for the client and the record.
    pub(super) reason: String,
    /// What of it may be recorded.
    pub(super) text: String,
}

impl Opaque {
    /// A text that is not understood because of `reason`.
    pub(super) fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), text: bounded(&literal::redact_unparsed(bare(text))) }
    }

    /// The action of running it, which is denied.
    pub(super) fn action(&self, id: String, database: Option<&str>) -> Action {
        Action {
            id,
            class: Class::Statement,
            verb: Verb::Other,
            text: self.text.clone(),
            objects: Vec::new(),
            parameters_digest: None,
            database: database.map(str::to_owned),
        }
    }
}

/// Where a statement stands in its text, and what it is.
#[derive(Debug)]
struct Part {
    start: usize,
    end: usize,
    shape: Shape,
}

/// Parses, and remembers what it parsed.
#[derive(Debug, Default)]
pub(super) struct Analyst {
    kept: Mutex<Kept>,
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Box<str>, Arc<[Part]>>,
    old: HashMap<Box<str>, Arc<[Part]>>,
}

impl Analyst {
    /// The statements of a text, in order; none if it holds only white space and comments.
    ///
    /// # Errors
    /// When it is not understood.
    pub(super) fn statements(&self, text: &str) -> Result<Vec<Statement>, Opaque> {
        let key = literal::generalise(text);
        let exact = key == text;
        if let Some(parts) = self.recall(&key) {
            return Ok(statements(text, &parts, exact));
        }
        let parts: Arc<[Part]> = parse(text).map_err(|reason| Opaque::new(text, reason))?.into();
        let statements = statements(text, &parts, true);
        // The places of several statements move with the literals, and some literals are objects.
        let general = parts.len() == 1 && parts.iter().all(|part| !part.shape.literal);
        if text.len() <= MAX_KEPT_TEXT && (exact || general) {
            self.keep(&key, parts);
        }
        Ok(statements)
    }

    fn recall(&self, key: &str) -> Option<Arc<[Part]>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parts) = kept.young.get(key) {
            return Some(Arc::clone(parts));
        }
        let (key, parts) = kept.old.remove_entry(key)?;
        kept.insert(key, Arc::clone(&parts));
        Some(parts)
    }

    fn keep(&self, key: &str, parts: Arc<[Part]>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), parts);
    }
}

impl Kept {
    fn insert(&mut self, key: Box<str>, parts: Arc<[Part]>) {
        if self.young.len() >= MAX_KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, parts);
    }
}

/// The digest that stands for bound parameters: of their formats and values as they came.
pub(super) fn digest(parameters: &[u8]) -> Option<String> {
    use std::fmt::Write;
    if parameters.is_empty() {
        return None;
    }
    Some(Sha256::digest(parameters).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _written = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Without white space around it and semicolons behind it.
fn bare(text: &str) -> &str {
    text.trim().trim_end_matches(';').trim_end()
}

fn statements(text: &str, parts: &[Part], placed: bool) -> Vec<Statement> {
    let statement = |part: &Part| {
        let own = if placed { text.get(part.start..part.end).unwrap_or(text) } else { text };
        let own = bare(own);
        let secret = part.shape.secret || literal::mentions_password(own);
        Statement {
            text: if secret { bounded(&literal::redact(own)) } else { bounded(own) },
            verb: part.shape.verb,
            objects: part.shape.objects.clone(),
            effect: part.shape.effect.clone(),
            flow: part.shape.flow,
            reads: Arc::clone(&part.shape.reads),
        }
    };
    parts.iter().map(statement).collect()
}

fn parse(text: &str) -> Result<Vec<Part>, String> {
    let parsed = match pg_query::parse(text, 0) {
        Ok(parsed) => parsed.protobuf,
        Err(pg_query::Error::Decode(_)) => return summarise(text),
        Err(pg_query::Error::Parse(words)) => return Err(format!("the statement cannot be parsed: {words}")),
        Err(error) => return Err(format!("the statement cannot be parsed: {error}")),
    };
    let mut parts = Vec::with_capacity(parsed.stmts.len());
    for raw in &parsed.stmts {
        let node = raw.stmt.as_ref().and_then(|node| node.node.as_ref());
        let tree = node.and_then(|node| serde_json::to_value(node).ok());
        let shape = tree.as_ref().and_then(tree::read).ok_or_else(|| {
            format!("the statement is not understood, or touches more than {} objects", tree::MAX_OBJECTS)
        })?;
        let start = usize::try_from(raw.stmt_location).unwrap_or_default();
        let length = usize::try_from(raw.stmt_len).unwrap_or_default();
        let end = if length == 0 { text.len() } else { start + length };
        parts.push(Part { start, end, shape });
    }
    Ok(parts)
}

/// A tree too deep to be handed over is summarised by the grammar's own walk, for the statements it walks wholly.
fn summarise(text: &str) -> Result<Vec<Part>, String> {
    const DEEP: &str = "the statement is nested too deeply to be understood; split it";
    let summary = pg_query::summary(text, 0, -1).map_err(|_| DEEP)?;
    let verb = match summary.statement_types.as_slice() {
        [kind] => match kind.as_str() {
            "SelectStmt" if summary.tables.iter().all(|table| table.context == Context::Select) => Verb::Read,
            "SelectStmt" | "UpdateStmt" => Verb::Update,
            "InsertStmt" => Verb::Create,
            "DeleteStmt" => Verb::Delete,
            _ => return Err(DEEP.into()),
        },
        _ => return Err(DEEP.into()),
    };
    let unqualified = |name: &str| name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned();
    let mut objects: Vec<String> = summary.tables.iter().map(|table| unqualified(&table.name)).collect();
    objects.extend(summary.functions.iter().map(|function| format!("{}()", unqualified(&function.name))));
    objects.sort();
    objects.dedup();
    if objects.len() > tree::MAX_OBJECTS {
        return Err(DEEP.into());
    }
    // What a tree that nobody walked reads is not known.
    let reads = Arc::new(Reads { unnamed: true, ..Reads::default() });
    let shape = Shape { verb, objects, effect: Effect::None, secret: false, literal: false, flow: Flow::Own, reads };
    Ok(vec![Part { start: 0, end: text.len(), shape }])
}

/// What is recorded of a text.
pub(super) fn bounded(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    let digest = digest(text.as_bytes()).unwrap_or_default();
    format!("{} … ({} bytes, SHA-256 {digest})", text.get(..end).unwrap_or_default(), text.len())
}

#[cfg(test)]
#[path = "action_tests.rs"]
mod tests;
