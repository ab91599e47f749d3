//! Where DataFusion means something else than PostgreSQL by the same words, and says nothing: `float` is of double
//! precision, and a sample of a table is not all of it. Pure.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, Statement as Sql, TableFactor, VisitMut as _, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::ops::ControlFlow;

/// Makes a statement mean what PostgreSQL means by it.
///
/// # Errors
/// Why it cannot, in words.
pub(crate) fn as_meant(statement: &mut Statement) -> Result<(), &'static str> {
    match statement {
        Statement::Statement(sql) => of_sql(sql),
        Statement::Explain(explained) => as_meant(&mut explained.statement),
        _ => Ok(()),
    }
}

/// The same of what is read already.
///
/// # Errors
/// As [`as_meant`].
pub(crate) fn of_sql(sql: &mut Sql) -> Result<(), &'static str> {
    match sql.visit(&mut Meaning) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(words) => Err(words),
    }
}

struct Meaning;

/// The bits of precision up to which a `float` is single (PostgreSQL's manual, "Floating-Point Types").
const SINGLE: u64 = 24;

impl VisitorMut for Meaning {
    type Break = &'static str;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Cast { data_type: kind, .. } = expression
            && let DataType::Float(precision) = kind
            && !matches!(precision, ExactNumberInfo::Precision(bits) if *bits <= SINGLE)
        {
            *kind = DataType::DoublePrecision;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Self::Break> {
        match table {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                ControlFlow::Break("no samples are taken here; to look at some rows, use `limit`")
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The most words and signs of a statement, but for its values and the commas between them: each may be a step deeper for
/// whoever walks it, as in `1+1+1`, and the stack has an end.
const DEEPEST: usize = 2_000;

/// Why a statement is not to be read, in words, if it is not.
#[must_use]
pub fn too_deep(sql: &str) -> Option<String> {
    // What is no SQL is told by whoever reads it.
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    let is_step = |token: &&Token| {
        use Token::{Comma, Number, Placeholder, SingleQuotedString, Whitespace};
        !matches!(token, Whitespace(_) | Comma | Number(..) | SingleQuotedString(_) | Placeholder(_))
    };
    let steps = tokens.iter().filter(is_step).count();
    (steps > DEEPEST).then(|| {
        format!(
            "the statement has {steps} words and signs, its values not counted, and may have {DEEPEST}; ask in parts"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    #[test]
    fn a_chain_is_as_deep_as_it_is_long_and_a_list_is_not() {
        assert!(too_deep(&format!("select 1{}", "+1".repeat(DEEPEST))).is_some());
        assert!(too_deep(&vec!["select 1"; DEEPEST].join(" union all ")).is_some());
        assert!(too_deep(&format!("select 1 in ({})", vec!["'a'"; 50_000].join(","))).is_none());
        assert!(too_deep("select 'it").is_none());
    }

    #[test]
    fn statements_mean_what_postgresql_means() {
        let check = |theirs: &str, ours: Option<&str>| {
            let mut read = DFParser::parse_sql(theirs).expect("SQL").pop_front().expect("a statement");
            let meant = as_meant(&mut read);
            assert_eq!(meant.ok().map(|()| read.to_string()).as_deref(), ours, "{theirs}");
        };
        check("SELECT 1::FLOAT / 3", Some("SELECT 1::DOUBLE PRECISION / 3"));
        check("SELECT CAST(a AS FLOAT(53)) FROM t", Some("SELECT CAST(a AS DOUBLE PRECISION) FROM t"));
        check("SELECT a::FLOAT(10), a::REAL FROM t", Some("SELECT a::FLOAT(10), a::REAL FROM t"));
        check("SELECT * FROM t TABLESAMPLE SYSTEM (10)", None);
        check("SELECT * FROM (SELECT * FROM t TABLESAMPLE SYSTEM (10))", None);
    }
}
