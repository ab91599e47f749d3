//! The columns of every table, in order. What each means stands in `dictionary.rs`.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::{Arc, LazyLock};

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn strings() -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)))
}

fn table(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    Arc::new(Schema::new(
        columns.iter().map(|(name, kind, nullable)| Field::new(*name, kind.clone(), *nullable)).collect::<Vec<_>>(),
    ))
}

/// The columns that say who, from where and to what; the same in `events` and `sessions`.
fn who() -> Vec<(&'static str, DataType, bool)> {
    use DataType::Utf8;
    vec![
        ("date", DataType::Date32, false),
        ("time", time(), false),
        ("session", Utf8, false),
        ("issuer", Utf8, false),
        ("root", Utf8, false),
        ("root_kind", Utf8, false),
        ("actor", Utf8, false),
        ("actor_kind", Utf8, false),
        // Root first, actor last; the kinds in the same order.
        ("chain", strings(), false),
        ("chain_kinds", strings(), false),
        ("groups", strings(), false),
        ("delegation", Utf8, true),
        ("parent_delegation", Utf8, true),
        ("source_address", Utf8, true),
        ("source_port", DataType::Int32, true),
        ("source_host", Utf8, true),
        ("source_target", Utf8, true),
        ("target", Utf8, false),
        ("protocol", Utf8, false),
        ("target_host", Utf8, true),
        ("target_address", Utf8, true),
        ("target_port", DataType::Int32, true),
        ("target_alias", Utf8, true),
        ("account", Utf8, true),
        ("credential", Utf8, true),
    ]
}

/// The columns that say which record of which log a row came from. Together they prove that nothing is missing.
fn provenance() -> Vec<(&'static str, DataType, bool)> {
    vec![
        // The writer and its gapless count; null on what no proxy wrote.
        ("proxy", DataType::Utf8, true),
        ("spool", DataType::Utf8, true),
        ("sequence", DataType::Int64, true),
        // Where the collector read it.
        ("bus_partition", DataType::Int32, false),
        ("bus_offset", DataType::Int64, false),
    ]
}

/// The same where records form a chain.
fn chained() -> Vec<(&'static str, DataType, bool)> {
    // The head of the chain before the record; null where a build without chains wrote it, and on what was imported.
    [provenance(), vec![("previous", DataType::Binary, true)]].concat()
}

fn joined(parts: [Vec<(&'static str, DataType, bool)>; 3]) -> SchemaRef {
    table(&parts.concat())
}

pub(super) static EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int32, Int64, Utf8};
    let disclosure = DataType::Struct(
        vec![Field::new("kind", Utf8, false), Field::new("value", Utf8, false), Field::new("target", Utf8, true)]
            .into(),
    );
    let decoy = DataType::Struct(
        ["session", "field", "target", "place"].map(|name| Field::new(name, Utf8, false)).to_vec().into(),
    );
    let columns = vec![
        ("id", Utf8, false),
        // opened, refused, closed, acted, resulted
        ("kind", Utf8, false),
        // OCSF 1.9, see `crate::class`.
        ("class_uid", Int32, false),
        ("activity_id", Int32, false),
        // acted and resulted
        ("action", Utf8, true),
        ("class", Utf8, true),
        ("verb", Utf8, true),
        ("text", Utf8, true),
        ("objects", strings(), true),
        ("parameters_digest", Utf8, true),
        ("database", Utf8, true),
        ("decision", Utf8, true),
        ("decision_reason", Utf8, true),
        ("policies", strings(), true),
        // resulted, and acted where it is known at once
        ("status", Utf8, true),
        ("code", Utf8, true),
        ("detail", Utf8, true),
        ("rows", Int64, true),
        ("duration_us", Int64, true),
        // resulted, and the sum over the session in closed
        ("bytes_in", Int64, true),
        ("bytes_out", Int64, true),
        // refused and closed; their words stand in `detail`
        ("reason", Utf8, true),
        ("verdict", Utf8, true),
        // closed
        ("opened", time(), true),
        ("actions", Int64, true),
        ("denied", Int64, true),
        ("disclosures", DataType::List(Arc::new(Field::new("element", disclosure, true))), false),
        // Decoys presented; null in lakes that are older than they.
        ("presented", DataType::List(Arc::new(Field::new("element", decoy, true))), true),
    ];
    joined([who(), columns, chained()])
});

