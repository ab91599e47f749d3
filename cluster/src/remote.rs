//! The part of a plan that a cluster runs, as the plan that is run here sees it: as many partitions, in the same order.
//! It is sent once, whoever asks for a partition first, and each round of a recursion reads the same rows again.

use crate::address::Address;
use crate::codec::Codec;
use crate::job::{Answer, Job};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, displayable};
use futures::{StreamExt as _, TryStreamExt as _};
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A plan that a cluster runs.
#[derive(Debug)]
pub(crate) struct Remote {
    plan: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    address: Address,
    codec: Arc<Codec>,
    /// Once, also if there is none: sixteen partitions are no reason to ask sixteen times.
    answer: Arc<OnceCell<Result<Answer, Arc<DataFusionError>>>>,
}

impl Remote {
    pub(crate) fn new(plan: Arc<dyn ExecutionPlan>, address: Address, codec: Arc<Codec>) -> Self {
        let properties = plan.properties();
        let properties = PlanProperties::new(
            properties.equivalence_properties().clone(),
            properties.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { plan, properties: Arc::new(properties), address, codec, answer: Arc::default() }
    }
}

impl DisplayAs for Remote {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Remote: {}", self.address)?;
        write!(f, "{}", displayable(self.plan.as_ref()).indent(false))
    }
}

impl ExecutionPlan for Remote {
    fn name(&self) -> &str {
        "Remote"
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        // What runs elsewhere is nothing that is optimised, asked or reset here.
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("what runs on a cluster has no children here") }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let job = Job {
            address: self.address.clone(),
            codec: Arc::clone(&self.codec),
            plan: Arc::clone(&self.plan),
            session: context.session_id(),
            config: context.session_config().clone(),
        };
        let answer = Arc::clone(&self.answer);
        let rows = async move {
            let told = answer.get_or_init(|| async { job.run().await.map_err(Arc::new) }).await;
            let told = told.as_ref().map_err(|error| DataFusionError::Shared(Arc::clone(error)))?;
            let rows = told.rows(partition)?;
            // Rows are released with the answer, which must not go before they are read.
            Ok::<_, DataFusionError>(rows.inspect(move |_| {
                let _kept = &answer;
            }))
        };
        let rows = futures::stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
