//! Rows of `sessions`: one for each fact of a session's life. They repeat what `events` has, so nothing reads them
//! back into events.

use super::column::{filled, maybe_count, maybe_text, maybe_time, provenance, text};
use super::rows::{Columns, Row};
use super::who;
use crate::{Closed, Event, Kind, Refused};

pub(super) fn columns(rows: &[Row<'_, Event>]) -> Columns {
    let rows: Vec<Row<'_, Event>> = rows
        .iter()
        .filter(|row| state(&row.value.kind).is_some())
        .map(|row| Row { place: row.place, value: row.value })
        .collect();
    let rows = rows.as_slice();
    let mut columns = who::columns(rows);
    columns.extend([
        text(rows, |row| state(&row.value.kind).unwrap_or_default()),
        maybe_time(rows, |row| match &row.value.kind {
            Kind::Opened => Some(row.value.time),
            Kind::Closed(closed) => Some(closed.opened),
            _ => None,
        }),
        maybe_time(rows, |row| closed(row).map(|_| row.value.time)),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { reason, .. }) | Kind::Closed(Closed { reason, .. }) => filled(reason),
            _ => None,
        }),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { detail, .. }) | Kind::Closed(Closed { detail, .. }) => filled(detail),
            _ => None,
        }),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { verdict, .. }) | Kind::Closed(Closed { verdict, .. }) => verdict.as_deref(),
            _ => None,
        }),
        maybe_count(rows, |row| closed(row).map(|closed| closed.actions)),
        maybe_count(rows, |row| closed(row).map(|closed| closed.denied)),
        maybe_count(rows, |row| closed(row).map(|closed| closed.bytes_in)),
        maybe_count(rows, |row| closed(row).map(|closed| closed.bytes_out)),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}

/// `None` for what is no fact of a session's life.
const fn state(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Opened => Some("open"),
        Kind::Refused(_) => Some("refused"),
        Kind::Closed(_) => Some("closed"),
        Kind::Acted { .. } | Kind::Resulted { .. } => None,
    }
}

fn closed<'a>(row: &Row<'a, Event>) -> Option<&'a Closed> {
    if let Kind::Closed(closed) = &row.value.kind { Some(closed) } else { None }
}
