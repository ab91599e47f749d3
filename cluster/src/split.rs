//! What of a plan travels. The largest parts that read the lake and can be written down are replaced by what asks the
//! cluster for their rows; what is above stays here. A plan that reads no lake stays here whole.

use crate::address::Address;
use crate::codec::Codec;
use crate::remote::Remote;
use crate::window;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use datafusion_proto::physical_plan::AsExecutionPlan as _;
use datafusion_proto::protobuf::PhysicalPlanNode;
use std::sync::Arc;

/// The rule that sends what can be sent.
#[derive(Debug)]
pub(crate) struct Split {
    address: Address,
    codec: Arc<Codec>,
}

impl Split {
    pub(crate) fn new(address: Address, codec: Arc<Codec>) -> Self {
        Self { address, codec }
    }

    fn split(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if !reads_lake(&plan)? {
            return Ok(plan);
        }
        if self.travels(&plan)? {
            return Ok(Arc::new(Remote::new(plan, self.address.clone(), Arc::clone(&self.codec))));
        }
        let children = plan.children().into_iter().map(|child| self.split(Arc::clone(child)));
        let children = children.collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(plan, children)
    }

    fn travels(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
        let stays = found(plan, |node| {
            // What explains tells of the plan here, and the rounds of a recursion share memory.
            node.is::<AnalyzeExec>() || node.is::<RecursiveQueryExec>()
        })?;
        Ok(!stays && PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), self.codec.as_ref()).is_ok())
    }
}

impl PhysicalOptimizerRule for Split {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !reads_lake(&plan)? {
            return Ok(plan);
        }
        self.split(window::sorted(plan)?)
    }

    fn name(&self) -> &str {
        "split"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn reads_lake(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    found(plan, |node| {
        node.downcast_ref::<DataSourceExec>().is_some_and(|source| source.data_source().is::<FileScanConfig>())
    })
}

fn found(plan: &Arc<dyn ExecutionPlan>, wanted: impl Fn(&dyn ExecutionPlan) -> bool) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found = wanted(node.as_ref());
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
