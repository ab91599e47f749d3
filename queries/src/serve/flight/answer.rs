//! What the service answers besides rows: where rows are to be had, what it is, that it only reads.

use crate::serve::refusal::{Kind, Refusal};
use arrow::datatypes::Schema;
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{ProstMessageExt, SqlInfo};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket as FlightTicket};
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::{Response, Status};

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
