//! The question that a masked target's catalogue is asked once a session, and its answer. Refuses rows that it did not
//! ask for.

use super::frame::{Error, Fields};
use crate::mask::{Field, Rule};
use std::fmt::Write;

/// The first number of what is no part of PostgreSQL itself (PostgreSQL source, access/transam.h).
pub(super) const FIRST_NORMAL: u32 = 16_384;

/// One row of the answer to [`question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// `column`, `view` or `relation`.
    pub(super) kind: String,
    /// The relation's number.
    pub(super) relation: u32,
    /// A masked column's number.
    pub(super) column: u16,
    /// The rule's place.
    pub(super) rule: usize,
    /// The relation's schema and name.
    pub(super) schema: String,
    pub(super) name: String,
}

/// The question to the catalogue, asked before the client can say anything: where the masked columns are, in
/// partitions, children and parents too, which views show their tables, and which relations there are. The search
/// path is set aside, since a client may have chosen it.
pub(super) fn question(rules: &[Rule]) -> Option<String> {
    let mut values = String::new();
    for (place, rule) in rules.iter().enumerate() {
        let Field::Column { schema, table, column, .. } = &rule.field else { continue };
        let comma = if values.is_empty() { "" } else { ", " };
        // INVARIANT: the names hold no quote and no backslash; `catalogue_name` refuses those.
        let _written = write!(values, "{comma}({place}, '{schema}'::text, '{table}'::text, '{column}'::text)");
    }
    if values.is_empty() {
        return None;
    }
    Some(format!(
        "BEGIN READ ONLY; SET LOCAL search_path = pg_catalog; \
         WITH RECURSIVE rule(id, nsp, rel, att) AS (VALUES {values}), \
         col(oid, num, id, att) AS ( \
           SELECT c.oid, a.attnum, r.id, r.att FROM rule r \
             JOIN pg_namespace n ON n.nspname::text = r.nsp \
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = r.rel \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname::text = r.att AND a.attnum > 0 AND NOT a.attisdropped \
           UNION \
           SELECT a.attrelid, a.attnum, p.id, p.att FROM col p JOIN pg_inherits i ON p.oid IN (i.inhparent, i.inhrelid) \
             JOIN pg_attribute a ON a.attrelid IN (i.inhparent, i.inhrelid) AND a.attname::text = p.att \
               AND a.attnum > 0 AND NOT a.attisdropped), \
         dep(oid) AS ( \
           SELECT w.ev_class FROM col JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = col.oid \
             AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid WHERE w.ev_class <> col.oid \
           UNION \
           SELECT w.ev_class FROM dep JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = dep.oid \
             AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid WHERE w.ev_class <> dep.oid) \
         SELECT 'column', c.oid::text, col.num::text, col.id::text, n.nspname::text, c.relname::text FROM col \
           JOIN pg_class c ON c.oid = col.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
         UNION ALL SELECT 'view', c.oid::text, '0', '0', n.nspname::text, c.relname::text FROM dep \
           JOIN pg_class c ON c.oid = dep.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
         UNION ALL SELECT 'relation', c.oid::text, '0', '0', '', '' FROM pg_class c \
           WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 't') AND c.oid >= {FIRST_NORMAL}; \
         COMMIT"
    ))
}

/// One DataRow of the answer to [`question`].
///
/// # Errors
/// When it is none.
pub(super) fn known(body: &[u8]) -> Result<Known, Error> {
    let malformed = || Error::Malformed { kind: 'D' };
    let mut fields = Fields::new(b'D', body);
    let mut values = Vec::new();
    for _ in 0..fields.u16()? {
        let length = fields.length()?.ok_or_else(malformed)?;
        values.push(std::str::from_utf8(fields.take(length)?).map_err(|_| malformed())?);
    }
    fields.end()?;
    let [kind, relation, column, rule, schema, name] = values.as_slice() else { return Err(malformed()) };
    Ok(Known {
        kind: (*kind).to_owned(),
        relation: relation.parse().map_err(|_| malformed())?,
        column: column.parse().map_err(|_| malformed())?,
        rule: rule.parse().map_err(|_| malformed())?,
        schema: (*schema).to_owned(),
        name: (*name).to_owned(),
    })
}
