//! How many elements lists have. Of lists of plain values that is how far their offsets lie apart; DataFusion's own takes
//! each list out of its column first, which was most of what a question about delegation cost.

use arrow::array::{Array as _, AsArray as _, UInt64Array};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use std::sync::Arc;

/// DataFusion's function, and a shorter way where there is one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Cardinality(Arc<ScalarUDF>);

impl Cardinality {
    /// Its name.
    pub(super) const NAME: &str = "cardinality";

    pub(super) const fn new(inner: Arc<ScalarUDF>) -> Self {
        Self(inner)
    }
}

impl ScalarUDFImpl for Cardinality {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let [ColumnarValue::Array(lists)] = call.args.as_slice()
            && let Some(lists) = lists.as_list_opt::<i32>()
            && !lists.value_type().is_nested()
        {
            let lengths = lists.offsets().lengths().map(|length| length as u64).collect();
            return Ok(ColumnarValue::Array(Arc::new(UInt64Array::new(lengths, lists.nulls().cloned()))));
        }
        self.0.invoke_with_args(call)
    }
}
