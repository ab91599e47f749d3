//! Which rows of a table a visitor sees: conditions of policies as expressions of the plan. Refuses a table of which a
//! condition makes no sense, instead of showing all of it.

use super::door::Rows;
use super::refusal::{Kind, Refusal};
use crate::Error;
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::SessionContext;
use interdict_schemas::Identity;
use std::sync::Arc;

/// More rows than there can be.
const NO_LIMIT: usize = i64::MAX as usize;

/// The table with only the rows that are granted, and with the columns of its shape.
pub(super) fn restrict(
    name: &str,
    table: Arc<dyn TableProvider>,
    shape: &Arc<dyn TableProvider>,
    rows: &Rows,
    identity: &Identity,
) -> Result<Arc<dyn TableProvider>, Refusal> {
    let planning = |error| Refusal::from(Error::planning(error));
    let context = SessionContext::new();
    let stored = table.schema();
    let same = stored.fields().iter().map(|field| field.data_type()).eq(shape
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type()));
    if rows.0.is_empty() && same {
        return Ok(table);
    }
    let mut frame = context.read_table(table).map_err(planning)?;
    if let Some(condition) = condition(name, rows, frame.schema(), &context.state(), identity)? {
        frame = frame.filter(condition).map_err(planning)?;
        // Nothing that is asked may be reckoned for a row that is not shown: an error or a count would tell of it. No
        // condition is moved below a limit, and this one lets every row through.
        frame = frame.limit(0, Some(NO_LIMIT)).map_err(planning)?;
    }
    // Views and dictionaries are how this process reads; whoever asks is told of, and gets, plain values.
    if !same {
        let columns = shape
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let column = col(datafusion::common::Column::from_name(field.name()));
                cast(column, field.data_type().clone()).alias(field.name())
            })
            .collect::<Vec<_>>();
        frame = frame.select(columns).map_err(planning)?;
    }
    Ok(frame.into_view())
}

/// What a row must be; `None` if every row may be seen.
pub(super) fn condition(
    name: &str,
    rows: &Rows,
    schema: &DFSchema,
    state: &SessionState,
    identity: &Identity,
) -> Result<Option<Expr>, Refusal> {
    let mut all: Option<Expr> = None;
    for narrowed in &rows.0 {
        let mut any = lit(false);
        for text in narrowed {
            let parsed = state.create_logical_expr(text, schema).and_then(|parsed| filled(parsed, identity));
            let parsed = parsed.map_err(|error| {
                tracing::error!(table = name, condition = text, %error, "a policy's @rows cannot be applied; denied");
                let words = format!(
                    "a policy limits the rows of {name} in a way that does not fit the table, so none is shown"
                );
                Refusal::new(Kind::Forbidden, words)
            })?;
            any = any.or(parsed);
        }
        all = Some(match all {
            Some(all) => all.and(any),
            None => any,
        });
    }
    Ok(all)
}

/// Puts who asks in the place of `$root` and `$actor`.
fn filled(condition: Expr, identity: &Identity) -> datafusion::error::Result<Expr> {
    let filled = condition.transform(|part| match &part {
        Expr::Placeholder(place) => match place.id.as_str() {
            "$root" => Ok(Transformed::yes(lit(identity.root().id.clone()))),
            "$actor" => Ok(Transformed::yes(lit(identity.actor().id.clone()))),
            other => datafusion::common::plan_err!("{other} is nobody; there are $root and $actor"),
        },
        // It would read tables that nobody granted.
        Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => {
            datafusion::common::plan_err!("a condition on rows cannot ask for other rows")
        }
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(filled.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::lake::Table;
    use interdict_schemas::{Principal, PrincipalKind};

    fn check(rows: &[&[&str]]) -> Result<String, String> {
        let principal = |id: &str, kind| Principal { id: id.to_owned(), kind };
        let identity = Identity::rooted(
            "https://issuer.example",
            principal("o'dana", PrincipalKind::Person),
            vec![principal("planner", PrincipalKind::Agent)],
        );
        let rows = Rows(rows.iter().map(|any| any.iter().map(|text| (*text).to_owned()).collect()).collect());
        let schema = DFSchema::try_from(Table::Events.schema()).expect("schema");
        let state = SessionContext::new().state();
        condition("events", &rows, &schema, &state, &identity)
            .map(|condition| condition.map(|condition| condition.to_string()).unwrap_or_default())
            .map_err(|refusal| refusal.message)
    }

    #[test]
    fn permits_widen_and_principals_narrow() {
        assert_eq!(check(&[]).as_deref(), Ok(""));
        assert_eq!(check(&[&[]]).as_deref(), Ok("Boolean(false)"));
        let expected = "(Boolean(false) OR root = Utf8(\"o'dana\") OR target = Utf8(\"db\")) AND (Boolean(false) OR actor = Utf8(\"planner\"))";
        assert_eq!(check(&[&["root = $root", "target = 'db'"], &["actor = $actor"]]).as_deref(), Ok(expected));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for wrong in ["nothing = 1", "root = $nobody", "root in (select 1)", "selekt", ""] {
            assert!(check(&[&[wrong]]).expect_err(wrong).contains("does not fit"), "{wrong}");
        }
    }
}
