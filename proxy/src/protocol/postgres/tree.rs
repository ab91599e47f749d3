//! What a statement does and touches, read from its parse tree. Owns the mapping of PostgreSQL's statements to verbs and
//! the walk over the whole tree, generic so that no kind of expression can hide a table or a function. Names stand as
//! they were written (folded as PostgreSQL folds them), without `pg_catalog.`; functions end in `()`.

use super::verb::{analyzes, verb};
use interdict_schemas::Verb;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Names that one statement may touch; one that touches more is not understood.
pub(super) const MAX_OBJECTS: usize = 1_000;

/// What a statement does and touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// What it does.
    pub(super) verb: Verb,
    /// What it touches, sorted.
    pub(super) objects: Vec<String>,
    /// What it does to the session that the protocol's own messages do not tell.
    pub(super) effect: Effect,
    /// Whether its literals may be secrets.
    pub(super) secret: bool,
    /// Whether a literal stands among the objects.
    pub(super) literal: bool,
    /// Whether its result comes later, or is an earlier one's.
    pub(super) flow: Flow,
    /// What it reads of the columns.
    pub(super) reads: Arc<Reads>,
}

/// What a statement reads of the columns, whatever they belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// The last part of every name that may be a column's.
    pub(super) columns: BTreeSet<String>,
    /// Whether columns are read that are not named: by `*`, by a whole row, or by other names that the statement gives.
    pub(super) unnamed: bool,
}

/// How a statement and its result belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The result is its own.
    Own,
    /// It describes a result: EXPLAIN.
    Explains,
    /// The result comes by another statement: DECLARE, PREPARE.
    Defers,
    /// The result is what an earlier statement described: FETCH, EXECUTE.
    Resumes,
}

/// Of a kind of statement.
fn flow(kind: &str, statement: &Value) -> Flow {
    match kind {
        "ExplainStmt" if !analyzes(statement) => Flow::Explains,
        "DeclareCursorStmt" | "PrepareStmt" => Flow::Defers,
        "FetchStmt" | "ExecuteStmt" => Flow::Resumes,
        _ => Flow::Own,
    }
}

/// What a statement does to the session's prepared statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// It takes one away.
    Deallocate(String),
    /// It takes all away.
    DeallocateAll,
}

/// Statements about one thing that is no relation, and the field with its name.
const NAMED: &[(&str, &str)] = &[
    ("AlterDatabaseSetStmt", "dbname"),
    ("AlterDatabaseStmt", "dbname"),
    ("CreateExtensionStmt", "extname"),
    ("CreateRoleStmt", "role"),
    ("CreateSchemaStmt", "schemaname"),
    ("CreatedbStmt", "dbname"),
    ("DropdbStmt", "dbname"),
    ("ExecuteStmt", "name"),
    ("LoadStmt", "filename"),
    ("NotifyStmt", "conditionname"),
    ("ListenStmt", "conditionname"),
    ("VariableSetStmt", "name"),
    ("VariableShowStmt", "name"),
];

/// Statements whose literals hold credentials.
const SECRET: &[&str] = &[
    "AlterForeignServerStmt",
    "AlterRoleStmt",
    "AlterSubscriptionStmt",
    "AlterSystemStmt",
    "AlterUserMappingStmt",
    "CreateForeignServerStmt",
    "CreateRoleStmt",
    "CreateSubscriptionStmt",
    "CreateUserMappingStmt",
];

