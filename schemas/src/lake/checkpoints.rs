//! Rows of `checkpoints`, to and from.

use super::column::{count, provenance, text};
use super::rows::{Columns, Row, when};
use super::view::View;
use super::words::Words;
use super::{Error, Located, Table};
use crate::{Checkpoint, Digest, Topic};
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use std::sync::Arc;

/// The checkpoints of a batch of the table `checkpoints`, whatever order its columns have. Whether their signatures
/// hold is not looked at.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn checkpoints(batch: &RecordBatch) -> Result<Vec<Located<Checkpoint>>, Error> {
    let view = View::new(Table::Checkpoints, batch);
    let place = view.places()?;
    let binary = |name| view.column::<BinaryArray>(name);
    let time = view.column::<TimestampMicrosecondArray>("time")?;
    let (proxy, log) = (view.column::<Words>("signer")?, view.column::<Words>("log")?);
    let chain = view.column::<Words>("chain")?;
    let last = view.column::<Int64Array>("last")?;
    let (head, key, successor, signature) =
        (binary("head")?, binary("key")?, binary("successor")?, binary("signature")?);
    view.rows(|row| {
        let value = Checkpoint {
            proxy: proxy.need(row)?.to_owned(),
            spool: log.need(row)?.to_owned(),
            chain: chain.parsed(row, Topic::parse)?,
            sequence: last.count(row)?,
            head: Digest(head.fixed(row)?),
            time: time.time(row)?,
            key: key.fixed(row)?,
            successor: successor.maybe_fixed(row)?,
            signature: signature.fixed(row)?,
        };
        Ok(Located { place: place(row)?, value })
    })
}

pub(super) fn columns(rows: &[Row<'_, Checkpoint>]) -> Columns {
    fn bytes<'a>(values: impl Iterator<Item = &'a [u8]>) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values(values))
    }
    let mut columns = when(rows, |row| row.value.time).to_vec();
    let successors = rows.iter().map(|row| row.value.successor.as_ref().map(<[u8; 32]>::as_slice));
    columns.extend([
        text(rows, |row| &row.value.proxy),
        text(rows, |row| &row.value.spool),
        text(rows, |row| row.value.chain.name()),
        count(rows, |row| row.value.sequence),
        bytes(rows.iter().map(|row| row.value.head.0.as_slice())),
        bytes(rows.iter().map(|row| row.value.key.as_slice())),
        Arc::new(BinaryArray::from_iter(successors)) as ArrayRef,
        bytes(rows.iter().map(|row| row.value.signature.as_slice())),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}
