//! Functions that are tables: each is a plan over the snapshot's own tables, made once; calling it puts the argument's
//! value in.

use crate::Error;
use crate::view::{admitted, turned_away};
use arrow::datatypes::DataType;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// What a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Time,
}

/// Name, arguments, definition, and the tables and views that it reads.
type Definition = (&'static str, &'static [Kind], &'static str, &'static [&'static str]);

static TABLES: [Definition; 4] = [
    ("chain", &[Kind::Text], CHAIN, &["alerts"]),
    ("learned", &[Kind::Text], LEARNED, &["disclosures", "session_facts"]),
    ("reached_from", &[Kind::Text, Kind::Time], REACHED_FROM, &["session_facts"]),
    ("risk", &[Kind::Text], RISK, &["alerts"]),
];

/// The hops of an alert, in their order.
const CHAIN: &str = "select row_number() over (order by hop['time'], hop['session']) as nth, hop['time'] as time, \
     hop['session'] as session, hop['actor'] as actor, hop['source'] as source, hop['target'] as target, \
     hop['protocol'] as protocol, hop['account'] as account, hop['cause'] as cause, hop['evidence'] as evidence, \
     hop['events'] as events \
     from (select unnest(chain) as hop from alerts where id = cast($1 as varchar))";

/// What an identity, as root or as actor, was taught, and when it first used it.
const LEARNED: &str = concat!(
    "select d.kind, d.value, d.target, d.from_target, count(*) as times, min(d.time) as first, \
     max(d.time) as last, min(s.time) as first_used \
     from disclosures d left join ",
    admitted!(),
    " s on s.root = d.root and s.target = d.target and s.time > d.time \
     where d.root = cast($1 as varchar) or d.actor = cast($1 as varchar) \
     group by d.kind, d.value, d.target, d.from_target"
);

/// Sessions that start on a host or an address, and those that start where they lead, up to six hops on; each target by
/// the way that was first. Of the ways to a target by so many hops one is followed, the first: whatever comes of another,
/// comes of it.
const REACHED_FROM: &str = concat!(
    "with recursive steps as ( \
       select target, target_host, session, root, actor, time, 1 as hops from ( \
         select *, row_number() over (partition by target order by time, session) as nth from ",
    admitted!(),
    " where time >= cast($2 as timestamp) and (source_target = cast($1 as varchar) \
           or source_host = cast($1 as varchar) or source_address = cast($1 as varchar))) \
       where nth = 1 \
       union all \
       select target, target_host, session, root, actor, time, hops from ( \
         select n.target, n.target_host, n.session, n.root, n.actor, n.time, s.hops + 1 as hops, \
           row_number() over (partition by n.target order by n.time, n.session) as nth \
         from steps s join ",
    admitted!(),
    " n on n.source_target = s.target where n.time > s.time and s.hops < 6) \
       where nth = 1) \
     select target, hops, session, root, actor, time from ( \
       select *, row_number() over (partition by target order by time, hops, session) as nth from steps) \
     where nth = 1"
);

/// The alerts that have a session in their chain.
const RISK: &str = "select risk, confidence, severity, id as alert, detection, title, time, verdict \
     from (select *, unnest(chain) as hop from alerts) where hop['session'] = cast($1 as varchar)";

/// The tables and views that the function of this name reads; `None` if there is no such function.
pub(super) fn reads(name: &str) -> Option<&'static [&'static str]> {
    TABLES.iter().find(|(known, ..)| *known == name).map(|(.., reads)| *reads)
}

/// Makes them known to a session.
pub(super) async fn register(context: &SessionContext) -> std::result::Result<(), Error> {
    for (name, arguments, sql, _) in &TABLES {
        let plan = context.state().create_logical_plan(sql).await.map_err(Error::planning)?;
        context.register_udtf(name, Arc::new(Table { name, arguments, plan }));
    }
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
                return plan_err!(
                    "{name} takes values, not `{given}`: of many, ask for one after the other, or join what it reads, {}",
                    reads(name).unwrap_or_default().join(" and ")
                );
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
