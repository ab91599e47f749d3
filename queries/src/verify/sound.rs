//! The lake without some of its files, so that it can be asked for what the others hold.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::sync::Arc;

/// Leaves files out of every plan, by their names, which are no two files'. It must be the first rule: one that sends
/// parts of a plan elsewhere leaves no files to be seen.
#[derive(Debug)]
pub(super) struct Without(pub(super) HashSet<String>);

impl PhysicalOptimizerRule for Without {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let sound = |node: Arc<dyn ExecutionPlan>| {
            let source = node.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
            let Some(scan) = source.and_then(|source| source.downcast_ref::<FileScanConfig>()) else {
                return Ok(Transformed::no(node));
            };
            let mut scan = scan.clone();
            for group in &mut scan.file_groups {
                let files = group.iter();
                let is_sound = |name: Option<&str>| name.is_none_or(|name| !self.0.contains(name));
                let sound = files.filter(|file| is_sound(file.object_meta.location.filename())).cloned();
                *group = FileGroup::new(sound.collect());
            }
            Ok(Transformed::yes(DataSourceExec::from_data_source(scan) as Arc<dyn ExecutionPlan>))
        };
        Ok(plan.transform_down(sound)?.data)
    }

    fn name(&self) -> &'static str {
        "without_broken_files"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
