//! `risk(session)`: the highest risk among the alerts that have the session in their chain, null if there are none.
//!
//! A value must be there wherever SQL takes one, also in an order or a condition of a join, where DataFusion takes no
//! subquery. So what all alerts say is read once, before the statement that calls it is run, and looked up then: memory
//! for a session's id and a number for each hop of an alert, which detection's budget keeps small.

use crate::Error;
use arrow::array::{AsArray as _, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::exec_err;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::DataFrame;
use futures::StreamExt as _;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// What all alerts say.
const ALL: &str = "select hop['session'] as session, max(risk) as risk \
                   from (select risk, unnest(chain) as hop from alerts) group by hop['session']";

/// The function, and what it looks up.
#[derive(Debug, Clone)]
pub(super) struct Risk {
    signature: Signature,
    known: Arc<OnceLock<HashMap<String, i32>>>,
}

impl Default for Risk {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8], Volatility::Stable), known: Arc::default() }
    }
}

impl Risk {
    /// What it looks up, for another process.
    pub(super) fn told(&self) -> Result<Vec<u8>> {
        let Some(known) = self.known.get() else { return exec_err!("what alerts say was not read") };
        // In one order, so that the same is told in the same bytes.
        let known: BTreeMap<_, _> = known.iter().collect();
        serde_json::to_vec(&known).map_err(|error| DataFusionError::External(error.into()))
    }

    /// The function with what another process told.
    pub(super) fn of(told: &[u8]) -> Result<Self> {
        let known: HashMap<String, i32> =
            serde_json::from_slice(told).map_err(|error| DataFusionError::External(error.into()))?;
        Ok(Self { known: Arc::new(OnceLock::from(known)), ..Self::default() })
    }
}

// Two are the same if they look up the same.
impl PartialEq for Risk {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.known, &other.known)
    }
}

impl Eq for Risk {}

impl Hash for Risk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.known).hash(state);
    }
}

impl ScalarUDFImpl for Risk {
    fn name(&self) -> &'static str {
        super::RISK
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(known) = self.known.get() else { return exec_err!("what alerts say was not read") };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(sessions) = arrays.first() else { return exec_err!("risk takes a session") };
        let sessions = cast(sessions, &DataType::Utf8)?;
        let risks = sessions.as_string::<i32>().iter().map(|session| known.get(session?).copied());
        Ok(ColumnarValue::Array(Arc::new(risks.collect::<Int32Array>())))
    }
}

/// Reads what the plan's calls look up, from the state's own alerts. To be called before the plan is optimised, which
/// works out what is constant.
pub(crate) async fn prepare(plan: &LogicalPlan, state: &SessionState, memory: usize) -> Result<(), Error> {
    let mut called: Option<Risk> = None;
    let walked = plan.apply_with_subqueries(|node| {
        for expression in node.expressions() {
            expression.apply(|part| {
                if let Expr::ScalarFunction(function) = part
                    && let Some(risk) = (function.func.inner().as_ref() as &dyn std::any::Any).downcast_ref::<Risk>()
                {
                    called = Some(risk.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(Error::planning)?;
    let Some(risk) = called.filter(|risk| risk.known.get().is_none()) else { return Ok(()) };
    let plan = state.create_logical_plan(ALL).await.map_err(Error::planning)?;
    let running = |error| Error::running(error, memory);
    let mut batches = DataFrame::new(state.clone(), plan).execute_stream().await.map_err(running)?;
    let mut known = HashMap::new();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(running)?;
        let column = |at: usize, kind: &DataType| {
            cast(batch.column(at), kind).map_err(|error| Error::running(error.into(), memory))
        };
        let (sessions, risks) = (column(0, &DataType::Utf8)?, column(1, &DataType::Int32)?);
        let (sessions, risks) = (sessions.as_string::<i32>(), risks.as_primitive::<Int32Type>());
        for (session, risk) in sessions.iter().zip(risks).filter_map(|(session, risk)| session.zip(risk)) {
            known.insert(session.to_owned(), risk);
        }
    }
    // Another question to the same state may have read the same meanwhile.
    let _ = risk.known.set(known);
    Ok(())
}
