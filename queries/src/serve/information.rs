//! `information_schema` (SQL standard, part 11) as PostgreSQL has it, for the lake's tables: what tools need to list
//! tables and columns. Tables of it about things that the lake has none of are there and empty.

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_pg::datatypes::into_pg_type;
use datafusion::catalog::{MemTable, MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::{DataFusionError, Result};
use std::sync::Arc;

/// A column of a table here: its name, and its text for each row.
type Texts = (&'static str, Vec<Option<String>>);

/// The schema over these tables: name, columns, whether it is a view.
pub(super) fn schema(
    database: &str,
    public: &str,
    tables: &[(&str, SchemaRef, bool)],
) -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    let register = |name: &str, batch: RecordBatch| {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        schema.register_table(name.to_owned(), Arc::new(table)).map(drop)
    };
    let same = |value: &str, rows: usize| vec![Some(value.to_owned()); rows];

    let names: Vec<_> = tables.iter().map(|(name, ..)| Some((*name).to_owned())).collect();
    let kinds = tables.iter().map(|(_, _, view)| Some(if *view { "VIEW" } else { "BASE TABLE" }.to_owned()));
    let rows = tables.len();
    let listed = |kinds: Vec<Option<String>>| {
        vec![
            ("table_catalog", same(database, rows)),
            ("table_schema", same(public, rows)),
            ("table_name", names.clone()),
            ("table_type", kinds),
            ("is_insertable_into", same("NO", rows)),
            ("is_typed", same("NO", rows)),
        ]
    };
    register("tables", texts(listed(kinds.collect()), &[])?)?;
    let views: Vec<_> = tables.iter().filter(|(_, _, view)| *view).collect();
    register(
        "views",
        texts(
            vec![
                ("table_catalog", same(database, views.len())),
                ("table_schema", same(public, views.len())),
                ("table_name", views.iter().map(|(name, ..)| Some((*name).to_owned())).collect()),
                ("view_definition", vec![None; views.len()]),
                ("is_updatable", same("NO", views.len())),
            ],
            &[],
        )?,
    )?;
    register(
        "schemata",
        texts(
            vec![
                ("catalog_name", same(database, 3)),
                (
                    "schema_name",
                    [public, "pg_catalog", "information_schema"].map(|name| Some(name.to_owned())).into(),
                ),
                ("schema_owner", same("interdict", 3)),
            ],
            &[],
        )?,
    )?;
    register("columns", columns(database, public, tables)?)?;
    for (name, columns) in EMPTY {
        let fields = columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>();
        schema.register_table((*name).to_owned(), Arc::new(EmptyTable::new(Arc::new(Schema::new(fields)))))?;
    }
    Ok(Arc::new(schema))
}

fn columns(database: &str, public: &str, tables: &[(&str, SchemaRef, bool)]) -> Result<RecordBatch> {
    let all: Vec<_> = tables
        .iter()
        .flat_map(|(table, schema, _)| {
            schema.fields().iter().zip(1..).map(move |(field, place): (_, i32)| (*table, Arc::clone(field), place))
        })
        .collect();
    let kinds: Vec<(String, String)> =
        all.iter().map(|(_, field, _)| kind(field.data_type())).collect::<Result<_>>()?;
    let same = |value: &str| vec![Some(value.to_owned()); all.len()];
    let none = || vec![None; all.len()];
    texts(
        vec![
            ("table_catalog", same(database)),
            ("table_schema", same(public)),
            ("table_name", all.iter().map(|(table, ..)| Some((*table).to_owned())).collect()),
            ("column_name", all.iter().map(|(_, field, _)| Some(field.name().clone())).collect()),
            ("column_default", none()),
            (
                "is_nullable",
                all.iter()
                    .map(|(_, field, _)| Some(if field.is_nullable() { "YES" } else { "NO" }.to_owned()))
                    .collect(),
            ),
            ("data_type", kinds.iter().map(|(long, _)| Some(long.clone())).collect()),
            ("udt_catalog", same(database)),
            ("udt_schema", same("pg_catalog")),
            ("udt_name", kinds.iter().map(|(_, short)| Some(short.clone())).collect()),
            ("is_identity", same("NO")),
            ("identity_generation", none()),
            ("is_generated", same("NEVER")),
            ("generation_expression", none()),
            ("is_updatable", same("NO")),
            ("domain_name", none()),
            ("collation_name", none()),
        ],
        &[
            ("ordinal_position", all.iter().map(|(.., place)| Some(*place)).collect()),
            ("character_maximum_length", vec![None; all.len()]),
            ("character_octet_length", vec![None; all.len()]),
            ("numeric_precision", vec![None; all.len()]),
            ("numeric_precision_radix", vec![None; all.len()]),
            ("numeric_scale", vec![None; all.len()]),
            ("datetime_precision", vec![None; all.len()]),
        ],
    )
}

/// PostgreSQL's name of a type, and its short name.
fn kind(of: &DataType) -> Result<(String, String)> {
    let short = into_pg_type(of).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let short = short.name();
    let long = match short {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        array if array.starts_with('_') => "ARRAY",
        other => other,
    };
    Ok((long.to_owned(), short.to_owned()))
}

fn texts(columns: Vec<Texts>, numbers: &[(&'static str, Vec<Option<i32>>)]) -> Result<RecordBatch> {
    let text = columns.into_iter().map(|(name, values)| {
        (Field::new(name, DataType::Utf8, true), Arc::new(StringArray::from(values)) as ArrayRef)
    });
    let number = numbers.iter().map(|(name, values)| {
        (Field::new(*name, DataType::Int32, true), Arc::new(Int32Array::from(values.clone())) as ArrayRef)
    });
    let (fields, arrays): (Vec<_>, Vec<_>) = text.chain(number).unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// What the lake has none of: constraints, keys, routines, rights.
const EMPTY: &[(&str, &[&str])] = &[
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    ("routines", &["routine_catalog", "routine_schema", "routine_name", "routine_type", "data_type"]),
    ("sequences", &["sequence_catalog", "sequence_schema", "sequence_name", "data_type"]),
    ("triggers", &["trigger_catalog", "trigger_schema", "trigger_name", "event_object_schema", "event_object_table"]),
    (
        "table_privileges",
        &["grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type", "is_grantable"],
    ),
    ("role_table_grants", &["grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type"]),
];
