//! What a statement does, from its kind and its options: the verb that policy is asked about.

use interdict_schemas::Verb;
use serde_json::Value;

/// The verb of a statement of this kind.
pub(super) fn verb(kind: &str, statement: &Value) -> Verb {
    let flag = |name: &str| statement.get(name).and_then(Value::as_bool).unwrap_or_default();
    let inner = || inner(statement).map_or(Verb::Read, |(kind, statement)| verb(kind, statement));
    match kind {
        "ExplainStmt" if !analyzes(statement) => Verb::Read,
        "ExplainStmt" | "PrepareStmt" | "DeclareCursorStmt" => inner(),
        "SelectStmt" if statement.get("into_clause").is_some_and(|into| !into.is_null()) => Verb::Define,
        "SelectStmt" | "FetchStmt" => Verb::Read,
        "CreateTableAsStmt" => Verb::Define,
        "InsertStmt" => Verb::Create,
        "MergeStmt" if deletes(statement) => Verb::Delete,
        "UpdateStmt" | "MergeStmt" | "RefreshMatViewStmt" => Verb::Update,
        "DeleteStmt" | "TruncateStmt" => Verb::Delete,
        "CopyStmt" if flag("is_program") => Verb::Execute,
        "CopyStmt" if flag("is_from") => Verb::Create,
        "CopyStmt" => inner(),
        "CallStmt" | "DoStmt" | "ExecuteStmt" | "LoadStmt" => Verb::Execute,
        "CheckPointStmt" | "ClosePortalStmt" | "ConstraintsSetStmt" | "DeallocateStmt" | "DiscardStmt"
        | "ListenStmt" | "LockStmt" | "NotifyStmt" | "TransactionStmt" | "UnlistenStmt" | "VacuumStmt"
        | "VariableSetStmt" | "VariableShowStmt" => Verb::Other,
        // CREATE, ALTER, DROP, GRANT, COMMENT and all their kin.
        _ => Verb::Define,
    }
}

/// Whether a MERGE may delete. A branch that cannot be read counts as one that does.
fn deletes(merge: &Value) -> bool {
    let branches = merge.get("merge_when_clauses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    branches.iter().any(|branch| {
        let kind = branch.pointer("/node/MergeWhenClause/command_type").and_then(Value::as_i64);
        // CmdType: 3 update, 4 insert, 7 nothing.
        !matches!(kind, Some(3 | 4 | 7))
    })
}

/// The statement inside EXPLAIN, PREPARE, DECLARE or COPY.
fn inner(statement: &Value) -> Option<(&String, &Value)> {
    statement.get("query")?.get("node")?.as_object()?.iter().next()
}

/// Whether EXPLAIN runs what it explains. Any mention of ANALYZE counts: `ANALYZE off` is not worth being wrong for.
pub(super) fn analyzes(explain: &Value) -> bool {
    let options = explain.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    options.iter().any(|option| option.pointer("/node/DefElem/defname").and_then(Value::as_str) == Some("analyze"))
}
