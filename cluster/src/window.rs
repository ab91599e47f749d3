//! Sorts that a plan for one process can do without, and one for a cluster cannot.
//!
//! Where a filter leaves one value of a column, the planner knows that rows are sorted by it and leaves it out of the
//! sort below a window. A cluster cuts the plan between the two, the executor that runs the window no longer knows of the
//! filter, and refuses rows that are not known to be sorted. So the whole order is written down.

use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::error::Result;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, replace_children_if_necessary};
use std::sync::Arc;

/// The plan with those sorts.
pub(crate) fn sorted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some((order, input)) = order(&node) else { return Ok(Transformed::no(node)) };
        let sort = SortExec::new(order, input).with_preserve_partitioning(true);
        Ok(Transformed::yes(replace_children_if_necessary(node, vec![Arc::new(sort)])?))
    })
    .data()
}

/// The order that a window needs, and what it reads, if something of the order goes without saying.
fn order(node: &Arc<dyn ExecutionPlan>) -> Option<(LexOrdering, Arc<dyn ExecutionPlan>)> {
    let (windows, input, mode) = if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        (window.window_expr(), window.input(), &window.input_order_mode)
    } else {
        let window = node.downcast_ref::<WindowAggExec>()?;
        (window.window_expr(), window.input(), &InputOrderMode::Sorted)
    };
    let window = windows.first()?;
    let keys = window.partition_by();
    let keys: Vec<_> = match mode {
        InputOrderMode::Sorted => keys.iter().collect(),
        InputOrderMode::PartiallySorted(places) => places.iter().filter_map(|place| keys.get(*place)).collect(),
        InputOrderMode::Linear => Vec::new(),
    };
    let known = input.properties().equivalence_properties();
    keys.iter().any(|key| known.is_expr_constant(key).is_some()).then_some(())?;
    let keys = keys.into_iter().map(|key| PhysicalSortExpr::new_default(Arc::clone(key)));
    let order = LexOrdering::new(keys.chain(window.order_by().iter().cloned()))?;
    Some((order, Arc::clone(input)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn an_order_is_written_down_where_a_filter_made_it_go_without_saying() {
        let context = SessionContext::new();
        context
            .sql("create table t as values (1, 2), (1, 3), (2, 4)")
            .await
            .expect("makes")
            .collect()
            .await
            .expect("makes");
        let check = async |filter: &str, is_written: bool| {
            let sql = format!(
                "select column2, row_number() over (partition by column1 order by column2) from t where {filter}"
            );
            let plan = context.sql(&sql).await.expect("plans").create_physical_plan().await.expect("plans");
            let text = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
            let before = text(&plan);
            let after = sorted(plan).expect("sorts");
            assert_eq!(text(&after) != before, is_written, "{before}");
            assert!(text(&after).contains("[column1@0 ASC"), "{}", text(&after));
        };
        check("column1 = 1", true).await;
        check("column1 > 0", false).await;
    }
}
