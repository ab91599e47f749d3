//! What a table is called in SQL, and the views that show the newest fact of each thing instead of all facts.

use interdict_schemas::lake::Table;

/// The name under which all rows of a table stand.
pub(crate) const fn facts(table: Table) -> &'static str {
    match table {
        Table::Sessions => "session_facts",
        Table::Alerts => "alert_revisions",
        Table::Verdicts => "verdict_records",
        Table::Resolutions => "resolution_records",
        Table::Events | Table::Disclosures | Table::Recordings | Table::Checkpoints => table.name(),
    }
}

/// The views: name and definition.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![
        // How a session ended outranks that it was opened, in whatever order the facts were read.
        newest(Table::Sessions, "session", "case state when 'open' then 0 else 1 end desc, bus_offset desc"),
        newest(Table::Alerts, "id", "revision desc, bus_offset desc"),
        newest(Table::Verdicts, "id", "bus_offset desc"),
        newest(Table::Resolutions, "alert", "bus_offset desc"),
    ]
}

fn newest(table: Table, key: &str, order: &str) -> (&'static str, String) {
    let schema = table.schema();
    let columns: Vec<String> = schema.fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "select {columns} from (select *, row_number() over (partition by {key} order by {order}) as newest_first \
         from {}) where newest_first = 1",
        facts(table)
    );
    (table.name(), sql)
}
