//! The calls of Flight SQL. Each finds out who calls, then puts a question to the desk or looks the catalogue up.

use super::answer::{about, command, handed, info, ipc, read_only};
use super::ticket::{self, Ticket};
use super::visits::Visits;
use super::wire::Peer;
use crate::serve::answer::Stop;
use crate::serve::catalogue::{DATABASE, PUBLIC};
use crate::serve::desk::Desk;
use crate::serve::door::Visit;
use crate::serve::refusal::{Kind, Refusal};
use crate::serve::statement::{Purpose, Statement};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementQuery, CommandStatementUpdate,
    DoPutPreparedStatementResult, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket as FlightTicket,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::datasource::TableType;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use prost::bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// The longest header with a token.
const MAX_HEADER: usize = 64 << 10;

type Data = Response<<Service as FlightService>::DoGetStream>;
type Handshake = Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;

/// Serves all callers.
pub(super) struct Service {
    desk: Arc<Desk>,
    visits: Arc<Visits>,
    shutdown: CancellationToken,
}

/// What an `authorization` header says: the user it names, if any, and the token.
fn credentials<T>(request: &Request<T>) -> Result<(String, String), Refusal> {
    let missing = || {
        Refusal::new(Kind::Unauthenticated, "a token is missing: send `authorization: Bearer TOKEN`, or a handshake")
    };
    let header = request.metadata().get("authorization").and_then(|header| header.to_str().ok());
    let (scheme, rest) = header
        .filter(|header| header.len() <= MAX_HEADER)
        .and_then(|header| header.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok((String::new(), rest.trim().to_owned()));
    }
    let pair = STANDARD.decode(rest.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
    let pair = pair.filter(|_| scheme.eq_ignore_ascii_case("basic")).ok_or_else(missing)?;
    pair.split_once(':').map(|(user, token)| (user.to_owned(), token.to_owned())).ok_or_else(missing)
}

impl Service {
    pub(super) fn new(desk: Arc<Desk>, visits: Arc<Visits>, shutdown: CancellationToken) -> Self {
        Self { desk, visits, shutdown }
    }

    async fn visit<T>(&self, request: &Request<T>) -> Result<Arc<dyn Visit>, Refusal> {
        let (user, token) = credentials(request)?;
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let peer = peer.ok_or_else(|| Refusal::new(Kind::Internal, "the caller's address is not known"))?;
        self.visits.visit(&token, &user, peer).await
    }

    /// The one statement of a text.
    fn statement(&self, text: &str) -> Result<Statement, Refusal> {
        let mut statements = self.desk.statements(text)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => Ok(statement),
            _ => Err(Refusal::new(Kind::Syntax, "one statement is taken at a time")),
        }
    }

    /// The columns of a statement, and its parameters'. What is not served is refused, and recorded, here.
    async fn columns(&self, visit: &Arc<dyn Visit>, text: &str) -> Result<(SchemaRef, SchemaRef), Refusal> {
        let statement = self.statement(text)?;
        let Purpose::Read(parsed) = &statement.purpose else {
            return match self.desk.ask(visit, &statement, None, self.stop(), None).await {
                Err(refusal) => Err(refusal),
                Ok(_) => Err(Refusal::new(Kind::Unsupported, "this statement has no rows")),
            };
        };
        let plan = self.desk.plan(parsed).await?;
        let wrong = |error| Refusal::from(crate::Error::planning(error));
        let mut parameters: Vec<_> = plan.get_parameter_types().map_err(wrong)?.into_iter().collect();
        parameters.sort_by_key(|(name, _)| name.trim_start_matches('$').parse::<usize>().unwrap_or(usize::MAX));
        let parameters = parameters.into_iter();
        let fields = parameters.map(|(name, kind)| Field::new(name, kind.unwrap_or(DataType::Utf8), true));
        let parameters = Schema::new(fields.collect::<Vec<_>>());
        Ok((Arc::new(plan.schema().as_arrow().clone()), Arc::new(parameters)))
    }

    fn stop(&self) -> Stop {
        Stop { started: Instant::now(), time: self.desk.limits.time, cancel: self.shutdown.child_token() }
    }

    /// Runs a ticket.
    async fn run<T>(&self, request: &Request<T>, ticket: &Ticket) -> Result<Data, Status> {
        let visit = self.visit(request).await?;
        let statement = self.statement(&ticket.text)?;
        // Nothing is left out: there is no place in the protocol where a client would be warned of it.
        let stop = self.stop();
        let answer = self.desk.ask(&visit, &statement, ticket.parameters()?, stop.clone(), None).await?;
        Ok(data(answer.schema(), handed(answer, stop)))
    }

    /// A statement's flight.
    async fn plan(
        &self,
        request: &Request<FlightDescriptor>,
        ticket: &Ticket,
        command: Bytes,
    ) -> Result<Response<FlightInfo>, Status> {
        let visit = self.visit(request).await?;
        let (columns, _) = self.columns(&visit, &ticket.text).await?;
        info(&columns, command, request.get_ref().clone())
    }

    /// A catalogue's flight.
    async fn listed(
        &self,
        request: Request<FlightDescriptor>,
        columns: &SchemaRef,
        command: Bytes,
    ) -> Result<Response<FlightInfo>, Status> {
        self.visit(&request).await?;
        info(columns, command, request.into_inner())
    }

    /// A catalogue's rows.
    async fn list(
        &self,
        request: Request<FlightTicket>,
        rows: Result<RecordBatch, FlightError>,
    ) -> Result<Data, Status> {
        self.visit(&request).await?;
        let rows = rows.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(data(rows.schema(), stream::iter([Ok(rows)])))
    }

    fn tables(&self, query: CommandGetTables) -> Result<RecordBatch, FlightError> {
        let mut builder = query.into_builder();
        for name in self.desk.tables() {
            let Some(shape) = self.desk.catalogue.shape(&name) else { continue };
            let kind = if shape.table_type() == TableType::View { "VIEW" } else { "TABLE" };
            builder.append(DATABASE, PUBLIC, &name, kind, &shape.schema())?;
        }
        builder.build()
    }
}

