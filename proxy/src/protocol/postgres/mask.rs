//! What of a database is masked: which columns by the numbers that the catalogue gives them, so that no alias hides
//! one, and what is done with each column of a result. Pure: the catalogue's rows and the target's messages in,
//! decisions out.
//!
//! Refuses every result that could show a masked column without its number: an expression over a masked table, a view
//! on it that nobody has checked, a relation made after the session began, COPY. Refuses statements that would copy a
//! masked column elsewhere. What it cannot see: a function's body, and what is learnt by conditions.

use super::action::Statement;
use super::catalogue::{FIRST_NORMAL, Known};
use super::frame::{Error, Fields};
use super::tree::Flow;
use crate::mask::{Field, Planter, Rule};
use bytes::{BufMut, BytesMut};
use interdict_schemas::Verb;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Types whose values are text: text, character varying, character, name.
const TEXTS: &[u32] = &[25, 1043, 1042, 19];
const BYTEA: u32 = 17;
/// Functions that carry nothing of their arguments elsewhere. Any other could: by a notification, a setting, a large
/// object, a query of its own.
const FUNCTIONS: &[&str] = &[
    "abs",
    "age",
    "avg",
    "bool_and",
    "bool_or",
    "btrim",
    "ceil",
    "char_length",
    "clock_timestamp",
    "coalesce",
    "count",
    "date_part",
    "date_trunc",
    "dense_rank",
    "extract",
    "first_value",
    "floor",
    "gen_random_uuid",
    "greatest",
    "lag",
    "last_value",
    "lead",
    "least",
    "length",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "now",
    "nullif",
    "octet_length",
    "rank",
    "round",
    "row_number",
    "rtrim",
    "starts_with",
    "statement_timestamp",
    "sum",
    "timezone",
    "transaction_timestamp",
    "trunc",
    "upper",
];
/// Where PostgreSQL itself keeps samples of columns, and functions that run a text as a query or read files.
const REVEALING: &[&str] = &[
    "pg_statistic",
    "pg_stats",
    "pg_statistic_ext_data",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "query_to_xml()",
    "query_to_xmlschema()",
    "query_to_xml_and_xmlschema()",
    "table_to_xml()",
    "table_to_xml_and_xmlschema()",
    "schema_to_xml()",
    "schema_to_xml_and_xmlschema()",
    "database_to_xml()",
    "database_to_xml_and_xmlschema()",
    "cursor_to_xml()",
    "ts_stat()",
    "ts_rewrite()",
    "dblink()",
    "dblink_exec()",
    "crosstab()",
    "connectby()",
    "xpath_table()",
    "pg_read_file()",
    "pg_read_binary_file()",
];
/// Classes of SQLSTATE whose messages hold no values: connection, transactions, syntax and rights, resources, state,
/// intervention, the system.
const SILENT: &[&str] = &["08", "25", "40", "42", "53", "55", "57", "58"];
/// Types that can hold no secret worth the name: booleans, numbers, dates and times, the catalogue's own numbers.
const HARMLESS: &[u32] = &[16, 20, 21, 23, 26, 28, 700, 701, 1700, 1082, 1083, 1114, 1184, 1186, 1266];

/// The masks of one session.
#[derive(Debug)]
pub(super) struct Masks {
    rules: Arc<[Rule]>,
    columns: HashMap<(u32, u16), usize>,
    /// Relations with masked columns.
    masked: HashSet<u32>,
    /// Views on such relations, without rules of their own and not checked.
    closed: HashMap<u32, String>,
    relations: HashSet<u32>,
    /// Names, without schema, of all of these, and of tables that the catalogue does not have.
    names: HashSet<String>,
    /// The masked columns' names.
    labels: HashSet<String>,
    missing: HashMap<String, String>,
    /// Whether a watched statement can be resumed by FETCH or EXECUTE.
    deferred: bool,
    planter: Planter,
}

/// What must be done with a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing more than with any.
    Pass,
    /// Its result may show a masked column without its number.
    Watch,
    /// It is not run.
    Refuse(String),
}

/// What is done with the columns of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan(Vec<Cover>);

