//! Functions of the field for SQL: tables that take an argument, and the fingerprint of a statement. Each table is a plan
//! over the snapshot's own tables, made once; calling it puts the argument's value in.

use crate::Error;
use arrow::array::{AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Time,
}

/// Name, arguments, definition.
const TABLES: [(&str, &[Kind], &str); 4] = [
    ("chain", &[Kind::Text], CHAIN),
    ("learned", &[Kind::Text], LEARNED),
    ("reached_from", &[Kind::Text, Kind::Time], REACHED_FROM),
    ("risk", &[Kind::Text], RISK),
];

/// The hops of an alert, in their order.
const CHAIN: &str = "select row_number() over (order by hop['time'], hop['session']) as nth, hop['time'] as time, \
     hop['session'] as session, hop['actor'] as actor, hop['source'] as source, hop['target'] as target, \
     hop['protocol'] as protocol, hop['account'] as account, hop['cause'] as cause, hop['evidence'] as evidence, \
     hop['events'] as events \
     from (select unnest(chain) as hop from alerts where id = cast($1 as varchar))";

/// What an identity, as root or as actor, was taught, and when it first used it.
const LEARNED: &str = "select d.kind, d.value, d.target, d.from_target, count(*) as times, min(d.time) as first, \
     max(d.time) as last, min(s.time) as first_used \
     from disclosures d left join session_facts s \
       on s.root = d.root and s.target = d.target and s.state = 'open' and s.time > d.time \
     where d.root = cast($1 as varchar) or d.actor = cast($1 as varchar) \
     group by d.kind, d.value, d.target, d.from_target";

/// Sessions that start on a host, and those that start where they lead, up to six hops on; each target by the way that
/// was first.
const REACHED_FROM: &str = "with recursive steps as ( \
       select target, target_host, session, root, actor, time, 1 as hops from session_facts \
       where state = 'open' and time >= cast($2 as timestamp) \
         and (source_target = cast($1 as varchar) or source_host = cast($1 as varchar)) \
       union all \
       select n.target, n.target_host, n.session, n.root, n.actor, n.time, s.hops + 1 as hops \
       from steps s join session_facts n on n.source_target = s.target \
       where n.state = 'open' and n.time > s.time and s.hops < 6) \
     select target, hops, session, root, actor, time from ( \
       select *, row_number() over (partition by target order by time, hops, session) as nth from steps) \
     where nth = 1";

/// The alerts that have a session in their chain.
const RISK: &str = "select risk, confidence, severity, id as alert, detection, title, time, verdict \
     from (select *, unnest(chain) as hop from alerts) where hop['session'] = cast($1 as varchar)";

/// Makes the functions known to a session.
pub(crate) async fn register(context: &SessionContext) -> std::result::Result<(), Error> {
    for (name, arguments, sql) in TABLES {
        let plan = context.state().create_logical_plan(sql).await.map_err(Error::planning)?;
        context.register_udtf(name, Arc::new(Table { name, arguments, plan }));
    }
    let hash = |values: &[ColumnarValue]| {
        let [value] = ColumnarValue::values_to_arrays(values)?
            .try_into()
            .map_err(|_| datafusion::error::DataFusionError::Plan("fingerprint takes one statement".to_owned()))?;
        let value = cast(&value, &DataType::Utf8)?;
        let texts = value.as_string::<i32>().iter().map(|text| text.map(fingerprint));
        Ok(ColumnarValue::Array(Arc::new(texts.collect::<StringArray>())))
    };
    let utf8 = DataType::Utf8;
    let made = create_udf("fingerprint", vec![utf8.clone()], utf8, Volatility::Immutable, Arc::new(hash));
    context.register_udf(made);
    Ok(())
}

/// A table that takes arguments.
#[derive(Debug)]
struct Table {
    name: &'static str,
    arguments: &'static [Kind],
    plan: LogicalPlan,
}

impl TableFunctionImpl for Table {
    fn call_with_args(&self, given: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let (name, given) = (self.name, given.exprs());
        if given.len() != self.arguments.len() {
            return plan_err!("{name} takes {} arguments, not {}", self.arguments.len(), given.len());
        }
        let mut values = Vec::new();
        for (kind, given) in self.arguments.iter().zip(given) {
            let Expr::Literal(value, _) = given else {
                return plan_err!("{name} takes values, not `{given}`");
            };
            let wanted = match kind {
                Kind::Text => DataType::Utf8,
                Kind::Time => DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, None),
            };
            values.push(value.cast_to(&wanted)?);
        }
        let plan = self.plan.clone().with_param_values(values)?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// What statements that differ in nothing but their values, their case and their spaces have in common.
fn fingerprint(sql: &str) -> String {
    let mut hash = Sha256::new();
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else {
        // What is no SQL is like itself alone.
        hash.update(sql);
        return short(hash);
    };
    let mut in_list = false;
    for token in tokens {
        let word = match &token {
            Token::Whitespace(_) | Token::SemiColon => continue,
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_) => "?".to_owned(),
            other => other.to_string(),
        };
        // A list of values is alike, however long.
        if in_list && (word == "," || word == "?") {
            continue;
        }
        in_list = word == "?";
        hash.update(word);
        hash.update([0]);
    }
    short(hash)
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn statements_that_differ_in_values_alone_are_alike() {
        let check = |left: &str, right: &str, alike: bool| {
            assert_eq!(fingerprint(left) == fingerprint(right), alike, "{left} / {right}");
        };
        check("select * from t where a = 1", "SELECT *\n FROM t  where a=$1 ;", true);
        check("select 'x', 2", "select $q$ y $q$, 3.5", true);
        check("select a from t where b in (1, 2, 3)", "select a from t where b in (4)", true);
        check("select a from t", "select b from t", false);
        check("select \"A\" from t", "select \"a\" from t", false);
        check("it's no sql", "it's no sql", true);
        check("it's no sql", "it's other", false);
    }
}
