//! What can be named in a statement: the lake's tables and views in the schema `public` of the database `lake`, and
//! beside them what PostgreSQL's tools look things up in, `pg_catalog` and `information_schema`. Owns the shape of it,
//! made once; holds no row of the lake.

use super::functions;
use super::information;
use crate::{Engine, Error, function};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, Session, TableProvider,
};
use datafusion::datasource::TableType;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::context::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::setup_pg_catalog;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The database's name.
pub(super) const DATABASE: &str = "lake";
/// The schema of the lake's tables.
pub(super) const PUBLIC: &str = "public";
const PG_CATALOG: &str = "pg_catalog";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Functions that make much out of nothing in one step, which neither memory nor time can be taken from meanwhile.
const UNBOUNDED: [&str; 11] = [
    "levenshtein",
    "repeat",
    "lpad",
    "rpad",
    "range",
    "generate_series",
    "gen_series",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
];

/// The tables that a statement may read.
pub(super) type Tables = BTreeMap<String, Arc<dyn TableProvider>>;

/// The names, the shapes behind them, and how statements are planned.
pub(super) struct Catalogue {
    /// Every table of the lake, without a row.
    empty: Tables,
    /// The session's settings and functions, over the empty tables.
    blank: SessionState,
    pg_catalog: Arc<dyn SchemaProvider>,
    information_schema: Arc<dyn SchemaProvider>,
}

impl Catalogue {
    /// From what the engine offers when its lake is empty.
    pub(super) async fn new(engine: &Engine) -> Result<Self, Error> {
        let snapshot = engine.empty().await?;
        let context = snapshot.context();
        let mut empty = Tables::new();
        for name in snapshot.names() {
            let table = context.table_provider(&name).await.map_err(Error::planning)?;
            empty.insert(name, blank(&table));
        }
        let kinds: Vec<_> = empty
            .iter()
            .map(|(name, table)| (name.as_str(), table.schema(), table.table_type() == TableType::View))
            .collect();
        let information_schema = information::schema(DATABASE, PUBLIC, &kinds).map_err(Error::planning)?;

        let config = context
            .copied_config()
            .with_default_catalog_and_schema(DATABASE, PUBLIC)
            .with_create_default_catalog_and_schema(false)
            // DataFusion's own has neither PostgreSQL's columns nor its names of types.
            .with_information_schema(false)
            .set_str("datafusion.sql_parser.dialect", "PostgreSQL");
        let list = list(&empty, &[(INFORMATION_SCHEMA, &information_schema)]).map_err(Error::planning)?;
        let state = SessionStateBuilder::new_from_existing(context.state())
            .with_config(config)
            .with_catalog_list(Arc::clone(&list))
            .build();
        let context = SessionContext::new_with_state(state);
        setup_pg_catalog(&context, DATABASE, EmptyContextProvider).map_err(|error| Error::planning(*error))?;
        functions::register(&context);
        for name in UNBOUNDED {
            context.deregister_udf(name);
        }
        let pg_catalog = list
            .catalog(DATABASE)
            .and_then(|database| database.schema(PG_CATALOG))
            .ok_or_else(|| Error::Query("pg_catalog cannot be set up".to_owned()))?;
        Ok(Self { empty, blank: context.state(), pg_catalog, information_schema })
    }

    /// The lake's tables and views.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.empty.keys().cloned().collect()
    }

    /// A table's shape.
    pub(super) fn shape(&self, name: &str) -> Option<&Arc<dyn TableProvider>> {
        self.empty.get(name)
    }

    /// Where statements are planned that are not run.
    pub(super) fn blank(&self) -> &SessionState {
        &self.blank
    }

    /// Where one statement is run: `tables` have rows, every other table has none.
    // INVARIANT: nothing of the lake can be named there but what is in `tables`.
    pub(super) async fn over(
        &self,
        tables: Tables,
        calls: bool,
        runtime: Arc<RuntimeEnv>,
        who: &str,
    ) -> Result<SessionState, Error> {
        let mut all = self.empty.clone();
        all.extend(tables);
        let system = [(PG_CATALOG, &self.pg_catalog), (INFORMATION_SCHEMA, &self.information_schema)];
        let list = list(&all, &system).map_err(Error::planning)?;
        let state = SessionStateBuilder::new_from_existing(self.blank.clone())
            .with_runtime_env(runtime)
            .with_catalog_list(list)
            .build();
        let context = SessionContext::new_with_state(state);
        functions::register_user(&context, who);
        // They read what is granted, as the statement does; those of the blank state read nothing.
        if calls {
            function::register_reading(&context).await?;
        }
        Ok(context.state())
    }
}

/// The same columns without a row; a view stays one in the eyes of tools.
fn blank(table: &Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
    Arc::new(Blank { table: EmptyTable::new(table.schema()), kind: table.table_type() })
}

#[derive(Debug)]
struct Blank {
    table: EmptyTable,
    kind: TableType,
}

#[async_trait]
impl TableProvider for Blank {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.kind
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        self.table.scan(state, projection, filters, limit).await
    }
}

fn list(
    tables: &Tables,
    system: &[(&str, &Arc<dyn SchemaProvider>)],
) -> datafusion::error::Result<Arc<dyn CatalogProviderList>> {
    let public = MemorySchemaProvider::new();
    for (name, table) in tables {
        public.register_table(name.clone(), Arc::clone(table))?;
    }
    let database = MemoryCatalogProvider::new();
    database.register_schema(PUBLIC, Arc::new(public))?;
    for (name, schema) in system {
        database.register_schema(name, Arc::clone(schema))?;
    }
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(DATABASE.to_owned(), Arc::new(database));
    Ok(Arc::new(list))
}
