//! Rows of `resolutions`, to and from.

use super::column::{filled, maybe_text, provenance, text};
use super::rows::{Columns, Row, when};
use super::view::View;
use super::words::Words;
use super::{Error, Located, Table};
use crate::{Finding, Resolution};
use arrow::array::{RecordBatch, TimestampMicrosecondArray};

/// The resolutions of a batch of the table `resolutions`, whatever order its columns have. Of those of one alert the
/// one with the highest bus offset counts.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn resolutions(batch: &RecordBatch) -> Result<Vec<Located<Resolution>>, Error> {
    let view = View::new(Table::Resolutions, batch);
    let place = view.places()?;
    let text = |name| view.column::<Words>(name);
    let time = view.column::<TimestampMicrosecondArray>("time")?;
    let (alert, root, finding) = (text("alert")?, text("root")?, text("finding")?);
    let (author, note) = (text("author")?, text("note")?);
    view.rows(|row| {
        let value = Resolution {
            alert: alert.need(row)?.to_owned(),
            time: time.time(row)?,
            root: root.need(row)?.to_owned(),
            finding: finding.parsed(row, Finding::parse)?,
            by: author.need(row)?.to_owned(),
            note: note.owned(row),
        };
        Ok(Located { place: place(row)?, value })
    })
}

pub(super) fn columns(rows: &[Row<'_, Resolution>]) -> Columns {
    let mut columns = when(rows, |row| row.value.time).to_vec();
    columns.extend([
        text(rows, |row| &row.value.alert),
        text(rows, |row| &row.value.root),
        text(rows, |row| row.value.finding.name()),
        text(rows, |row| &row.value.by),
        maybe_text(rows, |row| filled(&row.value.note)),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}
