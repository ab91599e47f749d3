//! Rows of `verdicts`, to and from. Judged marks have none.

use super::column::{filled, maybe_text, provenance, text, texts, time, truth};
use super::rows::{Columns, Row, when};
use super::view::View;
use super::words::Words;
use super::{Error, Located, Table};
use crate::{Mode, Scope, Stop, Verdict};
use arrow::array::{BooleanArray, ListArray, RecordBatch, TimestampMicrosecondArray};

/// The verdicts of a batch of the table `verdicts`, whatever order its columns have. A verdict has a row for each of
/// its records; the one with the highest bus offset counts.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn verdicts(batch: &RecordBatch) -> Result<Vec<Located<Verdict>>, Error> {
    let view = View::new(Table::Verdicts, batch);
    let place = view.places()?;
    let text = |name| view.column::<Words>(name);
    let time = |name| view.column::<TimestampMicrosecondArray>(name);
    let (given, id, until) = (time("time")?, text("id")?, time("until")?);
    let (root, actor, session) = (text("scope_root")?, text("scope_actor")?, text("scope_session")?);
    let (source, target) = (text("scope_source")?, text("scope_target")?);
    let (effect, mode, reason) = (text("effect")?, text("mode")?, text("reason")?);
    let (evidence, alert) = (view.column::<ListArray>("evidence")?, text("alert")?);
    let (author, revoked) = (text("author")?, view.column::<BooleanArray>("revoked")?);
    view.rows(|row| {
        let value = Verdict {
            id: id.need(row)?.to_owned(),
            time: given.time(row)?,
            scope: Scope {
                root: root.maybe(row),
                actor: actor.maybe(row),
                session: session.maybe(row),
                source: source.maybe(row),
                target: target.maybe(row),
            },
            effect: effect.parsed(row, Stop::parse)?,
            mode: mode.parsed(row, Mode::parse)?,
            until: until.time(row)?,
            reason: reason.need(row)?.to_owned(),
            evidence: evidence.texts(row)?,
            alert: alert.maybe(row),
            by: author.need(row)?.to_owned(),
            revoked: revoked.truth(row)?,
        };
        Ok(Located { place: place(row)?, value })
    })
}

pub(super) fn columns(rows: &[Row<'_, Verdict>]) -> Columns {
    let scope = |of: fn(&Scope) -> &Option<String>| {
        maybe_text(rows, move |row| of(&row.value.scope).as_deref().and_then(filled))
    };
    let mut columns = when(rows, |row| row.value.time).to_vec();
    columns.extend([
        text(rows, |row| &row.value.id),
        scope(|scope| &scope.root),
        scope(|scope| &scope.actor),
        scope(|scope| &scope.session),
        scope(|scope| &scope.source),
        scope(|scope| &scope.target),
        text(rows, |row| row.value.effect.name()),
        text(rows, |row| row.value.mode.name()),
        time(rows, |row| row.value.until),
        text(rows, |row| &row.value.reason),
        texts(rows, |row| Some(row.value.evidence.iter().map(String::as_str))),
        maybe_text(rows, |row| row.value.alert.as_deref()),
        text(rows, |row| &row.value.by),
        truth(rows, |row| row.value.revoked),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}
