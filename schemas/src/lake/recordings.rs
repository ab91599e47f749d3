//! Rows of `recordings`, to and from.

use super::column::{chained, count, repeated};
use super::rows::{Columns, Row, when};
use super::view::{Column, View};
use super::words::Words;
use super::{Error, Located, Table};
use crate::{Chunk, Stream};
use arrow::array::{BinaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use std::sync::Arc;

/// The chunks of a batch of the table `recordings`, whatever order its columns have.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn recordings(batch: &RecordBatch) -> Result<Vec<Located<Chunk>>, Error> {
    let view = View::new(Table::Recordings, batch);
    let (place, reader) = (view.places()?, Reader::new(view)?);
    view.rows(|row| Ok(Located { place: place(row)?, value: reader.chunk(row)? }))
}

/// Reads the rows of a batch.
pub(super) struct Reader {
    session: Column<Words>,
    index: Column<Int64Array>,
    time: Column<TimestampMicrosecondArray>,
    stream: Column<Words>,
    data: Column<BinaryArray>,
    root: Column<Words>,
    target: Column<Words>,
}

impl Reader {
    pub(super) fn new(view: View<'_>) -> Result<Self, Error> {
        Ok(Self {
            session: view.column("session")?,
            index: view.column("index")?,
            time: view.column("time")?,
            stream: view.column("stream")?,
            data: view.column("data")?,
            root: view.column("root")?,
            target: view.column("target")?,
        })
    }

    pub(super) fn chunk(&self, row: usize) -> Result<Chunk, Error> {
        Ok(Chunk {
            session: self.session.need(row)?.to_owned(),
            index: self.index.count(row)?,
            time: self.time.time(row)?,
            stream: self.stream.parsed(row, Stream::parse)?,
            data: self.data.bytes(row)?,
            root: self.root.need(row)?.to_owned(),
            target: self.target.need(row)?.to_owned(),
        })
    }
}

pub(super) fn columns(rows: &[Row<'_, Chunk>]) -> Columns {
    let mut columns = when(rows, |row| row.value.time).to_vec();
    columns.extend([
        repeated(rows, |row| &row.value.session),
        count(rows, |row| row.value.index),
        repeated(rows, |row| row.value.stream.name()),
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.value.data))),
        repeated(rows, |row| &row.value.root),
        repeated(rows, |row| &row.value.target),
    ]);
    columns.extend(chained(rows, Row::place));
    Ok(columns)
}
