//! Statements of the extended protocol: what they return, what their parameters are, and the parameters' values.

use super::fault;
use crate::serve::cursor::Cursor;
use crate::serve::desk::Desk;
use crate::serve::refusal::{Kind, Refusal};
use crate::serve::statement::{Purpose, Statement};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use arrow_pg::datatypes::{PG_OID_ALIAS_KEY, arrow_schema_to_pg_fields, into_pg_type, pg_type_for_alias_kind};
use async_trait::async_trait;
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::FieldInfo;
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, Type};
use pgwire::error::PgWireResult;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most parameters of a statement.
const MAX_PARAMETERS: usize = 1000;

/// A parameter: what the plan makes of it, and what the client is told.
#[derive(Debug, Clone)]
struct Parameter {
    inferred: Option<DataType>,
    told: Type,
}

/// A statement, planned once for its columns and parameters. It is planned again over what is granted when it is run.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) statement: Arc<Statement>,
    columns: Option<SchemaRef>,
    parameters: Arc<[Parameter]>,
}

impl Prepared {
    /// How many columns its rows have; none if it has no rows.
    pub(super) fn width(&self) -> usize {
        self.columns.as_ref().map_or(0, |columns| columns.fields().len())
    }

    /// The values of a portal.
    pub(super) fn values(portal: &Portal<Self>) -> PgWireResult<Option<ParamValues>> {
        let parameters = &portal.statement.statement.parameters;
        if portal.parameters.is_empty() && parameters.is_empty() {
            return Ok(None);
        }
        let inferred: Vec<_> = parameters.iter().map(|parameter| parameter.inferred.as_ref()).collect();
        let told: Vec<_> = parameters.iter().map(|parameter| Some(&parameter.told)).collect();
        deserialize_parameters_with_server_types(portal, &inferred, &told).map(Some)
    }
}

/// Prepares statements.
pub(super) struct Planner(pub(super) Arc<Desk>);

#[async_trait]
impl QueryParser for Planner {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, _client: &C, sql: &str, _types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let mut statements = self.0.statements(sql)?;
        let Some(statement) = statements.pop() else { return Ok(None) };
        if !statements.is_empty() {
            return Err(fault::error("42601", "cannot insert multiple commands into a prepared statement"));
        }
        let (columns, parameters) = match &statement.purpose {
            Purpose::Read(parsed) => {
                let plan = self.0.plan(parsed).await?;
                (Some(Arc::new(plan.schema().as_arrow().clone())), parameters(&plan)?)
            }
            Purpose::Session(sql) => (shown(sql), Vec::new()),
            Purpose::Cursor(Cursor::Fetch(..)) => {
                let words = "FETCH is served by the simple protocol alone; use a portal instead of a cursor";
                return Err(fault::error(Kind::Unsupported.sqlstate(), words));
            }
            Purpose::Cursor(_) => (None, Vec::new()),
            // It is refused, and recorded as refused, when it is run.
            Purpose::Refused(..) => (None, Vec::new()),
        };
        Ok(Some(Prepared { statement: Arc::new(statement), columns, parameters: parameters.into() }))
    }

    fn get_parameter_types(&self, prepared: &Prepared) -> PgWireResult<Vec<Type>> {
        Ok(prepared.parameters.iter().map(|parameter| parameter.told.clone()).collect())
    }

    fn get_result_schema(&self, prepared: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        match &prepared.columns {
            Some(columns) => arrow_schema_to_pg_fields(columns, format.unwrap_or(&Format::UnifiedText), None),
            None => Ok(Vec::new()),
        }
    }
}

/// The one column of `SHOW`.
fn shown(sql: &Sql) -> Option<SchemaRef> {
    let Sql::ShowVariable { variable } = sql else { return None };
    let name = variable.iter().map(|part| part.value.to_ascii_lowercase()).collect::<Vec<_>>().join("_");
    Some(Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)])))
}

/// The parameters in order. What a plan says nothing of is text, as in PostgreSQL.
fn parameters(plan: &LogicalPlan) -> Result<Vec<Parameter>, Refusal> {
    let wrong = |error| Refusal::from(crate::Error::planning(error));
    let mut found: BTreeMap<usize, Parameter> = BTreeMap::new();
    for (name, inferred) in plan.get_parameter_types().map_err(wrong)? {
        let told = inferred.as_ref().and_then(|kind| into_pg_type(kind).ok()).unwrap_or(Type::TEXT);
        found.insert(place(&name)?, Parameter { inferred, told });
    }
    // A cast tells what a parameter is, and a column of the catalogue that it is an object's number.
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            [&limit.skip, &limit.fetch].into_iter().flatten().for_each(|bound| counted(bound, &mut found));
        }
        for expression in node.expressions() {
            expression.apply(|part| {
                hint(part, &mut found);
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(wrong)?;
    let last = found.last_key_value().map_or(0, |(place, _)| *place);
    let unknown = || Parameter { inferred: None, told: Type::TEXT };
    Ok((1..=last).map(|place| found.remove(&place).unwrap_or_else(unknown)).collect())
}

/// What LIMIT or OFFSET is given is a number of rows.
fn counted(bound: &Expr, found: &mut BTreeMap<usize, Parameter>) {
    let Expr::Placeholder(inner) = bound else { return };
    if let Ok(Some(parameter)) = self::place(&inner.id).map(|place| found.get_mut(&place))
        && parameter.inferred.is_none()
    {
        *parameter = Parameter { inferred: Some(DataType::Int64), told: Type::INT8 };
    }
}

fn hint(part: &Expr, found: &mut BTreeMap<usize, Parameter>) {
    let (place, kind) = match part {
        Expr::Cast(cast) => match &*cast.expr {
            Expr::Placeholder(inner) => (inner, Some(cast.field.data_type())),
            _ => return,
        },
        Expr::Placeholder(inner) => (inner, None),
        _ => return,
    };
    let Ok(Some(parameter)) = self::place(&place.id).map(|place| found.get_mut(&place)) else { return };
    if let (None, Some(kind)) = (&parameter.inferred, kind)
        && let Ok(told) = into_pg_type(kind)
    {
        *parameter = Parameter { inferred: Some(kind.clone()), told };
    }
    let alias =
        place.field.as_ref().and_then(|field| pg_type_for_alias_kind(field.metadata().get(PG_OID_ALIAS_KEY)?));
    if let Some(alias) = alias.filter(|_| parameter.inferred == Some(DataType::Int32)) {
        parameter.told = alias;
    }
}

/// `$1` is 1.
fn place(name: &str) -> Result<usize, Refusal> {
    let place = name.strip_prefix('$').and_then(|digits| digits.parse().ok());
    place.filter(|place| (1..=MAX_PARAMETERS).contains(place)).ok_or_else(|| {
        Refusal::new(Kind::Syntax, format!("{name} is no parameter; they are $1 to ${MAX_PARAMETERS}"))
    })
}
