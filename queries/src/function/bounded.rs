//! Functions that make much of little, held to a bound: what a call would make is reckoned before it is made, since
//! neither memory nor time can be taken from a function while it runs.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::{DFSchema, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable as _, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// How much a function makes of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// All of them, one behind the other.
    Joined,
    /// The first, with the third wherever the second stands.
    Replaced,
    /// The first, as often as the second says.
    Repeated,
    /// As many of something as the second says.
    Filled,
    /// From the first to the second by the third.
    Series,
}

const FUNCTIONS: [(&str, Growth); 24] = [
    ("concat", Growth::Joined),
    ("concat_ws", Growth::Joined),
    ("translate", Growth::Joined),
    ("overlay", Growth::Joined),
    ("make_array", Growth::Joined),
    ("make_list", Growth::Joined),
    ("array_concat", Growth::Joined),
    ("array_cat", Growth::Joined),
    ("list_concat", Growth::Joined),
    ("list_cat", Growth::Joined),
    ("struct", Growth::Joined),
    ("row", Growth::Joined),
    ("named_struct", Growth::Joined),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::Replaced),
    ("repeat", Growth::Repeated),
    ("array_repeat", Growth::Repeated),
    ("list_repeat", Growth::Repeated),
    ("lpad", Growth::Filled),
    ("rpad", Growth::Filled),
    ("array_resize", Growth::Filled),
    ("list_resize", Growth::Filled),
    ("range", Growth::Series),
    ("generate_series", Growth::Series),
];

/// The most that one call may make, whatever the memory: 8,192 rows of 32 KiB.
const MOST: usize = 256 << 20;
/// The least bound: some rows of a long text.
const LEAST: usize = 16 << 20;
/// Bytes of what stands in a list, about.
const ELEMENT: usize = 16;

/// Holds a session's functions to a part of its memory.
pub(super) fn register(context: &SessionContext, memory: usize) {
    let bound = (memory / 4).clamp(LEAST, MOST);
    for (name, growth) in FUNCTIONS {
        if let Ok(inner) = context.udf(name) {
            context.register_udf(ScalarUDF::from(Bounded { name, inner, growth, bound }));
        }
    }
    let joined = ScalarUDF::from(Joined::new());
    let bounded = Bounded { name: JOINED, inner: Arc::new(joined), growth: Growth::Joined, bound };
    let planner: Arc<dyn ExprPlanner> = Arc::new(Operator(Arc::new(ScalarUDF::from(bounded))));
    // Such a registry takes whatever it is given.
    let _ =
        datafusion::execution::FunctionRegistry::register_expr_planner(&mut *context.state_ref().write(), planner);
}

/// What a cluster must be told of a function under a bound, if it is one.
pub(super) fn told(function: &ScalarUDF) -> Option<Vec<u8>> {
    let bounded = function.inner().downcast_ref::<Bounded>()?;
    Some((bounded.bound as u64).to_le_bytes().to_vec())
}

/// The function of this name under the bound that it was told; `None` if no function of this name has one.
///
/// # Errors
/// When what it was told is no bound.
pub(super) fn of(name: &str, told: &[u8]) -> Result<Option<ScalarUDF>> {
    let (name, growth, inner) = if name == JOINED {
        (JOINED, Growth::Joined, Arc::new(ScalarUDF::from(Joined::new())))
    } else {
        let Some((name, growth)) = FUNCTIONS.iter().copied().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let is_it =
            |function: &Arc<ScalarUDF>| function.name() == name || function.aliases().iter().any(|it| it == name);
        let Some(inner) = SessionStateDefaults::default_scalar_functions().into_iter().find(is_it) else {
            return Ok(None);
        };
        (name, growth, inner)
    };
    let Ok(bound) = told.try_into().map(u64::from_le_bytes) else { return plan_err!("{name} is told its bound") };
    let bound = usize::try_from(bound).unwrap_or(MOST).min(MOST);
    Ok(Some(ScalarUDF::from(Bounded { name, inner, growth, bound })))
}

/// A function under a bound.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    name: &'static str,
    inner: Arc<ScalarUDF>,
    growth: Growth,
    /// Bytes.
    bound: usize,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let made = made(self.growth, &call)?;
        if made > self.bound {
            return exec_err!(
                "{} would make {} MiB of some rows at once, and may make {}; select less",
                self.name,
                made >> 20,
                self.bound >> 20
            );
        }
        self.inner.invoke_with_args(call)
    }
}

