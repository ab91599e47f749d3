//! The proxy's tokens, policies, verdicts and log as the lake's server asks for them.

use futures::future::BoxFuture;
use interdict_proxy::config::Target;
use interdict_proxy::gate::Request;
use interdict_proxy::session::{End, Session};
use interdict_proxy::{Gateway, clock, emit};
use interdict_queries::serve::{Caller, Door, Grant, Kind, Question, Refusal, Rows, Visit};
use interdict_schemas::{Account, Action, Class, DecoyPlace, Effect, Identity, Outcome, Source, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What whoever presents a decoy is told: what anybody is told whose password is wrong.
const MALFORMED: &str = "the token is malformed; use an OIDC token (JWT) of the configured issuer";

/// Lets holders of tokens to the lake.
pub(super) struct LakeDoor {
    gateway: Arc<Gateway>,
    target: Arc<Target>,
}

impl LakeDoor {
    pub(super) fn new(gateway: Arc<Gateway>, target: Arc<Target>) -> Self {
        Self { gateway, target }
    }

    async fn open(&self, caller: Caller<'_>) -> Result<Arc<dyn Visit>, Refusal> {
        let (gateway, target) = (&self.gateway, &self.target);
        let source = gateway.source(caller.peer);
        let verified = gateway.authenticate(caller.token).await;
        let said = [
            (caller.user, DecoyPlace::User),
            (caller.database, DecoyPlace::Destination),
            (caller.token, DecoyPlace::Password),
        ];
        let presented: Vec<_> =
            said.into_iter().flat_map(|(text, place)| gateway.decoys().recognise(text.as_bytes(), place)).collect();
        if !presented.is_empty() {
            gateway.caught(verified.ok().map(|verified| verified.identity), target, source, presented);
            return Err(unbelieved(MALFORMED));
        }
        let verified = verified.map_err(|error| {
            tracing::info!(target = target.name, peer = %caller.peer, "token not believed: {error}");
            unbelieved(error.told())
        })?;
        let request = Request {
            identity: verified.identity,
            target,
            source: source.clone(),
            account: Account::default(),
            alias: None,
        };
        let permit = gateway.gate().admit(request).await;
        let permit = permit.map_err(|denied| Refusal::new(Kind::Forbidden, denied.to_string()))?;
        let session = Session::begin(permit, gateway);
        Ok(Arc::new(Stay { session, gateway: Arc::clone(gateway), source, expires: verified.expires }))
    }
}

fn unbelieved(words: &str) -> Refusal {
    Refusal::new(Kind::Unauthenticated, words).hint("The password must be a valid token.")
}

fn unrecorded(error: &emit::Error) -> Refusal {
    tracing::error!(%error, "a question to the lake is not answered");
    Refusal::new(Kind::Unrecorded, "questions cannot be recorded now, so none is answered; try again later")
}

impl Door for LakeDoor {
    fn admit<'a>(&'a self, caller: Caller<'a>) -> BoxFuture<'a, Result<Arc<dyn Visit>, Refusal>> {
        Box::pin(self.open(caller))
    }
}

/// One visitor's stay.
struct Stay {
    session: Session,
    gateway: Arc<Gateway>,
    source: Source,
    expires: Time,
}

impl Stay {
    /// The rows of one table, by the policies' answer to a question for that table alone: a permit for one table must
    /// not open another that the statement names beside it.
    fn rows(&self, action: &Action, table: &str) -> Result<Rows, String> {
        let action = Action { objects: vec![table.to_owned()], ..action.clone() };
        let (permit, policies) = (self.session.permit(), self.gateway.policies());
        let rows = policies.rows(permit.identity(), permit.target(), &self.source, &action);
        rows.map(Rows).map_err(|denied| format!("table {table}: {}", denied.reason))
    }
}

fn action(question: &Question) -> Action {
    Action {
        id: clock::id(),
        class: Class::Statement,
        verb: question.verb,
        text: question.text.clone(),
        objects: question.tables.iter().cloned().collect(),
        parameters_digest: question.parameters.clone(),
        database: None,
    }
}

impl Visit for Stay {
    fn identity(&self) -> &Identity {
        self.session.permit().identity()
    }

    fn expires(&self) -> Time {
        self.expires
    }

    fn ask(&self, question: &Question) -> Result<Grant, Refusal> {
        let action = action(question);
        let mut rows = BTreeMap::new();
        for table in &question.tables {
            match self.rows(&action, table) {
                Ok(seen) => rows.insert(table.clone(), seen),
                Err(reason) => {
                    self.session.refuse(action, &reason).map_err(|error| unrecorded(&error))?;
                    return Err(Refusal::new(Kind::Forbidden, format!("permission denied: {reason}")));
                }
            };
        }
        let id = action.id.clone();
        let decision = self.session.act(action).map_err(|error| unrecorded(&error))?;
        match decision.effect {
            Effect::Allow => Ok(Grant { action: id, rows }),
            Effect::Deny => Err(Refusal::new(Kind::Forbidden, format!("permission denied: {}", decision.reason))),
        }
    }

    fn decline(&self, question: &Question, reason: &str) -> Result<(), Refusal> {
        self.session.refuse(action(question), reason).map_err(|error| unrecorded(&error))
    }

    fn result(&self, action: &str, outcome: Outcome) -> Result<(), Refusal> {
        let recorded = self.session.result(action, Class::Statement, outcome, Vec::new());
        recorded.map_err(|error| unrecorded(&error))
    }

    fn revoked(&self) -> BoxFuture<'_, Refusal> {
        Box::pin(async {
            let revoked = self.session.revoked().await;
            Refusal::new(Kind::Over, format!("the session was cut: {revoked}"))
        })
    }

    fn count(&self, bytes_in: u64, bytes_out: u64) {
        self.session.count(bytes_in, bytes_out);
    }

    fn leave(&self, reason: &'static str, detail: &str) {
        let end = match self.session.permit().is_revoked() {
            Some(revoked) => End::from(revoked),
            None => End::new(reason, detail),
        };
        self.session.close(end);
    }
}
