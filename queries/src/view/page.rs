//! The views' columns as a page, and what keeps it true.

use super::{VIEWS, View};
use crate::{Engine, Settings, rejected};
use arrow::datatypes::DataType;
use interdict_schemas::lake::Table;
use interdict_schemas::lake::dictionary::{Meaning, meaning};
use std::fmt::Write as _;

const HEAD: &str = "# The lake's views

What SQL offers beside the tables of `schemas/TABLES.md`. A view holds nothing: it is a question to the tables, put anew each
time, so it cannot differ from what they hold. Views that are named after another standard have its names, which must be
quoted where they have dots or capitals: `select \"user.id\" from ecs_events`. What a column takes over as it stands has the
source and the OCSF name that it has in `schemas/TABLES.md`; what is counted or concluded is reckoned, and OCSF has no name
for it.
";

/// The table whose columns a view of our own names takes over.
fn origin(view: &str) -> Option<Table> {
    match view {
        "touches" | "today" | "gaps" => Some(Table::Events),
        "failed_admissions" | "session_chains" | "first_edges" | "edges" => Some(Table::Sessions),
        "approvals" => Some(Table::Verdicts),
        _ => None,
    }
}

/// Whose word a column is, and OCSF's name of it.
fn source(table: Table, column: &str, expression: &str) -> (&'static str, String) {
    let plain = match expression.rsplit('.').next().unwrap_or(expression) {
        "object" => "objects",
        // Of a hole: concluded, and no session's.
        "reason" if table == Table::Events => "",
        plain => plain,
    };
    match meaning(table, plain) {
        Some(Meaning { source, ocsf: "-", .. }) => (source, "-".to_owned()),
        Some(Meaning { source, ocsf, .. }) => (source, format!("`{ocsf}`")),
        None if matches!(column, "decided" | "decided_by" | "note") => ("a person", "-".to_owned()),
        None => ("reckoned", "-".to_owned()),
    }
}

fn kind(of: &DataType) -> String {
    match of {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Int32 | DataType::Int16 => "int".to_owned(),
        DataType::Int64 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp (UTC, µs)".to_owned(),
        DataType::List(element) => format!("list of {}", kind(element.data_type())),
        other => other.to_string(),
    }
}

async fn page() -> String {
    let folder = tempfile::tempdir().expect("folder");
    let engine = Engine::open(folder.path().to_str().expect("path"), Settings::default()).expect("opens");
    let lake = engine.snapshot().await.expect("every view can be planned");
    let mut page = HEAD.to_owned();
    let views = VIEWS.iter().map(|view| {
        let View { name, row, columns, .. } = view;
        (*name, *row, *columns)
    });
    let set_aside =
        (rejected::NAME, "a record that the collector could not read and set aside", &rejected::COLUMNS[..]);
    for (name, row, columns) in views.chain([set_aside]) {
        let table = lake.context().table(name).await.expect(name);
        let origin = origin(name);
        let more = if origin.is_some() { (" whose word | OCSF |", "---|---|") } else { ("", "") };
        write!(
            page,
            "\n## {name}\n\nOne row is {row}.\n\n| column | type | meaning |{}\n|---|---|---|{}\n",
            more.0, more.1
        )
        .expect("text");
        let fields = table.schema().fields();
        assert_eq!(fields.len(), columns.len(), "{name}");
        for (field, (column, expression, meaning)) in fields.iter().zip(columns) {
            assert_eq!(field.name(), column, "{name}");
            write!(page, "| `{column}` | {} | {meaning} |", kind(field.data_type())).expect("text");
            if let Some(table) = origin {
                let (source, ocsf) = source(table, column, expression);
                write!(page, " {source} | {ocsf} |").expect("text");
            }
            page.push('\n');
        }
    }
    page
}

#[tokio::test]
async fn the_page_says_what_the_views_have() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/VIEWS.md");
    let page = page().await;
    if std::env::var_os("INTERDICT_BLESS").is_some() {
        std::fs::write(path, &page).expect("written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, page, "run this test once with INTERDICT_BLESS=1");
}
