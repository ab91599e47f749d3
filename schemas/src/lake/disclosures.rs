//! Rows of `disclosures`: what `events` holds as lists, one row each, so that SQL joins them plainly.

use super::column::{maybe_repeated, provenance, repeated};
use super::located::PlaceRef;
use super::rows::{Columns, Row, when};
use crate::EventRef;
use crate::borrowed::DisclosureRef;

struct Learnt<'a> {
    place: &'a PlaceRef<'a>,
    event: &'a EventRef<'a>,
    what: &'a DisclosureRef<'a>,
}

pub(super) fn columns<'a>(rows: &'a [Row<'a, EventRef<'a>>]) -> Columns {
    let rows: Vec<Learnt<'_>> = rows
        .iter()
        .flat_map(|row| row.value.disclosures.iter().map(|what| Learnt { place: row.place, event: row.value, what }))
        .collect();
    let rows = rows.as_slice();
    let mut columns = when(rows, |row| row.event.time).to_vec();
    columns.extend([
        repeated(rows, |row| row.event.id),
        repeated(rows, |row| row.event.session),
        repeated(rows, |row| row.event.identity.root().id),
        repeated(rows, |row| row.event.identity.actor().id),
        maybe_repeated(rows, |row| row.event.source.target),
        repeated(rows, |row| row.event.target.name),
        repeated(rows, |row| row.event.target.protocol.name()),
        repeated(rows, |row| row.what.kind.name()),
        repeated(rows, |row| row.what.value),
        maybe_repeated(rows, |row| row.what.target),
    ]);
    columns.extend(provenance(rows, |row| row.place));
    Ok(columns)
}
