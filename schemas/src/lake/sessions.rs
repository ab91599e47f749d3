//! Rows of `sessions`: one for each fact of a session's life. They repeat what `events` has, so nothing reads them
//! back into events.

use super::column::{filled, maybe_count, maybe_repeated, maybe_time, provenance, repeated};
use super::rows::{Columns, Row};
use super::who;
use crate::EventRef;
use crate::borrowed::KindRef;

pub(super) fn columns<'a>(rows: &'a [Row<'a, EventRef<'a>>]) -> Columns {
    let rows: Vec<Row<'a, EventRef<'a>>> = rows
        .iter()
        .filter(|row| state(&row.value.kind).is_some())
        .map(|row| Row { place: row.place, value: row.value })
        .collect();
    let rows = rows.as_slice();
    let mut columns = who::columns(rows);
    columns.extend([
        repeated(rows, |row| state(&row.value.kind).unwrap_or_default()),
        maybe_time(rows, |row| match &row.value.kind {
            KindRef::Opened => Some(row.value.time),
            KindRef::Closed(_, totals) => Some(totals.opened),
            _ => None,
        }),
        maybe_time(rows, |row| row.value.kind.totals().map(|_| row.value.time)),
        maybe_repeated(rows, |row| row.value.kind.end().and_then(|end| filled(end.reason))),
        maybe_repeated(rows, |row| row.value.kind.end().and_then(|end| filled(end.detail))),
        maybe_repeated(rows, |row| row.value.kind.end().and_then(|end| end.verdict)),
        maybe_count(rows, |row| row.value.kind.totals().map(|totals| totals.actions)),
        maybe_count(rows, |row| row.value.kind.totals().map(|totals| totals.denied)),
        maybe_count(rows, |row| row.value.kind.totals().map(|totals| totals.bytes_in)),
        maybe_count(rows, |row| row.value.kind.totals().map(|totals| totals.bytes_out)),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}

/// `None` for what is no fact of a session's life.
const fn state(kind: &KindRef<'_>) -> Option<&'static str> {
    match kind {
        KindRef::Opened => Some("open"),
        KindRef::Refused(_) => Some("refused"),
        KindRef::Closed(..) => Some("closed"),
        KindRef::Acted { .. } | KindRef::Resulted { .. } => None,
    }
}
