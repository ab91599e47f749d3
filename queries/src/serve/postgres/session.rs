//! What a client says of its own session: settings, transactions. Nothing here reads or changes the lake; a transaction
//! is only remembered, since every question sees the newest state anyway.

use super::fault;
use crate::serve::functions;
use crate::serve::refusal::{Kind, Refusal};
use datafusion::sql::sqlparser::ast::{Set, Statement as Sql};
use pgwire::error::PgWireError;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest value of a setting, and the most settings: what a client may make the server remember.
const MAX_VALUE: usize = 1024;
const MAX_SETTINGS: usize = 100;

/// What a statement about the session comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is done; the tag tells.
    Done(&'static str),
    /// A transaction begins.
    Begin(&'static str),
    /// A transaction ends.
    End(&'static str),
    /// A setting's name and value.
    Setting(String, String),
}

/// The settings of one session.
#[derive(Debug, Default)]
pub(super) struct Settings {
    set: BTreeMap<String, String>,
    /// The client's own limit of time; never above the server's.
    pub(super) time: Option<Duration>,
    /// Whether questions go on without files that cannot be read, and warn of them.
    pub(super) skip_broken: bool,
}

/// The setting of that name.
const SKIP_BROKEN: &str = "interdict.skip_broken";

impl Settings {
    /// Does what the statement says.
    pub(super) fn say(&mut self, sql: &Sql) -> Result<Said, PgWireError> {
        Ok(match sql {
            Sql::StartTransaction { begin: true, .. } => Said::Begin("BEGIN"),
            Sql::StartTransaction { .. } => Said::Begin("START TRANSACTION"),
            Sql::Commit { .. } => Said::End("COMMIT"),
            Sql::Rollback { savepoint: None, .. } => Said::End("ROLLBACK"),
            Sql::Rollback { .. } => Said::Done("ROLLBACK"),
            Sql::Savepoint { .. } => Said::Done("SAVEPOINT"),
            Sql::ReleaseSavepoint { .. } => Said::Done("RELEASE"),
            Sql::Deallocate { .. } => Said::Done("DEALLOCATE"),
            Sql::Discard { .. } => {
                *self = Self::default();
                Said::Done("DISCARD")
            }
            Sql::ShowVariable { variable } => {
                let name: Vec<_> = variable.iter().map(|part| part.value.to_ascii_lowercase()).collect();
                self.show(&name.join(" "))?
            }
            Sql::Set(set) => {
                self.set(set)?;
                Said::Done("SET")
            }
            other => return Err(fault::error(Kind::Unsupported.sqlstate(), format!("{other} is not served here"))),
        })
    }

    fn show(&self, name: &str) -> Result<Said, PgWireError> {
        let name = match name {
            "time zone" => "timezone",
            "transaction isolation level" => "transaction_isolation",
            "session authorization" => "session_authorization",
            // The parser takes a name with a point in it for two words.
            "interdict skip_broken" => SKIP_BROKEN,
            name => name,
        };
        let own = match name {
            "statement_timeout" => {
                Some(self.time.map_or_else(|| "0".to_owned(), |time| format!("{}ms", time.as_millis())))
            }
            SKIP_BROKEN => Some(if self.skip_broken { "on" } else { "off" }.to_owned()),
            name => self.set.get(name).cloned(),
        };
        let value = own.or_else(|| functions::setting(name).map(str::to_owned));
        let unknown = || fault::error("42704", format!("unrecognized configuration parameter \"{name}\""));
        value.map(|value| Said::Setting(name.to_owned(), value)).ok_or_else(unknown)
    }

    fn set(&mut self, set: &Set) -> Result<(), PgWireError> {
        let (name, value) = match set {
            Set::SingleAssignment { variable, values, .. } => {
                let values: Vec<_> = values.iter().map(|value| bare(&value.to_string())).collect();
                (variable.to_string().to_ascii_lowercase().replace('"', ""), values.join(", "))
            }
            Set::SetTimeZone { value, .. } => ("timezone".to_owned(), bare(&value.to_string())),
            Set::SetNames { charset_name, .. } => ("client_encoding".to_owned(), bare(&charset_name.to_string())),
            // SET TRANSACTION, SET ROLE and the like change nothing where nothing can be changed.
            Set::SetTransaction { .. } | Set::SetNamesDefault {} | Set::SetSessionAuthorization(_) => return Ok(()),
            other => {
                return Err(fault::error(Kind::Unsupported.sqlstate(), format!("{other} is not served here")));
            }
        };
        if name == "statement_timeout" {
            self.time = timeout(&value)?;
            return Ok(());
        }
        if name == SKIP_BROKEN {
            self.skip_broken = flag(&value)?;
            return Ok(());
        }
        if name == "client_encoding" && !value.replace('-', "").eq_ignore_ascii_case("utf8") {
            return Err(fault::error("22023", format!("{value} is not served: client_encoding is UTF8 here")));
        }
        if value.len() > MAX_VALUE || (self.set.len() >= MAX_SETTINGS && !self.set.contains_key(&name)) {
            return Err(
                Refusal::new(Kind::Value, format!("{name} cannot be remembered: too long, or too many")).into()
            );
        }
        if value.eq_ignore_ascii_case("default") {
            self.set.remove(&name);
        } else {
            self.set.insert(name, value);
        }
        Ok(())
    }
}

fn bare(value: &str) -> String {
    let inner = ['\'', '"'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(value).to_owned()
}

/// PostgreSQL's ways to write yes and no.
fn flag(text: &str) -> Result<bool, PgWireError> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" | "default" => Ok(false),
        _ => Err(fault::error("22023", format!("parameter \"{SKIP_BROKEN}\" requires a Boolean value"))),
    }
}

/// PostgreSQL's way to write a span of time: a number of milliseconds, or a number and a unit. Zero is none.
fn timeout(text: &str) -> Result<Option<Duration>, PgWireError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit.trim() {
        "" | "ms" => Some(1),
        "s" => Some(1000),
        "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    if text.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let millis =
        number.parse::<u64>().ok().zip(scale).and_then(|(number, scale): (u64, u64)| number.checked_mul(scale));
    let wrong = || fault::error("22023", format!("invalid value for parameter \"statement_timeout\": \"{text}\""));
    millis.map(|millis| (millis > 0).then(|| Duration::from_millis(millis))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn say(settings: &mut Settings, text: &str) -> Result<Said, String> {
        let sql = Parser::parse_sql(&PostgreSqlDialect {}, text).expect(text).pop().expect("a statement");
        settings.say(&sql).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_set_is_shown() {
        let settings = &mut Settings::default();
        let check = |settings: &mut Settings, text: &str, name: &str, expected: &str| {
            assert_eq!(say(settings, text), Ok(Said::Setting(name.into(), expected.into())), "{text}");
        };
        check(settings, "show search_path", "search_path", "public");
        for text in [
            "set extra_float_digits = 3",
            "set application_name to 'psql'",
            "set session characteristics as transaction isolation level read committed",
            "set time zone 'Europe/Berlin'",
            "set client_encoding to 'UTF8'",
            "set statement_timeout = '2s'",
            "set datestyle to 'ISO'",
            "set interdict.skip_broken = on",
        ] {
            assert_eq!(say(settings, text), Ok(Said::Done("SET")), "{text}");
        }
        check(settings, "show extra_float_digits", "extra_float_digits", "3");
        check(settings, "show application_name", "application_name", "psql");
        check(settings, "show timezone", "timezone", "Europe/Berlin");
        check(settings, "show statement_timeout", "statement_timeout", "2000ms");
        check(settings, "show interdict.skip_broken", SKIP_BROKEN, "on");
        assert!(say(settings, "set interdict.skip_broken = perhaps").expect_err("refused").contains("22023"));
        assert!(say(settings, "show nothing").expect_err("unknown").contains("42704"));
        assert!(say(settings, "set client_encoding to 'LATIN1'").expect_err("refused").contains("UTF8"));
        assert_eq!(say(settings, "discard all"), Ok(Said::Done("DISCARD")));
        check(settings, "show extra_float_digits", "extra_float_digits", "1");
    }

    #[test]
    fn spans_of_time_are_read_as_postgresql_writes_them() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(timeout(text).expect(text), expected.map(Duration::from_millis), "{text}");
        };
        check("0", None);
        check("1500", Some(1500));
        check("30s", Some(30_000));
        check("5 min", Some(300_000));
        check("2h", Some(7_200_000));
        assert!(timeout("soon").is_err());
        assert!(timeout("-1").is_err());
        assert!(timeout("99999999999999999999").is_err());
    }
}
