//! From the client to the target. Owns what is done with each request: forwarded, replaced by one that must fail,
//! ignored as the target would, or held until answers say what it means.
//!
//! INVARIANT: bytes are released only after the action they carry out was decided and recorded.

use super::frame::{self, MAX_REQUEST};
use super::lane::Lane;
use super::link::{Decided, Fault, Link, Portal, Prepared, Understood};
use super::message::{self, Frontend};
use super::names::Lookup;
use super::reply::{self, Refusal};
use bytes::BytesMut;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is done with a request.
enum Step {
    Forward,
    /// The target would ignore it.
    Ignore,
    /// A Query that must fail takes its place.
    FailQuery,
    /// A Parse that must fail takes its place.
    FailParse,
    /// It is forwarded behind a Describe of this portal, whose answer the gateway keeps.
    Look(Box<[u8]>),
    /// It waits for answers.
    Hold,
}

/// Where the client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// It may send more.
    Open,
    /// It said goodbye.
    Gone,
}

/// Understands as many requests as possible and releases them.
///
/// # Errors
/// When the session cannot go on.
pub(super) fn forward(link: &mut Link<'_>, lane: &mut Lane) -> Result<Client, Fault> {
    let client = requests(link, lane);
    lane.release(0);
    client
}

fn requests(link: &mut Link<'_>, lane: &mut Lane) -> Result<Client, Fault> {
    loop {
        if lane.passing() > 0 {
            let count = lane.streamed().len();
            if count == 0 {
                return Ok(Client::Open);
            }
            lane.pass(count);
            link.volume.copied += if link.state.is_copying_in() { count as u64 } else { 0 };
            continue;
        }
        if !link.state.has_room() {
            return Ok(Client::Open);
        }
        let Some(header) = frame::header(lane.rest()).map_err(Fault::client)? else { return Ok(Client::Open) };
        let Some(kind) = Frontend::of(header.kind) else {
            return Err(Fault::Client(format!("there is no message of type {:?}", char::from(header.kind))));
        };
        if kind == Frontend::CopyData && !link.state.is_skipping() {
            lane.stream(header.total - frame::HEADER);
            continue;
        }
        let Some((header, body)) = frame::message(lane.rest(), MAX_REQUEST).map_err(Fault::client)? else {
            lane.need(header.total);
            return Ok(Client::Open);
        };
        if kind == Frontend::Terminate {
            lane.accept(header.total);
            return Ok(Client::Gone);
        }
        let mut instead = BytesMut::new();
        match request(link, kind, body, header.total)? {
            Step::Forward => {
                lane.accept(header.total);
                continue;
            }
            Step::Hold => return Ok(Client::Open),
            Step::Ignore => {}
            Step::FailQuery => reply::failing_query(&mut instead),
            Step::Look(portal) => {
                reply::describe(&mut instead, &portal);
                instead.extend_from_slice(lane.rest().get(..header.total).unwrap_or_default());
            }
            Step::FailParse => reply::failing_parse(&mut instead),
        }
        lane.replace(header.total, &instead);
    }
}

fn request(link: &mut Link<'_>, kind: Frontend, body: &[u8], total: usize) -> Result<Step, Fault> {
    if link.state.is_skipping() && kind != Frontend::Sync {
        return Ok(Step::Ignore);
    }
    if link.state.is_copying_in()
        && !matches!(kind, Frontend::CopyDone | Frontend::CopyFail | Frontend::Flush | Frontend::Sync)
    {
        return Err(super::state::Error::DuringCopy.into());
    }
    match kind {
        Frontend::Query => query(link, message::query(body).map_err(Fault::client)?, total),
        Frontend::Parse => parse(link, message::parse(body).map_err(Fault::client)?),
        Frontend::Bind => bind(link, message::bind(body).map_err(Fault::client)?),
        Frontend::Execute => execute(link, message::execute(body).map_err(Fault::client)?, total),
        Frontend::Describe => {
            message::named(b'D', body).map_err(Fault::client)?;
            link.state.described();
            Ok(Step::Forward)
        }
        Frontend::Close => {
            link.state.closed(message::named(b'C', body).map_err(Fault::client)?);
            Ok(Step::Forward)
        }
        Frontend::Sync => {
            link.state.synced();
            Ok(Step::Forward)
        }
        Frontend::CopyDone | Frontend::CopyFail => {
            link.state.copy_ended();
            Ok(Step::Forward)
        }
        Frontend::FunctionCall => {
            let refusal = link.deny_call(message::function(body).map_err(Fault::client)?)?;
            link.state.refused_query(refusal);
            Ok(Step::FailQuery)
        }
        Frontend::Flush | Frontend::CopyData | Frontend::Terminate => Ok(Step::Forward),
        Frontend::Password => Err(Fault::Client("it answers an authentication request that was not made".into())),
    }
}

