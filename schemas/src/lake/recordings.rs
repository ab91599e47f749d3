//! Rows of `recordings`, to and from.

use super::column::{chained, count, text};
use super::rows::{Columns, Row, when};
use super::view::View;
use super::{Error, Located, Table};
use crate::{Chunk, Stream};
use arrow::array::{BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use std::sync::Arc;

/// The chunks of a batch of the table `recordings`, whatever order its columns have.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn recordings(batch: &RecordBatch) -> Result<Vec<Located<Chunk>>, Error> {
    let view = View::new(Table::Recordings, batch);
    let place = view.places()?;
    let session = view.column::<StringArray>("session")?;
    let index = view.column::<Int64Array>("index")?;
    let time = view.column::<TimestampMicrosecondArray>("time")?;
    let stream = view.column::<StringArray>("stream")?;
    let data = view.column::<BinaryArray>("data")?;
    let root = view.column::<StringArray>("root")?;
    let target = view.column::<StringArray>("target")?;
    view.rows(|row| {
        let value = Chunk {
            session: session.need(row)?.to_owned(),
            index: index.count(row)?,
            time: time.time(row)?,
            stream: stream.parsed(row, Stream::parse)?,
            data: data.bytes(row)?,
            root: root.need(row)?.to_owned(),
            target: target.need(row)?.to_owned(),
        };
        Ok(Located { place: place(row)?, value })
    })
}

pub(super) fn columns(rows: &[Row<'_, Chunk>]) -> Columns {
    let mut columns = when(rows, |row| row.value.time).to_vec();
    columns.extend([
        text(rows, |row| &row.value.session),
        count(rows, |row| row.value.index),
        text(rows, |row| row.value.stream.name()),
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.value.data))),
        text(rows, |row| &row.value.root),
        text(rows, |row| &row.value.target),
    ]);
    columns.extend(chained(rows, Row::place));
    Ok(columns)
}
