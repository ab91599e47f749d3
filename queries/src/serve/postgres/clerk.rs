//! Questions by the simple and the extended protocol. Owns how rows are handed on: as they come and as the client takes
//! them, never gathered. Refuses to keep more prepared statements than a client needs.

use super::connection::Seat;
use super::fault;
use super::prepared::{Planner, Prepared};
use super::response::{aborted, rows, setting};
use super::session::Said;
use crate::serve::answer::Stop;
use crate::serve::cursor::Cursor;
use crate::serve::refusal::{Kind, Refusal};
use crate::serve::statement::{Purpose, Statement};
use async_trait::async_trait;
use datafusion::common::ParamValues;
use futures::{Sink, SinkExt as _, stream};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_execution_response, send_partial_query_response,
    send_query_response, send_ready_for_query,
};
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::api::stmt::{QueryParser as _, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Execute, Parse, ParseComplete, Sync as PgSync, TARGET_TYPE_BYTE_PORTAL,
    TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;
use std::fmt::Debug;
use std::sync::Arc;

/// Serves one client's questions.
pub(super) struct Clerk {
    seat: Arc<Seat>,
    planner: Arc<Planner>,
}

impl Clerk {
    pub(super) fn new(seat: Arc<Seat>) -> Self {
        let planner = Arc::new(Planner(Arc::clone(seat.desk())));
        Self { seat, planner }
    }

    /// What a statement comes to: rows, or a tag.
    async fn answer(
        &self,
        statement: &Statement,
        values: Option<ParamValues>,
        format: &Format,
        status: TransactionStatus,
        stop: Stop,
    ) -> PgWireResult<Response> {
        if let Purpose::Session(sql) = &statement.purpose {
            let said = self.seat.settings().say(sql)?;
            let ends = matches!(said, Said::End(_));
            if ends {
                self.seat.cursors.close(None)?;
            }
            if status == TransactionStatus::Error && !ends {
                return Err(aborted());
            }
            return match said {
                // What failed is not committed.
                Said::End("COMMIT") if status == TransactionStatus::Error => {
                    Ok(Response::TransactionEnd(Tag::new("ROLLBACK")))
                }
                Said::End(tag) => Ok(Response::TransactionEnd(Tag::new(tag))),
                Said::Begin(tag) => Ok(Response::TransactionStart(Tag::new(tag))),
                Said::Done(tag) => Ok(Response::Execution(Tag::new(tag))),
                Said::Setting(name, value) => setting(&name, &value, format).map(Response::Query),
            };
        }
        if status == TransactionStatus::Error {
            return Err(aborted());
        }
        if let Purpose::Cursor(cursor) = &statement.purpose {
            return self.cursor(cursor, format, status, stop).await;
        }
        let answer = self.seat.desk().ask(self.seat.visit()?, statement, values, stop, self.seat.left_out()).await?;
        rows(answer, format, &self.seat).map(Response::Query)
    }

    async fn cursor(
        &self,
        cursor: &Cursor,
        format: &Format,
        status: TransactionStatus,
        stop: Stop,
    ) -> PgWireResult<Response> {
        let cursors = &self.seat.cursors;
        match cursor {
            Cursor::Declare(..) if status == TransactionStatus::Idle => {
                Err(fault::error("25P01", "DECLARE CURSOR can only be used in transaction blocks"))
            }
            Cursor::Declare(name, question) => {
                cursors.check(name)?;
                let left_out = self.seat.left_out();
                let answer = self.seat.desk().ask(self.seat.visit()?, question, None, stop, left_out).await?;
                cursors.declare(name, rows(answer, &Format::UnifiedText, &self.seat)?);
                Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
            }
            // Whoever describes a statement before it is run must be told its columns, which a cursor's name alone has not.
            Cursor::Fetch(..) if !matches!(format, Format::UnifiedText) => {
                Err(fault::error(Kind::Unsupported.sqlstate(), "rows of a cursor are text here"))
            }
            Cursor::Fetch(name, most) => cursors.fetch(name, *most, stop).await.map(Response::Query),
            Cursor::Close(name) => {
                cursors.close(name.as_deref())?;
                let tag = if name.is_some() { "CLOSE CURSOR" } else { "CLOSE CURSOR ALL" };
                Ok(Response::Execution(Tag::new(tag)))
            }
        }
    }
}

/// The status after a response.
const fn after(response: &Response, status: TransactionStatus) -> TransactionStatus {
    match (response, status) {
        (Response::TransactionStart(_), TransactionStatus::Idle) => TransactionStatus::Transaction,
        (Response::TransactionEnd(_), _) => TransactionStatus::Idle,
        (_, status) => status,
    }
}

#[async_trait]
impl SimpleQueryHandler for Clerk {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        let stop = self.seat.begin();
        let statements = self.seat.desk().statements(&query.query)?;
        if statements.is_empty() {
            client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
        }
        // One after the other: the next is not begun before the client has taken what came before.
        for statement in statements {
            let status = client.transaction_status();
            let response = self.answer(&statement, None, &Format::UnifiedText, status, stop.clone()).await?;
            client.set_transaction_status(after(&response, status));
            match response {
                Response::Query(rows) => {
                    send_query_response(client, rows, true).await?;
                    for warning in self.seat.warnings() {
                        client.feed(warning).await?;
                    }
                }
                Response::Execution(tag) | Response::TransactionStart(tag) | Response::TransactionEnd(tag) => {
                    send_execution_response(client, tag).await?;
                }
                _ => {}
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        let status = client.transaction_status();
        send_ready_for_query(client, status).await
    }

    async fn do_query<C>(&self, _client: &mut C, _query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(fault::protocol("questions are served one by one"))
    }
}

#[async_trait]
impl ExtendedQueryHandler for Clerk {
    type Statement = Prepared;
    type QueryParser = Planner;

    fn query_parser(&self) -> Arc<Planner> {
        Arc::clone(&self.planner)
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        self.seat.shelve(&name, message.query.len())?;
        let stop = self.seat.begin();
        let parsed = StoredStatement::parse(client, &message, Arc::clone(&self.planner));
        match tokio::time::timeout_at(stop.deadline(), parsed).await.map_err(|_| Refusal::late(stop.time))?? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        client.feed(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
        let fits = |codes: &[i16], many: usize| codes.len() <= 1 || codes.len() == many;
        if !fits(&message.parameter_format_codes, message.parameters.len()) {
            return Err(fault::protocol("bind message has as many parameter formats as neither none, one nor all"));
        }
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(statement)) => {
                let (width, wanted) =
                    (statement.statement.width(), self.planner.get_parameter_types(&statement.statement)?.len());
                if message.parameters.len() != wanted {
                    let have = message.parameters.len();
                    let words = format!(
                        "bind message supplies {have} parameters, but prepared statement \"{name}\" requires {wanted}"
                    );
                    return Err(fault::protocol(words));
                }
                if !fits(&message.result_column_format_codes, width) {
                    let words = format!(
                        "bind message has {} result formats but query has {width} columns",
                        message.result_column_format_codes.len()
                    );
                    return Err(fault::protocol(words));
                }
                client.portal_store().put_portal(Arc::new(Portal::try_new(&message, statement)?));
            }
            Some(Entry::Empty) => client.portal_store().put_empty_portal(portal),
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
        }
        client.feed(PgWireBackendMessage::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let most = usize::try_from(message.max_rows).unwrap_or(0);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
                return Ok(());
            }
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        client.set_state(PgWireConnectionState::QueryInProgress);
        let state = portal.state();
        let mut state = state.lock().await;
        // Taken out, so that what fails on the way is not gone on with.
        let mut rows = match std::mem::replace(&mut *state, PortalExecutionState::Finished) {
            PortalExecutionState::Initial => match ExtendedQueryHandler::do_query(self, client, &portal, most).await?
            {
                Response::Query(rows) => rows,
                Response::Execution(tag) | Response::TransactionStart(tag) | Response::TransactionEnd(tag) => {
                    send_execution_response(client, tag).await?;
                    client.set_state(PgWireConnectionState::ReadyForQuery);
                    return Ok(());
                }
                _ => return Err(fault::protocol("a statement without an answer")),
            },
            PortalExecutionState::Suspended(rows) => rows,
            PortalExecutionState::Finished => QueryResponse::new(Arc::default(), stream::empty()),
        };
        if send_partial_query_response(client, &mut rows, most).await? {
            *state = PortalExecutionState::Suspended(rows);
        }
        for warning in self.seat.warnings() {
            client.feed(warning).await?;
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    async fn on_sync<C>(&self, client: &mut C, _message: PgSync) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // Outside of a transaction a portal lives as long as its batch of messages.
        if client.transaction_status() == TransactionStatus::Idle {
            client.portal_store().clear_portals();
        }
        let status = client.transaction_status();
        send_ready_for_query(client, status).await?;
        client.flush().await?;
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => {
                client.portal_store().rm_statement(name);
                self.seat.unshelve(name);
            }
            TARGET_TYPE_BYTE_PORTAL => client.portal_store().rm_portal(name),
            other => return Err(PgWireError::InvalidTargetType(other)),
        }
        client.feed(PgWireBackendMessage::CloseComplete(CloseComplete::new())).await?;
        Ok(())
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _most: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let stop = self.seat.begin();
        let values = Prepared::values(portal)?;
        let status = client.transaction_status();
        let statement = &portal.statement.statement.statement;
        let response = self.answer(statement, values, &portal.result_column_format, status, stop).await?;
        client.set_transaction_status(after(&response, status));
        Ok(response)
    }
}
