//! What a statement comes to, as messages: rows, each encoded when it is asked for, or one row with a setting.

use super::connection::Seat;
use super::fault;
use crate::serve::answer::Answer;
use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use arrow_pg::row_encoder::RowEncoder;
use futures::{StreamExt as _, stream};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, FieldInfo, QueryResponse};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn aborted() -> PgWireError {
    fault::error("25P02", "current transaction is aborted, commands ignored until end of transaction block")
}

/// One row with one setting.
pub(super) fn setting(name: &str, value: &str, format: &Format) -> PgWireResult<QueryResponse> {
    let field = FieldInfo::new(name.to_owned(), None, None, Type::TEXT, format.format_for(0));
    let fields = Arc::new(vec![field]);
    let mut encoder = DataRowEncoder::new(Arc::clone(&fields));
    encoder.encode_field(&Some(value))?;
    let row = encoder.take_row();
    Ok(QueryResponse::new(fields, stream::iter([Ok(row)])))
}

/// The rows of an answer, each encoded when it is asked for.
/// Of what is missing among them, the seat is told to warn.
pub(super) fn rows(answer: Answer, format: &Format, seat: &Arc<Seat>) -> PgWireResult<QueryResponse> {
    let fields = Arc::new(arrow_schema_to_pg_fields(&answer.schema(), format, None)?);
    let sent = answer.sent();
    let state = (answer, None::<RowEncoder>, Arc::clone(&fields));
    // Weakly: a cursor of the seat has rows too.
    let seat = Arc::downgrade(seat);
    let rows = stream::unfold(state, move |(mut answer, mut encoder, fields)| {
        let (sent, seat) = (Arc::clone(&sent), seat.clone());
        async move {
            loop {
                if let Some(row) = encoder.as_mut().and_then(RowEncoder::next_row) {
                    let row: PgWireResult<DataRow> = row;
                    if let Ok(row) = &row {
                        sent.fetch_add(row.data.len() as u64, Ordering::Relaxed);
                    }
                    return Some((row, (answer, encoder, fields)));
                }
                let next = answer.next().await;
                if let Some(seat) = seat.upgrade() {
                    seat.warn(answer.warnings());
                }
                match next? {
                    Ok(batch) => encoder = Some(RowEncoder::new(batch, Arc::clone(&fields))),
                    Err(refusal) => return Some((Err(refusal.into()), (answer, None, fields))),
                }
            }
        }
    });
    // Whoever fetches from a cursor may ask again after the last row.
    Ok(QueryResponse::new(fields, rows.fuse()))
}
