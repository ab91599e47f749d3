//! Functions of the field for SQL: tables that take an argument, the risk of a session, where a session is replayed, and
//! the fingerprint of a statement.

mod bounded;
mod cardinality;
mod fingerprint;
mod replay_url;
mod risk;
mod table;
mod text;
mod to_char;
mod travel;

pub use replay_url::REPLAY;
pub(crate) use risk::prepare;
pub use travel::Travelling;

use crate::Error;
use cardinality::Cardinality;
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use text::Text;

/// Their names.
const FINGERPRINT: &str = "fingerprint";
const REPLAY_URL: &str = "replay_url";
const RISK: &str = "risk";

/// The tables and views that the function of this name reads, be it a table or a value; none for one that reads none.
pub(crate) fn reads(name: &str) -> &'static [&'static str] {
    table::reads(name).unwrap_or_default()
}

/// Makes the functions known to a session. `replay` is where sessions are replayed, `memory` what queries may use.
pub(crate) async fn register(context: &SessionContext, replay: &str, memory: usize) -> Result<(), Error> {
    bounded::register(context, memory);
    if let Ok(inner) = context.udf(Cardinality::NAME) {
        context.register_udf(ScalarUDF::from(Cardinality::new(inner)));
    }
    register_reading(context).await?;
    context.register_udf(fingerprint());
    context.register_udf(replay_url(replay.to_owned()));
    context.register_udf(ScalarUDF::from(to_char::ToChar::new()));
    Ok(())
}

/// Those of them that read tables, anew over the session's tables as they are now.
pub(crate) async fn register_reading(context: &SessionContext) -> Result<(), Error> {
    table::register(context).await?;
    context.register_udf(ScalarUDF::from(risk::Risk::default()));
    Ok(())
}

fn fingerprint() -> ScalarUDF {
    ScalarUDF::from(Text::new(FINGERPRINT, String::new(), |_, text| fingerprint::fingerprint(text)))
}

fn replay_url(place: String) -> ScalarUDF {
    ScalarUDF::from(Text::new(REPLAY_URL, place, replay_url::replay_url))
}
