//! Files that cannot be read: which one it was, and how a question goes on without it. A damaged page, a damaged end and a
//! file that is gone are told as the same thing, an [`Error::File`]: DataFusion names a file only for some of them.
//!
//! A question that goes on reads each file through before it takes a row of it, so that it has all of a file's rows or
//! none. Refuses to leave anything out unless it was asked to, and then to forget which files those were.

use crate::Error;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::errors::ParquetError;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use object_store::ObjectStore;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// The files that a question went on without, and why.
#[derive(Debug, Default)]
pub struct LeftOut(Mutex<BTreeMap<String, String>>);

impl LeftOut {
    /// Each file, below the lake's folder, with what is wrong with it.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        self.known().clone()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        // The map is whole after every statement that changes it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the files of a table are called, and whether a question goes on without those that cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The table's name.
    pub(crate) table: String,
    /// The table's folder in its storage.
    pub(crate) folder: Path,
    pub(crate) left_out: Option<Arc<LeftOut>>,
}

impl Names {
    /// What a file is called below the lake's folder.
    fn of(&self, file: &PartitionedFile) -> Arc<str> {
        let location = &file.object_meta.location;
        let below = location.prefix_match(&self.folder);
        let parts = below.into_iter().flatten().map(|part| format!("/{}", part.as_ref()));
        format!("{}{}", self.table, parts.collect::<String>()).into()
    }
}

/// A source of rows whose errors name the file.
#[derive(Clone)]
pub(crate) struct Named {
    inner: Arc<dyn FileSource>,
    names: Arc<Names>,
}

impl Named {
    pub(crate) fn new(inner: Arc<dyn FileSource>, names: Names) -> Self {
        Self { inner, names: Arc::new(names) }
    }

    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, names: Arc::clone(&self.names) })
    }
}

impl FileSource for Named {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let inner = self.inner.create_morselizer(store, config, partition)?;
        Ok(Box::new(Files { inner: inner.into(), names: Arc::clone(&self.names) }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, rows: usize) -> Arc<dyn FileSource> {
        self.around(self.inner.with_batch_size(rows))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(kind, out)
    }

    fn supports_repartitioning(&self) -> bool {
        // Of a file in pieces, one could be read and another could not.
        self.names.left_out.is_none() && self.inner.supports_repartitioning()
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let mut pushed = self.inner.try_pushdown_filters(filters, config)?;
        pushed.updated_node = pushed.updated_node.map(|inner| self.around(inner));
        Ok(pushed)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_sort(order, properties)?.map(|inner| self.around(inner)))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.around(inner)))
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(apply)
    }
}

/// Begins with each file of a scan.
#[derive(Debug)]
struct Files {
    inner: Arc<dyn Morselizer>,
    names: Arc<Names>,
}

impl Morselizer for Files {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let name = self.names.of(&file);
        match &self.names.left_out {
            None => named(self.inner.plan_file(file), &name),
            Some(left_out) => {
                let (inner, left_out) = (Arc::clone(&self.inner), Arc::clone(left_out));
                Ok(Box::new(Tried { inner, file, name, left_out }))
            }
        }
    }
}

/// A file that is read through before any row is taken of it.
#[derive(Debug)]
struct Tried {
    inner: Arc<dyn Morselizer>,
    file: PartitionedFile,
    name: Arc<str>,
    left_out: Arc<LeftOut>,
}

impl MorselPlanner for Tried {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, file, name, left_out } = *self;
        // What one scan of a question leaves out, others of it do not begin with.
        if left_out.known().contains_key(&*name) {
            return Ok(None);
        }
        Ok(Some(MorselPlan::new().with_pending_planner(async move {
            let tried = async { read_through(inner.plan_file(file.clone())?).await };
            match contained(AssertUnwindSafe(tried).catch_unwind().await) {
                Ok(()) => named(inner.plan_file(file), &name),
                Err(error) if is_of_file(&error) => {
                    left_out.known().insert(name.to_string(), error.strip_backtrace());
                    Ok(Box::new(Nothing) as Box<dyn MorselPlanner>)
                }
                Err(error) => Err(error),
            }
        })))
    }
}

