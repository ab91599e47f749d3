//! The schema in which a state of the lake stands: its tables, and its views, each of which is planned when somebody names
//! it. A question names one or two, and there are many.

use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The names of the catalogue and the schema, as DataFusion has them where nothing else is said.
const CATALOGUE: &str = "datafusion";
const SCHEMA: &str = "public";

#[derive(Debug)]
struct Schema {
    tables: MemorySchemaProvider,
    views: HashMap<&'static str, String>,
    /// Settings and functions; its own tables are not looked at.
    state: SessionState,
    /// What the views name. The list holds this schema, so that this must not hold the list.
    list: Weak<MemoryCatalogProviderList>,
}

/// A list of catalogues with one in it, whose schema has these tables and views.
pub(crate) fn catalogues(
    state: SessionState,
    tables: Vec<(&'static str, Arc<dyn TableProvider>)>,
) -> Result<Arc<dyn CatalogProviderList>> {
    let all = MemorySchemaProvider::new();
    for (name, table) in tables {
        all.register_table(name.to_owned(), table)?;
    }
    let list = Arc::new(MemoryCatalogProviderList::new());
    let views = super::all().into_iter().collect();
    let schema = Schema { tables: all, views, state, list: Arc::downgrade(&list) };
    let catalogue = MemoryCatalogProvider::new();
    catalogue.register_schema(SCHEMA, Arc::new(schema))?;
    list.register_catalog(CATALOGUE.to_owned(), Arc::new(catalogue));
    Ok(list)
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        self.views.keys().map(|name| (*name).to_owned()).chain(self.tables.table_names()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some((sql, list)) = self.views.get(name).zip(self.list.upgrade()) else {
            return self.tables.table(name).await;
        };
        let state = SessionStateBuilder::new_from_existing(self.state.clone()).with_catalog_list(list).build();
        let plan = state.create_logical_plan(sql).await?;
        Ok(Some(Arc::new(ViewTable::new(plan, Some(sql.clone())))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.views.contains_key(name) || self.tables.table_exist(name)
    }
}