/// Reads a statement's tree as `pg_query` serializes it: an object with the statement's kind as its only key. `None` if
/// it is none, or touches more than [`MAX_OBJECTS`] things.
pub(super) fn read(node: &Value) -> Option<Shape> {
    let (kind, statement) = node.as_object()?.iter().next()?;
    let mut walk = Walk::default();
    walk.variant(kind, statement, &[]);
    if walk.overflow {
        return None;
    }
    let verb = match verb(kind, statement) {
        // What EXPLAIN does not run it only reads about.
        Verb::Read if kind == "ExplainStmt" && !analyzes(statement) => Verb::Read,
        // A statement is as strong as the strongest thing in it: `with d as (delete ...) insert ...` deletes.
        verb if strength(verb) < strength(walk.strongest) => walk.strongest,
        verb => verb,
    };
    // A lone name may be a column's, or a whole row's that goes by the relation's name.
    let unnamed = walk.unnamed || walk.columns.iter().any(|name| walk.ranges.contains(name));
    let secret = SECRET.contains(&kind.as_str());
    let literal = matches!(kind.as_str(), "CopyStmt" | "LoadStmt");
    Some(Shape {
        verb,
        objects: walk.objects.into_iter().collect(),
        effect: effect(kind, statement),
        secret,
        literal,
        flow: flow(kind, statement),
        reads: Arc::new(Reads { columns: walk.columns, unnamed }),
    })
}

/// How strong a verb is among those that can stand within each other; 0 if it cannot.
fn strength(verb: Verb) -> usize {
    match verb {
        Verb::Read => 1,
        Verb::Create => 2,
        Verb::Update => 3,
        Verb::Delete => 4,
        _ => usize::MAX,
    }
}

fn effect(kind: &str, statement: &Value) -> Effect {
    match kind {
        "DeallocateStmt" => match statement.get("name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => Effect::Deallocate(name.to_owned()),
            _ => Effect::DeallocateAll,
        },
        "DiscardStmt" => Effect::DeallocateAll,
        _ => Effect::None,
    }
}

struct Walk {
    objects: BTreeSet<String>,
    strongest: Verb,
    overflow: bool,
    columns: BTreeSet<String>,
    /// Names and aliases of what stands in FROM.
    ranges: BTreeSet<String>,
    unnamed: bool,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            objects: BTreeSet::new(),
            strongest: Verb::Read,
            overflow: false,
            columns: BTreeSet::new(),
            ranges: BTreeSet::from(["excluded".to_owned()]),
            unnamed: false,
        }
    }
}

impl Walk {
    /// A node of a known kind. `ctes` are the names of common table expressions that are visible here.
    fn variant(&mut self, kind: &str, node: &Value, ctes: &[&str]) {
        match kind {
            "ColumnRef" => self.column(node),
            "RangeVar" => {
                self.range(node);
                // Only here, where a FROM item stands, can a name mean a common table expression.
                let bare = text(node, "schemaname").is_empty() && text(node, "catalogname").is_empty();
                if !(bare && ctes.contains(&text(node, "relname"))) {
                    self.relation(node);
                }
                return;
            }
            "InsertStmt" | "CreateTableAsStmt" => self.raise(Verb::Create),
            "UpdateStmt" | "MergeStmt" => self.raise(Verb::Update),
            "DeleteStmt" => self.raise(Verb::Delete),
            "DropStmt" => {
                for object in array(node, "objects") {
                    self.dropped(object);
                }
            }
            "CopyStmt" => self.push(text(node, "filename").to_owned()),
            _ => {}
        }
        if let Some((_, field)) = NAMED.iter().find(|(name, _)| *name == kind) {
            self.push(text(node, field).to_owned());
        }
        self.value(node, ctes);
    }

