//! One statement of a client, understood: what it does and which of the lake's tables it names. Pure. Refuses to guess:
//! what is not known to read is not run.

use super::cursor::{self, Cursor};
use super::phrase::said_otherwise;
use super::refusal::{Kind, Refusal};
use crate::dialect;
use crate::function::reads;
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Statement as Sql, TableFactor, Visit as _, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use interdict_schemas::Verb;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The longest text that is looked at, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Bytes of it that are recorded; of a longer one, its beginning.
const MAX_RECORDED: usize = 64 << 10;
/// The most words, signs and values of one text: each may be a step deeper for whoever walks the parsed statement.
const MAX_TOKENS: usize = 2_000;
/// The most statements of one text.
const MAX_STATEMENTS: usize = 100;

/// What a statement is for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// Reads.
    Read(Box<Parsed>),
    /// Is about the client's session, and touches nothing else.
    Session(Box<Sql>),
    /// Is about a cursor, through which a question is answered piece by piece.
    Cursor(Cursor),
    /// Is not served.
    Refused(Verb, Refusal),
}

/// A statement, understood.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// As it is recorded.
    pub(super) text: String,
    pub(super) purpose: Purpose,
    /// The lake's tables it names, or that functions read which it calls, and no other.
    pub(super) tables: BTreeSet<String>,
    /// Whether it calls a function that reads tables.
    pub(super) calls: bool,
}

/// Plain SQL, parsed. A chain such as `1+1+1` is no nesting to the parser, but one to all who come after it, so its
/// tokens are counted first.
fn plain(text: &str) -> Result<Result<Vec<Sql>, ParserError>, Refusal> {
    let tokens = match Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => return Ok(Err(error.into())),
    };
    if tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count() > MAX_TOKENS {
        let words = format!(
            "the statement has more than {MAX_TOKENS} words; put long lists into parameters or several questions"
        );
        return Err(Refusal::new(Kind::Syntax, words));
    }
    Ok(Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens).parse_statements())
}

/// Reads texts.
pub(super) struct Reader {
    /// For questions to the catalogue alone: it rewrites what tools ask there into what DataFusion can answer, and
    /// leaves out what it cannot. What is asked of the lake is never rewritten.
    catalogue: PostgresCompatibilityParser,
    /// What stands in the schema `public`.
    known: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(known: BTreeSet<String>) -> Self {
        Self { catalogue: PostgresCompatibilityParser::new(), known }
    }

    /// The statements of a text; none if it holds only white space and comments.
    pub(super) fn statements(&self, text: &str) -> Result<Vec<Statement>, Refusal> {
        if text.len() > MAX_TEXT {
            return Err(Refusal::new(Kind::Syntax, format!("the statement has more than {MAX_TEXT} bytes")));
        }
        let plain = plain(text)?;
        // Either the lake is asked, or the catalogue; whoever asks both gets plain SQL.
        let tables = match &plain {
            Ok(statements) => statements.iter().map(|sql| self.tables(sql)).collect::<Result<Vec<_>, _>>()?,
            Err(_) => Vec::new(),
        };
        let statements = match plain {
            Ok(statements) if tables.iter().any(|tables| !tables.is_empty()) => statements,
            _ => self.catalogue.parse(&said_otherwise(text)).map_err(|error| syntax(&error))?,
        };
        if statements.len() > MAX_STATEMENTS {
            let words = format!("the text has more than {MAX_STATEMENTS} statements; send them one by one");
            return Err(Refusal::new(Kind::Unsupported, words));
        }
        let alone = statements.len() == 1;
        statements
            .into_iter()
            .map(|mut sql| {
                let recorded = if alone { text.trim().to_owned() } else { sql.to_string() };
                dialect::of_sql(&mut sql).map_err(|words| Refusal::new(Kind::Unsupported, words))?;
                let (tables, calls) = (self.tables(&sql)?, !called(&sql).is_empty());
                let purpose = purpose(sql.clone());
                let statement = Statement { tables, calls, text: bounded(recorded), purpose };
                match cursor::of(&sql, &statement) {
                    Some(purpose) => Ok(Statement { purpose, ..statement }),
                    None => Ok(statement),
                }
            })
            .collect()
    }

