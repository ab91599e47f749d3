//! `to_char` with the patterns of PostgreSQL (its manual, "Data Type Formatting Functions"). DataFusion's takes those of
//! strftime, and gives PostgreSQL's back as if they were text. Refuses what it does not know instead.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, lit};
use std::sync::Arc;

/// PostgreSQL's patterns, of those that begin alike the longest first, and strftime's. `FM` leaves out padding, which there
/// is none of here.
const PATTERNS: [(&str, &str); 24] = [
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("IYYY", "%G"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("MM", "%m"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("DAY", "%A"),
    ("DY", "%a"),
    ("TZ", "%Z"),
    ("OF", "%:z"),
    ("FM", ""),
];

/// DataFusion's function, told what is meant.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToChar(Arc<ScalarUDF>);

impl ToChar {
    pub(super) fn new() -> Self {
        Self(datafusion::functions::datetime::to_char())
    }
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match arguments.as_slice() {
            [of, Expr::Literal(pattern, _)] => match pattern.try_as_str().flatten() {
                Some(pattern) => {
                    Ok(ExprSimplifyResult::Simplified(self.0.call(vec![of.clone(), lit(strftime(pattern)?)])))
                }
                None => Ok(ExprSimplifyResult::Original(arguments)),
            },
            _ => plan_err!("to_char takes a moment and a pattern that is written out, such as 'YYYY-MM-DD HH24:MI'"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.0.invoke_with_args(arguments)
    }
}

/// A pattern of PostgreSQL's as one of strftime's; what has a percent sign is one already.
fn strftime(pattern: &str) -> Result<String> {
    if pattern.contains('%') {
        return Ok(pattern.to_owned());
    }
    let (mut made, mut rest, mut is_quoted) = (String::new(), pattern, false);
    while let Some(next) = rest.chars().next() {
        let known = PATTERNS.iter().filter(|_| !is_quoted).find_map(|(theirs, ours)| {
            let (begin, end) = rest.split_at_checked(theirs.len())?;
            begin.eq_ignore_ascii_case(theirs).then_some((*ours, end))
        });
        if let Some((ours, end)) = known {
            made.push_str(ours);
            rest = end;
            continue;
        }
        match next {
            '"' => is_quoted = !is_quoted,
            next if next.is_alphanumeric() && !is_quoted => {
                let known = PATTERNS.map(|(theirs, _)| theirs).join(", ");
                return plan_err!(
                    "to_char knows {known} or, with percent signs, what strftime knows, and not `{rest}`; \
                     text between them stands in double quotes, as in 'YYYY-MM-DD\"T\"HH24:MI'"
                );
            }
            next => made.push(next),
        }
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_postgresql_are_understood() {
        let check = |theirs: &str, ours: &str| assert_eq!(strftime(theirs).expect(theirs), ours);
        check("YYYY-MM-DD HH24:MI:SS.MS", "%Y-%m-%d %H:%M:%S.%3f");
        check("yyyy-mm-dd\"T\"hh24:mi:ssOF", "%Y-%m-%dT%H:%M:%S%:z");
        check("FMDay, DD Mon YYYY HH12:MI am", "%A, %d %b %Y %I:%M %p");
        check("IYYY-\"W\"IW", "%G-W%V");
        check("%H:%M", "%H:%M");
        check("", "");
        for wrong in ["YYYY-QQ", "DD.MM.YYYY Uhr", "999"] {
            assert!(strftime(wrong).is_err(), "{wrong}");
        }
    }
}
