//! Functions that make one text of another.

use arrow::array::{AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// A function of one text; of null it is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Text {
    name: &'static str,
    signature: Signature,
    /// What is the same for all texts.
    pub(super) setting: String,
    made: Made,
}

/// Of the setting and a text, the text that it makes. Known by the function's name.
#[derive(Debug, Clone, Copy)]
struct Made(fn(&str, &str) -> String);

// One name, one way.
impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Made {}

impl std::hash::Hash for Made {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Text {
    pub(super) fn new(name: &'static str, setting: String, made: fn(&str, &str) -> String) -> Self {
        let signature = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
        Self { name, signature, setting, made: Made(made) }
    }
}

impl ScalarUDFImpl for Text {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [value] = arrays.as_slice() else { return exec_err!("{} takes one text", self.name) };
        let value = cast(value, &DataType::Utf8)?;
        let made = |text| (self.made.0)(&self.setting, text);
        let texts = value.as_string::<i32>().iter().map(|text| text.map(made));
        Ok(ColumnarValue::Array(Arc::new(texts.collect::<StringArray>())))
    }
}