    fn tables(&self, sql: &Sql) -> Result<BTreeSet<String>, Refusal> {
        let parsed = Parsed::Statement(Box::new(sql.clone()));
        let (named, _) = resolve_table_references(&parsed, true)
            .map_err(|error| Refusal::new(Kind::Syntax, error.strip_backtrace()))?;
        Ok(named.into_iter().filter_map(|table| self.known(&table)).chain(called(sql)).collect())
    }

    fn known(&self, table: &TableReference) -> Option<String> {
        let public = table.schema().is_none_or(|schema| schema == super::catalogue::PUBLIC);
        (public && self.known.contains(table.table())).then(|| table.table().to_owned())
    }
}

/// The tables that functions read which the statement calls, as tables or as values.
fn called(sql: &Sql) -> BTreeSet<String> {
    struct Calls(BTreeSet<String>);
    impl Calls {
        fn add(&mut self, name: &ObjectName) {
            let name = name.0.last().and_then(|part| part.as_ident()).map(|part| part.value.to_lowercase());
            self.0.extend(name.iter().flat_map(|name| reads(name)).map(|table| (*table).to_owned()));
        }
    }
    impl Visitor for Calls {
        type Break = ();

        fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = table {
                self.add(name);
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expression {
                self.add(&function.name);
            }
            ControlFlow::Continue(())
        }
    }
    let mut calls = Calls(BTreeSet::new());
    let ControlFlow::Continue(()) = sql.visit(&mut calls) else { return calls.0 };
    calls.0
}

fn purpose(sql: Sql) -> Purpose {
    let read = |sql| Purpose::Read(Box::new(Parsed::Statement(Box::new(sql))));
    match sql {
        Sql::Query(_)
        | Sql::ExplainTable { .. }
        | Sql::Explain { .. }
        | Sql::ShowTables { .. }
        | Sql::ShowColumns { .. }
        | Sql::ShowFunctions { .. } => read(sql),
        Sql::Set(_)
        | Sql::ShowVariable { .. }
        | Sql::StartTransaction { .. }
        | Sql::Commit { .. }
        | Sql::Rollback { .. }
        | Sql::Savepoint { .. }
        | Sql::ReleaseSavepoint { .. }
        | Sql::Deallocate { .. }
        | Sql::Discard { .. } => Purpose::Session(Box::new(sql)),
        Sql::Copy { to: true, .. } => {
            let words = "COPY is refused: it is not served here; use select";
            Purpose::Refused(Verb::Read, Refusal::new(Kind::Unsupported, words))
        }
        sql => {
            let (what, verb) = (first_word(&sql), verb(&sql));
            let words = format!("{what} is refused: the lake is read-only here; use select, with, explain or show");
            let kind = if verb == Verb::Other { Kind::Unsupported } else { Kind::ReadOnly };
            Purpose::Refused(verb, Refusal::new(kind, words))
        }
    }
}

const fn verb(sql: &Sql) -> Verb {
    match sql {
        Sql::Insert(_) | Sql::Copy { .. } => Verb::Create,
        Sql::Update(_) | Sql::Merge(_) => Verb::Update,
        Sql::Delete(_) | Sql::Truncate(_) => Verb::Delete,
        Sql::Call(_) | Sql::Execute { .. } | Sql::Prepare { .. } => Verb::Execute,
        Sql::Declare { .. } | Sql::Fetch { .. } | Sql::Close { .. } | Sql::LISTEN { .. } | Sql::UNLISTEN { .. } => {
            Verb::Other
        }
        _ => Verb::Define,
    }
}

fn first_word(sql: &Sql) -> String {
    sql.to_string().split(' ').next().unwrap_or_default().to_owned()
}