/// All statements of a Query are decided before any is forwarded: one denied, none runs.
fn query(link: &mut Link<'_>, text: &[u8], total: usize) -> Result<Step, Fault> {
    if let Some(refusal) = link.presents(text, text)? {
        link.state.refused_query(refusal);
        return Ok(Step::FailQuery);
    }
    let statements = match link.understand(text) {
        Understood::Statements(statements) => statements,
        Understood::Unsettled => return Ok(Step::Hold),
        Understood::Opaque(opaque) => {
            let refusal = link.deny(&opaque)?;
            link.state.refused_query(refusal);
            return Ok(Step::FailQuery);
        }
    };
    let mut tickets = VecDeque::with_capacity(statements.len());
    let mut denied = None;
    for statement in &statements {
        match link.decide(statement, None, total)? {
            Decided::Allowed(ticket) => tickets.push_back(ticket),
            Decided::Denied(refusal) => denied = denied.or(Some(refusal)),
        }
    }
    if let Some(refusal) = denied {
        link.skip(tickets, "not run: another statement of the same message was denied")?;
        link.state.refused_query(refusal);
        return Ok(Step::FailQuery);
    }
    for statement in &statements {
        link.deallocate(statement);
    }
    link.state.queried(tickets);
    Ok(Step::Forward)
}

fn parse(link: &mut Link<'_>, message: message::Parse<'_>) -> Result<Step, Fault> {
    if let Some(refusal) = link.presents(message.text, message.text)? {
        link.state.refused(refusal);
        return Ok(Step::FailParse);
    }
    let refusal = match link.understand(message.text) {
        Understood::Unsettled => return Ok(Step::Hold),
        Understood::Opaque(opaque) => link.deny(&opaque)?,
        Understood::Statements(statements) if statements.len() > 1 => {
            Refusal::new("42601", "cannot insert multiple commands into a prepared statement")
        }
        Understood::Statements(_) if !link.state.has_statement_room(message.name) => {
            Refusal::new("53400", format!("a session may have {} prepared statements here", super::state::MAX_NAMES))
                .hint("Close statements that are no longer needed.")
        }
        Understood::Statements(statements) => {
            link.state.parsed(message.name, Arc::new(statements.into_iter().next()));
            return Ok(Step::Forward);
        }
    };
    link.state.refused(refusal);
    Ok(Step::FailParse)
}

fn bind(link: &mut Link<'_>, message: message::Bind<'_>) -> Result<Step, Fault> {
    let prepared: Prepared = match link.state.statement(message.statement) {
        Lookup::Known(prepared) => Arc::clone(prepared),
        Lookup::Unsettled => return Ok(Step::Hold),
        Lookup::Unknown => {
            let name = String::from_utf8_lossy(message.statement);
            link.state.refused(
                Refusal::new("26000", format!("prepared statement \"{name}\" does not exist"))
                    .hint("A statement prepared in SQL is run by EXECUTE."),
            );
            return Ok(Step::FailParse);
        }
    };
    if !link.state.has_portal_room(message.portal) {
        let most = super::state::MAX_NAMES;
        link.state.refused(
            Refusal::new("53400", format!("a session may have {most} portals here"))
                .hint("Close portals that are no longer needed."),
        );
        return Ok(Step::FailParse);
    }
    let text = prepared.as_ref().as_ref().map_or("", |statement| statement.text.as_str());
    if let Some(refusal) = link.presents(message.parameters, text.as_bytes())? {
        link.state.refused(refusal);
        return Ok(Step::FailParse);
    }
    let portal = Portal { prepared, digest: super::action::digest(message.parameters) };
    link.state.bound(message.portal, Arc::new(portal));
    Ok(Step::Forward)
}

fn execute(link: &mut Link<'_>, name: &[u8], total: usize) -> Result<Step, Fault> {
    let portal = match link.state.portal(name) {
        Lookup::Known(portal) => Arc::clone(portal),
        Lookup::Unsettled => return Ok(Step::Hold),
        Lookup::Unknown => {
            let name = String::from_utf8_lossy(name);
            link.state.refused(
                Refusal::new("34000", format!("portal \"{name}\" does not exist"))
                    .hint("A cursor declared in SQL is read by FETCH."),
            );
            return Ok(Step::FailParse);
        }
    };
    let Some(statement) = portal.prepared.as_ref() else {
        link.state.executed(None);
        return Ok(Step::Forward);
    };
    match link.decide(statement, portal.digest.clone(), total)? {
        Decided::Allowed(ticket) => {
            link.deallocate(statement);
            let look = link.masks.is_some();
            if look {
                link.state.looked(ticket.watch);
            }
            link.state.executed(Some(ticket));
            Ok(if look { Step::Look(name.into()) } else { Step::Forward })
        }
        Decided::Denied(refusal) => {
            link.state.refused(refusal);
            Ok(Step::FailParse)
        }
    }
}