/// What is done with one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    Pass,
    /// Masked by the rule at this place, as text or as the hexadecimal text of bytes.
    Mask {
        rule: usize,
        hex: bool,
    },
}

impl Plan {
    /// Whether rows go through as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|cover| *cover == Cover::Pass)
    }
}

impl Masks {
    /// From what the catalogue answered.
    pub(super) fn new(rules: Arc<[Rule]>, known: Vec<Known>, planter: Planter) -> Self {
        let mut masks = Self {
            rules: Arc::clone(&rules),
            columns: HashMap::new(),
            masked: HashSet::new(),
            closed: HashMap::new(),
            relations: HashSet::new(),
            names: HashSet::new(),
            labels: HashSet::new(),
            missing: HashMap::new(),
            deferred: false,
            planter,
        };
        let mut views = Vec::new();
        let mut found = HashSet::new();
        for row in known {
            match row.kind.as_str() {
                "column" => {
                    masks.columns.entry((row.relation, row.column)).or_insert(row.rule);
                    masks.masked.insert(row.relation);
                    masks.names.insert(row.name);
                    found.insert(row.rule);
                }
                "view" => views.push(row),
                _ => {
                    masks.relations.insert(row.relation);
                }
            }
        }
        let checked: HashSet<&str> = rules
            .iter()
            .filter_map(|rule| match &rule.field {
                Field::Column { checked_views, .. } => Some(checked_views),
                Field::Json { .. } => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        for view in views {
            let full = format!("{}.{}", view.schema, view.name);
            if checked.contains(full.as_str()) {
                continue;
            }
            masks.names.insert(view.name);
            if !masks.masked.contains(&view.relation) {
                masks.closed.insert(view.relation, full);
            }
        }
        for (place, rule) in rules.iter().enumerate() {
            let Field::Column { table, column, .. } = &rule.field else { continue };
            masks.labels.insert(column.clone());
            if !found.contains(&place) {
                masks.names.insert(table.clone());
                masks.missing.insert(table.clone(), rule.name());
            }
        }
        masks
    }

    /// The masked columns that the catalogue does not have.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.values().map(String::as_str)
    }

    /// What must be done with a statement before it is run.
    pub(super) fn guard(&mut self, statement: &Statement) -> Guard {
        let bare = |object: &String| object.rsplit('.').next().unwrap_or(object).to_owned();
        if let Some(object) = statement.objects.iter().map(bare).find(|object| REVEALING.contains(&object.as_str())) {
            return Guard::Refuse(format!("{object} can show masked columns"));
        }
        let touched = statement.objects.iter().map(bare).find(|name| self.names.contains(name));
        let Some(touched) = touched else {
            let resumes = statement.flow == Flow::Resumes && self.deferred;
            return if resumes { Guard::Watch } else { Guard::Pass };
        };
        if let Some(column) = self.missing.get(&touched) {
            return Guard::Refuse(format!(
                "the masked column {column} was not in this database when the session began; connect again, or correct the mask"
            ));
        }
        let function = |object: &String| bare(object).strip_suffix("()").map(str::to_owned);
        if let Some(name) =
            statement.objects.iter().filter_map(function).find(|name| !FUNCTIONS.contains(&name.as_str()))
        {
            return Guard::Refuse(format!("{touched} has masked columns, and {name}() could carry them elsewhere"));
        }
        let reads = &statement.reads;
        let others = reads.unnamed || reads.columns.iter().any(|column| self.labels.contains(column));
        let others = others || statement.objects.iter().filter(|object| !object.ends_with("()")).count() > 1;
        match statement.verb {
            Verb::Define | Verb::Execute => Guard::Refuse(format!(
                "{touched} has masked columns, and is neither redefined nor copied through this gateway"
            )),
            Verb::Create | Verb::Update if others => Guard::Refuse(format!(
                "{touched} has masked columns, and is written here only by statements that read no other table and no masked column"
            )),
            _ if statement.flow == Flow::Explains => Guard::Pass,
            _ => {
                self.deferred |= statement.flow == Flow::Defers;
                Guard::Watch
            }
        }
    }

    /// Whether the message of an error of this SQLSTATE may hold a value, such as one that is no number.
    pub(super) fn tells(code: &str) -> bool {
        !code.get(..2).is_some_and(|class| SILENT.contains(&class))
    }

    /// What is done with the columns that a RowDescription tells of; why the result is refused, if it is.
    ///
    /// # Errors
    /// When the message is malformed.
    pub(super) fn plan(&self, body: &[u8], watch: bool) -> Result<Result<Plan, String>, Error> {
        let mut fields = Fields::new(b'T', body);
        let mut covers = Vec::new();
        for _ in 0..fields.u16()? {
            let label = String::from_utf8_lossy(fields.string()?).into_owned();
            let (relation, column, kind) = (fields.u32()?, fields.u16()?, fields.u32()?);
            fields.take(6)?;
            let format = fields.u16()?;
            match self.cover(relation, column, kind, format, watch) {
                Ok(cover) => covers.push(cover),
                Err(why) => return Ok(Err(format!("the column {label:?} of the result {why}"))),
            }
        }
        fields.end()?;
        Ok(Ok(Plan(covers)))
    }

    fn cover(&self, relation: u32, column: u16, kind: u32, format: u16, watch: bool) -> Result<Cover, String> {
        if let Some(&rule) = self.columns.get(&(relation, column)) {
            return match kind {
                _ if TEXTS.contains(&kind) => Ok(Cover::Mask { rule, hex: false }),
                BYTEA => Ok(Cover::Mask { rule, hex: format == 0 }),
                _ => Err(format!(
                    "is masked, and its type (number {kind}) is no text, so no decoy can stand in its place"
                )),
            };
        }
        if HARMLESS.contains(&kind) || (FIRST_NORMAL > relation && relation > 0) {
            return Ok(Cover::Pass);
        }
        match relation {
            0 if watch => Err(
                "is computed while the statement reads a table with masked columns; select the columns as they are"
                    .into(),
            ),
            0 => Ok(Cover::Pass),
            _ if self.masked.contains(&relation) && column == 0 => {
                Err("is a whole row with masked columns; select the columns one by one".into())
            }
            _ => match self.closed.get(&relation) {
                Some(view) => Err(format!(
                    "comes from the view {view}, which reads a table with masked columns and has no mask of its own"
                )),
                None if self.relations.contains(&relation) => Ok(Cover::Pass),
                None => Err("comes from a relation made after the session began; connect again".into()),
            },
        }
    }

    /// A row's message with decoys in the masked columns' place; nothing to replace in NULL and in the empty string.
    ///
    /// # Errors
    /// When it is malformed, or has other columns than were told.
    pub(super) fn row(&mut self, plan: &Plan, body: &[u8]) -> Result<BytesMut, Error> {
        let malformed = Error::Malformed { kind: 'D' };
        let mut fields = Fields::new(b'D', body);
        let mut out = BytesMut::with_capacity(body.len() + 64);
        out.put_u8(b'D');
        out.put_u32(0);
        let count = fields.u16()?;
        if usize::from(count) != plan.0.len() {
            return Err(malformed);
        }
        out.put_u16(count);
        for cover in &plan.0 {
            let Some(length) = fields.length()? else {
                out.put_i32(-1);
                continue;
            };
            let value = fields.take(length)?;
            let put = |out: &mut BytesMut, value: &[u8]| {
                out.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
                out.extend_from_slice(value);
            };
            match cover {
                Cover::Mask { rule, hex } if !(value.is_empty() || *hex && value == b"\\x") => {
                    let rule = self.rules.get(*rule).ok_or(Error::Malformed { kind: 'D' })?;
                    let decoy = self.planter.plant(rule, value);
                    if *hex {
                        put(&mut out, hexadecimal(decoy.as_bytes()).as_bytes());
                    } else {
                        put(&mut out, decoy.as_bytes());
                    }
                }
                _ => put(&mut out, value),
            }
        }
        fields.end()?;
        let length = u32::try_from(out.len() - 1).unwrap_or(u32::MAX);
        if let Some(place) = out.get_mut(1..5) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(out)
    }

    /// What was planted.
    pub(super) fn planter(&mut self) -> &mut Planter {
        &mut self.planter
    }
}

/// Bytes as PostgreSQL shows them in text.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