fn data(schema: SchemaRef, batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static) -> Data {
    let encoded = FlightDataEncoderBuilder::new().with_schema(schema).build(batches);
    Response::new(encoded.map_err(Status::from).boxed())
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshake>, Status> {
        self.visit(&request).await?;
        let (_, token) = credentials(&request)?;
        let bearer = format!("Bearer {token}").parse();
        let bearer = bearer.map_err(|_| Status::unauthenticated("the token is malformed"))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: token.into() };
        let mut response: Response<Handshake> = Response::new(stream::iter([Ok(answer)]).boxed());
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = Ticket::new(query.query);
        let run = TicketStatementQuery { statement_handle: ticket.handle() };
        self.plan(&request, &ticket, command(&run)).await
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = Ticket::read(&query.prepared_statement_handle)?;
        self.plan(&request, &ticket, command(&query)).await
    }

    async fn do_get_statement(
        &self,
        query: TicketStatementQuery,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        self.run(&request, &Ticket::read(&query.statement_handle)?).await
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        self.run(&request, &Ticket::read(&query.prepared_statement_handle)?).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let visit = self.visit(&request).await?;
        let (columns, parameters) = self.columns(&visit, &query.query).await?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: Ticket::new(query.query).handle(),
            dataset_schema: ipc(&columns)?,
            parameter_schema: ipc(&parameters)?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        self.visit(&request).await?;
        let ticket = Ticket::read(&query.prepared_statement_handle)?;
        let values = FlightRecordBatchStream::new_from_flight_data(request.into_inner().map_err(FlightError::from));
        let values: Vec<RecordBatch> =
            values.take(2).try_collect().await.map_err(|error| ticket::unreadable(&error))?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(ticket.bind(&values)?.handle()) })
    }

    async fn do_put_statement_update(
        &self,
        query: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let visit = self.visit(&request).await?;
        self.columns(&visit, &query.query).await?;
        Err(read_only())
    }

    async fn do_put_prepared_statement_update(
        &self,
        query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let visit = self.visit(&request).await?;
        self.columns(&visit, &Ticket::read(&query.prepared_statement_handle)?.text).await?;
        Err(read_only())
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(request, &query.into_builder().schema(), command(&query)).await
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        let mut builder = query.into_builder();
        builder.append(DATABASE);
        self.list(request, builder.build()).await
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(request, &query.clone().into_builder().schema(), command(&query)).await
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        let mut builder = query.into_builder();
        builder.append(DATABASE, PUBLIC);
        self.list(request, builder.build()).await
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(request, &query.clone().into_builder().schema(), command(&query)).await
    }

    async fn do_get_tables(&self, query: CommandGetTables, request: Request<FlightTicket>) -> Result<Data, Status> {
        let tables = self.tables(query);
        self.list(request, tables).await
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(request, &query.into_builder().schema(), command(&query)).await
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        let mut builder = query.into_builder();
        builder.append("TABLE");
        builder.append("VIEW");
        self.list(request, builder.build()).await
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let about = about().map_err(Status::from)?;
        self.listed(request, &query.clone().into_builder(&about).schema(), command(&query)).await
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightTicket>,
    ) -> Result<Data, Status> {
        let about = about().map_err(Status::from)?;
        let rows = query.into_builder(&about).build();
        self.list(request, rows).await
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
