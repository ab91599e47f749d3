//! Where questions are put, whatever protocol they came by. Owns the order of things: understood, decided and recorded,
//! then planned over what was granted and nothing else, then run within its bounds.

use super::answer::{Answer, Record, Running, Stop};
use super::catalogue::{Catalogue, Tables};
use super::config::Limits;
use super::door::{Grant, Question, Rows, Visit};
use super::places::Places;
use super::refusal::{Kind, Refusal};
use super::rows;
use super::statement::{Purpose, Reader, Statement};
use crate::function::prepare;
use crate::snapshot::{Scope, only_reads};
use crate::{Engine, Error};
use datafusion::common::ParamValues;
use datafusion::execution::context::SessionState;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as Parsed;
use interdict_cluster::LeftOut;
use interdict_schemas::Verb;
use sha2::{Digest as _, Sha256};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The desk of one lake.
pub struct Desk {
    engine: Engine,
    pub(super) catalogue: Catalogue,
    reader: Reader,
    pub(super) limits: Limits,
    places: Places,
}

impl Desk {
    /// Opens a desk at a lake.
    ///
    /// # Errors
    /// When the catalogue cannot be made.
    pub async fn open(engine: Engine, limits: Limits) -> Result<Self, Error> {
        let catalogue = Catalogue::new(&engine).await?;
        let reader = Reader::new(catalogue.names());
        let places = Places::new(limits.questions);
        Ok(Self { engine, catalogue, reader, limits, places })
    }

    /// The tables and views that can be asked for.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.catalogue.names().into_iter().collect()
    }

    /// Whether a condition on rows can be put to a table.
    ///
    /// # Errors
    /// When it does not fit the table's columns.
    pub fn check_rows(
        &self,
        table: &str,
        condition: &str,
        identity: &interdict_schemas::Identity,
    ) -> Result<(), Refusal> {
        let Some(shape) = self.catalogue.shape(table) else {
            return Err(Refusal::new(Kind::NoTable, format!("there is no table {table}")));
        };
        let rows = Rows(vec![vec![condition.to_owned()]]);
        rows::restrict(table, Arc::clone(shape), shape, &rows, identity).map(drop)
    }

    pub(super) fn statements(&self, text: &str) -> Result<Vec<Statement>, Refusal> {
        self.reader.statements(text)
    }

    /// What a statement comes to, without a row of the lake: for its columns and its parameters.
    pub(super) async fn plan(&self, parsed: &Parsed) -> Result<LogicalPlan, Refusal> {
        let plan = self.catalogue.blank().statement_to_plan(parsed.clone()).await.map_err(Error::planning)?;
        only_reads(&plan)?;
        Ok(plan)
    }

    /// Puts a question. Files that cannot be read are left out if there is where to note them.
    pub(super) async fn ask(
        &self,
        visit: &Arc<dyn Visit>,
        statement: &Statement,
        values: Option<ParamValues>,
        stop: Stop,
        left_out: Option<Arc<LeftOut>>,
    ) -> Result<Answer, Refusal> {
        let question = |verb| Question {
            text: statement.text.clone(),
            verb,
            tables: statement.tables.clone(),
            parameters: values.as_ref().map(digest),
        };
        let parsed = match &statement.purpose {
            Purpose::Read(parsed) => parsed,
            Purpose::Refused(verb, refusal) => {
                visit.decline(&question(*verb), &refusal.message)?;
                return Err(refusal.clone());
            }
            Purpose::Session(_) | Purpose::Cursor(_) => {
                return Err(Refusal::new(Kind::Unsupported, "this statement has no rows"));
            }
        };
        let grant = visit.ask(&question(Verb::Read))?;
        let mut record = Record::new(Arc::clone(visit), grant.action.clone(), stop.started, left_out.clone());
        let state = self.state(&**visit, statement.calls, &grant, left_out);
        let started = stop.race(&**visit, self.start(&**visit, parsed, &grant, values, state)).await;
        match started.and_then(|started| started) {
            Ok(running) => {
                let schema = running.stream.schema();
                Ok(Answer::new(running, schema, record, stop, self.limits.rows))
            }
            Err(refusal) => {
                record.fail(&refusal);
                Err(refusal)
            }
        }
    }

    async fn start(
        &self,
        visit: &dyn Visit,
        parsed: &Parsed,
        grant: &Grant,
        values: Option<ParamValues>,
        state: impl Future<Output = Result<SessionState, Refusal>>,
    ) -> Result<Running, Refusal> {
        let busy = |_| Refusal::new(Kind::Shutdown, "the server shuts down");
        let place = self.places.take(&visit.identity().root().id).await.map_err(busy)?;
        let state = state.await?;
        let mut plan = state.statement_to_plan(parsed.clone()).await.map_err(Error::planning)?;
        only_reads(&plan)?;
        let is_narrowed = grant.rows.values().any(|rows| !rows.0.is_empty());
        if is_narrowed && matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
            let words = "a plan tells of the rows that a policy hides here; ask for the rows";
            return Err(Refusal::new(Kind::Forbidden, words));
        }
        if let Some(values) = values {
            plan = plan.replace_params_with_values(&values).map_err(Error::planning)?;
        }
        let memory = self.limits.memory;
        prepare(&plan, &state, memory).await?;
        let frame = DataFrame::new(state, plan);
        let stream = frame.execute_stream().await.map_err(|error| Error::running(error, memory))?;
        Ok(Running { stream, memory, _place: place })
    }

    /// The lake's newest state, of which only what is granted is there.
    async fn state(
        &self,
        visit: &dyn Visit,
        calls: bool,
        grant: &Grant,
        left_out: Option<Arc<LeftOut>>,
    ) -> Result<SessionState, Refusal> {
        let mut tables = Tables::new();
        if !grant.rows.is_empty() {
            let snapshot = self.engine.snapshot_of(Scope { left_out, since: None }).await?;
            for (name, rows) in &grant.rows {
                let Some(shape) = self.catalogue.shape(name) else { continue };
                let table = snapshot.context().table_provider(name.as_str()).await.map_err(Error::planning)?;
                tables.insert(name.clone(), rows::restrict(name, table, shape, rows, visit.identity())?);
            }
        }
        let runtime = self.runtime().map_err(Error::planning)?;
        Ok(self.catalogue.over(tables, calls, runtime, &visit.identity().actor().id).await?)
    }

    /// The engine's, with memory and disk of its own: nobody's question ends because another's has filled them.
    fn runtime(&self) -> datafusion::error::Result<Arc<RuntimeEnv>> {
        let top = NonZeroUsize::new(3).unwrap_or(NonZeroUsize::MIN);
        let pool = TrackConsumersPool::new(FairSpillPool::new(self.limits.memory), top);
        RuntimeEnvBuilder::from_runtime_env(self.engine.runtime())
            .with_memory_pool(Arc::new(pool))
            .with_max_temp_directory_size(self.limits.spill)
            .build_arc()
    }
}

/// SHA-256 of the values, each with its length before it, so that no two lists have the same bytes.
fn digest(values: &ParamValues) -> String {
    let mut hash = Sha256::new();
    let mut add = |value: &ScalarValue| {
        let text = value.to_string();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    match values {
        ParamValues::List(values) => values.iter().for_each(|value| add(&value.value)),
        ParamValues::Map(values) => {
            let mut named: Vec<_> = values.iter().collect();
            named.sort_by_key(|(name, _)| name.as_str());
            named.into_iter().for_each(|(_, value)| add(&value.value));
        }
    }
    interdict_schemas::Digest(hash.finalize().into()).to_string()
}
