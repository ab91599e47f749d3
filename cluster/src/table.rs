//! One version of a Delta table as its Parquet files, in a plan that any DataFusion can run: which files, where in them
//! the columns are, and which day each is of. A file that is older than a column has nulls there.
//!
//! Delta's own reader makes a row filter of every condition. Where half of the rows hold, choosing them one by one in
//! each column costs several times what reading all of them does; so here it is done for what people look for one value
//! in, with whatever else the same question asks of the table; conditions of other questions choose files, row groups and
//! pages, and are asked of rows above the scan. A cluster's plans have no row filters: nobody looks for one value there.
//!
//! Refuses what the collector never writes and a plain reader of Parquet would read wrongly: deletion vectors and
//! renamed columns.

use crate::Error;
use crate::broken::{LeftOut, Named, Names};
use crate::footers::Footers;
use crate::storage;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;
use deltalake::DeltaTable;
use deltalake::kernel::{Add, EagerSnapshot};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreScheme};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The property of a Delta table whose columns are stored under other names.
const RENAMED: &str = "delta.columnMapping.mode";

/// Files of which a search keeps where each page is. Those of more would push the footers of others out.
const MANY: usize = 64;

/// One version of a table.
#[derive(Debug)]
pub(crate) struct Files {
    /// The columns in their order, as the table has them.
    schema: SchemaRef,
    /// The same with those last that stand in a file's name and not in it.
    scanned: TableSchema,
    snapshot: EagerSnapshot,
    storage: ObjectStoreUrl,
    names: Names,
    /// Whether this process reads it.
    is_here: bool,
    /// Files instead of those that the version has.
    only: Option<Vec<Add>>,
    /// Columns in which one value is looked for.
    sought: &'static [&'static str],
}

impl Files {
    /// Of a table, for executors that are elsewhere.
    pub(crate) fn elsewhere(name: &str, delta: &DeltaTable) -> Result<Self, Error> {
        Ok(Self { is_here: false, ..Self::with(name, delta, Field::clone)? })
    }

    /// Of a table that this process reads to keep rows of it.
    pub(crate) fn kept(name: &str, delta: &DeltaTable) -> Result<Self, Error> {
        Self::with(name, delta, Field::clone)
    }

