//! Functions of the field for SQL: tables that take an argument, the risk of a session, where a session is replayed, and
//! the fingerprint of a statement.

mod fingerprint;
mod replay_url;
mod risk;
mod table;

pub use replay_url::REPLAY;
pub(crate) use risk::prepare;

use crate::Error;
use arrow::array::{AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// The tables and views that the function of this name reads, be it a table or a value; none for one that reads none.
pub(crate) fn reads(name: &str) -> &'static [&'static str] {
    table::reads(name).unwrap_or_default()
}

/// Makes the functions known to a session. `replay` is where sessions are replayed.
pub(crate) async fn register(context: &SessionContext, replay: &str) -> std::result::Result<(), Error> {
    register_reading(context).await?;
    context.register_udf(text_to_text("fingerprint", fingerprint::fingerprint));
    let replay = replay.to_owned();
    context.register_udf(text_to_text("replay_url", move |session| replay_url::replay_url(&replay, session)));
    Ok(())
}

/// Those of them that read tables, anew over the session's tables as they are now.
pub(crate) async fn register_reading(context: &SessionContext) -> std::result::Result<(), Error> {
    table::register(context).await?;
    context.register_udf(ScalarUDF::from(risk::Risk::default()));
    Ok(())
}

/// A function of one text; of null it is null.
fn text_to_text(name: &'static str, made: impl Fn(&str) -> String + Send + Sync + 'static) -> ScalarUDF {
    let answer = move |values: &[ColumnarValue]| -> Result<ColumnarValue> {
        let [value] = ColumnarValue::values_to_arrays(values)?
            .try_into()
            .map_err(|_| DataFusionError::Plan(format!("{name} takes one text")))?;
        let value = cast(&value, &DataType::Utf8)?;
        let texts = value.as_string::<i32>().iter().map(|text| text.map(&made));
        Ok(ColumnarValue::Array(Arc::new(texts.collect::<StringArray>())))
    };
    create_udf(name, vec![DataType::Utf8], DataType::Utf8, Volatility::Immutable, Arc::new(answer))
}