pub(super) static SESSIONS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int64, Utf8};
    let columns = vec![
        // open, refused, closed
        ("state", Utf8, false),
        ("opened", time(), true),
        ("closed", time(), true),
        ("reason", Utf8, true),
        ("detail", Utf8, true),
        ("verdict", Utf8, true),
        ("actions", Int64, true),
        ("denied", Int64, true),
        ("bytes_in", Int64, true),
        ("bytes_out", Int64, true),
    ];
    joined([who(), columns, provenance()])
});

pub(super) static DISCLOSURES: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::Utf8;
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                // The event whose response disclosed it, and where that was.
                ("event", Utf8, false),
                ("session", Utf8, false),
                ("root", Utf8, false),
                ("actor", Utf8, false),
                ("source_target", Utf8, true),
                ("from_target", Utf8, false),
                ("from_protocol", Utf8, false),
                // host_name, address, alias, account, credential, decoy
                ("kind", Utf8, false),
                ("value", Utf8, false),
                // The inventory's name of what was disclosed, if it knows it.
                ("target", Utf8, true),
            ],
            provenance(),
        ]
        .concat(),
    )
});

pub(super) static RECORDINGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int64, Utf8};
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                ("session", Utf8, false),
                ("index", Int64, false),
                // header, output, input, resize, exit
                ("stream", Utf8, false),
                ("data", DataType::Binary, false),
                ("root", Utf8, false),
                ("target", Utf8, false),
            ],
            chained(),
        ]
        .concat(),
    )
});

pub(super) static ALERTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int32, Utf8};
    let hop = DataType::Struct(
        vec![
            Field::new("time", time(), false),
            Field::new("session", Utf8, false),
            Field::new("actor", Utf8, false),
            Field::new("source", Utf8, false),
            Field::new("target", Utf8, false),
            Field::new("protocol", Utf8, false),
            Field::new("account", Utf8, false),
            Field::new("cause", Utf8, false),
            Field::new("evidence", Utf8, false),
            Field::new("events", strings(), false),
        ]
        .into(),
    );
    let technique = DataType::Struct(
        vec![Field::new("tactic", Utf8, false), Field::new("id", Utf8, false), Field::new("name", Utf8, false)]
            .into(),
    );
    let list = |element| DataType::List(Arc::new(Field::new("element", element, true)));
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                ("id", Utf8, false),
                ("revision", Int32, false),
                ("detection", Utf8, false),
                ("root", Utf8, false),
                ("actor", Utf8, false),
                ("title", Utf8, false),
                ("explanation", Utf8, false),
                ("severity", Utf8, false),
                ("risk", Int32, false),
                ("confidence", Int32, false),
                ("chain", list(hop), false),
                ("techniques", list(technique), false),
                ("verdict", Utf8, true),
            ],
            provenance(),
        ]
        .concat(),
    )
});

pub(super) static VERDICTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Boolean, Utf8};
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                ("id", Utf8, false),
                ("scope_root", Utf8, true),
                ("scope_actor", Utf8, true),
                ("scope_session", Utf8, true),
                ("scope_source", Utf8, true),
                ("scope_target", Utf8, true),
                ("effect", Utf8, false),
                ("mode", Utf8, false),
                ("until", time(), false),
                ("reason", Utf8, false),
                ("evidence", strings(), false),
                ("alert", Utf8, true),
                // Who gave it: a detection's name or a person.
                ("author", Utf8, false),
                ("revoked", Boolean, false),
            ],
            provenance(),
        ]
        .concat(),
    )
});

pub(super) static RESOLUTIONS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::Utf8;
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                ("alert", Utf8, false),
                ("root", Utf8, false),
                // benign, malicious
                ("finding", Utf8, false),
                // The person who says so.
                ("author", Utf8, false),
                ("note", Utf8, true),
            ],
            provenance(),
        ]
        .concat(),
    )
});

pub(super) static CHECKPOINTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Binary, Int64, Utf8};
    table(
        &[
            vec![
                ("date", DataType::Date32, false),
                ("time", time(), false),
                ("signer", Utf8, false),
                // The log and the topic whose chain it is, and its last record.
                ("log", Utf8, false),
                ("chain", Utf8, false),
                ("last", Int64, false),
                ("head", Binary, false),
                ("key", Binary, false),
                ("successor", Binary, true),
                ("signature", Binary, false),
            ],
            provenance(),
        ]
        .concat(),
    )
});