    /// Of a table that this process reads.
    pub(crate) fn here(
        name: &str,
        delta: &DeltaTable,
        sought: &'static [&'static str],
        left_out: Option<Arc<LeftOut>>,
    ) -> Result<Self, Error> {
        let files = Self::with(name, delta, viewed)?;
        Ok(Self { sought, names: Names { left_out, ..files.names }, ..files })
    }

    /// The same table with only these files.
    pub(crate) fn only(self, files: Vec<Add>) -> Self {
        Self { only: Some(files), ..self }
    }

    fn with(name: &str, delta: &DeltaTable, read_as: impl Fn(&Field) -> Field) -> Result<Self, Error> {
        let wrong = |what| Error::Table { table: name.to_owned(), what };
        let nowhere = |detail: String| Error::Location { location: delta.table_url().to_string(), detail };
        let snapshot = delta.snapshot().map_err(|error| nowhere(error.to_string()))?.snapshot().clone();
        let metadata = snapshot.metadata();
        if metadata.configuration().get(RENAMED).is_some_and(|mode| mode != "none") {
            return Err(wrong("renamed columns"));
        }
        if snapshot.log_data().iter().any(|file| file.deletion_vector_descriptor().is_some()) {
            return Err(wrong("deletion vectors"));
        }
        let schema = snapshot.arrow_schema();
        let fields: Vec<_> = schema.fields().iter().map(|field| read_as(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let named: Vec<_> = metadata.partition_columns().to_vec();
        let (partitions, stored): (Vec<_>, Vec<_>) =
            schema.fields().iter().cloned().partition(|field| named.contains(field.name()));
        // Delta has them in an order of their own.
        let scanned =
            TableSchema::builder(Arc::new(Schema::new(stored))).with_table_partition_cols(partitions).build();
        let url = delta.table_url();
        let (_, folder) = ObjectStoreScheme::parse(url).map_err(|error| nowhere(error.to_string()))?;
        let storage = storage::root(url).map_err(|error| nowhere(error.to_string()))?;
        let names = Names { table: name.to_owned(), folder, left_out: None };
        Ok(Self { schema, scanned, snapshot, storage, names, is_here: true, only: None, sought: &[] })
    }

    /// Whether a condition looks for one value, or some.
    fn is_search(&self, filter: &Expr) -> bool {
        let is_sought = |expr: &Expr| match expr {
            Expr::Column(column) => self.sought.contains(&column.name.as_str()),
            _ => false,
        };
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                let (column, value) = if is_sought(left) { (left, right) } else { (right, left) };
                is_sought(column) && matches!(**value, Expr::Literal(..))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                self.is_search(left) && self.is_search(right)
            }
            Expr::InList(list) => !list.negated && is_sought(&list.expr),
            _ => false,
        }
    }

    /// The files that may have rows for which the filters hold, by what the table's log says of each; and their rows.
    fn files(
        &self,
        session: &dyn Session,
        filters: &[Expr],
        footers: Option<&Footers>,
    ) -> Result<(Vec<PartitionedFile>, usize)> {
        if let Some(only) = &self.only {
            let made = |ms: i64| SystemTime::UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs());
            let files = only.iter().map(|add| {
                let path = Path::parse(&add.path).unwrap_or_else(|_| Path::from(add.path.as_str()));
                self.file(&path, add.size, made(add.modification_time).into(), &add.partition_values)
            });
            return Ok((files.collect::<Result<_>>()?, 0));
        }
        let log = self.snapshot.log_data();
        let kept = match conjunction(filters.iter().cloned()) {
            Some(filter) => {
                let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
                let filter = session.create_physical_expr(filter, &schema)?;
                // What cannot be judged by the log leaves every file in.
                PruningPredicateBuilder::new()
                    .with_file_schema(Arc::clone(&self.schema))
                    .try_build(filter)
                    .and_then(|judge| judge.prune(&log))
                    .ok()
            }
            None => None,
        };
        let (mut files, mut rows) = (Vec::new(), 0);
        for (nth, file) in log.iter().enumerate() {
            if kept.as_ref().and_then(|kept| kept.get(nth)) == Some(&false) {
                continue;
            }
            rows += file.num_records().unwrap_or(0);
            let path = file.object_store_path();
            let made = file.modification_datetime().map_err(|error| self.wrong(&path, &error))?;
            let file = self.file(&path, file.size(), made, &file.partition_values_map())?;
            let constants = footers.and_then(|known| known.constants(&file.object_meta, self.scanned.file_schema()));
            files.push(match constants {
                Some(constants) => file.with_statistics(constants),
                None => file,
            });
        }
        Ok((files, rows))
    }

    /// A file as it is scanned, with the values that stand in its name.
    fn file(
        &self,
        path: &Path,
        size: i64,
        last_modified: DateTime<Utc>,
        given: &HashMap<String, Option<String>>,
    ) -> Result<PartitionedFile> {
        let values = self.scanned.table_partition_cols().iter().map(|column| {
            match given.get(column.name()).cloned().flatten() {
                Some(text) => ScalarValue::try_from_string(text, column.data_type()),
                None => ScalarValue::try_new_null(column.data_type()),
            }
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        let meta = ObjectMeta {
            location: self.names.folder.parts().chain(path.parts()).collect(),
            last_modified,
            size: u64::try_from(size).map_err(|error| self.wrong(path, &error))?,
            e_tag: None,
            version: None,
        };
        Ok(PartitionedFile::from(meta).with_partition_values(values))
    }

    fn wrong(&self, path: &Path, detail: &dyn std::error::Error) -> DataFusionError {
        DataFusionError::External(format!("file {path} of table {}: {detail}", self.names.table).into())
    }
}

/// A column as it is read where nothing is sent elsewhere: texts as views, which are not copied.
fn viewed(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::List(element) => DataType::List(Arc::new(viewed(element))),
        other => other.clone(),
    };
    field.clone().with_data_type(kind)
}

#[async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // They choose files; which rows, is asked above, unless the scan can take that over.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        // Footers are kept where this process reads; executors have readers of their own.
        let runtime = session.runtime_env();
        let footers = runtime.object_store(&self.storage).ok();
        let footers = footers.map(|store| Footers::new(store, runtime.cache_manager.get_file_metadata_cache()));
        let is_search = filters.iter().any(|filter| self.is_search(filter));
        let (files, rows) = self.files(session, filters, footers.as_ref().filter(|_| is_search))?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.schema.project(wanted)?))));
        }
        let scanned = self.scanned.table_schema();
        let places = wanted.iter().map(|place| Ok(scanned.index_of(self.schema.field(*place).name())?));
        let places = places.collect::<Result<Vec<_>>>()?;
        let mut options = TableParquetOptions {
            global: session.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        options.global.pushdown_filters = is_search;
        // What conditions are asked of would be kept for the rows that are taken, and for that read by the 8,192: decoding a
        // page or two of it once more costs less.
        options.global.max_predicate_cache_size = is_search.then_some(0);
        let mut source = ParquetSource::new(self.scanned.clone()).with_table_parquet_options(options);
        if let Some(footers) = &footers {
            source = source.with_parquet_file_reader_factory(footers.readers(is_search && files.len() <= MANY));
        }
        // A plan that travels is made of what Ballista knows.
        let source: Arc<dyn FileSource> = match self.is_here {
            true => Arc::new(Named::new(Arc::new(source), self.names.clone())),
            false => Arc::new(source),
        };
        // How many rows there are is told to choose a way to join; how many there are exactly, only reading tells.
        let mut statistics = Statistics::new_unknown(scanned);
        statistics.num_rows = Precision::Inexact(rows);
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let scan = FileScanConfigBuilder::new(self.storage.clone(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(places))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
