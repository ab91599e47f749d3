//! What the service answers: rows as they come, where rows are to be had, what it is, that it only reads.

use crate::serve::answer::{Answer, Stop};
use crate::serve::refusal::{Kind, Refusal};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{ProstMessageExt, SqlInfo};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket as FlightTicket};
use futures::{Stream, stream};
use prost::Message as _;
use prost::bytes::Bytes;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tonic::{Response, Status};

/// The rows of an answer, made by a task of their own. A client that takes nothing is not asked again by the protocol below,
/// which knows of no time; so it is here that the answer ends then, and is recorded.
pub(super) fn handed(
    mut answer: Answer,
    stop: Stop,
) -> impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static {
    let (hand, taken) = mpsc::channel(1);
    let (time, deadline) = (stop.time, stop.deadline());
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                // The client went away.
                () = hand.closed() => break,
                next = answer.next() => next,
            };
            if let Some(Ok(batch)) = &next {
                answer.sent().fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
            }
            let is_last = next.is_none();
            if timeout_at(deadline, hand.send(next)).await.is_err() {
                // It is late now, which is what this records.
                answer.next().await;
                break;
            }
            if is_last {
                break;
            }
        }
    });
    stream::unfold(Some(taken), move |taken| async move {
        let mut taken = taken?;
        match taken.recv().await {
            Some(Some(Ok(batch))) => Some((Ok(batch), Some(taken))),
            Some(Some(Err(refusal))) => Some((Err(refused(refusal)), None)),
            Some(None) => None,
            // Without its end, what came of the answer must not look like all of it.
            None => Some((Err(refused(Refusal::late(time))), None)),
        }
    })
}

fn refused(refusal: Refusal) -> FlightError {
    FlightError::Tonic(Box::new(refusal.into()))
}

pub(super) fn info(
    columns: &Schema,
    ticket: Bytes,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(FlightTicket::new(ticket));
    let info = FlightInfo::new().try_with_schema(columns).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
}

pub(super) fn command(message: &impl ProstMessageExt) -> Bytes {
    message.as_any().encode_to_vec().into()
}

pub(super) fn ipc(schema: &Schema) -> Result<Bytes, Status> {
    let message: IpcMessage = SchemaAsIpc::new(schema, &Default::default())
        .try_into()
        .map_err(|_| Status::internal("a schema cannot be sent"))?;
    Ok(message.0)
}

pub(super) fn read_only() -> Status {
    Refusal::new(Kind::ReadOnly, "updates are refused: the lake is read-only here").into()
}

/// What the server says of itself.
pub(super) fn about() -> Result<SqlInfoData, FlightError> {
    let mut builder = SqlInfoDataBuilder::new();
    builder.append(SqlInfo::FlightSqlServerName, "interdict");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    builder.append(SqlInfo::FlightSqlServerReadOnly, true);
    builder.build()
}