    fn value(&mut self, value: &Value, ctes: &[&str]) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.value(item, ctes)),
            Value::Object(fields) => self.fields(value, fields, ctes),
            _ => {}
        }
    }

    fn fields(&mut self, value: &Value, fields: &Map<String, Value>, ctes: &[&str]) {
        // A node of any kind: {"node": {"Kind": {...}}}.
        if let Some(Value::Object(node)) = fields.get("node") {
            for (kind, node) in node {
                self.variant(kind, node, ctes);
            }
            return;
        }
        if fields.contains_key("relpersistence") {
            self.range(value);
            self.relation(value);
            return;
        }
        for name in ["funcname", "objname"] {
            let function = dotted(array(value, name));
            if !function.is_empty() {
                self.push(format!("{}()", unqualified(&function)));
            }
        }
        if let Some(role) = fields.get("rolename").and_then(Value::as_str) {
            self.push(role.to_owned());
        }
        if fields.get("into_clause").is_some_and(|into| !into.is_null()) {
            self.raise(Verb::Create);
        }
        if fields.contains_key("aliasname") || fields.contains_key("ctename") {
            self.alias(value);
        }
        let mut visible = ctes.to_vec();
        if let Some(with) = fields.get("with_clause").filter(|with| !with.is_null()) {
            self.with(with, &mut visible);
        }
        for (name, field) in fields {
            // FOR UPDATE OF names what already stands in FROM.
            if !matches!(name.as_str(), "with_clause" | "locked_rels") {
                self.value(field, &visible);
            }
        }
    }

    /// WITH: a common table expression sees those before it; with RECURSIVE, all of them and itself.
    fn with<'a>(&mut self, with: &'a Value, visible: &mut Vec<&'a str>) {
        let expressions = || array(with, "ctes").iter().filter_map(|node| node.pointer("/node/CommonTableExpr"));
        let recursive = with.get("recursive").and_then(Value::as_bool).unwrap_or_default();
        if recursive {
            visible.extend(expressions().map(|expression| text(expression, "ctename")));
        }
        for expression in expressions() {
            self.value(expression, visible);
            if !recursive {
                visible.push(text(expression, "ctename"));
            }
        }
    }

    fn dropped(&mut self, object: &Value) {
        let Some((kind, object)) = object.get("node").and_then(Value::as_object).and_then(|node| node.iter().next())
        else {
            return;
        };
        let name = match kind.as_str() {
            "List" => dotted(array(object, "items")),
            "String" => text(object, "sval").to_owned(),
            "TypeName" => dotted(array(object, "names")),
            _ => return,
        };
        self.push(unqualified(&name).to_owned());
    }

    /// A name in an expression: `a`, `t.a`, `t.*`.
    fn column(&mut self, reference: &Value) {
        let parts = array(reference, "fields");
        match parts.last().and_then(|part| part.pointer("/node/String/sval")).and_then(Value::as_str) {
            Some(name) if self.columns.len() < MAX_OBJECTS => {
                self.columns.insert(name.to_owned());
            }
            _ => self.unnamed = true,
        }
    }

    /// What stands in FROM, by its name.
    fn range(&mut self, relation: &Value) {
        self.ranges.insert(text(relation, "relname").to_owned());
        if let Some(alias) = relation.get("alias").filter(|alias| !alias.is_null()) {
            self.alias(alias);
        }
    }

    fn alias(&mut self, alias: &Value) {
        for name in ["aliasname", "ctename"] {
            self.ranges.insert(text(alias, name).to_owned());
        }
        self.unnamed |= !array(alias, "colnames").is_empty() || !array(alias, "aliascolnames").is_empty();
    }

    fn relation(&mut self, relation: &Value) {
        let parts = ["catalogname", "schemaname", "relname"].map(|part| text(relation, part));
        let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        self.push(unqualified(&name).to_owned());
    }

    fn push(&mut self, object: String) {
        if object.is_empty() || self.objects.contains(&object) {
            return;
        }
        if self.objects.len() == MAX_OBJECTS {
            self.overflow = true;
        } else {
            self.objects.insert(object);
        }
    }

    fn raise(&mut self, verb: Verb) {
        if strength(verb) != usize::MAX && strength(verb) > strength(self.strongest) {
            self.strongest = verb;
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn dotted(parts: &[Value]) -> String {
    let parts = parts.iter().filter_map(|part| part.pointer("/node/String/sval").and_then(Value::as_str));
    parts.collect::<Vec<_>>().join(".")
}

/// `pg_catalog` is searched first whether it is written or not.
fn unqualified(name: &str) -> &str {
    name.strip_prefix("pg_catalog.").unwrap_or(name)
}
