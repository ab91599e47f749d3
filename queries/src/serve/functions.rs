//! The functions that PostgreSQL's tools call before anybody asks anything. Owns those that the catalogue's own crate
//! lacks; each answers about this server, nothing is made up about another.

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The version whose protocol and catalogue tools find here. Tools choose their catalogue queries by it.
pub(super) const SERVER_VERSION: &str = "15.0";
/// The same as tools compare it.
const SERVER_VERSION_NUM: &str = "150000";

/// What `SHOW` and `current_setting` tell of settings that do not change.
pub(super) fn setting(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "server_version" => SERVER_VERSION,
        "server_version_num" => SERVER_VERSION_NUM,
        "server_encoding" | "client_encoding" => "UTF8",
        "search_path" => super::catalogue::PUBLIC,
        "timezone" => "UTC",
        "datestyle" => "ISO, MDY",
        "intervalstyle" => "postgres",
        "standard_conforming_strings" | "integer_datetimes" | "transaction_read_only" => "on",
        "default_transaction_read_only" => "on",
        "in_hot_standby" | "is_superuser" => "off",
        "transaction_isolation" | "default_transaction_isolation" => "repeatable read",
        "max_identifier_length" | "max_index_keys" => "63",
        "bytea_output" => "hex",
        "extra_float_digits" => "1",
        "lc_collate" | "lc_ctype" | "lc_messages" => "C",
        _ => return None,
    })
}

/// What `version()` says.
fn version() -> String {
    let (own, engine) = (env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION);
    format!("PostgreSQL {SERVER_VERSION} (interdict {own} over Apache DataFusion {engine})")
}

/// Those that are the same for everybody.
pub(super) fn register(context: &SessionContext) {
    constant(context, "version", &version());
    let look_up = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let names = arrays.first().and_then(|array| array.as_any().downcast_ref::<StringArray>());
        let names = names.ok_or_else(|| DataFusionError::Execution("current_setting wants a text".to_owned()))?;
        let found: StringArray = names
            .iter()
            .map(|name| {
                name.map(|name| {
                    let unknown =
                        || DataFusionError::Execution(format!("unrecognized configuration parameter \"{name}\""));
                    setting(name).ok_or_else(unknown)
                })
                .transpose()
            })
            .collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(found) as ArrayRef))
    };
    let text = DataType::Utf8;
    context.register_udf(create_udf(
        "current_setting",
        vec![text.clone()],
        text.clone(),
        Volatility::Stable,
        Arc::new(look_up),
    ));
    // Nothing here has a comment, and how a view is made is not told.
    for (name, arguments) in [
        ("pg_get_viewdef", vec![DataType::Int64, DataType::Boolean]),
        ("obj_description", vec![DataType::Int64, text.clone()]),
        ("col_description", vec![DataType::Int64, DataType::Int64]),
        ("shobj_description", vec![DataType::Int64, text.clone()]),
    ] {
        context.register_udf(create_udf(name, arguments, text.clone(), Volatility::Stable, Arc::new(nothing)));
    }
}

/// Those that say who asks.
pub(super) fn register_user(context: &SessionContext, who: &str) {
    constant(context, "session_user", who);
}

fn constant(context: &SessionContext, name: &str, value: &str) {
    let value = ScalarValue::from(value);
    let answer = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
    context.register_udf(create_udf(name, Vec::new(), DataType::Utf8, Volatility::Stable, Arc::new(answer)));
}

fn nothing(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let rows = arguments.iter().find_map(|argument| match argument {
        ColumnarValue::Array(array) => Some(array.len()),
        ColumnarValue::Scalar(_) => None,
    });
    let none = ScalarValue::Utf8(None);
    Ok(match rows {
        Some(rows) => ColumnarValue::Array(none.to_array_of_size(rows)?),
        None => ColumnarValue::Scalar(none),
    })
}
