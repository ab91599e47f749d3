//! Subqueries in the place of a value. One process counts their rows and fails on a second; a cluster joins them, and a
//! second row would double the rows that it is joined to. So what is not known to give one row at most is refused.

use crate::Error;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, to be run before subqueries become joins.
#[derive(Debug)]
pub(crate) struct OneRow;

impl OptimizerRule for OneRow {
    fn name(&self) -> &str {
        "one_row"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        // The whole plan at once.
        None
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expression| expression.apply(judge))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Transformed::no(plan))
    }
}

fn judge(part: &Expr) -> Result<TreeNodeRecursion> {
    if let Expr::ScalarSubquery(subquery) = part
        // One process makes the same join of what names columns of its outside.
        && subquery.outer_ref_columns.is_empty()
        && subquery.subquery.max_rows().is_none_or(|rows| rows > 1)
    {
        return Err(Error::Subquery.into());
    }
    Ok(TreeNodeRecursion::Continue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn a_value_is_of_one_row_or_refused() {
        let context = SessionContext::new();
        let check = async |sql: &str, is_taken: bool| {
            let plan = context.sql(sql).await.expect("plans").into_unoptimized_plan();
            let judged = OneRow.rewrite(plan, &context.state());
            assert_eq!(judged.is_ok(), is_taken, "{sql}");
        };
        let rows = "(values (1), (2)) t(a)";
        check(&format!("select (select max(a) from {rows}) as m"), true).await;
        check(&format!("select (select a from {rows} limit 1) as m"), true).await;
        check(&format!("select (select a from {rows} where a > 1) as m"), false).await;
        check(&format!("select a from {rows} where a = (select a from {rows})"), false).await;
        check(&format!("select a from {rows} where a in (select a from {rows})"), true).await;
    }
}