fn syntax(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(Kind::Syntax, error.to_string())
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_RECORDED {
        let mut end = MAX_RECORDED;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        Reader::new(["events", "sessions"].map(str::to_owned).into())
    }

    fn one(text: &str) -> Statement {
        reader().statements(text).expect(text).pop().expect("a statement")
    }

    #[test]
    fn tables_are_those_of_the_lake_however_they_are_named() {
        let check = |text: &str, expected: &[&str]| {
            let tables: Vec<_> = one(text).tables.into_iter().collect();
            assert_eq!(tables, expected, "{text}");
        };
        check("select 1", &[]);
        check("select * from Events", &["events"]);
        check(
            "select * from \"public\".events e join lake.public.sessions s using (session)",
            &["events", "sessions"],
        );
        check("with events as (select 1) select * from events", &[]);
        check("select (select count(*) from sessions) where exists (select 1 from events)", &["events", "sessions"]);
        check("select 1 union all select 2 from events", &["events"]);
        check("explain analyze select * from events", &["events"]);
        check("select * from pg_catalog.pg_class", &[]);
        check("select * from other.events", &[]);
    }

    #[test]
    fn a_function_counts_as_the_tables_it_reads() {
        let reader = Reader::new(["alerts", "disclosures", "events", "session_facts"].map(str::to_owned).into());
        let check = |text: &str, expected: &[&str]| {
            let found = reader.statements(text).expect(text).pop().expect("a statement");
            assert_eq!(found.tables.into_iter().collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(found.calls, expected.iter().any(|table| *table != "events"), "{text}");
        };
        check("select * from chain('a')", &["alerts"]);
        check(
            "select * from Learned('dana') l join events e on e.root = l.value",
            &["disclosures", "events", "session_facts"],
        );
        check("select session from events order by risk(session) desc", &["alerts", "events"]);
        check("select 1 where exists (select 1 from lateral reached_from('h', '2026-03-01'))", &["session_facts"]);
        check("select fingerprint(text), replay_url(session) from events", &["events"]);
    }

    #[test]
    fn a_subquery_over_the_lake_is_not_rewritten() {
        let text = "select s.session, (select count(*) from events e where e.session = s.session) from sessions s";
        let Purpose::Read(parsed) = one(text).purpose else { panic!("reads") };
        assert!(parsed.to_string().contains("count(*)"), "{parsed}");
    }

    #[test]
    fn what_does_not_read_is_refused_with_a_code() {
        let check = |text: &str, code: &str, verb: Verb| {
            let Purpose::Refused(found, refusal) = one(text).purpose else { panic!("{text} is run") };
            assert_eq!((refusal.kind.sqlstate(), found), (code, verb), "{text}: {refusal}");
        };
        check("insert into events select * from events", "25006", Verb::Create);
        check("update events set root = 'x'", "25006", Verb::Update);
        check("delete from events", "25006", Verb::Delete);
        check("truncate events", "25006", Verb::Delete);
        check("drop table events", "25006", Verb::Define);
        check("create table x as select 1", "25006", Verb::Define);
        check("create function f() returns int as 'select 1' language sql", "25006", Verb::Define);
        check("copy events to stdout", "0A000", Verb::Read);
        check("copy events from stdin", "25006", Verb::Create);
        check("prepare p as select 1", "25006", Verb::Execute);
        check("listen x", "0A000", Verb::Other);
    }

    #[test]
    fn several_statements_are_recorded_one_by_one() {
        let statements = reader().statements("begin; select 1 from events; commit").expect("statements");
        let texts: Vec<_> = statements.iter().map(|statement| statement.text.as_str()).collect();
        assert_eq!(texts, ["BEGIN", "SELECT 1 FROM events", "COMMIT"]);
        assert!(reader().statements(" ; -- nothing\n").expect("nothing").is_empty());
        assert_eq!(reader().statements("selekt").expect_err("no SQL").kind, Kind::Syntax);
    }
}