async fn read_through(planner: Box<dyn MorselPlanner>) -> Result<()> {
    let mut planners = vec![planner];
    while let Some(planner) = planners.pop() {
        let Some(mut plan) = planner.plan()? else { continue };
        for morsel in plan.take_morsels() {
            let mut rows = morsel.into_stream();
            while let Some(batch) = rows.next().await {
                batch?;
                // Decoding waits for nothing, and whoever stops the question must get a turn.
                tokio::task::consume_budget().await;
            }
        }
        planners.extend(plan.take_ready_planners());
        if let Some(pending) = plan.take_pending_planner() {
            planners.push(pending.await?);
        }
    }
    Ok(())
}

/// No rows.
#[derive(Debug)]
struct Nothing;

impl MorselPlanner for Nothing {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        Ok(None)
    }
}

/// A step of reading a file, whose errors name it.
#[derive(Debug)]
struct Step<T: ?Sized> {
    name: Arc<str>,
    inner: Box<T>,
}

fn named(inner: Result<Box<dyn MorselPlanner>>, name: &Arc<str>) -> Result<Box<dyn MorselPlanner>> {
    let inner = inner.map_err(|error| blamed(error, name))?;
    Ok(Box::new(Step { name: Arc::clone(name), inner }))
}

impl MorselPlanner for Step<dyn MorselPlanner> {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { name, inner } = *self;
        let planned = contained(catch_unwind(AssertUnwindSafe(|| inner.plan())));
        let Some(mut plan) = planned.map_err(|error| blamed(error, &name))? else { return Ok(None) };
        let morsels = plan.take_morsels().into_iter();
        let morsels = morsels.map(|inner| Box::new(Step { name: Arc::clone(&name), inner }) as Box<dyn Morsel>);
        let planners = plan.take_ready_planners().into_iter().map(|inner| named(Ok(inner), &name));
        let found = MorselPlan::new().with_morsels(morsels.collect());
        let found = found.with_planners(planners.collect::<Result<_>>()?);
        Ok(Some(match plan.take_pending_planner() {
            Some(pending) => found.with_pending_planner(async move {
                named(contained(AssertUnwindSafe(pending).catch_unwind().await), &name)
            }),
            None => found,
        }))
    }
}

impl Morsel for Step<dyn Morsel> {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { name, inner } = *self;
        // Ends after a panic.
        let batches = AssertUnwindSafe(inner.into_stream()).catch_unwind();
        batches.map(move |batch| contained(batch).map_err(|error| blamed(error, &name))).boxed()
    }
}

/// Of some damage the reader does not make an error but a panic, which must not be the whole process's.
fn contained<T>(read: std::thread::Result<Result<T>>) -> Result<T> {
    read.unwrap_or_else(|_| Err(ParquetError::General("it breaks the reader of Parquet".to_owned()).into()))
}

fn blamed(error: DataFusionError, file: &str) -> DataFusionError {
    if !is_of_file(&error) {
        return error;
    }
    Error::File { file: file.to_owned(), detail: error.strip_backtrace() }.into()
}

/// Whether reading failed, and not what the question reckons with what was read, which a scan may do as well.
fn is_of_file(error: &DataFusionError) -> bool {
    const RECKONED: &str = "Error evaluating filter predicate";
    const UNLIKE: &str = "is missing from the physical schema";
    match error.find_root() {
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => true,
        DataFusionError::ParquetError(error) => !error.to_string().contains(RECKONED),
        DataFusionError::ArrowError(error, _) => match &**error {
            ArrowError::ParquetError(words) => !words.contains(RECKONED),
            ArrowError::IoError(..) | ArrowError::ExternalError(_) => true,
            _ => false,
        },
        // A column that the table has and may not be null.
        DataFusionError::Execution(words) | DataFusionError::Plan(words) => words.contains(UNLIKE),
        _ => false,
    }
}
