//! One state of the lake, and questions to it. Refuses every statement that would change anything, be it the lake, a
//! file or the session.

use crate::engine::Settings;
use crate::{Error, dialect, function, rejected, view};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::ParamValues;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement;
use deltalake::DeltaTable;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use interdict_cluster::LeftOut;
use interdict_schemas::Topic;
use interdict_schemas::lake::{self, Table, txn::Txn};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One state of every table.
pub struct Snapshot {
    context: SessionContext,
    tables: HashMap<Table, DeltaTable>,
    memory: usize,
    time: Option<Duration>,
    left_out: Option<Arc<LeftOut>>,
}

/// What of the lake is looked at.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Where files are noted that cannot be read and are left out; if nowhere, they are errors.
    pub(crate) left_out: Option<Arc<LeftOut>>,
    /// A table of which there are only the rows that came after this version of it, or after nothing.
    pub(crate) since: Option<(Table, Option<u64>)>,
}

/// A result as it comes.
pub struct Rows {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

impl Rows {
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// When the query fails or meets a limit.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        self.batches.next().await.transpose()
    }

    /// All that is left. For results known to be small.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(batches)
    }

    pub(crate) fn new(schema: SchemaRef, batches: BoxStream<'static, Result<RecordBatch, Error>>) -> Self {
        Self { schema, batches }
    }
}

impl Snapshot {
    pub(crate) async fn new(
        context: SessionContext,
        tables: HashMap<Table, DeltaTable>,
        settings: &Settings,
        scope: Scope,
    ) -> Result<Self, Error> {
        let Scope { left_out, since } = scope;
        let mut named = Vec::new();
        for table in Table::ALL {
            let provider: Arc<dyn TableProvider> = match tables.get(&table) {
                Some(delta) => {
                    let since = since.and_then(|(of, since)| (of == table).then_some(since));
                    let files = if let Some(since) = since {
                        interdict_cluster::added_here(table.name(), delta, &context, &lake::SOUGHT, since).await
                    } else if settings.cluster.is_some() {
                        interdict_cluster::table(table.name(), delta)
                    } else {
                        let left_out = left_out.as_ref();
                        interdict_cluster::table_here(table.name(), delta, &context, &lake::SOUGHT, left_out).await
                    };
                    files.map_err(|error| Error::Cluster(error.to_string()))?
                }
                None => Arc::new(EmptyTable::new(table.schema())),
            };
            named.push((view::facts(table), provider));
        }
        let beside = Self::keepers().filter_map(|table| Some((table, tables.get(&table)?.object_store())));
        named.push((rejected::NAME, rejected::table(beside.collect()).map_err(Error::planning)?));
        let list = view::catalogues(context.state(), named).map_err(Error::planning)?;
        let state = SessionStateBuilder::new_from_existing(context.state()).with_catalog_list(list).build();
        let context = SessionContext::new_with_state(state);
        function::register(&context, &settings.replay, settings.memory).await?;
        Ok(Self { context, tables, memory: settings.memory, time: settings.time, left_out })
    }

    /// One question.
    ///
    /// # Errors
    /// When the statement is wrong or would change something.
    pub async fn sql(&self, sql: &str) -> Result<Rows, Error> {
        self.ask(sql, Vec::<ScalarValue>::new()).await
    }

    /// One question with values for `$1`, `$2`, ... or for `$name`s: the only way for values from outside into a
    /// statement.
    ///
    /// # Errors
    /// As [`Self::sql`].
    pub async fn ask(&self, sql: &str, values: impl Into<ParamValues>) -> Result<Rows, Error> {
        let values = values.into();
        let state = self.context.state();
        let plan = self.plan(sql).await?;
        function::prepare(&plan, &state, self.memory).await?;
        let mut frame = DataFrame::new(state, plan);
        let is_empty = match &values {
            ParamValues::List(values) => values.is_empty(),
            ParamValues::Map(values) => values.is_empty(),
        };
        if !is_empty {
            frame = frame.with_param_values(values).map_err(Error::planning)?;
        }
        let memory = self.memory;
        let batches = frame.execute_stream().await.map_err(|error| Error::running(error, memory))?;
        Ok(Rows::new(batches.schema(), bounded(batches, memory, self.time)))
    }

    /// What a question comes to.
    pub(crate) async fn plan(&self, sql: &str) -> Result<LogicalPlan, Error> {
        let state = self.context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(sql, &dialect).map_err(Error::planning)?;
        is_question(&statement)?;
        dialect::as_meant(&mut statement).map_err(|words| Error::Query(words.to_owned()))?;
        let plan = state.statement_to_plan(statement).await.map_err(Error::planning)?;
        only_reads(&plan)?;
        Ok(plan)
    }

    /// The files that its questions went on without so far, and why: none unless that was asked for.
    #[must_use]
    pub fn left_out(&self) -> BTreeMap<String, String> {
        self.left_out.as_ref().map(|left_out| left_out.files()).unwrap_or_default()
    }

