//! One question asked again whenever the lake has something new; of each answer, the rows that were not told before.
//!
//! DELIVERY: a row is told as soon as it is in the lake, and once: two rows that are equal are told twice. A question that
//! looks at each row of one table by itself is put to the files that came since, so that nothing need be remembered, and
//! what compaction writes anew is not looked at. Any other is asked as a whole each time; of each row that it ever had, a
//! fingerprint is kept with how often it was told. Those are bounded: who would need more is told so, and nothing twice.

use crate::function::reads;
use crate::snapshot::Scope;
use crate::{Engine, Error, Rows, Snapshot, view};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use futures::StreamExt as _;
use futures::stream;
use interdict_schemas::lake::Table;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The most different rows remembered: some 40 bytes each.
const REMEMBERED: usize = 2_000_000;

/// Asks again every so often. The answer never ends; dropping it ends the asking.
///
/// # Errors
/// When the first question fails: later ones fail as rows do.
pub async fn follow(engine: Arc<Engine>, sql: String, every: Duration) -> Result<Rows, Error> {
    let lake = engine.snapshot().await?;
    let plan = lake.plan(&sql).await?;
    let way = alone(&plan)?.map_or_else(|| Way::Whole(Told::new(REMEMBERED)), Way::Files);
    let rows = lake.sql(&sql).await?;
    let schema = rows.schema();
    let asked = way.versions(&lake);
    let state = State { engine, sql, every, way, schema: Arc::clone(&schema), rows: Some(rows), asked };
    let batches = stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next().await {
            Ok(batch) => Some((Ok(batch), Some(state))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Rows::new(schema, batches.boxed()))
}

/// How what is new is found.
enum Way {
    /// In the files that came to this table.
    Files(Table),
    /// In all of the answer.
    Whole(Told),
}

impl Way {
    /// The versions of the tables that may have something new.
    fn versions(&self, lake: &Snapshot) -> Vec<Option<u64>> {
        match self {
            Self::Files(table) => vec![lake.version(*table)],
            Self::Whole(_) => Table::ALL.iter().map(|table| lake.version(*table)).collect(),
        }
    }
}

struct State {
    engine: Arc<Engine>,
    sql: String,
    every: Duration,
    way: Way,
    schema: SchemaRef,
    rows: Option<Rows>,
    /// The versions of the tables that were asked last.
    asked: Vec<Option<u64>>,
}

impl State {
    async fn next(&mut self) -> Result<RecordBatch, Error> {
        loop {
            while let Some(rows) = &mut self.rows {
                let Some(batch) = rows.next().await? else {
                    self.rows = None;
                    break;
                };
                if batch.schema().fields().len() != self.schema.fields().len() {
                    let words = "a table has other columns than when this was begun; begin to follow anew";
                    return Err(Error::Query(words.to_owned()));
                }
                let fresh = match &mut self.way {
                    Way::Files(_) => batch,
                    Way::Whole(told) => told.fresh(&batch)?,
                };
                if fresh.num_rows() > 0 {
                    return Ok(fresh);
                }
            }
            tokio::time::sleep(self.every).await;
            let mut lake = self.engine.snapshot().await?;
            if self.way.versions(&lake) == self.asked {
                continue;
            }
            match &mut self.way {
                Way::Files(table) => {
                    let since = Some((*table, self.asked.first().copied().flatten()));
                    lake = self.engine.snapshot_of(Scope { since, ..Scope::default() }).await?;
                }
                Way::Whole(told) => told.again(),
            }
            self.asked = self.way.versions(&lake);
            self.rows = Some(lake.sql(&self.sql).await?);
        }
    }
}

/// The one table that a question is about, if it looks at each row of it by itself.
fn alone(plan: &LogicalPlan) -> Result<Option<Table>, Error> {
    let (mut tables, mut is_alone) = (Vec::new(), true);
    let walked = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => tables.push(scan.table_name.table().to_owned()),
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Unnest(_) => {}
            _ => is_alone = false,
        }
        for expression in node.expressions() {
            expression.apply(|part| {
                // What it looks up may change for rows that are not new.
                is_alone &= !matches!(part, Expr::ScalarFunction(called) if !reads(called.name()).is_empty());
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(Error::planning)?;
    Ok(match tables.as_slice() {
        [name] if is_alone => Table::ALL.into_iter().find(|table| view::facts(*table) == name),
        _ => None,
    })
}

/// How often a row was told, and how often it was met since the question was last asked.
#[derive(Debug, Default)]
struct Count {
    told: u32,
    met: u32,
    asked: u32,
}

/// Rows told.
struct Told {
    most: usize,
    rows: HashMap<[u64; 2], Count>,
    asked: u32,
}

impl Told {
    fn new(most: usize) -> Self {
        Self { most, rows: HashMap::new(), asked: 0 }
    }

    /// The question is asked again.
    fn again(&mut self) {
        self.asked = self.asked.wrapping_add(1);
    }

    /// The rows that were not told yet.
    fn fresh(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let mut hashes = [vec![0; batch.num_rows()], vec![0; batch.num_rows()]];
        for (seed, hashes) in hashes.iter_mut().enumerate() {
            create_hashes(batch.columns(), &RandomState::with_seed(seed as u64), hashes).map_err(Error::planning)?;
        }
        let [first, second] = &hashes;
        let asked = self.asked;
        let fresh = first.iter().zip(second).map(|(first, second)| {
            let count = self.rows.entry([*first, *second]).or_default();
            if count.asked != asked {
                (count.met, count.asked) = (0, asked);
            }
            count.met += 1;
            let is_fresh = count.met > count.told;
            count.told = count.told.max(count.met);
            Some(is_fresh)
        });
        let fresh: BooleanArray = fresh.collect();
        if self.rows.len() > self.most {
            return Err(Error::Followed { most: self.most });
        }
        filter_record_batch(batch, &fresh).map_err(|error| Error::Query(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray as _, Int64Array};
    use arrow::datatypes::Int64Type;

    fn batch(values: &[i64]) -> RecordBatch {
        let values: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("value", values)]).expect("a batch")
    }

    fn check(told: &mut Told, values: &[i64], expected: &[i64]) {
        let fresh = told.fresh(&batch(values)).expect("remembers");
        assert_eq!(fresh.column(0).as_primitive::<Int64Type>().values(), expected, "{values:?}");
    }

    #[test]
    fn rows_are_told_as_often_as_they_are_there() {
        let told = &mut Told::new(10);
        check(told, &[1, 2, 1], &[1, 2, 1]);
        check(told, &[2], &[2]);
        told.again();
        check(told, &[2, 1, 1, 2], &[]);
        check(told, &[2, 1, 3], &[2, 1, 3]);
        // What is gone and comes again was told.
        told.again();
        check(told, &[3], &[]);
        told.again();
        check(told, &[1, 2, 3, 3], &[3]);
    }

    #[test]
    fn who_would_have_to_be_forgotten_ends_it() {
        let told = &mut Told::new(3);
        check(told, &[1, 2, 3], &[1, 2, 3]);
        for _ in 0..5 {
            told.again();
            check(told, &[1, 2, 3], &[]);
        }
        let error = told.fresh(&batch(&[4])).expect_err("a fourth");
        assert!(matches!(error, Error::Followed { most: 3 }), "{error}");
    }
}