/// Bytes that a call makes, at most about.
fn made(growth: Growth, call: &ScalarFunctionArgs) -> Result<usize> {
    let is_one = call.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
    let rows = if is_one { 1 } else { call.number_rows };
    let bytes = |value: &ColumnarValue| match value {
        ColumnarValue::Array(array) => size(array),
        ColumnarValue::Scalar(scalar) => scalar.to_array().map_or(0, |array| size(&array)).saturating_mul(rows),
    };
    let argument = |at: usize| call.args.get(at);
    Ok(match growth {
        Growth::Joined => call.args.iter().map(bytes).fold(0, usize::saturating_add),
        Growth::Replaced => {
            let of = argument(0).map_or(0, bytes);
            let [shortest, _] = lengths(argument(1))?;
            let [_, longest] = lengths(argument(2))?;
            (of / shortest.max(1)).saturating_add(rows).saturating_mul(longest).saturating_add(of)
        }
        Growth::Repeated => {
            let of = argument(0).map_or(0, bytes).max(rows);
            of.saturating_mul(bounds(argument(1))?.map_or(0, |[_, most]| most.max(0).unsigned_abs() as usize))
        }
        Growth::Filled => {
            let times = bounds(argument(1))?.map_or(0, |[_, most]| most.max(0).unsigned_abs() as usize);
            rows.saturating_mul(times).saturating_mul(ELEMENT)
        }
        Growth::Series => {
            let of = |at: usize| bounds(argument(at));
            let (from, to) = match call.args.len() {
                1 => (0, of(0)?.map_or(0, |[_, most]| most)),
                _ => (of(0)?.map_or(0, |[least, _]| least), of(1)?.map_or(0, |[_, most]| most)),
            };
            let steps = of(2)?.map_or([1, 1], |bounds| bounds);
            let step = if steps.contains(&0) { 1 } else { steps[0].unsigned_abs().min(steps[1].unsigned_abs()) };
            let count = usize::try_from(from.abs_diff(to) / step.max(1)).unwrap_or(usize::MAX);
            rows.saturating_mul(count).saturating_mul(ELEMENT)
        }
    })
}

/// Bytes of what an array shows, whatever it shares.
fn size(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().iter().map(|text| text.map_or(0, str::len)).sum(),
        // One value each, however long: what is in the dictionary stands once for all.
        DataType::Dictionary(_, of) => cast(array, of).map_or(0, |values| size(&values)),
        _ => array.to_data().get_slice_memory_size().unwrap_or(0),
    }
}

/// The least and the most bytes of a text.
fn lengths(value: Option<&ColumnarValue>) -> Result<[usize; 2]> {
    let Some(value) = value else { return Ok([0, 0]) };
    let array = cast(&array(value)?, &DataType::Utf8)?;
    let lengths = || array.as_string::<i32>().iter().flatten().map(str::len);
    Ok([lengths().min().unwrap_or(0), lengths().max().unwrap_or(0)])
}

/// The least and the most of numbers, or of moments and durations, in nanoseconds.
fn bounds(value: Option<&ColumnarValue>) -> Result<Option<[i64; 2]>> {
    let Some(value) = value else { return Ok(None) };
    let array = array(value)?;
    let numbers = match array.data_type() {
        DataType::Interval(_) => {
            let whole = cast(&array, &DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano))?;
            let nanos = whole.as_primitive::<IntervalMonthDayNanoType>().iter().flatten().map(|step| {
                let days = i64::from(step.months) * 28 + i64::from(step.days);
                days.saturating_mul(86_400_000_000_000).saturating_add(step.nanoseconds)
            });
            let nanos: Vec<i64> = nanos.collect();
            return Ok(nanos.iter().min().copied().zip(nanos.iter().max().copied()).map(|(low, high)| [low, high]));
        }
        kind if kind.is_temporal() => {
            let moments = cast(&array, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
            cast(&moments, &DataType::Int64)?
        }
        kind if kind.is_numeric() => cast(&array, &DataType::Int64)?,
        _ => return Ok(None),
    };
    let numbers = numbers.as_primitive::<Int64Type>();
    Ok(min(numbers).zip(max(numbers)).map(|(low, high)| [low, high]))
}

fn array(value: &ColumnarValue) -> Result<ArrayRef> {
    match value {
        ColumnarValue::Array(array) => Ok(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => scalar.to_array(),
    }
}

/// What `||` of texts is, as PostgreSQL calls it.
const JOINED: &str = "textcat";

/// Two texts, one behind the other; null if either is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined(Signature);

impl Joined {
    fn new() -> Self {
        Self(Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable))
    }
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &str {
        JOINED
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [left, right] = arrays.as_slice() else { return exec_err!("{JOINED} takes two texts") };
        let (left, right) = (cast(left, &DataType::Utf8)?, cast(right, &DataType::Utf8)?);
        let joined = arrow::compute::kernels::concat_elements::concat_elements_utf8(
            left.as_string::<i32>(),
            right.as_string::<i32>(),
        )?;
        Ok(ColumnarValue::Array(Arc::new(joined)))
    }
}

/// Puts the function in the operator's place.
#[derive(Debug)]
struct Operator(Arc<ScalarUDF>);

impl ExprPlanner for Operator {
    fn plan_binary_op(&self, found: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_text = |side: &Expr| side.get_type(schema).is_ok_and(|kind| kind.is_string());
        if found.op == BinaryOperator::StringConcat && is_text(&found.left) && is_text(&found.right) {
            return Ok(PlannerResult::Planned(self.0.call(vec![found.left, found.right])));
        }
        Ok(PlannerResult::Original(found))
    }
}