    /// What the state's names stand for.
    pub(crate) const fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Every name of a table or view.
    pub(crate) fn names(&self) -> Vec<String> {
        let schemas = self.context.catalog_names().into_iter().filter_map(|name| self.context.catalog(&name));
        schemas.filter_map(|catalog| catalog.schema("public")).flat_map(|schema| schema.table_names()).collect()
    }

    /// The version of a table; `None` while it does not exist.
    #[must_use]
    pub fn version(&self, table: Table) -> Option<u64> {
        self.tables.get(&table).and_then(DeltaTable::version)
    }

    /// Whether nothing was ever written: no table exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// A table, if it exists.
    pub(crate) fn delta(&self, table: Table) -> Option<&DeltaTable> {
        self.tables.get(&table)
    }

    /// Bytes of memory that queries may use.
    pub(crate) const fn memory(&self) -> usize {
        self.memory
    }

    /// The next offset of a topic's partition that the table needs; `None` if it never recorded one.
    pub(crate) async fn next_offset(&self, table: Table, topic: Topic, partition: u32) -> Result<Option<i64>, Error> {
        self.stands(table, &Txn::Next { topic, partition }).await
    }

    /// The highest number of a log that retention took out of the table; `None` if it took none.
    pub(crate) async fn retired(&self, table: Table, spool: &str) -> Result<Option<u64>, Error> {
        let txn = Txn::Retired { topic: table.topic(), spool: spool.to_owned() };
        Ok(self.stands(table, &txn).await?.and_then(|last| u64::try_from(last).ok()))
    }

    async fn stands(&self, table: Table, txn: &Txn) -> Result<Option<i64>, Error> {
        let Some(delta) = self.tables.get(&table) else { return Ok(None) };
        let failed = |source| Error::Table { table: table.name(), source: Box::new(source) };
        let snapshot = delta.snapshot().map_err(failed)?;
        snapshot.transaction_version(delta.log_store().as_ref(), txn).await.map_err(failed)
    }

    /// The same state, whose plans this rule sees before any other.
    pub(crate) fn planned_by(&self, rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        let state = self.context.state();
        let rules = [rule].into_iter().chain(state.physical_optimizers().iter().cloned()).collect();
        let state = SessionStateBuilder::new_from_existing(state).with_physical_optimizer_rules(rules).build();
        let context = SessionContext::new_with_state(state);
        Self { context, left_out: self.left_out.clone(), tables: self.tables.clone(), ..*self }
    }
}

/// Lets pass only the kinds of statement known to be questions, whatever others there are or will be.
fn is_question(statement: &Statement) -> Result<(), Error> {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    let question = match statement {
        // What is explained is looked at again once it is planned: `explain analyze` runs it.
        Statement::Explain(_) => true,
        Statement::Statement(statement) => matches!(
            **statement,
            Sql::Query(_)
                | Sql::Explain { .. }
                | Sql::ExplainTable { .. }
                | Sql::ShowTables { .. }
                | Sql::ShowColumns { .. }
                | Sql::ShowFunctions { .. }
                | Sql::ShowVariable { .. }
        ),
        _ => false,
    };
    if question {
        return Ok(());
    }
    let text = statement.to_string();
    let what = text.split(' ').next().unwrap_or_default().to_lowercase();
    Err(Error::ReadOnly { what })
}

/// Finds what changes something inside of what looks like a question: `select into`, or a plan under `explain analyze`.
pub(crate) fn only_reads(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refused = None;
    let walked = plan.apply_with_subqueries(|node| {
        refused = match node {
            LogicalPlan::Ddl(ddl) => Some(ddl.name().to_owned()),
            LogicalPlan::Dml(dml) => Some(dml.op.to_string()),
            LogicalPlan::Copy(_) => Some("copy".to_owned()),
            LogicalPlan::Statement(statement) => Some(statement.name().to_owned()),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    });
    walked.map_err(Error::planning)?;
    refused.map_or(Ok(()), |what| Err(Error::ReadOnly { what }))
}

fn bounded(
    batches: SendableRecordBatchStream,
    memory: usize,
    time: Option<Duration>,
) -> BoxStream<'static, Result<RecordBatch, Error>> {
    let running = move |error| Error::running(error, memory);
    // A time beyond all clocks is none.
    let bound = time.and_then(|time| Some((time, Instant::now().checked_add(time)?)));
    let Some((time, deadline)) = bound else { return batches.map(move |batch| batch.map_err(running)).boxed() };
    stream::unfold(Some(batches), move |batches| async move {
        let mut batches = batches?;
        match tokio::time::timeout_at(deadline, batches.next()).await {
            Ok(Some(Ok(batch))) => Some((Ok(batch), Some(batches))),
            Ok(Some(Err(error))) => Some((Err(running(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(Error::Time(time)), None)),
        }
    })
    .boxed()
}
