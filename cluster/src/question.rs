//! What a scheduler takes: a physical plan that only reads. A logical plan, which the scheduler would have to plan over
//! tables that it does not know, is refused, and so is one that writes: whoever asks has refused it before, but whoever
//! reaches the port can send anything.

use bytes::BufMut;
use datafusion::common::plan_err;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::{AsLogicalPlan, LogicalExtensionCodec};
use datafusion_proto::physical_plan::{AsExecutionPlan, PhysicalExtensionCodec};
use datafusion_proto::protobuf::PhysicalPlanNode;
use std::sync::Arc;

/// A logical plan: none is taken.
#[derive(Debug, Clone)]
pub(crate) struct Unplanned;

impl Unplanned {
    fn refused<T>() -> Result<T> {
        plan_err!("this scheduler takes plans of interdict alone; ask with `interdict sql --engine`")
    }
}

impl AsLogicalPlan for Unplanned {
    fn try_decode(_: &[u8]) -> Result<Self> {
        Self::refused()
    }

    fn try_encode<B: BufMut>(&self, _: &mut B) -> Result<()> {
        Self::refused()
    }

    fn try_into_logical_plan(&self, _: &TaskContext, _: &dyn LogicalExtensionCodec) -> Result<LogicalPlan> {
        Self::refused()
    }

    fn try_from_logical_plan(_: &LogicalPlan, _: &dyn LogicalExtensionCodec) -> Result<Self> {
        Self::refused()
    }
}

/// A physical plan that only reads.
#[derive(Debug, Clone)]
pub(crate) struct Question(PhysicalPlanNode);

impl AsExecutionPlan for Question {
    fn try_decode(bytes: &[u8]) -> Result<Self> {
        PhysicalPlanNode::try_decode(bytes).map(Self)
    }

    fn try_encode<B: BufMut>(&self, bytes: &mut B) -> Result<()> {
        self.0.try_encode(bytes)
    }

    fn try_into_physical_plan(
        &self,
        context: &TaskContext,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.0.try_into_physical_plan(context, codec)?;
        plan.apply(|node| {
            if node.is::<DataSinkExec>() {
                return plan_err!("a plan that writes is refused: the cluster only reads");
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn try_from_physical_plan(plan: Arc<dyn ExecutionPlan>, codec: &dyn PhysicalExtensionCodec) -> Result<Self> {
        PhysicalPlanNode::try_from_physical_plan(plan, codec).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn a_plan_that_writes_is_refused_and_one_that_reads_is_taken() {
        let context = SessionContext::new();
        let codec = Codec::new(Arc::new(()));
        let check = async |sql: &str, is_taken: bool| {
            let plan = context.sql(sql).await.expect("plans").create_physical_plan().await.expect("plans");
            let mut bytes = Vec::new();
            Question::try_from_physical_plan(plan, &codec).expect("writes").try_encode(&mut bytes).expect("writes");
            let question = Question::try_decode(&bytes).expect("reads");
            let taken = question.try_into_physical_plan(&context.task_ctx(), &codec);
            assert_eq!(taken.is_ok(), is_taken, "{sql}: {:?}", taken.err());
        };
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("x");
        for format in ["parquet", "csv", "json"] {
            check(&format!("copy (select 1 as one) to '{}' stored as {format}", file.display()), false).await;
        }
        check("select 1 as one", true).await;
        assert!(!file.exists());
    }

    #[test]
    fn no_logical_plan_is_taken() {
        let error = Unplanned::try_decode(&[]).expect_err("refused").to_string();
        assert!(error.contains("plans of interdict alone"), "{error}");
    }
}
